//! Writes of a batch to PostgreSQL: one transaction; each group of rows of one shape is staged by COPY and written by one
//! statement. What a record of it does wrong is found by halving, so it costs its neighbours nothing.

use std::ops::Range;

use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;
use xxhash_rust::xxh3::xxh3_64;

use super::read::askable;
use super::stage::{Into, Stage};
use super::{Postgres, decode, refusal};
use crate::connect::sql::batch::{self, Group, OpKind, sets};
use crate::connect::sql::error::{Refusal, Unwritten};
use crate::connect::sql::guard::{self, Guard};
use crate::connect::sql::statement::{Rule, STAGE, Statements};
use crate::connect::sql::{Dialect, TableSpec};
use crate::connect::{ConnectError, Notes, WriteMode};
use crate::model::{Class, Key, Outcome, RecordError, WriteOp};

/// What a destination remembers about copying straight into its table, which only works while all records are new.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Straight {
    worthwhile: bool,
}

impl Default for Straight {
    fn default() -> Self {
        Self { worthwhile: true }
    }
}

impl Postgres {
    pub(in crate::connect::sql) async fn write(
        &self,
        spec: &TableSpec,
        ops: &[WriteOp],
        mode: WriteMode,
        (straight, notes): (&mut Straight, Option<&dyn Notes>),
    ) -> Result<Vec<Outcome>, ConnectError> {
        let system = || format!("{}, table {}", self.name(), spec.table);
        let mut client = self.client().await?;
        let transaction =
            client.transaction().await.map_err(|error| refusal(&error).into_connect(&system()))?;
        let mut batch = Batch {
            transaction: &transaction,
            spec,
            ops,
            outcomes: vec![None; ops.len()],
            all_new: true,
            load: mode == WriteMode::Load,
            straight,
        };
        batch.run().await.map_err(|refused| refused.into_connect(&system()))?;
        batch.note(notes).await.map_err(|error| error.into_connect(&system()))?;
        let outcomes = batch.outcomes;
        match transaction.commit().await.map_err(|error| refusal(&error)) {
            // A place without an outcome would be a fault of this module; looking again is safe.
            Ok(()) => Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Stale)).collect()),
            Err(refused) if is_lost(&refused) => Ok(vec![Outcome::Unknown(lost(refused)); ops.len()]),
            Err(refused) => Err(refused.into_connect(&system())),
        }
    }
}

impl Postgres {
    /// Waits until no create of a table is in the air.
    pub(in crate::connect::sql) async fn settled(&self, spec: &TableSpec) -> Result<(), ConnectError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| self.failed(&error))?;
        transaction.batch_execute(&in_the_air(spec)).await.map_err(|error| self.failed(&error))?;
        transaction.commit().await.map_err(|error| self.failed(&error))
    }
}

/// A lock for the moment between the note of creates and their commit. The server gives it up by itself when the other end of the
/// connection is gone.
fn in_the_air(spec: &TableSpec) -> String {
    let table = xxh3_64(spec.table.to_string().as_bytes()).cast_signed();
    format!(
        "SET LOCAL lock_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '60s'; \
         SELECT pg_advisory_xact_lock({table})"
    )
}

/// Whether nobody knows if a commit went through.
fn is_lost(refused: &Refusal) -> bool {
    refused.remote.as_deref().is_none_or(|state| state.starts_with("08") || state.starts_with("57"))
}

fn lost(refused: Refusal) -> RecordError {
    let mut error = refused.into_record();
    error.message = format!("the answer to the commit was lost: {}", error.message);
    error
}

/// One batch in its transaction.
struct Batch<'a> {
    transaction: &'a Transaction<'a>,
    spec: &'a TableSpec,
    ops: &'a [WriteOp],
    outcomes: Vec<Option<Outcome>>,
    /// Every upsert so far made a new record.
    all_new: bool,
    load: bool,
    straight: &'a mut Straight,
}

/// A group that is staged: its operations in the order of their places.
struct Staged<'a> {
    group: &'a Group,
    order: &'a [usize],
}

impl Batch<'_> {
    async fn run(&mut self) -> Result<(), Refusal> {
        // A lock that nobody releases must not hang a pipeline; deferred constraints would only speak up at the commit.
        self.execute("SET LOCAL lock_timeout = '30s'; SET CONSTRAINTS ALL IMMEDIATE").await?;
        self.hold_off().await?;
        let mut upserted = false;
        for group in sets(self.spec, self.ops) {
            upserted |= group.kind == OpKind::Upsert;
            self.write(&group).await?;
        }
        if upserted {
            self.straight.worthwhile = self.all_new;
        }
        Ok(())
    }

    /// Settles the updates of records that moved since they were read; those that did not can no longer move before the commit.
    async fn hold_off(&mut self) -> Result<(), Refusal> {
        let Some(guard) = Guard::of(self.spec, self.ops) else { return Ok(()) };
        let sql = Statements { dialect: Dialect::Postgres, spec: &guard.spec }.fetch_locked();
        let keys = guard.keys();
        let answers = self.transaction.query(&sql, &[&askable(&guard.spec, &keys)]).await;
        let record = |answer: &tokio_postgres::Row| -> Result<_, tokio_postgres::Error> {
            Ok((Key::app(answer.get::<_, &str>(0)), decode::record(answer, 1, &guard.spec.reads)?))
        };
        let now = answers.and_then(|answers| answers.iter().map(record).collect::<Result<Vec<_>, _>>());
        let moved = guard.moved(now.map_err(|error| refusal(&error))?);
        for (op, outcome) in self.ops.iter().zip(&mut self.outcomes) {
            if guard::is_held_off(op, &moved) {
                *outcome = Some(Outcome::Stale);
            }
        }
        Ok(())
    }

    /// Says the keys of new records. From here to the end of the transaction it holds [`in_the_air`], so that whoever looks for
    /// the records later waits until it is decided whether they exist.
    async fn note(&self, notes: Option<&dyn Notes>) -> Result<(), Unwritten> {
        if notes.is_none() || !self.ops.iter().any(|op| matches!(op, WriteOp::Create { .. })) {
            return Ok(());
        }
        self.execute(&in_the_air(self.spec)).await?;
        batch::note(notes, 0, self.ops, self.outcomes.iter().map(Option::as_ref))
    }

    async fn write(&mut self, group: &Group) -> Result<(), Refusal> {
        let open = |at: &usize| self.outcomes[*at].is_none();
        let mut order: Vec<usize> = group.ops.iter().copied().filter(open).collect();
        if order.is_empty() {
            return Ok(());
        }
        if group.kind == OpKind::Upsert {
            // One order for everybody who writes the table, so that two writers wait for each other but never deadlock.
            if let Some(key) = self.spec.unique_positions().and_then(|positions| positions.first().copied()) {
                order.sort_by(|left, right| {
                    text_at(&self.ops[*left], key).cmp(text_at(&self.ops[*right], key))
                });
            }
        }
        let stage = Stage::new(self.spec, group);
        let may = self.load
            && group.kind == OpKind::Upsert
            && self.spec.key_is_in_row()
            && self.straight.worthwhile;
        if may && stage.can_go_straight() && self.copy_straight(&stage, &order).await? {
            return Ok(());
        }
        self.execute(&stage.create_sql()).await?;
        for (at, error) in stage.send(self.transaction, Into::Stage, self.ops, &order).await? {
            self.outcomes[at] = Some(Outcome::Rejected(error));
        }
        let statements = Statements { dialect: Dialect::Postgres, spec: self.spec };
        if let Some(analyze) = stage.analyze_sql(&statements) {
            self.execute(&analyze).await?;
        }
        self.merge(&Staged { group, order: &order }).await?;
        self.execute(&format!("DROP TABLE {STAGE}")).await
    }

    /// Copies straight into the table. False where one of the records is refused: nothing is written then.
    async fn copy_straight(&mut self, stage: &Stage<'_>, order: &[usize]) -> Result<bool, Refusal> {
        self.execute("SAVEPOINT sfsync").await?;
        match stage.send(self.transaction, Into::Table, self.ops, order).await {
            Ok(left_out) => {
                for at in order {
                    self.outcomes[*at] = Some(written(self.key_of(*at)));
                }
                for (at, error) in left_out {
                    self.outcomes[at] = Some(Outcome::Rejected(error));
                }
                self.execute("RELEASE SAVEPOINT sfsync").await?;
                Ok(true)
            }
            Err(refused) if refused.is_record() => {
                self.execute("ROLLBACK TO SAVEPOINT sfsync").await?;
                Ok(false)
            }
            Err(refused) => Err(refused),
        }
    }

    /// Writes what is staged, halving where a record is refused.
    async fn merge(&mut self, staged: &Staged<'_>) -> Result<(), Refusal> {
        let all = 0..staged.order.len();
        let mut parts = vec![all];
        while let Some(part) = parts.pop() {
            self.execute("SAVEPOINT sfsync").await?;
            let refused = match self.merge_part(staged, part.clone()).await {
                Ok(()) => {
                    self.execute("RELEASE SAVEPOINT sfsync").await?;
                    continue;
                }
                Err(refused) if refused.is_record() => refused,
                Err(refused) => return Err(refused),
            };
            self.execute("ROLLBACK TO SAVEPOINT sfsync").await?;
            if part.len() <= 1 {
                if let Some(at) = staged.order.get(part.start) {
                    self.outcomes[*at] = Some(Outcome::Rejected(refused.into_record()));
                }
                continue;
            }
            let middle = part.start + part.len() / 2;
            parts.push(middle..part.end);
            parts.push(part.start..middle);
        }
        Ok(())
    }

    async fn merge_part(&mut self, staged: &Staged<'_>, part: Range<usize>) -> Result<(), Refusal> {
        let statements = Statements { dialect: Dialect::Postgres, spec: self.spec };
        let provided = &staged.group.provided;
        match staged.group.kind {
            OpKind::Create => return self.create(&statements.insert(provided, true), staged, part).await,
            OpKind::Upsert => return self.upsert(&statements, staged, part).await,
            OpKind::Update | OpKind::Archive => {
                let rule = if staged.group.kind == OpKind::Archive { Rule::Always } else { Rule::OfColumns };
                if let Some(sql) = statements.update(provided, rule) {
                    self.by_place(&sql, staged, &part, written).await?;
                }
                self.by_place(&statements.exists(), staged, &part, unchanged).await?;
                self.rest(staged, part, |_| Outcome::Stale);
            }
            OpKind::Delete => {
                self.by_place(&statements.delete(), staged, &part, written).await?;
                self.rest(staged, part, unchanged);
            }
        }
        Ok(())
    }

    /// An insert answers in the order in which it was given its rows.
    async fn create(&mut self, sql: &str, staged: &Staged<'_>, part: Range<usize>) -> Result<(), Refusal> {
        let answers = self.query(sql, &part).await?;
        let open = |at: &&usize| self.outcomes[**at].is_none();
        let places: Vec<usize> = staged.order[part].iter().filter(open).copied().collect();
        if answers.len() != places.len() {
            return Err(not_stored());
        }
        for (at, answer) in places.into_iter().zip(answers) {
            self.outcomes[at] = Some(written(Key::app(answer.get::<_, &str>(0))));
        }
        Ok(())
    }

    async fn upsert(
        &mut self,
        statements: &Statements<'_>,
        staged: &Staged<'_>,
        part: Range<usize>,
    ) -> Result<(), Refusal> {
        let provided = &staged.group.provided;
        let changed = if self.load { Vec::new() } else { self.change(statements, provided, &part).await? };
        let mut put = Vec::new();
        if changed.len() < part.len() {
            self.unstage(&changed).await?;
            put = self.query(&statements.upsert(provided, true), &part).await?;
        }
        self.all_new &= put.len() == part.len() && put.iter().all(|answer| answer.get(2));
        // Only now: had one of them been refused, the changes would have been undone.
        for answer in changed.iter().chain(&put) {
            self.settle(staged, answer.get(0), written(Key::app(answer.get::<_, &str>(1))));
        }
        if self.spec.key_is_in_row() {
            self.rest(staged, part, unchanged);
        } else if changed.len() + put.len() < part.len() {
            for answer in self.query(&statements.key_by_unique(provided), &part).await? {
                self.settle(staged, answer.get(0), unchanged(Key::app(answer.get::<_, &str>(1))));
            }
        }
        Ok(())
    }

    /// Changes the records that are there. Most that changed in Salesforce are, and to try an insert first costs each a lock of its own.
    async fn change(
        &self,
        statements: &Statements<'_>,
        provided: &[usize],
        part: &Range<usize>,
    ) -> Result<Vec<tokio_postgres::Row>, Refusal> {
        match statements.update_by_unique(provided) {
            Some(sql) => self.query(&sql, part).await,
            None => Ok(Vec::new()),
        }
    }

    /// Leaves what is done out of what is staged.
    async fn unstage(&self, done: &[tokio_postgres::Row]) -> Result<(), Refusal> {
        if done.is_empty() {
            return Ok(());
        }
        let places: Vec<i32> = done.iter().map(|answer| answer.get(0)).collect();
        let sql = format!("DELETE FROM {STAGE} WHERE at = ANY($1)");
        self.transaction.execute(&sql, &[&places]).await.map(drop).map_err(|error| refusal(&error))
    }

    /// Runs a statement that answers places; those without an outcome get this one.
    async fn by_place(
        &mut self,
        sql: &str,
        staged: &Staged<'_>,
        part: &Range<usize>,
        outcome: fn(Key) -> Outcome,
    ) -> Result<(), Refusal> {
        for answer in self.query(sql, part).await? {
            let place: i32 = answer.get(0);
            if let Some(at) = usize::try_from(place).ok().and_then(|place| staged.order.get(place)) {
                let outcome = outcome(self.key_of(*at));
                self.settle(staged, place, outcome);
            }
        }
        Ok(())
    }

    fn settle(&mut self, staged: &Staged<'_>, place: i32, outcome: Outcome) {
        let at = usize::try_from(place).ok().and_then(|place| staged.order.get(place));
        if let Some(open) = at.and_then(|at| self.outcomes.get_mut(*at)) {
            open.get_or_insert(outcome);
        }
    }

    /// An outcome for every record that the answers left out.
    fn rest(&mut self, staged: &Staged<'_>, part: Range<usize>, outcome: fn(Key) -> Outcome) {
        for at in &staged.order[part] {
            if self.outcomes[*at].is_none() {
                self.outcomes[*at] = Some(outcome(self.key_of(*at)));
            }
        }
    }

    /// The key that the operation names, or that is a column of its row.
    fn key_of(&self, at: usize) -> Key {
        match &self.ops[at] {
            WriteOp::Update { key, .. } | WriteOp::Archive { key, .. } | WriteOp::Delete { key } => {
                key.clone()
            }
            WriteOp::Create { row } | WriteOp::Upsert { row } => {
                let position = self.spec.key_position();
                position.and_then(|at| Key::from_value(row.get(at))).unwrap_or_else(|| Key::app(""))
            }
        }
    }

    async fn execute(&self, sql: &str) -> Result<(), Refusal> {
        self.transaction.batch_execute(sql).await.map_err(|error| refusal(&error))
    }

    async fn query(&self, sql: &str, part: &Range<usize>) -> Result<Vec<tokio_postgres::Row>, Refusal> {
        let bound = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
        let range: [&(dyn ToSql + Sync); 2] = [&bound(part.start), &bound(part.end)];
        self.transaction.query(sql, &range).await.map_err(|error| refusal(&error))
    }
}

fn text_at(op: &WriteOp, position: usize) -> &str {
    match op {
        WriteOp::Create { row } | WriteOp::Upsert { row } => row.get(position).as_text().unwrap_or_default(),
        WriteOp::Update { .. } | WriteOp::Archive { .. } | WriteOp::Delete { .. } => "",
    }
}

fn written(key: Key) -> Outcome {
    Outcome::Written { key, version: None }
}

fn unchanged(key: Key) -> Outcome {
    Outcome::Unchanged { key }
}

/// A trigger that answers nothing keeps a row out without an error.
fn not_stored() -> Refusal {
    Refusal {
        code: "R229",
        class: Class::Record,
        remote: None,
        message: "the database did not store the record and did not say why (a trigger may suppress it)"
            .to_owned(),
        columns: Vec::new(),
    }
}
