//! The stages before anything is written: from changes to fates. `plan` ends here.

use super::{BatchError, Bench};
use crate::model::{ChangeEvent, Key, Link, LinkState, PipelineName, Row, Side, Value, Version};
use crate::plan::Pipeline;
use crate::runtime::facts::RunFacts;
use crate::sync::{self, Candidate, Decision, Known, LeftOut, Mapped, Match, Mode, Old, Situation, Stop};

/// What is to become of a record.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Left out; nothing is remembered but what it may wait for.
    LeftOut(LeftOut),
    /// It is as it was when it was last settled.
    Unchanged,
    /// It was stopped while it was mapped.
    Stopped(Stop),
    /// The policy has decided.
    Decided(Decision),
    /// Its partner is gone and it is deleted.
    Delete {
        /// Where.
        on: Side,
        /// Which record.
        key: Key,
    },
    /// Its partner is gone and it is marked.
    Archive {
        /// Where.
        on: Side,
        /// Which record.
        key: Key,
    },
    /// It is gone, or left, and nothing is done to its partner: the pair is remembered in this state.
    Retire(LinkState),
    /// It is a lead that was converted: its pair ends here, and goes on in the pipeline of what it became, if that has none for it.
    Converted(Option<(PipelineName, u32, Key)>),
    /// It was merged into another Salesforce record, which takes its place in the pair.
    Moved(Key),
    /// The linked Salesforce record was not found, or the pair rests since it left the filters. Only its own side can tell whether it was
    /// deleted, merged, is merely not to be seen, or is back: it is looked at there.
    AskSalesforce(Key),
    /// The linked app record was not found, in an app that cannot tell whether it is there: nothing is done, and somebody is told.
    Missed(Key),
    /// The pair rests since its app record left the filters: only the app can tell whether it is back.
    AskApp(Key),
    /// Gone, and never linked: nothing to do.
    NotLinked,
    /// An earlier record of the batch makes the record that this one would match: decide again after the commit.
    Postponed,
}

/// One record on its way.
#[derive(Clone, Debug)]
pub struct Item {
    /// The side it comes from.
    pub origin: Side,
    /// Its key, on that side.
    pub key: Key,
    /// Its stamp.
    pub version: Option<Version>,
    /// The record, unless it is gone.
    pub row: Option<Row>,
    /// The remembered pair, baselines in the order of the plan's rows.
    pub link: Option<Link>,
    /// Its number, if it was recalled.
    pub number: Option<u64>,
    /// Other Salesforce records linked to the same app record.
    pub siblings: Vec<Key>,
    /// One of them was updated later (`links: many_to_one`).
    pub outdone: bool,
    /// Another pipeline of the resource has a link for it: it is not made again.
    pub elsewhere: Option<PipelineName>,
    /// The record in the terms of the other side.
    pub mapped: Option<Mapped>,
    /// The other record in the terms of this side, where rows flow this way.
    pub back: Option<Mapped>,
    /// The other record, as far as it was looked at.
    pub other: Option<(Key, Row)>,
    /// What the record said when it was last settled, as far as expressions ask.
    pub old: Old,
    /// The same of the other record.
    pub other_old: Old,
    /// What matching found.
    pub matched: Match,
    /// The pair as it was noted before its record was made.
    pub pair: Option<Link>,
    /// What is to become of it.
    pub fate: Option<Fate>,
}

impl Item {
    /// A record of which nothing else is known.
    pub(super) fn new(origin: Side, key: Key, version: Option<Version>, link: Option<Link>) -> Self {
        Self {
            origin,
            key,
            version,
            row: None,
            link,
            number: None,
            siblings: Vec::new(),
            outdone: false,
            elsewhere: None,
            mapped: None,
            back: None,
            other: None,
            old: Old::default(),
            other_old: Old::default(),
            matched: Match::None,
            pair: None,
            fate: None,
        }
    }

    /// Whether it is a record that nothing is linked to, and nothing was decided of it.
    pub(super) fn is_unlinked(&self) -> bool {
        self.fate.is_none() && self.link.is_none()
    }

    /// Whether what was decided is one update of the linked record of a side.
    pub(in crate::runtime) fn only_updates(&self, side: Side) -> bool {
        match &self.fate {
            Some(Fate::Decided(Decision::Update { writes, linking: false, .. })) => {
                writes.iter().all(|write| write.side == side)
            }
            _ => false,
        }
    }

    /// Key of the record of a side, as far as it is known.
    pub fn key_on(&self, side: Side) -> Option<&Key> {
        if side == self.origin {
            return Some(&self.key);
        }
        let met = self.other.as_ref().map(|(key, _)| key);
        met.or_else(|| self.link.as_ref().map(|link| link.key(side)))
    }

    /// The record of a side, as far as it is known.
    pub fn row_on(&self, side: Side) -> Option<&Row> {
        if side == self.origin { self.row.as_ref() } else { self.other.as_ref().map(|(_, row)| row) }
    }
}

/// A decided batch, before anything is written.
#[derive(Debug)]
pub struct Prepared {
    /// The side the records come from.
    pub origin: Side,
    /// The records, in the order in which they came.
    pub items: Vec<Item>,
    /// Lookups that were answered by asking another pipeline later: to be touched when it links them.
    pub later: Vec<(PipelineName, Key)>,
}

impl Bench<'_> {
    /// Whether the record says what it said when both sides of its pair agreed in every row: if the other does, too, the pair is equal.
    pub(in crate::runtime) fn is_as_agreed(&self, item: &Item) -> bool {
        let (Some(link), Some(mapped), Some(row)) = (&item.link, &item.mapped, &item.row) else {
            return false;
        };
        let agreed = (self.facts.fingerprints, link);
        item.fate.is_none()
            && link.state == LinkState::Active
            && !self.pipeline.reads_other
            && sync::is_as_agreed(self.pipeline, (item.origin, row), mapped, agreed)
    }

    /// Decides about a batch of changes of records of one side. Writes nothing.
    pub async fn prepare(&mut self, events: Vec<ChangeEvent>) -> Result<Prepared, BatchError> {
        let told = self.told(events).await?;
        self.answered_and_decided(told).await
    }

    /// The records with their pairs, in the terms of the other side: as far as one comes without the other records.
    pub async fn told(&mut self, events: Vec<ChangeEvent>) -> Result<Prepared, BatchError> {
        let items = self.recall(events)?;
        let mut prepared = Prepared { origin: self.origin, items, later: Vec::new() };
        if self.pipeline.reads_other {
            self.fetch_linked(&mut prepared.items).await?;
        }
        self.resolve(&mut prepared).await?;
        Ok(prepared)
    }

    /// The rest of the way to the decisions: the other records are met.
    pub async fn answered_and_decided(&mut self, mut prepared: Prepared) -> Result<Prepared, BatchError> {
        self.meet(&mut prepared.items).await?;
        self.answer_back(&mut prepared).await?;
        for item in prepared.items.iter_mut().filter(|item| item.fate.is_none()) {
            item.fate = Some(self.decided(item));
        }
        self.hold_swinging(&mut prepared.items)?;
        Ok(prepared)
    }

    /// The decision about a record whose circumstances are known.
    pub(super) fn decided(&self, item: &Item) -> Fate {
        match (sync::decide(&self.situation(item)), &item.elsewhere) {
            (Decision::Vanished, _) => match (&item.link, self.target()) {
                (Some(link), Side::Salesforce) => Fate::AskSalesforce(link.salesforce.clone()),
                (Some(link), Side::App) if !self.app.tells_absence() => Fate::Missed(link.app.clone()),
                (link, target) => self.gone(target, link.as_ref()),
            },
            (Decision::Create { .. }, Some(other)) => Fate::LeftOut(LeftOut::LinkedBy(other.clone())),
            (decision, _) => Fate::Decided(decision),
        }
    }

    /// Everything a decision about this record may look at.
    pub(super) fn situation<'a>(&'a self, item: &'a Item) -> Situation<'a> {
        let known = |side: Side| {
            let (key, row) = (item.key_on(side)?, item.row_on(side)?);
            Some(Known { key, row, modified: modified(self.pipeline, side, row) })
        };
        let towards = |side: Side| {
            if side == self.target() { item.mapped.as_ref() } else { item.back.as_ref() }
        };
        Situation {
            pipeline: self.pipeline,
            mode: self.facts.mode,
            origin: self.origin,
            salesforce: known(Side::Salesforce),
            app: known(Side::App),
            to_app: towards(Side::App),
            to_salesforce: towards(Side::Salesforce),
            link: item.link.as_ref(),
            siblings: &item.siblings,
            outdone: item.outdone,
            adopting: self.loading,
            take: self.take,
            matched: &item.matched,
            fingerprints: self.facts.fingerprints,
        }
    }
}

/// When a record last changed, where its side tells.
fn modified(pipeline: &Pipeline, side: Side, row: &Row) -> Option<jiff::Timestamp> {
    let field = match side {
        Side::Salesforce => pipeline.salesforce.modified,
        Side::App => pipeline.app.modified,
    };
    match row.get(field?) {
        Value::DateTime(at) => Some(*at),
        _ => None,
    }
}

/// The stamp of a record as it was read, for versions.
pub(in crate::runtime) fn stamp(pipeline: &Pipeline, side: Side, row: &Row) -> Option<Version> {
    let field = match side {
        Side::Salesforce => pipeline.salesforce.stamp.or(pipeline.salesforce.modified),
        Side::App => pipeline.app.modified,
    };
    match row.get(field?) {
        Value::DateTime(at) => Some(Version(*at)),
        _ => None,
    }
}

/// The candidate as the other record, once matching has found exactly one.
pub(super) fn adopt(item: &mut Item, candidates: Vec<Candidate>) {
    item.matched = sync::matched(candidates);
    if let Match::One(candidate) = &item.matched {
        item.other = Some((candidate.key.clone(), candidate.row.clone()));
    }
}

/// Whether a linked record needs no second look: it says what it said, and nothing but changes is asked for.
pub(super) fn is_settled(pipeline: &Pipeline, facts: &RunFacts, item: &Item) -> bool {
    let (Some(link), Some(mapped), Some(row)) = (&item.link, &item.mapped, &item.row) else { return false };
    facts.mode == Mode::Changes
        && link.state == LinkState::Active
        && !pipeline.reads_other
        && sync::is_unchanged(
            &sync::fingerprints(pipeline, (item.origin, row), mapped, facts.fingerprints),
            link.baseline(item.origin),
        )
}
