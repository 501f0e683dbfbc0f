//! What a comparison has seen so far: a bit or two for a link, a hash for a record without one. Nothing of the records themselves.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use crate::model::{Key, Side};

/// App records without a link that are kept by key until Salesforce was read; more of them, and the app is read once more.
const BY_KEY: usize = 50_000;

/// Records that a comparison has met.
#[derive(Default)]
pub(super) struct Met {
    /// Links whose pairs were compared.
    pub(super) pairs: Marks,
    /// Links whose app record is as it was when both sides agreed.
    pub(super) as_agreed: Marks,
    /// Linked Salesforce records that are not found.
    pub(super) vanished: u64,
    /// The app was read before Salesforce.
    pub(super) heard: bool,
    /// App records that were read then and have no link.
    unlinked: Vec<Key>,
    /// There were too many of them.
    overflown: bool,
    salesforce: HashSet<u64>,
    app: HashSet<u64>,
}

impl Met {
    fn of(&mut self, side: Side) -> &mut HashSet<u64> {
        match side {
            Side::Salesforce => &mut self.salesforce,
            Side::App => &mut self.app,
        }
    }

    /// Whether a record without a link was compared.
    pub(super) fn has(&self, side: Side, key: &Key) -> bool {
        let met = if side == Side::Salesforce { &self.salesforce } else { &self.app };
        met.contains(&hash(key))
    }

    /// A record without a link is compared now; false if it was before.
    pub(super) fn meets(&mut self, side: Side, key: &Key) -> bool {
        self.of(side).insert(hash(key))
    }

    /// An app record without a link was read before Salesforce was.
    pub(super) fn keep(&mut self, key: Key) {
        if self.unlinked.len() < BY_KEY {
            self.unlinked.push(key);
        } else {
            self.overflown = true;
        }
    }

    /// The app records that are left to compare; `None`: only another reading tells.
    pub(super) fn left(&mut self) -> Option<Vec<Key>> {
        if !self.heard || self.overflown {
            return None;
        }
        let mut unlinked = std::mem::take(&mut self.unlinked);
        unlinked.retain(|key| !self.has(Side::App, key));
        Some(unlinked)
    }
}

fn hash(key: &Key) -> u64 {
    xxh3_64(key.as_str().as_bytes())
}

/// A set of the numbers of links, which are dense.
#[derive(Default)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    /// Adds a number; false if it was there.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let Ok(at) = usize::try_from(number / 64) else { return true };
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        let bit = 1 << (number % 64);
        let is_new = self.0[at] & bit == 0;
        self.0[at] |= bit;
        is_new
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|at| self.0.get(at));
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_a_set_of_numbers() {
        let mut marks = Marks::default();
        assert!(!marks.contains(700));
        assert!(marks.insert(700) && marks.insert(0) && marks.insert(63) && marks.insert(64));
        assert!(!marks.insert(700) && !marks.insert(64));
        let there: Vec<u64> = (0..1_000).filter(|number| marks.contains(*number)).collect();
        assert_eq!(there, [0, 63, 64, 700]);
    }

    #[test]
    fn many_records_without_a_link_are_read_again() {
        let mut met = Met { heard: true, ..Met::default() };
        let key = |number: usize| Key::app(number.to_string());
        (0..10).for_each(|number| met.keep(key(number)));
        assert!(met.meets(Side::App, &key(3)) && !met.meets(Side::App, &key(3)));
        assert_eq!(met.left().unwrap().len(), 9, "one was met from Salesforce");
        (0..=BY_KEY).for_each(|number| met.keep(key(number)));
        assert!(met.left().is_none());
    }
}
