//! A link as bytes. Under 200 bytes for twenty rows one way: ids are packed and a fingerprint that both sides share, or that
//! one side does not have, is written once. Pure.

use super::StoreError;
use super::encoding::{Reader, put_key, put_stamp, put_varint};
use crate::model::{Fingerprint, Key, Link, LinkState, Side, Version};

/// Version of the layout below, the high half of the first byte.
const VERSION: u8 = 1;
/// Version of rows that say more than the first one could: which side stopped.
const VERSION_2: u8 = 2;
const STATE: u8 = 0b0000_0011;
const HAS_SALESFORCE_VERSION: u8 = 0b0000_0100;
const HAS_APP_VERSION: u8 = 0b0000_1000;

/// How the two baselines are written.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// Both sides are equal and known in every row.
    Same = 0,
    /// Only Salesforce is known, in every row.
    SalesforceOnly = 1,
    /// Only the app is known, in every row.
    AppOnly = 2,
    /// Half a byte for each row tells what follows for it.
    PerRow = 3,
    /// The baselines differ in length: both in full.
    Full = 4,
}

/// On which side the record was made, in the high bits of the layout.
const MADE: u8 = 0b1100_0000;
const MADE_IN_SALESFORCE: u8 = 0b0100_0000;
const MADE_IN_APP: u8 = 0b1000_0000;

/// The app record is the one that left the filters, in a pair that is stopped (version 2).
const STOPPED_IN_APP: u8 = 0b0010_0000;

const SALESFORCE_KNOWN: u8 = 1;
const APP_KNOWN: u8 = 2;
const EQUAL: u8 = 4;

/// The whole row: `version|flags, keys, stamps, row set, layout, fingerprints`.
pub(super) fn encode(link: &Link, out: &mut Vec<u8>) {
    let state = match link.state {
        LinkState::Active => 0,
        LinkState::Stopped | LinkState::StoppedInApp => 1,
        LinkState::Gone => 2,
        LinkState::GoneInApp => 3,
    };
    let salesforce_flag = if link.salesforce_version.is_some() { HAS_SALESFORCE_VERSION } else { 0 };
    let app_flag = if link.app_version.is_some() { HAS_APP_VERSION } else { 0 };
    let stopped = if link.state == LinkState::StoppedInApp { STOPPED_IN_APP } else { 0 };
    let version = if stopped == 0 { VERSION } else { VERSION_2 };
    out.push(version << 4 | app_flag | salesforce_flag | state);
    put_key(&link.salesforce, out);
    put_key(&link.app, out);
    for version in [link.salesforce_version, link.app_version].into_iter().flatten() {
        put_stamp(version.0, out);
    }
    put_varint(link.row_set.into(), out);
    let made = match link.made {
        None => 0,
        Some(Side::Salesforce) => MADE_IN_SALESFORCE,
        Some(Side::App) => MADE_IN_APP,
    };
    encode_baselines(&link.salesforce_baseline, &link.app_baseline, made | stopped, out);
}

fn layout_of(salesforce: &[Fingerprint], app: &[Fingerprint]) -> Layout {
    let known = |side: &[Fingerprint]| side.iter().all(|fingerprint| fingerprint.is_known());
    let unknown = |side: &[Fingerprint]| side.iter().all(|fingerprint| !fingerprint.is_known());
    if salesforce.len() != app.len() {
        Layout::Full
    } else if known(salesforce) && salesforce == app {
        Layout::Same
    } else if known(salesforce) && unknown(app) {
        Layout::SalesforceOnly
    } else if unknown(salesforce) && known(app) {
        Layout::AppOnly
    } else {
        Layout::PerRow
    }
}

fn encode_baselines(salesforce: &[Fingerprint], app: &[Fingerprint], marks: u8, out: &mut Vec<u8>) {
    let layout = layout_of(salesforce, app);
    out.push(layout as u8 | marks);
    put_varint(salesforce.len() as u128, out);
    match layout {
        Layout::Same | Layout::SalesforceOnly => put_all(salesforce, out),
        Layout::AppOnly => put_all(app, out),
        Layout::PerRow => put_per_row(salesforce, app, out),
        Layout::Full => {
            put_all(salesforce, out);
            put_varint(app.len() as u128, out);
            put_all(app, out);
        }
    }
}

fn put_all(side: &[Fingerprint], out: &mut Vec<u8>) {
    for fingerprint in side {
        out.extend_from_slice(&fingerprint.0.to_be_bytes());
    }
}

fn put_per_row(salesforce: &[Fingerprint], app: &[Fingerprint], out: &mut Vec<u8>) {
    let codes: Vec<u8> = salesforce.iter().zip(app).map(|(one, other)| code_of(*one, *other)).collect();
    out.extend(codes.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or_default()));
    for ((code, one), other) in codes.iter().zip(salesforce).zip(app) {
        if code & SALESFORCE_KNOWN != 0 {
            out.extend_from_slice(&one.0.to_be_bytes());
        }
        if code & APP_KNOWN != 0 && code & EQUAL == 0 {
            out.extend_from_slice(&other.0.to_be_bytes());
        }
    }
}

fn code_of(salesforce: Fingerprint, app: Fingerprint) -> u8 {
    match (salesforce.is_known(), app.is_known()) {
        (false, false) => 0,
        (true, false) => SALESFORCE_KNOWN,
        (false, true) => APP_KNOWN,
        (true, true) if salesforce == app => SALESFORCE_KNOWN | APP_KNOWN | EQUAL,
        (true, true) => SALESFORCE_KNOWN | APP_KNOWN,
    }
}

/// Reads a row of any version.
pub(super) fn decode(bytes: &[u8]) -> Result<Link, StoreError> {
    let mut reader = Reader::new(bytes, "link");
    let head = reader.byte()?;
    if ![VERSION, VERSION_2].contains(&(head >> 4)) {
        return reader.fail();
    }
    let salesforce = reader.key()?;
    let app = reader.key()?;
    let mut version = |flag: u8| -> Result<Option<Version>, StoreError> {
        if head & flag == 0 { Ok(None) } else { Ok(Some(Version(reader.stamp()?))) }
    };
    let salesforce_version = version(HAS_SALESFORCE_VERSION)?;
    let app_version = version(HAS_APP_VERSION)?;
    let row_set = reader.varint()?;
    let row_set = u32::try_from(row_set).or_else(|_| reader.fail())?;
    let (marks, (salesforce_baseline, app_baseline)) = decode_baselines(&mut reader)?;
    let made = match marks & MADE {
        0 => None,
        MADE_IN_SALESFORCE => Some(Side::Salesforce),
        MADE_IN_APP => Some(Side::App),
        _ => return reader.fail(),
    };
    let state = if marks & STOPPED_IN_APP == 0 { state_of(head) } else { LinkState::StoppedInApp };
    Ok(Link {
        salesforce,
        app,
        state,
        made,
        salesforce_version,
        app_version,
        row_set,
        salesforce_baseline,
        app_baseline,
    })
}

/// The keys, which is all that the indexes need, and whether the pair is whole. Which side stopped it is not told.
pub(super) fn decode_keys(bytes: &[u8]) -> Result<(LinkState, Key, Key), StoreError> {
    let mut reader = Reader::new(bytes, "link");
    let state = state_of(reader.byte()?);
    Ok((state, reader.key()?, reader.key()?))
}

fn state_of(head: u8) -> LinkState {
    match head & STATE {
        0 => LinkState::Active,
        1 => LinkState::Stopped,
        2 => LinkState::Gone,
        _ => LinkState::GoneInApp,
    }
}

type Baselines = (Box<[Fingerprint]>, Box<[Fingerprint]>);

/// The marks in the high bits of the layout, and what they stand before.
fn decode_baselines(reader: &mut Reader<'_>) -> Result<(u8, Baselines), StoreError> {
    const MARKS: u8 = MADE | STOPPED_IN_APP;
    let byte = reader.byte()?;
    Ok((byte & MARKS, decode_fingerprints(reader, byte & !MARKS)?))
}

fn decode_fingerprints(reader: &mut Reader<'_>, layout: u8) -> Result<Baselines, StoreError> {
    let count = reader.count()?;
    let unknown = |count: usize| vec![Fingerprint::UNKNOWN; count].into_boxed_slice();
    if layout == Layout::PerRow as u8 {
        return take_per_row(reader, count);
    }
    let first = take_all(reader, count)?;
    match layout {
        layout if layout == Layout::Same as u8 => Ok((first.clone(), first)),
        layout if layout == Layout::SalesforceOnly as u8 => Ok((first, unknown(count))),
        layout if layout == Layout::AppOnly as u8 => Ok((unknown(count), first)),
        layout if layout == Layout::Full as u8 => {
            let count = reader.count()?;
            Ok((first, take_all(reader, count)?))
        }
        _ => reader.fail(),
    }
}

fn take_all(reader: &mut Reader<'_>, count: usize) -> Result<Box<[Fingerprint]>, StoreError> {
    let bytes = count.checked_mul(8).map_or_else(|| reader.fail(), Ok)?;
    let mut values = Reader::new(reader.take(bytes)?, "link");
    (0..count).map(|_| Ok(Fingerprint(values.u64()?))).collect()
}

fn take_per_row(reader: &mut Reader<'_>, count: usize) -> Result<Baselines, StoreError> {
    let codes = reader.take(count.div_ceil(2))?;
    let (mut salesforce, mut app) =
        (Vec::with_capacity(codes.len() * 2), Vec::with_capacity(codes.len() * 2));
    for row in 0..count {
        let code = if row % 2 == 0 { codes[row / 2] >> 4 } else { codes[row / 2] & 15 };
        let one = if code & SALESFORCE_KNOWN == 0 { 0 } else { reader.u64()? };
        let other = match (code & APP_KNOWN != 0, code & EQUAL != 0) {
            (false, _) => 0,
            (true, true) => one,
            (true, false) => reader.u64()?,
        };
        salesforce.push(Fingerprint(one));
        app.push(Fingerprint(other));
    }
    Ok((salesforce.into(), app.into()))
}
