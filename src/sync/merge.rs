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
pub struct Turn<'a> {
    /// The row.
    pub row: &'a Mapping,
    /// The sides this row may write: an update of that side is listed and the row flows there.
    pub may_write: Writable,
    /// The Salesforce side in common terms.
    pub salesforce: &'a Value,
    /// The app side in common terms.
    pub app: &'a Value,
    /// Fingerprints of the two views now.
    pub now: Baseline,
    /// Fingerprints when they last agreed.
    pub then: Baseline,
    /// Side that changed last, for `conflict: newest`; `None` where the stamps do not tell.
    pub newest: Option<Side>,
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
            Self::OneWay => "flows the other way",
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
}

/// Merges one row. The sides are equal in common terms first; then who changed; then who wins; then the policy of the target.
pub fn merge_row(turn: &Turn<'_>) -> Verdict {
    if turn.now.salesforce == turn.now.app {
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
        (false, false) => Winner::Nobody(Kept::OneWay),
        (false, true) => one_way(turn, Side::Salesforce),
        (true, false) => one_way(turn, Side::App),
        (true, true) if !turn.then.is_known() => first_link(turn),
        (true, true) => two_way(turn),
    }
}

/// A row that flows one way follows its source; what somebody else changed on the target is repaired by the next reconciliation.
fn one_way(turn: &Turn<'_>, source: Side) -> Winner {
    let then = turn.then.of(source);
    let is_settled = then.is_known() && then == turn.now.of(source);
    if is_settled && !turn.repair { Winner::Nobody(Kept::NoChange) } else { Winner::Side(source) }
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
        _ => by_rule(turn),
    }
}

fn by_rule(turn: &Turn<'_>) -> Winner {
    match turn.row.conflict {
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
