//! Failures as others ask for them and decide about them.

use jiff::Timestamp;
use redb::ReadTransaction;

use super::super::registry::{self, Registry};
use super::super::tables::{self, DUE, FAILURE_IDS, FAILURES, RESOLVED, keys_with, prefix};
use super::{FailureFilter, FailureTables, Reader, STAMP_BYTES, WHAT, decode, moment, timed, untimed};
use crate::model::{Failure, FailureId, FailureKind, Key, PipelineName, Side};
use crate::store::{Store, StoreError};

impl Store {
    /// The failures that fit, newest last try first. Only of generations in use.
    pub fn failures(&self, filter: &FailureFilter) -> Result<Vec<Failure>, StoreError> {
        let registry = self.registry();
        let entries = registry.entries.values().filter(|entry| !entry.alias);
        let wanted = entries.filter(|entry| filter.pipeline.as_ref().is_none_or(|name| *name == entry.name));
        let mut found = Vec::new();
        self.read(|txn| {
            for space in wanted.filter_map(registry::Entry::current_space) {
                found.extend(self.in_space(txn, &registry, space, filter)?);
            }
            Ok(())
        })?;
        found.sort_by(|one, other| other.last.cmp(&one.last).then_with(|| one.id.cmp(&other.id)));
        Ok(found)
    }

    fn in_space(
        &self,
        txn: &ReadTransaction,
        registry: &Registry,
        space: u32,
        filter: &FailureFilter,
    ) -> Result<Vec<Failure>, StoreError> {
        let table = txn.open_table(if filter.resolved { RESOLVED } else { FAILURES })?;
        let mut found = Vec::new();
        for entry in table.range(prefix(space).as_slice()..)? {
            let (key, value) = entry?;
            if !key.value().starts_with(&prefix(space)) {
                break;
            }
            let row = if filter.resolved { untimed(key.value()) } else { key.value().to_vec() };
            let failure = decode(registry, &self.vault, &row, value.value())?;
            found.extend(filter.takes(&failure).then_some(failure));
        }
        Ok(found)
    }

    /// The open failure with exactly this id.
    pub fn failure(&self, id: &FailureId) -> Result<Option<Failure>, StoreError> {
        let mut found = self.with_id(&[id.0.as_bytes(), &[0]].concat())?;
        Ok(found.pop())
    }

    /// The open failures whose id begins so: one, if the beginning is long enough.
    pub fn failures_named(&self, beginning: &str) -> Result<Vec<Failure>, StoreError> {
        self.with_id(beginning.as_bytes())
    }

    fn with_id(&self, beginning: &[u8]) -> Result<Vec<Failure>, StoreError> {
        let registry = self.registry();
        self.read(|txn| {
            let (ids, rows) = (txn.open_table(FAILURE_IDS)?, txn.open_table(FAILURES)?);
            let mut found = Vec::new();
            for key in keys_with(&ids, beginning, usize::MAX)? {
                let row = key.splitn(2, |byte| *byte == 0).nth(1).unwrap_or_default();
                if let Some(bytes) = rows.get(row)? {
                    found.push(decode(&registry, &self.vault, row, bytes.value())?);
                }
            }
            Ok(found)
        })
    }

    /// Records of a side whose failures are due for another try, longest due first, at most so many. They stay due until a commit
    /// settles them or stores their failure anew.
    pub fn due_retries(
        &self,
        pipeline: &PipelineName,
        side: Side,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        let Some(space) = self.registry().current_space(pipeline) else { return Ok(Vec::new()) };
        let end = timed(space, now, &[0, 0, 0, 0, u8::MAX]);
        self.read(|txn| {
            let due = txn.open_table(DUE)?;
            let mut keys = Vec::new();
            for entry in due.range(prefix(space).as_slice()..end.as_slice())? {
                let key = entry?.0;
                let mut rest = Reader::new(key.value().get(4 + STAMP_BYTES..).unwrap_or_default(), WHAT);
                if tables::side_of(rest.byte()?) == side {
                    keys.push(rest.key()?);
                }
                if keys.len() >= limit {
                    break;
                }
            }
            Ok(keys)
        })
    }

    /// When the next failure of a pipeline is due.
    pub fn next_retry(&self, pipeline: &PipelineName) -> Result<Option<Timestamp>, StoreError> {
        let Some(space) = self.registry().current_space(pipeline) else { return Ok(None) };
        self.read(|txn| {
            let first = keys_with(&txn.open_table(DUE)?, &prefix(space), 1)?;
            Ok(first.first().and_then(|key| moment(key)))
        })
    }

    /// Makes failures due at a moment (by hand, or because the pipeline changed); returns how many.
    pub fn retry_failures(&self, filter: &FailureFilter, at: Timestamp) -> Result<usize, StoreError> {
        self.rewrite(filter, |failure| failure.next_try = Some(at))
    }

    /// Forgets failures; nothing is written anywhere else. Returns how many.
    pub fn drop_failures(&self, filter: &FailureFilter) -> Result<usize, StoreError> {
        let found = self.failures(&FailureFilter { resolved: false, ..filter.clone() })?;
        self.write(|txn, registry| {
            let mut tables = FailureTables::open(txn)?;
            let mut spaces = txn.open_table(tables::SPACES)?;
            for failure in &found {
                let Some(space) = registry.current_space(&failure.pipeline) else { continue };
                let mut counters = registry::space(&spaces, space)?;
                tables.settle(space, &mut counters, failure.source.0, &failure.source.1)?;
                spaces.insert(space, tables::to_json(&counters, "counters")?.as_slice())?;
            }
            Ok(found.len())
        })
    }

    fn rewrite(&self, filter: &FailureFilter, change: impl Fn(&mut Failure)) -> Result<usize, StoreError> {
        let mut found = self.failures(&FailureFilter { resolved: false, ..filter.clone() })?;
        found.iter_mut().for_each(change);
        self.write(|txn, registry| {
            let mut tables = FailureTables::open(txn)?;
            let mut spaces = txn.open_table(tables::SPACES)?;
            for failure in &found {
                let Some(space) = registry.current_space(&failure.pipeline) else { continue };
                let waits_on = match &failure.kind {
                    FailureKind::Waiting { pipeline, .. } => registry.number(pipeline),
                    _ => None,
                };
                let mut counters = registry::space(&spaces, space)?;
                tables.put((space, &mut counters), &self.vault, failure, waits_on)?;
                spaces.insert(space, tables::to_json(&counters, "counters")?.as_slice())?;
            }
            Ok(found.len())
        })
    }
}
