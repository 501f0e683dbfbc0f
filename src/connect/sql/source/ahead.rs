//! Where the next rows of a window stand. SQLite keeps times in any spelling, so an index on them is of no use and every statement that
//! orders by time looks at all rows: one of them finds the places of many batches, and the batches are read by key.
//!
//! It is only what one look knows; a source that begins anew, or is asked for another place, looks again.

use std::collections::VecDeque;

use crate::model::{Key, Keyset};

/// Places that one look over the table brings: a few MB.
const AT_ONCE: usize = 50_000;

/// Change times and keys of the next rows, in their order.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    places: VecDeque<Keyset>,
    /// The place after which they come.
    after: Option<Keyset>,
    /// Nothing comes after them.
    whole: bool,
}

impl Ahead {
    /// How many places to ask for: one more tells whether there are more.
    pub(super) fn limit() -> usize {
        AT_ONCE + 1
    }

    /// What a look over the table brought.
    pub(super) fn new(mut places: Vec<Keyset>, after: Option<&Keyset>) -> Self {
        let whole = places.len() < Self::limit();
        places.truncate(AT_ONCE);
        Self { places: places.into(), after: after.cloned(), whole }
    }

    /// Whether the rows after this place are known.
    pub(super) fn goes_on_from(&self, place: Option<&Keyset>) -> bool {
        place.is_some() && place == self.after.as_ref() && !self.places.is_empty()
    }

    /// Keys of the next rows.
    pub(super) fn keys(&self, count: usize) -> Vec<Key> {
        self.places.iter().take(count).map(|place| place.id.clone()).collect()
    }

    /// So many of them were read.
    pub(super) fn pass(&mut self, count: usize) {
        if let Some(last) = self.places.drain(..count.min(self.places.len())).next_back() {
            self.after = Some(last);
        }
    }

    /// The last place that was read; `None` when nothing comes after it.
    pub(super) fn place(&self) -> Option<&Keyset> {
        let drained = self.whole && self.places.is_empty();
        self.after.as_ref().filter(|_| !drained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn place(at: i64) -> Keyset {
        Keyset { stamp: Timestamp::from_second(at).unwrap(), id: Key::app(at.to_string()) }
    }

    #[test]
    fn places_are_passed_in_their_order() {
        let mut ahead = Ahead::new((1..=5).map(place).collect(), None);
        assert!(!ahead.goes_on_from(None), "a window that begins looks anew");
        assert_eq!(ahead.keys(2), [Key::app("1"), Key::app("2")]);
        ahead.pass(2);
        assert_eq!(ahead.place(), Some(&place(2)));
        assert!(ahead.goes_on_from(Some(&place(2))) && !ahead.goes_on_from(Some(&place(1))));
        ahead.pass(3);
        assert_eq!(ahead.place(), None);
        assert!(!ahead.goes_on_from(Some(&place(5))));
    }

    #[test]
    fn a_full_look_is_not_the_end() {
        let count = i64::try_from(Ahead::limit()).unwrap();
        let mut ahead = Ahead::new((1..=count).map(place).collect(), None);
        ahead.pass(usize::MAX);
        assert_eq!(ahead.place(), Some(&place(count - 1)), "the one more is looked for again");
        assert!(!ahead.goes_on_from(Some(&place(count - 1))));
        assert_eq!(Ahead::new(Vec::new(), None).place(), None);
    }
}
