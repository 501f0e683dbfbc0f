//! What to do about one record, given everything that is known about it. One decision per record; the shell executes it.

use jiff::Timestamp;

use super::map::{Mapped, Slot};
use super::matching::{Candidate, Match};
use super::merge::{Baseline, Held, Kept, Turn, Verdict, Writable, merge_row};
use super::newest::newest;
use super::settle::{self, Fingerprints};
use crate::model::{Key, Link, LinkState, Row, Side, Value};
use crate::plan::{Conflict, LinkRule, Mapping, Pipeline, WritePolicy};

/// Why the record is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It changed.
    Changes,
    /// Everything is compared (first load, reconciliation, `sync --full`): differences nobody caused are repaired too.
    Repair,
}

/// A record as it was just read.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its key.
    pub key: &'a Key,
    /// Its values, in the schema of its side.
    pub row: &'a Row,
    /// When it last changed, where the side tells; for `conflict: newest` only.
    pub modified: Option<Timestamp>,
}

/// Everything one decision may look at; the whole policy reads from this and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The plan.
    pub pipeline: &'a Pipeline,
    /// Why.
    pub mode: Mode,
    /// The side on which the record was met.
    pub origin: Side,
    /// The Salesforce record, if there is one.
    pub salesforce: Option<Known<'a>>,
    /// The app record, if there is one.
    pub app: Option<Known<'a>>,
    /// What the Salesforce record says in the terms of the app.
    pub to_app: Option<&'a Mapped>,
    /// What the app record says in the terms of Salesforce.
    pub to_salesforce: Option<&'a Mapped>,
    /// The remembered pair, with baselines in the order of the plan's rows.
    pub link: Option<&'a Link>,
    /// Other Salesforce records that are linked to the same app record.
    pub siblings: &'a [Key],
    /// One of them was updated later (`links: many_to_one`): it fills the app record, and this one follows.
    pub outdone: bool,
    /// The first look at this side: differences of rows without a baseline stay until the record changes (a direction was added).
    pub adopting: bool,
    /// A person has said whose values count where both sides changed (`failures resolve`).
    pub take: Option<Side>,
    /// For a record without a link: what matching found.
    pub matched: &'a Match,
    /// Makes fingerprints.
    pub fingerprints: Fingerprints,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Both sides agree, or what differs stays: only the baselines move.
    Nothing {
        /// Rows that differ and are kept, with the reason.
        kept: Vec<(usize, Kept)>,
    },
    /// Make the record on this side.
    Create {
        /// Where.
        on: Side,
        /// Its values, in the schema of that side; `Absent` fields are left out.
        row: Row,
    },
    /// Change one or both sides. `linking`: the pair is new.
    Update {
        /// The writes, at most one per side.
        writes: Vec<SideWrite>,
        /// Rows that differ and are kept.
        kept: Vec<(usize, Kept)>,
        /// The pair was not linked before.
        linking: bool,
    },
    /// Remember the pair; nothing is written.
    Link {
        /// Rows that differ and are kept.
        kept: Vec<(usize, Kept)>,
    },
    /// The record on the other side is gone, and its changes are followed: what the pipeline does about deletes of that side.
    Vanished,
    /// Nobody may decide but a person.
    Hold(Held),
    /// Nothing may be done: the operation is not listed.
    NotListed(&'static str),
}

/// A change of one record of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideWrite {
    /// Where.
    pub side: Side,
    /// Which record.
    pub key: Key,
    /// New values in the schema of the side; everything else is `Absent`.
    pub row: Row,
    /// The rows of the pipeline that write, for plans and messages.
    pub rows: Vec<usize>,
}

/// Decides about one record that exists on its side of origin.
pub fn decide(situation: &Situation<'_>) -> Decision {
    let one_to_one = situation.pipeline.links == LinkRule::OneToOne;
    if let Some(link) = situation.link {
        if one_to_one && !situation.siblings.is_empty() {
            return hold_all(&link.salesforce, situation.siblings);
        }
        return linked(situation);
    }
    match situation.matched {
        Match::None => create(situation),
        Match::Many(keys) => Decision::Hold(Held::SeveralMatches(keys.clone())),
        Match::One(_) if one_to_one && !situation.siblings.is_empty() => match situation.salesforce {
            Some(record) => hold_all(record.key, situation.siblings),
            None => Decision::Hold(Held::OneToOne(situation.siblings.to_vec())),
        },
        Match::One(candidate) => first_link(situation, candidate),
    }
}

fn hold_all(one: &Key, siblings: &[Key]) -> Decision {
    let mut keys = vec![one.clone()];
    keys.extend(siblings.iter().filter(|key| *key != one).cloned());
    Decision::Hold(Held::OneToOne(keys))
}

fn linked(situation: &Situation<'_>) -> Decision {
    let other = situation.origin.other();
    let dead = situation.link.is_some_and(|link| link.state == LinkState::gone_on(other));
    let active = situation.link.is_some_and(|link| link.state == LinkState::Active);
    match (situation.salesforce, situation.app) {
        (Some(_), Some(_)) => merge(situation, false),
        _ if dead => Decision::Nothing { kept: Vec::new() },
        _ if active && situation.pipeline.ops_on(situation.origin).any() => Decision::Vanished,
        // The target of a one-way pipeline vanished: it is made again, as a mirror would. So is that of a record which was deleted
        // and is back.
        _ => create(situation),
    }
}

fn first_link(situation: &Situation<'_>, candidate: &Candidate) -> Decision {
    let found = Known { key: &candidate.key, row: &candidate.row, modified: None };
    let both = match situation.origin {
        Side::Salesforce => Situation { app: situation.app.or(Some(found)), ..*situation },
        Side::App => Situation { salesforce: situation.salesforce.or(Some(found)), ..*situation },
    };
    merge(&both, true)
}

fn create(situation: &Situation<'_>) -> Decision {
    let on = situation.origin.other();
    let ops = situation.pipeline.ops_on(on);
    let said = match on {
        Side::App => situation.to_app,
        Side::Salesforce => situation.to_salesforce,
    };
    match said {
        Some(mapped) if ops.create => Decision::Create { on, row: created(situation.pipeline, on, mapped) },
        Some(_) if ops.link => Decision::NotListed("no record to link it to"),
        Some(_) => Decision::NotListed("create is not listed"),
        None => Decision::NotListed("nothing flows this way"),
    }
}

/// The row of a new record: everything that has a value. Empty values are left out, so the target's own defaults hold.
fn created(pipeline: &Pipeline, on: Side, mapped: &Mapped) -> Row {
    let mut row = Row::absent(pipeline.schema(on).len());
    for (mapping, slot) in pipeline.rows.iter().zip(&mapped.slots) {
        if let (Some(field), Slot::Value(value)) = (mapping.field_on(on), slot)
            && mapping.write != WritePolicy::Off
            && !value.is_null()
        {
            row.set(field, value.clone());
        }
    }
    row
}

fn merge(situation: &Situation<'_>, linking: bool) -> Decision {
    let mut merged = Merged::default();
    for at in 0..situation.pipeline.rows.len() {
        merged.row(situation, at);
    }
    if !merged.conflicts.is_empty() {
        return Decision::Hold(Held::Conflict(merged.conflicts));
    }
    let Merged { writes, kept, .. } = merged;
    let writes: Vec<SideWrite> = writes.into_iter().flatten().collect();
    match (writes.is_empty(), linking) {
        (true, true) => Decision::Link { kept },
        (true, false) => Decision::Nothing { kept },
        (false, linking) => Decision::Update { writes, kept, linking },
    }
}

/// The outcome of all rows of one pair while it is being put together.
#[derive(Default)]
struct Merged {
    writes: [Option<SideWrite>; 2],
    kept: Vec<(usize, Kept)>,
    conflicts: Vec<usize>,
}

impl Merged {
    fn row(&mut self, situation: &Situation<'_>, at: usize) {
        let Some(mapping) = situation.pipeline.rows.get(at) else { return };
        let Some(views) = settle::views(situation, at) else { return };
        if *views.salesforce == *views.app {
            // Equal in every form, whatever is remembered: no fingerprint is needed to say so.
            return;
        }
        let now = situation.fingerprints.of_views(mapping, &views);
        let modified = |record: Option<Known<'_>>| record.and_then(|record| record.modified);
        let turn = Turn {
            row: mapping,
            may_write: writable(situation.pipeline, mapping),
            salesforce: &views.salesforce,
            app: views.app,
            agree: settle::agree(situation, at, now),
            now,
            then: situation.link.map_or(Baseline::default(), |link| settle::stored(link, at)),
            newest: situation
                .take
                .or_else(|| newest(modified(situation.salesforce), modified(situation.app))),
            rule: if situation.take.is_some() { Conflict::Newest } else { mapping.conflict },
            outdone: situation.outdone && situation.take.is_none(),
            adopting: situation.adopting && situation.link.is_some(),
            repair: situation.mode == Mode::Repair,
        };
        match merge_row(&turn) {
            Verdict::Equal => {}
            Verdict::Keep(why) => self.kept.push((at, why)),
            Verdict::Conflict => self.conflicts.push(at),
            Verdict::Write(side) => self.write(situation, at, side),
        }
    }

    fn write(&mut self, situation: &Situation<'_>, at: usize, side: Side) {
        let (said, target) = match side {
            Side::App => (situation.to_app, situation.app),
            Side::Salesforce => (situation.to_salesforce, situation.salesforce),
        };
        let field = situation.pipeline.rows.get(at).and_then(|row| row.field_on(side));
        let (Some(said), Some(target), Some(field)) = (said, target, field) else { return };
        let Some(Slot::Value(value)) = said.slots.get(at) else { return };
        let width = situation.pipeline.schema(side).len();
        let write = self.writes[usize::from(side == Side::App)].get_or_insert_with(|| SideWrite {
            side,
            key: target.key.clone(),
            row: Row::absent(width),
            rows: Vec::new(),
        });
        write.row.set(field, if value.is_absent() { Value::Null } else { value.clone() });
        write.rows.push(at);
    }
}

fn writable(pipeline: &Pipeline, mapping: &Mapping) -> Writable {
    Writable {
        salesforce: pipeline.to_salesforce.update && mapping.to_salesforce.is_on(),
        app: pipeline.to_app.update && mapping.to_app.is_on(),
    }
}
