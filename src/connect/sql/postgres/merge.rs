//! From the staged batch into the table: one statement for all rows of one shape, halved where a record is refused, until the bad
//! one is alone. Read [`Batch::merge`] first.

use std::ops::Range;

use tokio_postgres::types::ToSql;

use super::refusal;
use super::write::{Batch, written};
use crate::connect::sql::Dialect;
use crate::connect::sql::batch::{Group, OpKind};
use crate::connect::sql::error::Refusal;
use crate::connect::sql::statement::{Rule, STAGE, Statements};
use crate::model::{Class, Key, Outcome};

/// A group that is staged: its operations in the order of their places.
pub(super) struct Staged<'a> {
    pub(super) group: &'a Group,
    pub(super) order: &'a [usize],
}

impl Batch<'_> {
    /// Writes what is staged, halving where a record is refused.
    pub(super) async fn merge(&mut self, staged: &Staged<'_>) -> Result<(), Refusal> {
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

    async fn query(&self, sql: &str, part: &Range<usize>) -> Result<Vec<tokio_postgres::Row>, Refusal> {
        let bound = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
        let range: [&(dyn ToSql + Sync); 2] = [&bound(part.start), &bound(part.end)];
        self.transaction.query(sql, &range).await.map_err(|error| refusal(&error))
    }
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
