//! The breaker for one pair: two systems that answer each other's values for ever (a trigger that formats a phone number, a flow that sets
//! a status back) make a pipeline write to both sides in turn. Every single write is right, so no merge can see it; the rhythm can.
//! Pure: the shell keeps a [`Swing`] for each pair that was written lately, and holds the pair once it is too much.

use serde::{Deserialize, Serialize};

use crate::model::Side;

/// Turns after which a pair is held.
pub const TURNS: u8 = 10;

/// Turns from which on the count outlives the daemon: fewer are life, and not worth a write.
pub const REMEMBERED: u8 = 3;

/// Writes that are further apart than this are no answer to each other, in seconds.
pub const CALM: i64 = 6 * 3_600;

/// How the writes to a pair went lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swing {
    /// The side that was written last.
    side: Side,
    /// The rows that were written by every turn so far.
    rows: Vec<usize>,
    /// How often a write to one side was followed by a write of the same rows to the other.
    turns: u8,
    /// Second of the last write.
    last: i64,
}

impl Swing {
    /// After a write of these rows to a side. One more write to the same side is no turn: a busy person is no loop. Rows that took no
    /// part in the turn before begin anew: two people who edit different fields of a record on both sides are none either.
    #[must_use]
    pub fn after(before: Option<&Self>, side: Side, rows: &[usize], now: i64) -> Self {
        let fresh = Self { side, rows: rows.to_vec(), turns: 0, last: now };
        let Some(before) = before.filter(|before| now - before.last <= CALM) else { return fresh };
        let both: Vec<usize> = before.rows.iter().copied().filter(|row| rows.contains(row)).collect();
        match (both.is_empty(), side == before.side) {
            (true, _) => fresh,
            (false, true) => Self { last: now, ..before.clone() },
            (false, false) => Self { side, rows: both, turns: before.turns.saturating_add(1), last: now },
        }
    }

    /// Whether it is too much.
    pub fn is_open(&self) -> bool {
        self.turns >= TURNS
    }

    /// Whether it has to be remembered over a restart.
    pub fn is_remembered(&self) -> bool {
        self.turns >= REMEMBERED
    }

    /// How often it went back and forth so far.
    pub fn turns(&self) -> u8 {
        self.turns
    }

    /// Whether it may be forgotten.
    pub fn is_calm(&self, now: i64) -> bool {
        now - self.last > CALM
    }

    /// The rows that swing.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Side = Side::Salesforce;
    const A: Side = Side::App;

    /// Writes at these seconds.
    fn swing(writes: impl IntoIterator<Item = (Side, Vec<usize>, i64)>) -> Option<Swing> {
        writes
            .into_iter()
            .fold(None, |before, (side, rows, now)| Some(Swing::after(before.as_ref(), side, &rows, now)))
    }

    fn side(turn: i64) -> Side {
        if turn % 2 == 0 { A } else { S }
    }

    #[test]
    fn two_systems_that_answer_each_other_are_stopped() {
        let answers = |count: i64| swing((0..count).map(|turn| (side(turn), vec![3], turn * 900)));
        assert!(!answers(i64::from(TURNS)).unwrap().is_open());
        let open = answers(i64::from(TURNS) + 1).unwrap();
        assert!(open.is_open());
        assert_eq!(open.rows(), [3]);
    }

    #[test]
    fn a_row_that_swings_is_found_among_others() {
        let writes = (0..11).map(|turn| {
            let rows = if turn == 0 { vec![1, 3, 7] } else { vec![3] };
            (side(turn), rows, turn)
        });
        assert_eq!(swing(writes).unwrap().rows(), [3]);
    }

    #[test]
    fn people_are_no_loop() {
        let one_side = (0..500).map(|turn| (A, vec![3], turn));
        assert!(!swing(one_side).unwrap().is_open(), "all edits come from one side");
        let different = (0..500).map(|turn| (side(turn), vec![usize::from(turn % 2 == 0)], turn));
        assert!(!swing(different).unwrap().is_open(), "each side has its own field");
        let slowly = (0..500).map(|turn| (side(turn), vec![3], turn * (CALM + 1)));
        assert!(!swing(slowly).unwrap().is_open(), "nobody answers so late");
    }
}
