//! The table as a destination.

use std::collections::HashSet;
use std::ops::Bound;

use super::script::{Call, refused, unknown, without_key};
use super::{Fault, MemoryKey, MemoryTable, State};
use crate::connect::{ConnectError, Destination, Found, MatchQuery, WriteMode};
use crate::model::{Key, Outcome, Row, Value, WriteOp};

/// Writes the table. Its read and its write schema are the schema of the table.
pub struct MemoryDestination(MemoryTable);

impl MemoryDestination {
    /// A destination on a table.
    pub fn new(table: MemoryTable) -> Self {
        Self(table)
    }

    fn write_one(&self, state: &mut State, op: &WriteOp) -> Outcome {
        match op {
            WriteOp::Create { row } | WriteOp::Upsert { row } => self.put(state, row),
            WriteOp::Update { key, expected, .. } if expected.is_some() && state.version(key) > *expected => {
                Outcome::Stale
            }
            WriteOp::Update { key, row, .. } | WriteOp::Archive { key, row } if state.get(key).is_some() => {
                self.change(state, key.clone(), row)
            }
            WriteOp::Update { .. } | WriteOp::Archive { .. } => Outcome::Stale,
            WriteOp::Delete { key } => {
                let deleted = state.remove(key);
                outcome(state, key.clone(), deleted)
            }
        }
    }

    fn put(&self, state: &mut State, row: &Row) -> Outcome {
        let mut row = row.clone();
        let key = match self.0.key {
            MemoryKey::InRow(at) => Key::from_value(row.get(at)),
            MemoryKey::Generated => {
                state.generated += 1;
                Some(Key::app(state.generated.to_string()))
            }
            MemoryKey::Issued(at) => {
                state.generated += 1;
                let key = format!("n{}", state.generated);
                row.set(at, Value::text(key.as_str()));
                Some(Key::app(key))
            }
        };
        match key {
            Some(key) => self.change(state, key, &row),
            None => Outcome::Rejected(without_key()),
        }
    }

    fn change(&self, state: &mut State, key: Key, row: &Row) -> Outcome {
        let changed = state.put(&key, row, self.0.schema.len());
        outcome(state, key, changed)
    }
}

fn outcome(state: &State, key: Key, changed: bool) -> Outcome {
    if changed { Outcome::Written { version: state.version(&key), key } } else { Outcome::Unchanged { key } }
}

#[async_trait::async_trait]
impl Destination for MemoryDestination {
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError> {
        let fault = self.0.next_fault(Call::Fetch);
        fault.before().await?;
        let found = {
            let state = self.0.lock();
            keys.iter().filter_map(|key| Some((key.clone(), state.get(key)?.clone()))).collect()
        };
        fault.after().map(|()| found)
    }

    async fn find(&mut self, query: &MatchQuery) -> Result<Vec<Found>, ConnectError> {
        let fault = self.0.next_fault(Call::Find);
        fault.before().await?;
        let mut found = Vec::new();
        for (key, row) in self.0.rows() {
            let stored = folded(&query.normal(row.get(query.field)));
            let hits = query
                .values
                .iter()
                .enumerate()
                .filter(|(_, value)| !value.is_blank() && folded(value) == stored);
            let places: Vec<_> = hits.map(|(place, _)| place).collect();
            found.extend(places.into_iter().map(|value| Found { value, key: key.clone(), row: row.clone() }));
        }
        fault.after().map(|()| found)
    }

    async fn presence(&mut self, keys: &[Key]) -> Result<HashSet<Key>, ConnectError> {
        let fault = self.0.next_fault(Call::Presence);
        fault.before().await?;
        let present = {
            let state = self.0.lock();
            keys.iter().filter(|key| state.get(key).is_some()).cloned().collect()
        };
        fault.after().map(|()| present)
    }

    async fn keys(&mut self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>, ConnectError> {
        let fault = self.0.next_fault(Call::Presence);
        fault.before().await?;
        let keys = {
            let state = self.0.lock();
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let records = state.records.range::<Key, _>((from, Bound::Unbounded));
            records.filter(|(_, (_, row))| row.is_some()).take(limit).map(|(key, _)| key.clone()).collect()
        };
        fault.after().map(|()| keys)
    }

    async fn write(&mut self, ops: Vec<WriteOp>, _mode: WriteMode) -> Result<Vec<Outcome>, ConnectError> {
        let fault = self.0.next_fault(Call::Write);
        fault.before().await?;
        let mut outcomes = Vec::with_capacity(ops.len());
        {
            let mut state = self.0.lock();
            for (place, op) in ops.iter().enumerate() {
                outcomes.push(match &fault {
                    Fault::Reject(places) if places.contains(&place) => Outcome::Rejected(refused()),
                    Fault::Stale(places) if places.contains(&place) => Outcome::Stale,
                    _ => self.write_one(&mut state, op),
                });
            }
        }
        if matches!(fault, Fault::Unknown) {
            outcomes.fill_with(|| Outcome::Unknown(unknown()));
        }
        fault.after().map(|()| outcomes)
    }
}

/// Text is compared trimmed and without case.
fn folded(value: &Value) -> Value {
    match value.as_text() {
        Some(text) => Value::text(text.trim().to_lowercase()),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::memory::{Gate, MemorySource};
    use crate::connect::{Limit, Source};
    use crate::model::{Class, Cursor, Kind, Read, Schema};

    fn table() -> MemoryTable {
        MemoryTable::new(Schema::of(&[("id", Kind::Id), ("name", Kind::Text)]), MemoryKey::InRow(0))
    }

    fn op(id: &str, name: &str) -> WriteOp {
        WriteOp::Upsert { row: Row::from(vec![Value::text(id), Value::text(name)]) }
    }

    async fn write(table: &MemoryTable, ops: Vec<WriteOp>) -> Result<Vec<Outcome>, ConnectError> {
        MemoryDestination::new(table.clone()).write(ops, WriteMode::Changes).await
    }

    #[tokio::test]
    async fn writing_twice_changes_nothing() {
        let table = table();
        assert!(matches!(write(&table, vec![op("1", "a")]).await.unwrap()[..], [Outcome::Written { .. }]));
        assert!(matches!(write(&table, vec![op("1", "a")]).await.unwrap()[..], [Outcome::Unchanged { .. }]));
        assert_eq!(table.changes_made(), 1);
    }

    #[tokio::test]
    async fn faults_come_in_their_order() {
        let table = table();
        table.fault(Call::Write, Fault::None);
        table.fault(Call::Write, Fault::Fail(Class::Quota));
        table.fault(Call::Write, Fault::LoseAnswer);
        table.fault(Call::Write, Fault::Reject(vec![1]));
        table.fault(Call::Write, Fault::Unknown);
        assert!(write(&table, vec![op("1", "a")]).await.is_ok());
        assert_eq!(write(&table, vec![op("2", "a")]).await.unwrap_err().class, Class::Quota);
        assert_eq!(table.rows().len(), 1, "a failed write stores nothing");
        assert!(write(&table, vec![op("3", "a")]).await.is_err());
        assert_eq!(table.rows().len(), 2, "a lost answer does");
        let outcomes = write(&table, vec![op("4", "a"), op("5", "a")]).await.unwrap();
        assert!(matches!(outcomes[..], [Outcome::Written { .. }, Outcome::Rejected(_)]));
        assert!(matches!(write(&table, vec![op("6", "a")]).await.unwrap()[..], [Outcome::Unknown(_)]));
        assert_eq!((table.rows().len(), table.faults_left()), (4, 0));
    }

    #[tokio::test]
    async fn a_gate_holds_a_call() {
        let (table, gate) = (table(), Gate::default());
        table.fault(Call::Write, Fault::Hold(gate.clone()));
        let held = tokio::spawn({
            let table = table.clone();
            async move { write(&table, vec![op("1", "a")]).await }
        });
        gate.arrival().await;
        assert!(table.rows().is_empty());
        gate.open();
        assert!(held.await.unwrap().is_ok());
        assert_eq!(table.rows().len(), 1);
    }

    #[tokio::test]
    async fn a_source_loads_and_then_follows() {
        let table = table();
        for at in 0..5 {
            table.put(&Key::app(at.to_string()), &Row::from(vec![Value::text(at.to_string()), Value::Null]));
        }
        let limit = Limit { records: 2, ..Limit::default() };
        let mut source = MemorySource::new(table.clone());
        let (mut cursor, mut seen): (Option<Cursor>, Vec<String>) = (None, Vec::new());
        let mut rounds = 0;
        loop {
            let Read::Batch { events, next, more, .. } = source.read(cursor.as_ref(), limit).await.unwrap()
            else {
                panic!("no cursor is lost")
            };
            rounds += 1;
            seen.extend(events.iter().map(|event| event.key.to_string()));
            cursor = Some(next);
            if rounds == 1 {
                table.remove(&Key::app("0"));
                table.put(&Key::app("9"), &Row::from(vec![Value::text("9"), Value::text("new")]));
            }
            if !more && rounds > 4 {
                break;
            }
        }
        assert_eq!(
            seen,
            ["0", "1", "2", "3", "4", "9", "0", "9"],
            "what changed during the load comes again"
        );
    }
}
