//! Linked records that their own side does not find any more. That is no evidence of a delete: nothing is done to their partners, and
//! somebody is told.

use super::decide::Item;
use super::{BatchError, Bench};
use crate::model::{Commit, FailureKind, Key, Link, LinkState, Side};

impl Bench<'_> {
    /// Remembers the pairs of these records as broken, each with a failure that says so; a pair lives on when its record is seen again. The
    /// other records are settled: there is nothing of them.
    pub(in crate::runtime) fn vanished(&self, commit: &mut Commit, keys: &[Key]) -> Result<(), BatchError> {
        let (name, generation) = (&self.pipeline.name, self.pipeline.generation);
        let links = self.store.links_of(name, generation, (self.origin, keys))?;
        for (key, links) in keys.iter().zip(links) {
            let active: Vec<Link> =
                links.into_iter().filter(|link| link.state == LinkState::Active).collect();
            let Some(link) = active.first() else {
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
            commit.failures.push(self.failure(&item, "R306", FailureKind::Failed, &message, &[])?);
            let state = LinkState::gone_on(self.origin);
            commit.links.extend(active.into_iter().map(|link| Link { state, ..link }));
        }
        Ok(())
    }
}

fn place(side: Side) -> &'static str {
    match side {
        Side::Salesforce => "the Salesforce record",
        Side::App => "the app record",
    }
}
