//! Intents: creates that were sent and whose pairs are not remembered yet. The creates of a batch are one parcel, sealed as a whole:
//! it is written once, removed as one row when the batch is committed, and read only after a crash or a lost answer.

use redb::{ReadableTable, Table, WriteTransaction};

use super::encoding::{Reader, put_stamp, put_varint};
use super::tables::{Bytes, INTENTS, side_byte, side_of};
use super::vault::Vault;
use super::{Store, StoreError, link_row};
use crate::model::{Intent, PipelineName, Row, Value};

/// Version of the layout below.
const VERSION: u8 = 1;
const WHAT: &str = "intent";

/// The table of intents inside a write transaction.
pub(super) struct IntentTable<'t>(Table<'t, (u32, u64), Bytes>);

impl<'t> IntentTable<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self(txn.open_table(INTENTS)?))
    }

    /// Stores a parcel and returns its number.
    pub(super) fn put(&mut self, vault: &Vault, space: u32, intents: &[Intent]) -> Result<u64, StoreError> {
        let last = self.0.range((space, 0)..=(space, u64::MAX))?.next_back().transpose()?;
        let number = last.map_or(0, |(key, _)| key.value().1 + 1);
        let sealed = vault.seal(&belongs_to(space, number), &encode(intents))?;
        self.0.insert((space, number), sealed.as_slice())?;
        Ok(number)
    }

    pub(super) fn remove(&mut self, space: u32, numbers: &[u64]) -> Result<(), StoreError> {
        for number in numbers {
            self.0.remove((space, *number))?;
        }
        Ok(())
    }

    /// Drops everything of a space.
    pub(super) fn clear(&mut self, space: u32) -> Result<(), StoreError> {
        Ok(self.0.retain_in((space, 0)..=(space, u64::MAX), |_, _| false)?)
    }
}

impl Store {
    /// The parcels of creates whose outcome is not remembered, in the order in which they were sent.
    pub fn intents(
        &self,
        pipeline: &PipelineName,
        generation: u32,
    ) -> Result<Vec<(u64, Vec<Intent>)>, StoreError> {
        let Some(space) = self.space(pipeline, generation) else { return Ok(Vec::new()) };
        self.read(|txn| {
            let mut parcels = Vec::new();
            for entry in txn.open_table(INTENTS)?.range((space, 0)..=(space, u64::MAX))? {
                let (key, sealed) = entry?;
                let number = key.value().1;
                let plain = self.vault.open(&belongs_to(space, number), sealed.value());
                parcels.push((number, decode(&plain.ok_or(StoreError::Unreadable { what: WHAT })?)?));
            }
            Ok(parcels)
        })
    }
}

fn belongs_to(space: u32, number: u64) -> String {
    format!("intents:{space}:{number}")
}

/// `version, count`, then for each `side, stamp, length, link, length, row as JSON` (no length: no row).
fn encode(intents: &[Intent]) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_varint(intents.len() as u128, &mut out);
    let mut link = Vec::with_capacity(256);
    for intent in intents {
        out.push(side_byte(intent.on));
        put_stamp(intent.since, &mut out);
        link.clear();
        link_row::encode(&intent.link, &mut link);
        put_bytes(&link, &mut out);
        put_bytes(&intent.row.as_ref().map(row_json).unwrap_or_default(), &mut out);
    }
    out
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u128, out);
    out.extend_from_slice(bytes);
}

fn row_json(row: &Row) -> Vec<u8> {
    serde_json::Value::Array(row.0.iter().map(Value::to_json).collect()).to_string().into_bytes()
}

/// Reads a parcel of any version.
fn decode(bytes: &[u8]) -> Result<Vec<Intent>, StoreError> {
    let mut reader = Reader::new(bytes, WHAT);
    if reader.byte()? != VERSION {
        return reader.fail();
    }
    let count = reader.count()?;
    (0..count).map(|_| decode_one(&mut reader)).collect()
}

fn decode_one(reader: &mut Reader<'_>) -> Result<Intent, StoreError> {
    let on = side_of(reader.byte()?);
    let since = reader.stamp()?;
    let length = reader.count()?;
    let link = link_row::decode(reader.take(length)?)?;
    let length = reader.count()?;
    let row = match reader.take(length)? {
        [] => None,
        json => Some(row_of(json)?),
    };
    Ok(Intent { on, link, row, since })
}

fn row_of(json: &[u8]) -> Result<Row, StoreError> {
    let values: Vec<serde_json::Value> =
        serde_json::from_slice(json).map_err(|_| StoreError::Unreadable { what: WHAT })?;
    let value =
        |json: &serde_json::Value| if json.is_null() { Value::Absent } else { Value::from_json(json) };
    Ok(Row::from(values.iter().map(value).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fingerprint, Key, Link, LinkState, Side, Version};

    /// What version 1 wrote: it must be readable for ever, and today's must look the same.
    const VERSION_1: &str = "01020180a098bdd9182a14010000041960ac597122706001112a8080e8af9c0e010302710000000000000064\
                             00000000000000070000a0bf98bdd9182a14010000041960ac59712270600100008080e8af9c0e0103027100\
                             00000000000064000000000000000713\
                             5b22c3a9222c6e756c6c2c2d332c6e756c6c5d";

    fn intents() -> Vec<Intent> {
        let at = |second| jiff::Timestamp::from_second(second).unwrap();
        let link = |app: &str| Link {
            salesforce: Key::salesforce("006000000000001"),
            app: Key::app(app),
            state: LinkState::Active,
            salesforce_version: Some(Version(at(1_700_000_000))),
            app_version: None,
            row_set: 1,
            salesforce_baseline: Box::new([Fingerprint(100), Fingerprint(7)]),
            app_baseline: Box::new([Fingerprint(100), Fingerprint::UNKNOWN]),
        };
        let row = Row::from(vec![Value::text("é"), Value::Absent, Value::Int(-3), Value::Null]);
        vec![
            Intent { on: Side::App, link: link("42"), row: None, since: at(1_790_000_000) },
            Intent { on: Side::Salesforce, link: link(""), row: Some(row), since: at(1_790_000_001) },
        ]
    }

    #[test]
    fn parcels_of_version_1_are_read_and_written() {
        let mut expected = intents();
        if let Some(row) = &mut expected[1].row {
            row.set(3, Value::Absent);
        }
        let hex: String =
            encode(&intents()).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex, VERSION_1);
        assert_eq!(decode(&encode(&intents())).unwrap(), expected);
    }

    #[test]
    fn a_parcel_that_is_cut_is_refused() {
        let bytes = encode(&intents());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }
}
