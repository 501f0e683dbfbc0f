//! In which order and company records are sent: operations on one record one after the other, records of one parent together, and never
//! two requests with the same parent at once, because Salesforce locks the parent. Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::prepare::Prepared;
use crate::model::Key;

/// Most bytes of one request, estimated; Salesforce takes 50 MB.
const MAX_BYTES: usize = 16 << 20;

/// What goes in one request.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The records.
    pub records: Vec<Prepared>,
}

impl Batch {
    fn parents(&self) -> BTreeSet<&Key> {
        self.records.iter().filter_map(|record| record.parent.as_ref()).collect()
    }

    /// The two halves, in order. Only of batches with two records or more.
    pub(super) fn halves(mut self) -> [Self; 2] {
        let rest = self.records.split_off(self.records.len() / 2);
        [self, Self { records: rest }]
    }
}

/// Splits operations so that no two on one record are in the same wave; the order of those on one record stays.
pub(super) fn waves(records: Vec<Prepared>) -> Vec<Vec<Prepared>> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut waves: Vec<Vec<Prepared>> = Vec::new();
    for record in records {
        let wave = match record.identity() {
            Some(identity) => {
                let next = seen.entry(identity).or_insert(0);
                *next += 1;
                *next - 1
            }
            None => 0,
        };
        if waves.len() <= wave {
            waves.resize_with(wave + 1, Vec::new);
        }
        waves[wave].push(record);
    }
    waves
}

/// Sorts by parent and cuts into requests of at most `size` records.
pub(super) fn batches(mut records: Vec<Prepared>, size: usize) -> VecDeque<Batch> {
    records.sort_by(|left, right| left.parent.cmp(&right.parent));
    let mut out = VecDeque::new();
    let (mut batch, mut bytes) = (Batch::default(), 0);
    for record in records {
        let weight = record.weight();
        if !batch.records.is_empty() && (batch.records.len() >= size || bytes + weight > MAX_BYTES) {
            out.push_back(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += weight;
        batch.records.push(record);
    }
    if !batch.records.is_empty() {
        out.push_back(batch);
    }
    out
}

/// Takes the batches that may be in flight together: at most so many, and none that shares a parent with another.
pub(super) fn next_round(waiting: &mut VecDeque<Batch>, at_once: usize) -> Vec<Batch> {
    let (mut round, mut held): (Vec<Batch>, BTreeSet<Key>) = (Vec::new(), BTreeSet::new());
    let mut rest = VecDeque::with_capacity(waiting.len());
    while let Some(batch) = waiting.pop_front() {
        let parents = batch.parents();
        if round.len() >= at_once.max(1) || parents.iter().any(|parent| held.contains(*parent)) {
            rest.push_back(batch);
            continue;
        }
        held.extend(parents.into_iter().cloned());
        round.push(batch);
    }
    *waiting = rest;
    round
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::prepare::Verb;
    use super::*;

    fn record(at: usize, id: Option<u32>, parent: Option<u32>) -> Prepared {
        let key = |n: u32| Key::app(format!("p{n}"));
        Prepared {
            at,
            verb: Verb::Update,
            id: id.map(key),
            external: None,
            fields: Vec::new(),
            expected: None,
            parent: parent.map(key),
            link: None,
        }
    }

    proptest! {
        #[test]
        fn one_record_is_never_twice_in_a_wave(ids in prop::collection::vec(prop::option::of(0u32..5), 0..40)) {
            let records: Vec<Prepared> = ids.iter().enumerate().map(|(at, id)| record(at, *id, None)).collect();
            let waves = waves(records);
            prop_assert_eq!(waves.iter().map(Vec::len).sum::<usize>(), ids.len());
            let mut order: HashMap<String, usize> = HashMap::new();
            for wave in &waves {
                let mut seen = BTreeSet::new();
                for record in wave {
                    if let Some(identity) = record.identity() {
                        prop_assert!(seen.insert(identity.clone()));
                        prop_assert!(order.insert(identity, record.at).is_none_or(|before| before < record.at));
                    }
                }
            }
        }

        #[test]
        fn no_parent_is_in_flight_twice(
            parents in prop::collection::vec(prop::option::of(0u32..6), 1..80),
            size in 1usize..9,
            at_once in 1usize..5,
        ) {
            let records = parents.iter().enumerate().map(|(at, parent)| record(at, None, *parent)).collect();
            let mut waiting = batches(records, size);
            prop_assert_eq!(waiting.len(), parents.len().div_ceil(size));
            let mut sent = BTreeSet::new();
            while !waiting.is_empty() {
                let round = next_round(&mut waiting, at_once);
                prop_assert!(!round.is_empty() && round.len() <= at_once);
                let mut held: BTreeSet<Key> = BTreeSet::new();
                for batch in &round {
                    prop_assert!(batch.records.len() <= size);
                    for parent in batch.parents() {
                        prop_assert!(held.insert(parent.clone()));
                    }
                    sent.extend(batch.records.iter().map(|record| record.at));
                }
            }
            prop_assert_eq!(sent.len(), parents.len());
        }
    }
}
