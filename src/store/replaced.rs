//! What writes replaced, so that `undo` can put it back: record values, so the writes of a batch are one parcel, sealed as a whole. It is
//! written once, read by nobody but `undo`, and dropped when the run is undone or older than `retention`.

use jiff::Timestamp;
use redb::{ReadableTable as _, Table, WriteTransaction};

use super::encoding::{Reader, put_key, put_varint};
use super::tables::{Bytes, REPLACED, side_byte, side_of};
use super::values::{put_text, put_value, text, value};
use super::vault::Vault;
use super::{Store, StoreError};
use crate::model::{Fingerprint, PipelineName, Replaced, ReplacedField, RunWrites};

/// Version of the layout below.
const VERSION: u8 = 1;
const WHAT: &str = "replaced values";

/// The last run of a pipeline that replaced something and was not undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// When it began.
    pub run: Timestamp,
    /// What it wrote, by the number of the parcel, in the order of the writes.
    pub parcels: Vec<(u64, RunWrites)>,
    /// Records that it created, and that were created since.
    pub made: u64,
    /// Records that it deleted or archived, and that were since.
    pub removed: u64,
    /// There is another run before it.
    pub earlier: bool,
}

/// The table of replaced values inside a write transaction.
pub(super) struct ReplacedTable<'t>(Table<'t, (u32, i64, u64), Bytes>);

impl<'t> ReplacedTable<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self(txn.open_table(REPLACED)?))
    }

    /// Stores what a batch of a run wrote.
    pub(super) fn put(&mut self, vault: &Vault, space: u32, writes: &RunWrites) -> Result<(), StoreError> {
        let run = writes.run.as_microsecond();
        let last = self.0.range((space, run, 0)..=(space, run, u64::MAX))?.next_back().transpose()?;
        let number = last.map_or(0, |(key, _)| key.value().2 + 1);
        let sealed = vault.seal(&belongs_to(space, run, number), &encode(writes))?;
        self.0.insert((space, run, number), sealed.as_slice())?;
        Ok(())
    }

    pub(super) fn remove(&mut self, space: u32, parcels: &[(Timestamp, u64)]) -> Result<(), StoreError> {
        for (run, number) in parcels {
            self.0.remove((space, run.as_microsecond(), *number))?;
        }
        Ok(())
    }

    /// Drops what is older.
    pub(super) fn forget(&mut self, before: Timestamp) -> Result<(), StoreError> {
        Ok(self.0.retain(|(_, run, _), _| run >= before.as_microsecond())?)
    }

    /// Drops everything of a space.
    pub(super) fn clear(&mut self, space: u32) -> Result<(), StoreError> {
        Ok(self.0.retain_in((space, i64::MIN, 0)..=(space, i64::MAX, u64::MAX), |_, _| false)?)
    }
}

impl Store {
    /// The last run that replaced anything and was not undone.
    pub fn last_run(&self, pipeline: &PipelineName, generation: u32) -> Result<Option<LastRun>, StoreError> {
        let Some(space) = self.space(pipeline, generation) else { return Ok(None) };
        self.read(|txn| {
            let table = txn.open_table(REPLACED)?;
            let mut parcels: Vec<(u64, RunWrites)> = Vec::new();
            let (mut made, mut removed, mut earlier) = (0, 0, false);
            for entry in table.range((space, i64::MIN, 0)..=(space, i64::MAX, u64::MAX))?.rev() {
                let (key, sealed) = entry?;
                let (_, run, number) = key.value();
                let plain = self.vault.open(&belongs_to(space, run, number), sealed.value());
                let writes = decode(&plain.ok_or(StoreError::Unreadable { what: WHAT })?, moment(run)?)?;
                let replaces = !writes.replaced.is_empty();
                if parcels.last().is_some_and(|(_, last)| last.run != writes.run) {
                    earlier |= replaces;
                    if earlier {
                        break;
                    }
                    continue;
                }
                (made, removed) = (made + writes.made, removed + writes.removed);
                if replaces {
                    parcels.push((number, writes));
                }
            }
            parcels.reverse();
            let run = parcels.first().map(|(_, writes)| writes.run);
            Ok(run.map(|run| LastRun { run, parcels, made, removed, earlier }))
        })
    }
}

fn moment(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::Unreadable { what: WHAT })
}

fn belongs_to(space: u32, run: i64, number: u64) -> String {
    format!("replaced:{space}:{run}:{number}")
}

/// `version, made, removed, count`, then for each `side, key, key, count`, then for each field `row, name, before, after, fingerprint`.
fn encode(writes: &RunWrites) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_varint(u128::from(writes.made), &mut out);
    put_varint(u128::from(writes.removed), &mut out);
    put_varint(writes.replaced.len() as u128, &mut out);
    for replaced in &writes.replaced {
        out.push(side_byte(replaced.side));
        put_key(&replaced.salesforce, &mut out);
        put_key(&replaced.app, &mut out);
        put_varint(replaced.fields.len() as u128, &mut out);
        for field in &replaced.fields {
            out.extend_from_slice(&field.row.to_be_bytes());
            put_text(&field.field, &mut out);
            put_value(&field.before, &mut out);
            put_value(&field.after, &mut out);
            out.extend_from_slice(&field.seen.0.to_be_bytes());
        }
    }
    out
}

/// Reads a parcel of any version.
fn decode(bytes: &[u8], run: Timestamp) -> Result<RunWrites, StoreError> {
    let mut reader = Reader::new(bytes, WHAT);
    if reader.byte()? != VERSION {
        return reader.fail();
    }
    let (made, removed) = (reader.count()? as u64, reader.count()? as u64);
    let count = reader.count()?;
    let replaced = (0..count).map(|_| replaced(&mut reader)).collect::<Result<_, _>>()?;
    Ok(RunWrites { run, replaced, made, removed })
}

fn replaced(reader: &mut Reader<'_>) -> Result<Replaced, StoreError> {
    let side = side_of(reader.byte()?);
    let (salesforce, app) = (reader.key()?, reader.key()?);
    let count = reader.count()?;
    let fields = (0..count).map(|_| field(reader)).collect::<Result<_, _>>()?;
    Ok(Replaced { side, salesforce, app, fields })
}

fn field(reader: &mut Reader<'_>) -> Result<ReplacedField, StoreError> {
    Ok(ReplacedField {
        row: reader.u64()?,
        field: text(reader)?.to_owned(),
        before: value(reader)?,
        after: value(reader)?,
        seen: Fingerprint(reader.u64()?),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Commit, Key, Side, Value};
    use crate::store::StoreKey;

    /// What version 1 wrote: it must be readable for ever, and today's must look the same.
    const VERSION_1: &str = "01ac02020101010000041960ac597122706001112a0600000000000000070a4669656c645f305f5f63010502c3a90000\
                                 00000000000000000000000000080a4669656c645f315f5f6302047472756503022d3300000000000000010000000000\
                                 0000090a4669656c645f325f5f630404312e3530060a323032362d30332d30310000000000000002000000000000000a\
                                 0a4669656c645f335f5f63070831323a33303a30300814323032362d30392d32315431343a31333a32305a0000000000\
                                 000003000000000000000b0a4669656c645f345f5f630a0205016103013209077b2261223a317d000000000000000400\
                                 0000000000000c0a4669656c645f355f5f6300010000000000000005";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn writes(run: i64) -> RunWrites {
        let list = Value::List(vec![Value::text("a"), Value::Int(2)].into());
        let json = Value::Json(Arc::new(serde_json::json!({ "a": 1 })));
        let values = [
            (Value::Null, Value::text("é")),
            (Value::Bool(true), Value::Int(-3)),
            (Value::Decimal("1.50".parse().unwrap()), Value::Date("2026-03-01".parse().unwrap())),
            (Value::Time("12:30:00".parse().unwrap()), Value::DateTime(at(1_790_000_000))),
            (list, json),
            (Value::Absent, Value::Null),
        ];
        let fields = values.into_iter().enumerate().map(|(number, (before, after))| ReplacedField {
            row: number as u64 + 7,
            field: format!("Field_{number}__c"),
            before,
            after,
            seen: Fingerprint(number as u64),
        });
        let (salesforce, app) = (Key::salesforce("006000000000001"), Key::app("42"));
        let replaced = vec![Replaced { side: Side::App, salesforce, app, fields: fields.collect() }];
        RunWrites { run: at(run), replaced, made: 300, removed: 2 }
    }

    #[test]
    fn parcels_of_version_1_are_read_and_written() {
        let bytes = encode(&writes(5));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex, VERSION_1);
        assert_eq!(decode(&bytes, at(5)).unwrap(), writes(5));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], at(5)).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_last_run_is_what_was_not_undone_and_old_runs_go() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreKey::File).unwrap();
        let name = PipelineName::from("deals");
        let commit = |writes: RunWrites| {
            store.commit(&name, 1, &Commit { replaced: Some(writes), ..Commit::default() }).unwrap();
        };
        assert_eq!(store.last_run(&name, 1).unwrap(), None);
        for run in [100, 100, 200, 300, 300] {
            commit(writes(run));
        }
        let last = store.last_run(&name, 1).unwrap().unwrap();
        assert_eq!((last.run, last.earlier, last.made), (at(300), true, 600));
        assert_eq!(last.parcels, [(0, writes(300)), (1, writes(300))]);
        let undone = vec![(at(300), 0), (at(300), 1)];
        store.commit(&name, 1, &Commit { undone, ..Commit::default() }).unwrap();
        let last = store.last_run(&name, 1).unwrap().unwrap();
        assert_eq!((last.run, last.parcels.len(), last.earlier), (at(200), 1, true));
        commit(RunWrites { replaced: Vec::new(), ..writes(350) });
        let last = store.last_run(&name, 1).unwrap().unwrap();
        assert_eq!((last.run, last.made), (at(200), 600), "a run that only creates replaces nothing");
        store.clean_up(at(400), std::time::Duration::from_secs(250)).unwrap();
        assert!(!store.last_run(&name, 1).unwrap().unwrap().earlier, "100 is too old");
        let file = std::fs::read(dir.path().join("state.redb")).unwrap();
        let shows = |text: &[u8]| file.windows(text.len()).any(|window| window == text);
        assert!(!shows(b"Field_0__c") && shows(b"deals"), "replaced values are sealed");
        store.forget(&name).unwrap();
        assert_eq!(store.last_run(&name, 1).unwrap(), None);
    }
}
