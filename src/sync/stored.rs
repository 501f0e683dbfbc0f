//! Whether a write whose answer nobody heard was stored: what the record held before, what the write put there, and what it holds now.

use super::settle::{Fingerprints, in_form};
use super::undo::flows_both_ways;
use crate::model::{Fingerprint, Row, Side};
use crate::plan::{Pipeline, WritePolicy};

/// Fingerprints of what a record of a side, or a write to it, says, row by row and as that side stores it; `UNKNOWN` where it says nothing.
pub fn as_stored(pipeline: &Pipeline, (side, record): (Side, &Row), make: Fingerprints) -> Vec<Fingerprint> {
    let rows = pipeline.rows.iter().map(|mapping| {
        let value = record.get(mapping.field_on(side)?);
        (!value.is_absent()).then(|| make.of(mapping, &in_form(mapping, side, value)))
    });
    rows.map(Option::unwrap_or_default).collect()
}

/// Whether a row asks who changed the target since: there our own write must not pass for somebody's edit.
pub fn asks_who_changed_it(pipeline: &Pipeline, at: usize) -> bool {
    pipeline.rows.get(at).is_some_and(|mapping| {
        mapping.write == WritePolicy::UnlessEdited || flows_both_ways(pipeline, mapping)
    })
}

/// Whether a record was written: a write is stored as a whole, so one value that it put there tells for all of them, and so does one that
/// is as it was before. Where all of them were changed again nobody can tell.
pub fn was_stored(before: &[Fingerprint], wrote: &[Fingerprint], now: &[Fingerprint]) -> bool {
    let rows = before.iter().zip(wrote).zip(now);
    let told = rows.filter(|((before, wrote), _)| wrote.is_known() && before != wrote);
    let (mut stored, mut as_before) = (false, false);
    for ((before, wrote), now) in told {
        stored |= now == wrote;
        as_before |= now == before;
    }
    stored && !as_before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_tells_for_the_whole_write() {
        let prints = |values: [u64; 3]| values.map(Fingerprint);
        let (before, wrote) = (prints([1, 2, 3]), prints([1, 20, 30]));
        for (now, wanted) in [
            ([1, 20, 30], true),
            ([9, 20, 30], true),
            ([1, 20, 99], true),
            ([1, 2, 3], false),
            ([1, 2, 30], false),
            ([1, 88, 99], false),
        ] {
            assert_eq!(was_stored(&before, &wrote, &prints(now)), wanted, "{now:?}");
        }
        // What a write leaves alone tells nothing.
        assert!(!was_stored(&before, &prints([0, 0, 0]), &prints([1, 2, 3])));
    }
}
