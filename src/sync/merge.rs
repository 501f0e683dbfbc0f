//! One row of one pair: three-way merge on two fingerprints. Which side changed since they last agreed, who wins, and whether the
//! row's policy lets the winner write. This file and `decide` are the whole conflict policy.
//!
//! A row is seen from both sides *in common terms*: those of the app if it flows to the app, else those of Salesforce. `said` is what the
//! source of a direction says in those terms (the mapped value), `held` is what the target holds.

use crate::model::{Fingerprint, Side, Value};
use crate::plan::{Conflict, Mapping, OnNull, WritePolicy};

/// What both sides looked like, in common terms, when the row was last settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The Salesforce side.
    pub salesforce: Fingerprint,
    /// The app side.
    pub app: Fingerprint,
}

impl Baseline {
    /// Whether the row was ever settled.
    pub fn is_known(self) -> bool {
        self.salesforce.is_known() && self.app.is_known()
    }

    fn of(self, side: Side) -> Fingerprint {
        match side {
            Side::Salesforce => self.salesforce,
            Side::App => self.app,
        }
    }
}

/// Everything the merge of one row may look at.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub struct Turn<'a> {
    /// The row.
    pub row: &'a Mapping,
    /// The sides this row may write: an update of that side is listed and the row flows there.
    pub may_write: Writable,
    /// The Salesforce side in common terms.
    pub salesforce: &'a Value,
    /// The app side in common terms.
    pub app: &'a Value,
    /// They mean the same: what differs is only how a side stores it.
    pub agree: bool,
    /// Fingerprints of the two views now.
    pub now: Baseline,
    /// Fingerprints when they last agreed.
    pub then: Baseline,
    /// Side that changed last, for `conflict: newest`; `None` where the stamps do not tell.
    pub newest: Option<Side>,
    /// Who wins where both sides changed: the row's own rule, unless a person has decided.
    pub rule: Conflict,
    /// Another Salesforce record of the same app record was updated later: this one never fills the app, it follows.
    pub outdone: bool,
    /// Differences without a baseline stay until one side changes: a direction was just added.
    pub adopting: bool,
    /// Repair differences that nobody caused since (reconciliation), not only follow changes.
    pub repair: bool,
}

/// The sides that a row may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writable {
    /// Salesforce.
    pub salesforce: bool,
    /// The app.
    pub app: bool,
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both sides mean the same.
    Equal,
    /// This side is written with what the other says.
    Write(Side),
    /// They differ and stay so.
    Keep(Kept),
    /// Nobody may decide but a person.
    Conflict,
}

/// Why a field that differs is left alone; `plan` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// `write: if_empty`, and it is not empty.
    NotEmpty,
    /// `write: unless_edited`, and somebody edited it.
    Edited,
    /// `write: on_create`.
    OnCreate,
    /// The group is off.
    Off,
    /// `on_null: keep`.
    NullKept,
    /// A first link never erases a value.
    FirstLink,
    /// Neither side changed since they were last compared.
    NoChange,
    /// The change is on a side whose changes do not flow here.
    OneWay,
    /// Another Salesforce record of the same app record was updated later.
    Outdone,
}

impl Kept {
    /// The words of `plan`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotEmpty => "write: if_empty, is not empty",
            Self::Edited => "write: unless_edited, was edited",
            Self::OnCreate => "write: on_create",
            Self::Off => "group is off",
            Self::NullKept => "on_null: keep",
            Self::FirstLink => "a first link never erases a value",
            Self::NoChange => "neither side changed it",
            Self::OneWay => "changes do not flow there",
            Self::Outdone => "another linked record was updated later",
        }
    }
}

/// A conflict or a guard that holds a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Both sides changed these rows and `conflict: hold`.
    Conflict(Vec<usize>),
    /// Several records match.
    SeveralMatches(Vec<crate::model::Key>),
    /// Two Salesforce records belong to one app record (`links: one_to_one`).
    OneToOne(Vec<crate::model::Key>),
    /// These rows are written to both sides in turn, without an end.
    BackAndForth(Vec<usize>),
    /// The Salesforce record that matches has another app record already.
    Taken {
        /// The Salesforce record.
        salesforce: crate::model::Key,
        /// The app record that it is linked to.
        by: crate::model::Key,
    },
}

/// Merges one row. The sides are equal in common terms first; then who changed; then who wins; then the policy of the target.
pub fn merge_row(turn: &Turn<'_>) -> Verdict {
    if turn.agree {
        return Verdict::Equal;
    }
    match winner(turn) {
        Winner::Side(side) => policy(turn, side.other()),
        Winner::Nobody(kept) => Verdict::Keep(kept),
        Winner::Unclear => Verdict::Conflict,
    }
}

enum Winner {
    Side(Side),
    Nobody(Kept),
    Unclear,
}

fn winner(turn: &Turn<'_>) -> Winner {
    match (turn.may_write.salesforce, turn.may_write.app) {
        (true, true) if turn.outdone => Winner::Side(Side::App),
        (false, true) if turn.outdone => Winner::Nobody(Kept::Outdone),
        (false, false) => Winner::Nobody(Kept::OneWay),
        (false, true) => one_way(turn, Side::Salesforce),
        (true, false) => one_way(turn, Side::App),
        (true, true) if !turn.then.is_known() && turn.adopting && !was_awaited(turn) => {
            Winner::Nobody(Kept::NoChange)
        }
        (true, true) if !turn.then.is_known() => first_link(turn),
        (true, true) => two_way(turn),
    }
}

/// A row that flows one way follows its source; what somebody else changed on the target is repaired by the next reconciliation. What
/// is only written into an empty field is written whenever the record is looked at and the field is empty.
fn one_way(turn: &Turn<'_>, source: Side) -> Winner {
    let then = turn.then.of(source);
    let is_settled = then.is_known() && then == turn.now.of(source);
    let held = match source {
        Side::Salesforce => turn.app,
        Side::App => turn.salesforce,
    };
    let fills = turn.row.write == WritePolicy::IfEmpty && held.is_blank();
    if is_settled && !turn.repair && !fills { Winner::Nobody(Kept::NoChange) } else { Winner::Side(source) }
}

/// A lookup that was left empty because its record was not linked yet, and now is: such a row has no baseline either, and is filled in
/// even while a side is looked at for the first time.
fn was_awaited(turn: &Turn<'_>) -> bool {
    turn.row.lookup.is_some() && turn.salesforce.is_blank() != turn.app.is_blank()
}

/// Two records that were never compared: the side that has a value gives it; two values are a conflict.
fn first_link(turn: &Turn<'_>) -> Winner {
    match (turn.salesforce.is_blank(), turn.app.is_blank()) {
        (true, false) => Winner::Side(Side::App),
        (false, true) => Winner::Side(Side::Salesforce),
        _ => by_rule(turn),
    }
}

fn two_way(turn: &Turn<'_>) -> Winner {
    let changed = |side: Side| turn.now.of(side) != turn.then.of(side);
    match (changed(Side::Salesforce), changed(Side::App)) {
        (true, false) => Winner::Side(Side::Salesforce),
        (false, true) => Winner::Side(Side::App),
        (false, false) if !turn.repair => Winner::Nobody(Kept::NoChange),
        (false, false) if was_kept_empty(turn) => Winner::Nobody(Kept::NullKept),
        _ => by_rule(turn),
    }
}

/// An emptied field that left the other side as it was (`on_null: keep`), and nobody has touched either since. Which record changed last
/// says nothing about it: that may have been another field, or our own write. Filled again, the field would have been emptied for nothing.
fn was_kept_empty(turn: &Turn<'_>) -> bool {
    turn.rule == Conflict::Newest
        && turn.row.on_null == OnNull::Keep
        && turn.salesforce.is_blank() != turn.app.is_blank()
}

fn by_rule(turn: &Turn<'_>) -> Winner {
    match turn.rule {
        Conflict::Salesforce => Winner::Side(Side::Salesforce),
        Conflict::App => Winner::Side(Side::App),
        Conflict::Newest => Winner::Side(turn.newest.unwrap_or(Side::Salesforce)),
        Conflict::Hold => Winner::Unclear,
    }
}

/// Whether the row's policy lets the target be written with what the winner says.
fn policy(turn: &Turn<'_>, target: Side) -> Verdict {
    let (said, held) = match target {
        Side::App => (turn.salesforce, turn.app),
        Side::Salesforce => (turn.app, turn.salesforce),
    };
    let first = !turn.then.is_known();
    let edited = turn.now.of(target) != turn.then.of(target);
    let keep = match turn.row.write {
        WritePolicy::Off => Some(Kept::Off),
        WritePolicy::OnCreate => Some(Kept::OnCreate),
        WritePolicy::IfEmpty if !held.is_blank() => Some(Kept::NotEmpty),
        WritePolicy::UnlessEdited if edited && !held.is_blank() => Some(Kept::Edited),
        _ if said.is_blank() && turn.row.on_null == OnNull::Keep => Some(Kept::NullKept),
        _ if said.is_blank() && first => Some(Kept::FirstLink),
        _ => None,
    };
    keep.map_or(Verdict::Write(target), Verdict::Keep)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diag::{SourceId, Span};
    use crate::model::{Kind, fingerprint};
    use crate::plan::{Flow, OnError};

    pub(in crate::sync) fn row(write: WritePolicy, conflict: Conflict, on_null: OnNull) -> Mapping {
        Mapping {
            span: Span { source: SourceId(0), start: 0, end: 0 },
            name: "Name → name".into(),
            salesforce: Some(0),
            app: Some(0),
            to_app: Flow::Copy,
            to_salesforce: Flow::Copy,
            lookup: None,
            values: None,
            form: None,
            default: None,
            write,
            on_null,
            conflict,
            on_error: OnError::Fail,
            salesforce_kind: Kind::Text,
            app_kind: Kind::Text,
            salesforce_form: None,
            app_form: None,
        }
    }

    /// A text of a table: `-` is nothing.
    fn value(text: &str) -> Value {
        if text == "-" { Value::Null } else { Value::text(text) }
    }

    fn seen(text: &str) -> Fingerprint {
        if text == "?" { Fingerprint::UNKNOWN } else { fingerprint(&value(text), 7) }
    }

    /// `then` and `now` are "salesforce app".
    fn merged(
        row: &Mapping,
        may_write: Writable,
        (then, now): (&str, &str),
        repair: bool,
        newest: Option<Side>,
    ) -> Verdict {
        let pair = |text: &str| text.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let (then, now) = (pair(then), pair(now));
        let (salesforce, app) = (value(&now.0), value(&now.1));
        merge_row(&Turn {
            row,
            may_write,
            salesforce: &salesforce,
            app: &app,
            agree: seen(&now.0) == seen(&now.1),
            now: Baseline { salesforce: seen(&now.0), app: seen(&now.1) },
            then: Baseline { salesforce: seen(&then.0), app: seen(&then.1) },
            newest,
            rule: row.conflict,
            outdone: false,
            adopting: false,
            repair,
        })
    }

    const TO_APP: Writable = Writable { salesforce: false, app: true };
    const BOTH: Writable = Writable { salesforce: true, app: true };

    #[test]
    fn one_way_follows_its_source() {
        use WritePolicy::{Always, IfEmpty, OnCreate, UnlessEdited};
        let write = Verdict::Write(Side::App);
        for (policy, then, now, repair, wanted) in [
            (Always, "a a", "b a", false, write),
            (Always, "a a", "a x", false, Verdict::Keep(Kept::NoChange)),
            (Always, "a a", "a x", true, write),
            (Always, "? ?", "a x", false, write),
            (Always, "? ?", "- x", false, Verdict::Keep(Kept::FirstLink)),
            (Always, "a a", "- a", false, write),
            (Always, "a a", "a a", true, Verdict::Equal),
            (OnCreate, "a a", "b a", true, Verdict::Keep(Kept::OnCreate)),
            (IfEmpty, "a a", "b x", false, Verdict::Keep(Kept::NotEmpty)),
            (IfEmpty, "- -", "b -", false, write),
            (IfEmpty, "a a", "a -", false, write),
            (IfEmpty, "a a", "a x", false, Verdict::Keep(Kept::NoChange)),
            (UnlessEdited, "a a", "b a", false, write),
            (UnlessEdited, "a a", "b x", false, Verdict::Keep(Kept::Edited)),
            (UnlessEdited, "a a", "b -", false, write),
            (UnlessEdited, "? ?", "b x", false, Verdict::Keep(Kept::Edited)),
        ] {
            let row = row(policy, Conflict::Salesforce, OnNull::Clear);
            assert_eq!(merged(&row, TO_APP, (then, now), repair, None), wanted, "{policy:?} {then} → {now}");
        }
    }

    #[test]
    fn both_ways_the_side_that_changed_wins_and_conflicts_follow_the_rule() {
        let (app, salesforce) = (Verdict::Write(Side::App), Verdict::Write(Side::Salesforce));
        for (rule, then, now, newest, wanted) in [
            (Conflict::Salesforce, "a a", "b a", None, app),
            (Conflict::Salesforce, "a a", "a b", None, salesforce),
            (Conflict::Salesforce, "a a", "b c", None, app),
            (Conflict::App, "a a", "b c", None, salesforce),
            (Conflict::Newest, "a a", "b c", Some(Side::App), salesforce),
            (Conflict::Newest, "a a", "b c", Some(Side::Salesforce), app),
            (Conflict::Hold, "a a", "b c", None, Verdict::Conflict),
            (Conflict::Hold, "a a", "b b", None, Verdict::Equal),
            (Conflict::Salesforce, "? ?", "- c", None, salesforce),
            (Conflict::App, "? ?", "b -", None, app),
            (Conflict::Salesforce, "a b", "a b", None, Verdict::Keep(Kept::NoChange)),
        ] {
            let row = row(WritePolicy::Always, rule, OnNull::Clear);
            assert_eq!(merged(&row, BOTH, (then, now), false, newest), wanted, "{rule:?} {then} → {now}");
        }
    }

    #[test]
    fn an_emptied_source_clears_or_is_told_to_keep() {
        let keep = row(WritePolicy::Always, Conflict::Salesforce, OnNull::Keep);
        assert_eq!(merged(&keep, BOTH, ("a a", "- a"), false, None), Verdict::Keep(Kept::NullKept));
        let clear = row(WritePolicy::Always, Conflict::Salesforce, OnNull::Clear);
        assert_eq!(merged(&clear, BOTH, ("a a", "- a"), false, None), Verdict::Write(Side::App));
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![Just("-".to_owned()), "[abc]".prop_map(|text| text)]
    }

    proptest! {
        /// Swapping the sides and mirroring the rule mirrors the verdict.
        #[test]
        fn the_merge_has_no_favourite_side(s0 in text(), a0 in text(), s1 in text(), a1 in text(), rule in 0..3, repair: bool, app_newer: bool) {
            let (rule, mirrored) = [
                (Conflict::Salesforce, Conflict::App),
                (Conflict::App, Conflict::Salesforce),
                (Conflict::Newest, Conflict::Newest),
            ][usize::try_from(rule).unwrap()];
            let newest = if app_newer { Side::App } else { Side::Salesforce };
            let here = merged(&row(WritePolicy::Always, rule, OnNull::Clear), BOTH, (&format!("{s0} {a0}"), &format!("{s1} {a1}")), repair, Some(newest));
            let there = merged(&row(WritePolicy::Always, mirrored, OnNull::Clear), BOTH, (&format!("{a0} {s0}"), &format!("{a1} {s1}")), repair, Some(newest.other()));
            let swapped = match there {
                Verdict::Write(side) => Verdict::Write(side.other()),
                other => other,
            };
            prop_assert_eq!(here, swapped);
        }

        /// What a row protects is never written, whatever changed: linked records with `on_create`, values with `if_empty`, edits with
        /// `unless_edited`.
        #[test]
        fn what_is_protected_is_never_written(s0 in text(), a0 in text(), s1 in text(), a1 in text(), repair: bool) {
            let verdict = |policy| {
                let row = row(policy, Conflict::Salesforce, OnNull::Clear);
                merged(&row, TO_APP, (&format!("{s0} {a0}"), &format!("{s1} {a1}")), repair, None)
            };
            let write = Verdict::Write(Side::App);
            prop_assert_ne!(verdict(WritePolicy::OnCreate), write);
            prop_assert!(a1 == "-" || verdict(WritePolicy::IfEmpty) != write);
            prop_assert!(a1 == a0 || a1 == "-" || verdict(WritePolicy::UnlessEdited) != write);
        }

        /// One look is enough: afterwards both sides have the value that one of them had, or stand as they stood.
        #[test]
        fn a_merge_converges_and_invents_nothing(s0 in text(), a0 in text(), s1 in text(), a1 in text(), rule in 0..4, repair: bool, app_newer: bool) {
            let rule = [Conflict::Salesforce, Conflict::App, Conflict::Newest, Conflict::Hold][usize::try_from(rule).unwrap()];
            let newest = Some(if app_newer { Side::App } else { Side::Salesforce });
            let row = row(WritePolicy::Always, rule, OnNull::Clear);
            let now = format!("{s1} {a1}");
            match merged(&row, BOTH, (&format!("{s0} {a0}"), &now), repair, newest) {
                Verdict::Equal => prop_assert_eq!(s1, a1),
                // The other side said something else, and it was this one that changed or whose rule it is.
                Verdict::Write(Side::App) => prop_assert!(s1 != a1 && (s1 != s0 || repair)),
                Verdict::Write(Side::Salesforce) => prop_assert!(s1 != a1 && (a1 != a0 || repair)),
                Verdict::Conflict => prop_assert!(rule == Conflict::Hold && (repair || (s1 != s0 && a1 != a0))),
                Verdict::Keep(_) => prop_assert_eq!(merged(&row, BOTH, (&now, &now), false, newest), if s1 == a1 { Verdict::Equal } else { Verdict::Keep(Kept::NoChange) }),
            }
        }

        /// What was written is equal at the next look: an echo is nothing to do.
        #[test]
        fn an_echo_is_nothing_to_do(s0 in text(), a0 in text(), s1 in text(), a1 in text(), repair: bool) {
            let row = row(WritePolicy::Always, Conflict::Salesforce, OnNull::Clear);
            let verdict = merged(&row, BOTH, (&format!("{s0} {a0}"), &format!("{s1} {a1}")), repair, None);
            let after = match verdict {
                Verdict::Write(Side::App) => format!("{s1} {s1}"),
                Verdict::Write(Side::Salesforce) => format!("{a1} {a1}"),
                _ => return Ok(()),
            };
            prop_assert_eq!(merged(&row, BOTH, (&after, &after), false, None), Verdict::Equal);
            prop_assert_eq!(merged(&row, BOTH, (&after, &after), true, None), Verdict::Equal);
        }
    }
}
