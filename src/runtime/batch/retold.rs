//! Updates that may be replayed. An update that is stored twice does no harm; but one whose answer is lost, or after which the process
//! dies, leaves a record that differs from the baseline, and the next look takes our own value for an edit of somebody: where the other side
//! has moved on, that is a conflict, and the older value may win it. So an update is noted before it is sent, and what became of it
//! is found out before anything else is decided: if it was stored, the baseline moves as it would have.

use std::collections::HashMap;

use super::decide::{Fate, Item};
use super::recall::align;
use super::{BatchError, Bench};
use crate::model::{Commit, Fingerprint, Intent, Key, Link, LinkState, Op, Row, Side, Value};
use crate::sync::{self, Decision};

impl Bench<'_> {
    /// The note of an update, if a row of it asks later who changed the record.
    pub(super) fn note_of_update(&self, item: &Item, on: Side) -> Option<Intent> {
        let Some(Fate::Decided(Decision::Update { writes, .. })) = &item.fate else { return None };
        let write = writes.iter().find(|write| write.side == on)?;
        write.rows.iter().find(|at| sync::asks_who_changed_it(self.pipeline, **at))?;
        let prints = |row: &Row| sync::as_stored(self.pipeline, (on, row), self.facts.fingerprints);
        let (before, wrote) = (prints(item.row_on(on)?), prints(&write.row));
        let link = self.link(item, &[(on, Op::Update, write.key.clone(), None)])?;
        Some(Intent { on, link, row: Some(written_down(&before, &wrote)), since: self.facts.now })
    }

    /// Finds out which updates were stored, and moves the baselines of those.
    pub(super) async fn recover_updates(
        &mut self,
        (on, intents): (Side, &[Intent]),
        commit: &mut Commit,
    ) -> Result<(), BatchError> {
        let mut keys: Vec<Key> = intents.iter().filter_map(|intent| intent.target().cloned()).collect();
        keys.sort();
        keys.dedup();
        if keys.is_empty() {
            return Ok(());
        }
        let rows: HashMap<Key, Row> = self.destination(on)?.fetch(&keys).await?.into_iter().collect();
        for intent in intents {
            let row = intent.target().and_then(|key| rows.get(key));
            let Some((row, noted)) = row.zip(intent.row.as_ref()) else { continue };
            // After an edit of the file its rows are other ones; then the pair is looked at without the note.
            if intent.link.row_set != self.pipeline.row_set.id {
                continue;
            }
            let (before, wrote) = read_back(noted);
            let now = sync::as_stored(self.pipeline, (on, row), self.facts.fingerprints);
            if sync::was_stored(&before, &wrote, &now) {
                self.stored_after_all(intent, &wrote, commit)?;
            }
        }
        Ok(())
    }

    fn stored_after_all(
        &self,
        intent: &Intent,
        wrote: &[Fingerprint],
        commit: &mut Commit,
    ) -> Result<(), BatchError> {
        let pair =
            |link: &&mut Link| link.salesforce == intent.link.salesforce && link.app == intent.link.app;
        if let Some(link) = commit.links.iter_mut().find(pair) {
            move_baselines(link, &intent.link, wrote);
            return Ok(());
        }
        let (name, generation) = (&self.pipeline.name, self.pipeline.generation);
        let key = std::slice::from_ref(&intent.link.salesforce);
        match self.store.links_by_salesforce(name, generation, key)?.into_iter().flatten().next() {
            Some(link) if link.app == intent.link.app && link.state == LinkState::Active => {
                let mut link = align(self.pipeline, self.row_sets, link);
                move_baselines(&mut link, &intent.link, wrote);
                commit.links.push(link);
            }
            // The update was the first of a pair that had just been found.
            None if self.is_free(intent.on, intent.link.key(intent.on), intent.source())? => {
                commit.links.push(intent.link.clone());
            }
            _ => {}
        }
        Ok(())
    }
}

fn move_baselines(link: &mut Link, noted: &Link, wrote: &[Fingerprint]) {
    for (at, _) in wrote.iter().enumerate().filter(|(_, wrote)| wrote.is_known()) {
        for (now, then) in [
            (&mut link.salesforce_baseline, &noted.salesforce_baseline),
            (&mut link.app_baseline, &noted.app_baseline),
        ] {
            if let (Some(now), Some(then)) = (now.get_mut(at), then.get(at)) {
                *now = *then;
            }
        }
    }
}

/// What was there and what was written, one after the other: fingerprints alone, no value of anybody.
fn written_down(before: &[Fingerprint], wrote: &[Fingerprint]) -> Row {
    let value = |print: &Fingerprint| Value::Int(print.0.cast_signed());
    Row::from(before.iter().chain(wrote).map(value).collect::<Vec<_>>())
}

fn read_back(noted: &Row) -> (Vec<Fingerprint>, Vec<Fingerprint>) {
    let print = |value: &Value| match value {
        Value::Int(print) => Fingerprint(print.cast_unsigned()),
        _ => Fingerprint::UNKNOWN,
    };
    let mut before: Vec<Fingerprint> = noted.0.iter().map(print).collect();
    let wrote = before.split_off(before.len() / 2);
    (before, wrote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_back() {
        let prints = |values: [u64; 3]| values.map(Fingerprint).to_vec();
        let (before, wrote) = (prints([1, u64::MAX, 0]), prints([0, 1 << 63, 7]));
        let noted = written_down(&before, &wrote);
        assert_eq!(read_back(&noted), (before, wrote));
    }
}
