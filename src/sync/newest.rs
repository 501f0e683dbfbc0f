//! Which side changed last, for `conflict: newest`. A stamp is that of a whole record, whoever moved it: our own write moves it too. The table
//! below says what follows from that, case by case.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::model::Side;

/// The side whose record changed later; `None` where the stamps do not tell. Salesforce stamps whole seconds: within one of them nobody
/// can say.
pub(super) fn newest(salesforce: Option<Timestamp>, app: Option<Timestamp>) -> Option<Side> {
    match app?.as_second().cmp(&salesforce?.as_second()) {
        Ordering::Greater => Some(Side::App),
        Ordering::Less => Some(Side::Salesforce),
        Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fingerprint, Value, fingerprint};
    use crate::plan::{Conflict, OnNull, WritePolicy};
    use crate::sync::merge::tests::row;
    use crate::sync::{Baseline, Turn, Verdict, Writable, merge_row};

    #[test]
    fn within_one_second_nobody_was_later() {
        let at = |text: &str| -> Option<Timestamp> { format!("2026-03-01T12:00:{text}Z").parse().ok() };
        assert_eq!(newest(at("05"), at("06.1")), Some(Side::App));
        assert_eq!(newest(at("06"), at("05.9")), Some(Side::Salesforce));
        assert_eq!(newest(at("05"), at("05.2")), None, "Salesforce may have stamped at 05.9");
        assert_eq!(newest(at("05"), None), None);
    }

    const S: usize = 0;
    const A: usize = 1;
    /// Two rows of a pair.
    const NAME: usize = 0;
    const PHONE: usize = 1;

    /// A pair of records with two rows, their stamps, and what is remembered.
    #[derive(Clone)]
    struct Pair {
        values: [[&'static str; 2]; 2],
        stamps: [i64; 2],
        then: [Baseline; 2],
        on_null: OnNull,
    }

    /// What happens, in order, at these seconds.
    enum Step {
        /// A person edits a row of a side.
        Edit(i64, usize, usize, &'static str),
        /// Both are read, and written at this second; somebody may edit in between.
        Look(&'static [Step], i64),
        /// The same by a comparison of everything.
        Compare(i64),
    }
    use Step::{Compare, Edit, Look};

    fn seen(text: &str) -> Fingerprint {
        fingerprint(&value(text), 7)
    }

    fn value(text: &str) -> Value {
        if text == "-" { Value::Null } else { Value::text(text) }
    }

    impl Pair {
        /// Equal at second 0.
        fn new(on_null: OnNull) -> Self {
            let mut pair =
                Self { values: [["a", "1"]; 2], stamps: [0; 2], then: [Baseline::default(); 2], on_null };
            pair.then = [NAME, PHONE].map(|at| pair.now(at));
            pair
        }

        fn now(&self, at: usize) -> Baseline {
            Baseline { salesforce: seen(self.values[S][at]), app: seen(self.values[A][at]) }
        }

        fn does(&mut self, step: &Step) {
            match step {
                Edit(second, side, at, text) => {
                    self.values[*side][*at] = text;
                    self.stamps[*side] = *second;
                }
                Look(between, writes) => self.looks(false, between, *writes),
                Compare(second) => self.looks(true, &[], *second),
            }
        }

        fn looks(&mut self, repair: bool, between: &[Step], second: i64) {
            let read = self.clone();
            for step in between {
                self.does(step);
            }
            for at in [NAME, PHONE] {
                let winner = match read.verdict(at, repair) {
                    Verdict::Write(Side::App) => S,
                    Verdict::Write(Side::Salesforce) => A,
                    _ => {
                        self.then[at] = read.now(at);
                        continue;
                    }
                };
                let said = read.values[winner][at];
                self.values[1 - winner][at] = said;
                self.stamps[1 - winner] = second;
                self.then[at] = Baseline { salesforce: seen(said), app: seen(said) };
            }
        }

        fn verdict(&self, at: usize, repair: bool) -> Verdict {
            let mapping = row(WritePolicy::Always, Conflict::Newest, self.on_null);
            let stamp = |side: usize| Timestamp::from_second(self.stamps[side]).ok();
            let now = self.now(at);
            merge_row(&Turn {
                row: &mapping,
                may_write: Writable { salesforce: true, app: true },
                salesforce: &value(self.values[S][at]),
                app: &value(self.values[A][at]),
                agree: now.salesforce == now.app,
                now,
                then: self.then[at],
                newest: newest(stamp(S), stamp(A)),
                rule: Conflict::Newest,
                outdone: false,
                adopting: false,
                repair,
            })
        }
    }

    /// The names of both sides after everything.
    fn names(on_null: OnNull, steps: &[Step]) -> (&'static str, &'static str) {
        let mut pair = Pair::new(on_null);
        for step in steps {
            pair.does(step);
        }
        (pair.values[S][NAME], pair.values[A][NAME])
    }

    #[test]
    fn who_edited_last_wins_whatever_we_wrote_before() {
        let cases: [(&str, &[Step], &str); 10] = [
            ("one edited", &[Edit(1, S, NAME, "s"), Look(&[], 2)], "s"),
            ("the app later", &[Edit(1, S, NAME, "s"), Edit(2, A, NAME, "x"), Look(&[], 3)], "x"),
            ("Salesforce later", &[Edit(1, A, NAME, "x"), Edit(2, S, NAME, "s"), Look(&[], 3)], "s"),
            ("in one second", &[Edit(1, A, NAME, "x"), Edit(1, S, NAME, "s"), Look(&[], 3)], "s"),
            (
                "our write to the app, then both, the app first",
                &[
                    Edit(1, S, PHONE, "2"),
                    Look(&[], 2),
                    Edit(3, A, NAME, "x"),
                    Edit(4, S, NAME, "s"),
                    Look(&[], 5),
                ],
                "s",
            ),
            (
                "our write to Salesforce, then both, Salesforce first",
                &[
                    Edit(1, A, PHONE, "2"),
                    Look(&[], 2),
                    Edit(3, S, NAME, "s"),
                    Edit(4, A, NAME, "x"),
                    Look(&[], 5),
                ],
                "x",
            ),
            (
                "edited in Salesforce between our read and our write of another row: the app is later, and was not edited",
                &[Edit(1, S, PHONE, "2"), Look(&[Edit(3, S, NAME, "s")], 4), Look(&[], 5)],
                "s",
            ),
            (
                "edited in the app between our read and our write of another row to Salesforce",
                &[Edit(1, A, PHONE, "2"), Look(&[Edit(3, A, NAME, "x")], 4), Look(&[], 5)],
                "x",
            ),
            (
                "edited again between our read and our write of the same row",
                &[Edit(1, S, NAME, "r"), Look(&[Edit(3, S, NAME, "s")], 4), Look(&[], 5)],
                "s",
            ),
            (
                "both written by us, then both edited",
                &[
                    Edit(1, S, PHONE, "2"),
                    Edit(1, A, NAME, "q"),
                    Look(&[], 3),
                    Edit(4, S, NAME, "s"),
                    Edit(5, A, NAME, "x"),
                    Look(&[], 6),
                ],
                "x",
            ),
        ];
        for (case, steps, wanted) in cases {
            assert_eq!(names(OnNull::Clear, steps), (wanted, wanted), "{case}");
        }
    }

    #[test]
    fn a_field_that_was_emptied_and_kept_is_not_filled_because_we_wrote_another() {
        let emptied = [Edit(1, S, NAME, "-"), Look(&[], 2), Compare(3)];
        assert_eq!(names(OnNull::Keep, &emptied), ("-", "a"));
        // The app's stamp is that of our write of the phone.
        let written = [Edit(1, S, NAME, "-"), Edit(2, S, PHONE, "2"), Look(&[], 4), Compare(5)];
        assert_eq!(names(OnNull::Keep, &written), ("-", "a"));
        let mirrored = [Edit(1, A, NAME, "-"), Edit(2, A, PHONE, "2"), Look(&[], 4), Compare(5)];
        assert_eq!(names(OnNull::Keep, &mirrored), ("a", "-"));
        let edited = [Edit(1, S, NAME, "-"), Look(&[], 2), Edit(3, A, NAME, "x"), Look(&[], 4)];
        assert_eq!(names(OnNull::Keep, &edited), ("x", "x"), "a later edit flows");
    }

    /// The limit of stamps of records: both people edit the same field while we write another one to a side that does not refuse what moved
    /// (apps behind HTTP). The time of the edit is lost behind ours, so that side counts as the later one. Databases and Salesforce refuse
    /// the write, and the record is read again.
    #[test]
    fn an_edit_below_our_write_counts_from_our_write() {
        let steps =
            [Edit(1, S, PHONE, "2"), Look(&[Edit(3, A, NAME, "x"), Edit(4, S, NAME, "s")], 5), Look(&[], 6)];
        assert_eq!(names(OnNull::Clear, &steps), ("x", "x"));
    }
}
