//! Writes of a batch to SQLite: one transaction of prepared statements. A refused row is undone by SQLite alone, so its
//! neighbours stand. Where a deferred constraint refuses the commit, the batch is halved until the bad row is alone.

use std::collections::HashSet;

use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior};

use super::bind::{BindError, Binding};
use super::{read, refusal};
use crate::connect::Notes;
use crate::connect::sql::batch::{self, Group, OpKind, runs};
use crate::connect::sql::error::{Refusal, Unwritten, misfit};
use crate::connect::sql::guard::{self, Guard};
use crate::connect::sql::statement::{Rule, Statements};
use crate::connect::sql::{Dialect, KeyOrigin, TableSpec};
use crate::model::{Key, Outcome, RecordError, Row, Value, WriteOp};

/// Writes a batch; an outcome for each operation, or nothing is stored.
pub(super) fn write(
    connection: &mut Connection,
    spec: &TableSpec,
    ops: &[WriteOp],
    notes: Option<&dyn Notes>,
) -> Result<Vec<Outcome>, Unwritten> {
    write_part(connection, spec, (ops, 0), notes)
}

/// Writes a part of a batch that begins at a place of it.
fn write_part(
    connection: &mut Connection,
    spec: &TableSpec,
    (ops, base): (&[WriteOp], usize),
    notes: Option<&dyn Notes>,
) -> Result<Vec<Outcome>, Unwritten> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|e| refusal(&e))?;
    let moved = match Guard::of(spec, ops) {
        Some(guard) => {
            guard.moved(read::fetch(&transaction, &guard.spec, &guard.keys()).map_err(|e| refusal(&e))?)
        }
        None => HashSet::new(),
    };
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(ops.len());
    for group in runs(ops) {
        Run::new(&transaction, spec, &group)?.write(ops, (&group, &moved), &mut outcomes)?;
    }
    batch::note(notes, base, ops, outcomes.iter().map(Some))?;
    match transaction.commit().map_err(|error| refusal(&error)) {
        Ok(()) => Ok(outcomes),
        Err(refused) if !refused.is_record() => Err(refused.into()),
        Err(refused) if ops.len() == 1 => Ok(vec![Outcome::Rejected(refused.into_record())]),
        Err(_) => {
            let middle = ops.len() / 2;
            let (left, right) = ops.split_at(middle);
            let mut outcomes = write_part(connection, spec, (left, base), notes)?;
            outcomes.extend(write_part(connection, spec, (right, base + middle), notes)?);
            Ok(outcomes)
        }
    }
}

/// The statements of neighbouring writes of the same shape.
struct Run<'a> {
    spec: &'a TableSpec,
    /// `None` where the policies leave an update nothing to change.
    statement: Option<CachedStatement<'a>>,
    /// Finds the record that an update or an upsert left as it is.
    lookup: Option<CachedStatement<'a>>,
    bindings: Vec<(usize, Binding)>,
    key: KeyFrom,
    scratch: String,
}

/// Where the key of a written record comes from.
#[derive(Clone, Copy)]
enum KeyFrom {
    /// The operation names it, or it is a column of the row.
    Operation(Option<usize>),
    /// The database answers it.
    Answer,
}

/// Why one write did not happen.
enum Failed {
    Record(RecordError),
    Batch(Refusal),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        let refused = refusal(&error);
        if refused.is_record() { Self::Record(refused.into_record()) } else { Self::Batch(refused) }
    }
}

impl<'a> Run<'a> {
    fn new(transaction: &'a Transaction<'_>, spec: &'a TableSpec, group: &Group) -> Result<Self, Refusal> {
        let statements = Statements { dialect: Dialect::Sqlite, spec };
        let key_at = spec.key_position().filter(|at| group.provided.contains(at));
        let key = match (group.kind, spec.key.origin) {
            (OpKind::Create | OpKind::Upsert, KeyOrigin::Database) => KeyFrom::Answer,
            (OpKind::Create | OpKind::Upsert, KeyOrigin::Row) if key_at.is_none() => KeyFrom::Answer,
            _ => KeyFrom::Operation(key_at),
        };
        let returning = matches!(key, KeyFrom::Answer);
        let sql = match group.kind {
            OpKind::Create => Some(statements.insert(&group.provided, returning)),
            OpKind::Upsert => Some(statements.upsert(&group.provided, returning)),
            OpKind::Update => statements.update(&group.provided, Rule::OfColumns),
            OpKind::Archive => statements.update(&group.provided, Rule::Always),
            OpKind::Delete => Some(statements.delete()),
        };
        let lookup = match group.kind {
            OpKind::Update | OpKind::Archive => Some(statements.exists()),
            OpKind::Upsert if returning => Some(statements.key_by_unique(&group.provided)),
            _ => None,
        };
        let prepare = |sql: Option<String>| -> Result<Option<CachedStatement<'a>>, Refusal> {
            sql.map(|sql| transaction.prepare_cached(&sql)).transpose().map_err(|error| refusal(&error))
        };
        let bindings =
            group.provided.iter().filter_map(|at| Some((*at, Binding::of(spec.columns.get(*at)?)))).collect();
        let (statement, lookup) = (prepare(sql)?, prepare(lookup)?);
        Ok(Self { spec, statement, lookup, bindings, key, scratch: String::new() })
    }

    fn write(
        mut self,
        ops: &[WriteOp],
        (group, moved): (&Group, &HashSet<Key>),
        outcomes: &mut Vec<Outcome>,
    ) -> Result<(), Refusal> {
        for at in &group.ops {
            let outcome = match &ops[*at] {
                op if guard::is_held_off(op, moved) => Ok(Outcome::Stale),
                WriteOp::Create { row } => self.put(row, false),
                WriteOp::Upsert { row } => self.put(row, true),
                WriteOp::Update { key, row, .. } | WriteOp::Archive { key, row } => self.update(key, row),
                WriteOp::Delete { key } => self.delete(key),
            };
            outcomes.push(match outcome {
                Ok(outcome) => outcome,
                Err(Failed::Record(error)) => Outcome::Rejected(error),
                Err(Failed::Batch(refused)) => return Err(refused),
            });
        }
        Ok(())
    }

    fn put(&mut self, row: &Row, by_unique: bool) -> Result<Outcome, Failed> {
        if let Some(error) = by_unique.then(|| batch::unidentified(self.spec, row)).flatten() {
            return Err(Failed::Record(error));
        }
        let Some(mut statement) = self.statement.take() else { return Ok(Outcome::Stale) };
        let outcome = self.put_with(&mut statement, row);
        self.statement = Some(statement);
        outcome
    }

    fn put_with(&mut self, statement: &mut CachedStatement<'a>, row: &Row) -> Result<Outcome, Failed> {
        self.bind(statement, row)?;
        let KeyFrom::Operation(Some(key_at)) = self.key else {
            return match first_key(statement)? {
                Some(key) => Ok(Outcome::Written { key, version: None }),
                None => self.unchanged_by_unique(row),
            };
        };
        let changed = statement.raw_execute()?;
        let key = Key::from_value(row.get(key_at)).unwrap_or_else(|| Key::app(""));
        Ok(if changed > 0 { Outcome::Written { key, version: None } } else { Outcome::Unchanged { key } })
    }

    fn unchanged_by_unique(&mut self, row: &Row) -> Result<Outcome, Failed> {
        let Some(mut lookup) = self.lookup.take() else { return Ok(Outcome::Stale) };
        // The look-up shares the numbers of the inputs with the upsert.
        let count = lookup.parameter_count();
        let outcome = self.bind_first(&mut lookup, row, count).and_then(|()| Ok(first_key(&mut lookup)?));
        self.lookup = Some(lookup);
        Ok(outcome?.map_or(Outcome::Stale, |key| Outcome::Unchanged { key }))
    }

    fn update(&mut self, key: &Key, row: &Row) -> Result<Outcome, Failed> {
        if let Some(mut statement) = self.statement.take() {
            let changed = self.update_with(&mut statement, key, row);
            self.statement = Some(statement);
            if changed? > 0 {
                return Ok(Outcome::Written { key: key.clone(), version: None });
            }
        }
        let Some(lookup) = &mut self.lookup else { return Ok(Outcome::Stale) };
        let exists = lookup.exists([key.as_str()])?;
        Ok(if exists { Outcome::Unchanged { key: key.clone() } } else { Outcome::Stale })
    }

    fn update_with(
        &mut self,
        statement: &mut CachedStatement<'a>,
        key: &Key,
        row: &Row,
    ) -> Result<usize, Failed> {
        self.bind(statement, row)?;
        statement.raw_bind_parameter(self.bindings.len() + 1, key.as_str())?;
        Ok(statement.raw_execute()?)
    }

    fn delete(&mut self, key: &Key) -> Result<Outcome, Failed> {
        let Some(statement) = &mut self.statement else { return Ok(Outcome::Stale) };
        let key = key.clone();
        let deleted = statement.execute([key.as_str()])?;
        Ok(if deleted > 0 { Outcome::Written { key, version: None } } else { Outcome::Unchanged { key } })
    }

    fn bind(&mut self, statement: &mut CachedStatement<'a>, row: &Row) -> Result<(), Failed> {
        self.bind_first(statement, row, self.bindings.len())
    }

    fn bind_first(
        &mut self,
        statement: &mut CachedStatement<'a>,
        row: &Row,
        count: usize,
    ) -> Result<(), Failed> {
        for (parameter, (at, binding)) in self.bindings.iter().take(count).enumerate() {
            let value: &Value = row.get(*at);
            match binding.bind(statement, parameter + 1, value, &mut self.scratch) {
                Ok(()) => {}
                Err(BindError::Sqlite(error)) => return Err(error.into()),
                Err(BindError::Misfit(why)) => {
                    return Err(Failed::Record(misfit(Dialect::Sqlite, why, &self.spec.columns[*at])));
                }
            }
        }
        Ok(())
    }
}

fn first_key(statement: &mut CachedStatement<'_>) -> rusqlite::Result<Option<Key>> {
    let mut rows = statement.raw_query();
    let key = rows.next()?.map(|row| Ok::<_, rusqlite::Error>(read::key(row.get_ref(0)?))).transpose()?;
    // The statement has to run to its end, or the write is not done.
    while rows.next()?.is_some() {}
    Ok(key)
}
