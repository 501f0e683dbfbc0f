//! Reconciliation: everything of both sides is read and compared, and what differs is repaired. Changes are gathered first: more than
//! `max_changes` wait for a person, and then nothing of them was written.
//!
//! Each side streams by once, and no side is looked up by the other record after record: the link remembers what both said when they
//! agreed. First the app: of each link, one bit notes whether its app record says that still. Then Salesforce: a record that says it still,
//! too, is equal to its partner, and is done with. Only pairs of which a side moved are brought together. See [`reading`].

mod met;
mod pending;
mod reading;

use met::Met;
use pending::{Pending, decide_again, makes_pair};

use super::mass::{self, Approval, Ask, Ending};
use super::pass::{Gathered, PassError, Runner, Setting};
use super::settling::{gather, settle};
use super::status::Comparison;
use crate::connect::WriteMode;
use crate::model::Counts;
use crate::sync::Mode;

/// Name of the fact that keeps what came of the last comparison.
pub(super) const DIFFERENCES: &str = "differences";

impl Runner {
    /// Compares everything and repairs differences (reconciliation, `sync --full`).
    pub async fn everything(&mut self, approved: bool) -> Result<Counts, PassError> {
        let mut met = Met::default();
        let mut pending = Pending::default();
        let mut passes = Vec::new();
        for side in self.pipeline.sources() {
            passes.push(self.gathered(Mode::Repair, side));
        }
        let turn = match passes.first() {
            Some(pass) => pass.turn().await,
            None => None,
        };
        if let Some(pass) = passes.first() {
            let setting = pass.setting.clone();
            self.bench(&setting).reclaim().await?;
        }
        if let [_, app] = &mut passes[..] {
            self.hear_app(app, &mut met).await?;
        }
        for pass in &mut passes {
            self.read_all(pass, &mut pending, &mut met, approved).await?;
            self.unseen(pass, &mut pending, &mut met, approved).await?;
            let counts = take_at_rest(pass, &mut pending);
            self.observer.settled(&self.pipeline.name, &counts, true, None);
        }
        self.compared(pending.differed)?;
        if let Some(approval) = self.too_much(&pending, &passes).filter(|_| !approved) {
            return Err(PassError::Approval(approval));
        }
        if let Some(pass) = passes.first_mut() {
            self.write_pending(pass, pending).await?;
        }
        let endings = passes.into_iter().map(|pass| Ending { pass, cursor: None }).collect();
        drop(turn);
        // The deletes were counted already.
        self.conclude("reconciliation", endings, true).await
    }

    /// Tells and remembers how far the sides were from being equal.
    fn compared(&self, differed: u64) -> Result<(), PassError> {
        let comparison = Comparison { at: self.clock.now(), differed };
        self.store.save_pipeline_fact(self.name(), DIFFERENCES, &comparison)?;
        self.observer.compared(self.name(), &comparison);
        Ok(())
    }

    /// Changes and deletes of both sides, if they are more than the file allows: nothing is written before a person has seen the numbers.
    fn too_much(&self, pending: &Pending, passes: &[Gathered]) -> Option<Approval> {
        let limit = self.pipeline.max_changes;
        let mut deletes = pending.deletes;
        for pass in passes {
            mass::count(&pass.deletes, &mut deletes);
            deletes.app += pass.mirror_deletes.len() as u64;
        }
        let wanted = pending.changes;
        let changes = (wanted.all() > limit).then_some(Ask {
            what: "changes",
            wanted,
            limit_name: "max_changes",
            limit,
        });
        let asks: Vec<Ask> = changes.into_iter().chain(self.too_many_deletes(deletes)).collect();
        (!asks.is_empty()).then_some(Approval { run: "reconciliation", asks })
    }

    /// What is allowed is written at once; what may need a person is only counted.
    async fn hold_back(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        approved: bool,
    ) -> Result<(), PassError> {
        if approved {
            let batch = std::mem::take(pending);
            (pending.differed, pending.at_rest) = (batch.differed, batch.at_rest);
            return self.write_pending(pass, batch).await;
        }
        if pending.changes.all() > self.pipeline.max_changes {
            // Counting goes on without keeping what is counted: the number is what the person decides by.
            pending.forget();
        }
        Ok(())
    }

    /// Writes what a comparison found.
    async fn write_pending(&mut self, pass: &mut Gathered, pending: Pending) -> Result<(), PassError> {
        let mut pairs = false;
        for mut prepared in pending.linked {
            if pairs {
                prepared.items.iter_mut().filter(|item| makes_pair(item)).for_each(decide_again);
            }
            pairs |= prepared.items.iter().any(makes_pair);
            let setting = Setting { origin: prepared.origin, ..pass.setting.clone() };
            let executed = self.bench(&setting).execute(prepared, WriteMode::Changes).await?;
            let again = executed.again.clone();
            let commit = gather(pass, executed);
            self.commit(pass, commit, false, None)?;
            let commit = settle(&mut self.bench(&setting), pass, again, WriteMode::Changes).await?;
            self.commit(pass, commit, false, None)?;
        }
        for mut batch in pending.mirror {
            pass.mirror_deletes.append(&mut batch.deletes);
            let setting = pass.setting.clone();
            let executed = self.bench(&setting).execute_mirror(batch, WriteMode::Changes).await?;
            let commit = gather(pass, executed);
            self.commit(pass, commit, false, None)?;
        }
        Ok(())
    }
}

/// Records that were compared and need nothing count when they are met; those that are written count with their writes.
fn take_at_rest(pass: &mut Gathered, pending: &mut Pending) -> Counts {
    let counts = std::mem::take(&mut pending.at_rest);
    pass.counts += counts;
    counts
}
