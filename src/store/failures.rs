//! Failures: one for each record of a generation, with indexes by id and by the time of the next try. Message and title are
//! encrypted; what is needed for lists and for retrying stands beside them.

mod door;

use jiff::Timestamp;
use redb::{Table, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::encoding::{Reader, put_varint};
use super::registry::{Registry, Space};
use super::tables::{self, Bytes, DUE, FAILURE_IDS, FAILURES, RESOLVED, clear, keys_with, prefix, sided};
use super::vault::Vault;
use crate::model::{Failure, FailureId, FailureKind, FailureWay, Key, PipelineName, Side};

const WHAT: &str = "failure";
const STAMP_BYTES: usize = 8;

/// Which failures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureFilter {
    /// Of this pipeline.
    pub pipeline: Option<PipelineName>,
    /// With an id that begins so.
    pub id: Option<String>,
    /// With this code.
    pub code: Option<String>,
    /// Those that are over instead of those that are open, as long as the retention keeps them.
    pub resolved: bool,
}

impl FailureFilter {
    fn takes(&self, failure: &Failure) -> bool {
        self.pipeline.as_ref().is_none_or(|pipeline| *pipeline == failure.pipeline)
            && self.id.as_ref().is_none_or(|id| failure.id.0.starts_with(id.as_str()))
            && self.code.as_ref().is_none_or(|code| *code == failure.code)
    }
}

/// The part of a failure that is stored in clear. Pipeline and record are in the key.
#[derive(Serialize, Deserialize)]
struct Open {
    id: FailureId,
    way: FailureWay,
    kind: Kind,
    target: Option<Key>,
    code: String,
    remote: Option<String>,
    place: Option<String>,
    tries: u32,
    since: Timestamp,
    last: Timestamp,
    next_try: Option<Timestamp>,
}

/// As [`FailureKind`], with the number of the pipeline, which a rename leaves alone.
#[derive(Serialize, Deserialize)]
enum Kind {
    Failed,
    Held,
    Waiting { pipeline: u32, key: Key },
}

/// The tables of failures inside a write transaction.
pub(super) struct FailureTables<'t> {
    rows: Table<'t, Bytes, Bytes>,
    ids: Table<'t, Bytes, ()>,
    due: Table<'t, Bytes, ()>,
    resolved: Table<'t, Bytes, Bytes>,
}

impl<'t> FailureTables<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            rows: txn.open_table(FAILURES)?,
            ids: txn.open_table(FAILURE_IDS)?,
            due: txn.open_table(DUE)?,
            resolved: txn.open_table(RESOLVED)?,
        })
    }

    /// Inserts or replaces the failure of a record. `waits_on` is the number of the pipeline that it waits for.
    pub(super) fn put(
        &mut self,
        (space, counters): (u32, &mut Space),
        vault: &Vault,
        failure: &Failure,
        waits_on: Option<u32>,
    ) -> Result<(), StoreError> {
        let (side, key) = (failure.source.0, &failure.source.1);
        self.take(space, counters, side, key)?;
        let open = opened(failure, waits_on);
        let sealed = vault.seal(&belongs_to(&failure.id), failure.detail.as_bytes())?;
        let row = sided(space, side, key);
        self.rows.insert(row.as_slice(), value(&open, &sealed)?.as_slice())?;
        self.ids.insert(id_key(&open.id, &row).as_slice(), ())?;
        if let Some(at) = open.next_try {
            self.due.insert(timed(space, at, &row).as_slice(), ())?;
        }
        *counter(counters, &open.kind) += 1;
        Ok(())
    }

    /// The failure of a record is over: it moves to the resolved ones, unless it only waited.
    pub(super) fn settle(
        &mut self,
        space: u32,
        counters: &mut Space,
        side: Side,
        key: &Key,
    ) -> Result<(), StoreError> {
        if let Some((open, bytes)) = self.take(space, counters, side, key)?
            && !matches!(open.kind, Kind::Waiting { .. })
        {
            let key = timed(space, open.last, &sided(space, side, key));
            self.resolved.insert(key.as_slice(), bytes.as_slice())?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        space: u32,
        counters: &mut Space,
        side: Side,
        key: &Key,
    ) -> Result<Option<(Open, Vec<u8>)>, StoreError> {
        if counters.failed + counters.held + counters.waiting == 0 {
            return Ok(None);
        }
        let row = sided(space, side, key);
        let Some(bytes) = self.rows.remove(row.as_slice())?.map(|bytes| bytes.value().to_vec()) else {
            return Ok(None);
        };
        let (open, _) = parts(&bytes)?;
        self.ids.remove(id_key(&open.id, &row).as_slice())?;
        if let Some(at) = open.next_try {
            self.due.remove(timed(space, at, &row).as_slice())?;
        }
        let counter = counter(counters, &open.kind);
        *counter = counter.saturating_sub(1);
        Ok(Some((open, bytes)))
    }

    /// Drops everything of a space.
    pub(super) fn clear(&mut self, space: u32) -> Result<(), StoreError> {
        let rows = keys_with(&self.rows, &prefix(space), usize::MAX)?;
        for row in rows {
            if let Some(bytes) = self.rows.remove(row.as_slice())? {
                self.ids.remove(id_key(&parts(bytes.value())?.0.id, &row).as_slice())?;
            }
        }
        clear(&mut self.due, &prefix(space))?;
        clear(&mut self.resolved, &prefix(space))
    }

    /// Drops resolved failures of a space that were tried last before a moment.
    pub(super) fn forget_resolved(&mut self, space: u32, before: Timestamp) -> Result<(), StoreError> {
        let begin = prefix(space);
        let end = timed(space, before, &[]);
        Ok(self.resolved.retain_in(begin.as_slice()..end.as_slice(), |_, _| false)?)
    }
}

fn counter<'a>(counters: &'a mut Space, kind: &Kind) -> &'a mut u64 {
    match kind {
        Kind::Failed => &mut counters.failed,
        Kind::Held => &mut counters.held,
        Kind::Waiting { .. } => &mut counters.waiting,
    }
}

fn opened(failure: &Failure, waits_on: Option<u32>) -> Open {
    let kind = match &failure.kind {
        FailureKind::Failed => Kind::Failed,
        FailureKind::Held => Kind::Held,
        FailureKind::Waiting { key, .. } => {
            Kind::Waiting { pipeline: waits_on.unwrap_or_default(), key: key.clone() }
        }
    };
    Open {
        id: failure.id.clone(),
        way: failure.way,
        kind,
        target: failure.target.clone(),
        code: failure.code.clone(),
        remote: failure.remote.clone(),
        place: failure.place.clone(),
        tries: failure.tries,
        since: failure.since,
        last: failure.last,
        next_try: failure.next_try,
    }
}

/// `length of the open part, open part (JSON with its version), sealed detail`.
fn value(open: &Open, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let json = tables::to_json(open, WHAT)?;
    let mut bytes = Vec::with_capacity(json.len() + sealed.len() + 3);
    put_varint(json.len() as u128, &mut bytes);
    bytes.extend_from_slice(&json);
    bytes.extend_from_slice(sealed);
    Ok(bytes)
}

fn parts(bytes: &[u8]) -> Result<(Open, &[u8]), StoreError> {
    let mut reader = Reader::new(bytes, WHAT);
    let length = reader.count()?;
    let open = tables::from_json(reader.take(length)?, WHAT)?;
    Ok((open, reader.rest()))
}

fn belongs_to(id: &FailureId) -> String {
    format!("failure:{}", id.0)
}

fn id_key(id: &FailureId, row: &[u8]) -> Vec<u8> {
    [id.0.as_bytes(), &[0], row].concat()
}

/// `space, moment, rest of the row's key`: sorted by time within a space.
fn timed(space: u32, at: Timestamp, row: &[u8]) -> Vec<u8> {
    let ordered = (at.as_microsecond() ^ i64::MIN).to_be_bytes();
    [&prefix(space)[..], &ordered[..], row.get(4..).unwrap_or_default()].concat()
}

fn moment(key: &[u8]) -> Option<Timestamp> {
    let ordered = key.get(4..4 + STAMP_BYTES)?.try_into().ok()?;
    Timestamp::from_microsecond(i64::from_be_bytes(ordered) ^ i64::MIN).ok()
}

fn decode(registry: &Registry, vault: &Vault, row: &[u8], bytes: &[u8]) -> Result<Failure, StoreError> {
    let mut reader = Reader::new(row, WHAT);
    let space = reader.u32()?;
    let side = tables::side_of(reader.byte()?);
    let key = reader.key()?;
    let (open, sealed) = parts(bytes)?;
    let unreadable = || StoreError::Unreadable { what: WHAT };
    let detail = vault.open(&belongs_to(&open.id), sealed).ok_or_else(unreadable)?;
    let kind = match open.kind {
        Kind::Failed => FailureKind::Failed,
        Kind::Held => FailureKind::Held,
        Kind::Waiting { pipeline, key } => FailureKind::Waiting { pipeline: registry.name(pipeline), key },
    };
    Ok(Failure {
        id: open.id,
        pipeline: registry.owner(space).ok_or_else(unreadable)?.name.clone(),
        way: open.way,
        kind,
        source: (side, key),
        target: open.target,
        code: open.code,
        remote: open.remote,
        place: open.place,
        detail: String::from_utf8(detail).map_err(|_| unreadable())?,
        tries: open.tries,
        since: open.since,
        last: open.last,
        next_try: open.next_try,
    })
}

/// The key in `failures` from one in `resolved`.
fn untimed(key: &[u8]) -> Vec<u8> {
    let (space, rest) = key.split_at_checked(4).unwrap_or_default();
    [space, rest.get(STAMP_BYTES..).unwrap_or_default()].concat()
}
