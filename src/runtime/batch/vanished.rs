//! Linked records that their own side does not find any more. That is no evidence of a delete: nothing is done to their partners, and
//! somebody is told. Evidence may come later.

use super::decide::Item;
use super::failures::failure_id;
use super::{BatchError, Bench};
use crate::model::{Commit, FailureKind, Key, Link, LinkState, Side};

/// How such a failure is named.
pub(in crate::runtime) const MISSED: &str = "R306";

impl Bench<'_> {
    /// Remembers the pairs of these records as broken, each with a failure that says so; a pair lives on when its record is seen again. The
    /// other records are settled: there is nothing of them.
    pub(in crate::runtime) fn vanished(&self, commit: &mut Commit, keys: &[Key]) -> Result<(), BatchError> {
        let (name, generation) = (&self.pipeline.name, self.pipeline.generation);
        let links = self.store.links_of(name, generation, (self.origin, keys))?;
        for (key, mut links) in keys.iter().zip(links) {
            let was_missed = self.was_missed(key)?;
            let state = LinkState::gone_on(self.origin);
            links.retain(|link| link.state == LinkState::Active || was_missed && link.state == state);
            let Some(link) = links.first() else {
                commit.settled.push((self.origin, key.clone()));
                continue;
            };
            let item = Item::new(self.origin, key.clone(), None, Some(link.clone()));
            let message = format!(
                "the linked record {key} is not found any more: deleted for good, or hidden from the integration user; {} {} stays as it is",
                place(self.target()),
                link.key(self.target())
            );
            commit.counts.failed += 1;
            commit.failures.push(self.failure(&item, MISSED, FailureKind::Failed, &message, &[])?);
            commit.links.extend(links.into_iter().map(|link| Link { state, ..link }));
        }
        Ok(())
    }

    /// The linked app record of a record was not found, where that is no evidence. The pair lives on: the record may be seen again.
    pub(super) fn missed(&self, commit: &mut Commit, item: &Item, key: &Key) -> Result<(), BatchError> {
        let message = format!(
            "the linked record {key} is not in the app's list any more, and the app does not answer for single records: {} {} stays as it is",
            place(self.origin),
            item.key
        );
        commit.counts.failed += 1;
        commit.failures.push(self.failure(item, MISSED, FailureKind::Failed, &message, &[])?);
        Ok(())
    }

    /// Whether somebody was told that a record is not found: its pair is broken, but nobody knows yet why.
    pub(super) fn was_missed(&self, key: &Key) -> Result<bool, BatchError> {
        let failure = self.store.failure(&failure_id(&self.pipeline.name, self.origin, key))?;
        Ok(failure.is_some_and(|failure| failure.code == MISSED))
    }
}

fn place(side: Side) -> &'static str {
    match side {
        Side::Salesforce => "the Salesforce record",
        Side::App => "the app record",
    }
}
