//! The stages before anything is written: from changes to fates. `plan` ends here.

use std::collections::HashMap;
use std::sync::Arc;

use super::{BatchError, Bench};
use crate::model::{Change, ChangeEvent, Fingerprint, Key, Link, LinkState, Row, Side, Value, Version};
use crate::plan::{OnLeave, Pipeline};
use crate::sync::{self, Candidate, Decision, Known, LeftOut, Mapped, Match, Mode, Situation, Stop};

/// What is to become of a record.
#[derive(Debug)]
pub enum Fate {
    /// Left out; nothing is remembered but what it may wait for.
    LeftOut(LeftOut),
    /// It is as it was when it was last settled.
    Unchanged,
    /// It was stopped while it was mapped.
    Stopped(Stop),
    /// The policy has decided.
    Decided(Decision),
    /// It is gone in Salesforce and the app record is deleted.
    Delete(Key),
    /// It is gone in Salesforce and the app record is marked.
    Archive(Key),
    /// It is gone, or left, and nothing is done to the app: the pair is remembered in this state.
    Retire(LinkState),
    /// Gone, and never linked: nothing to do.
    NotLinked,
    /// An earlier record of the batch makes the record that this one would match: decide again after the commit.
    Postponed,
}

/// One record on its way.
#[derive(Debug)]
pub struct Item {
    /// Salesforce id.
    pub key: Key,
    /// Its stamp.
    pub version: Option<Version>,
    /// The record, unless it is gone.
    pub row: Option<Row>,
    /// The remembered pair, baselines in the order of the plan's rows.
    pub link: Option<Link>,
    /// Other records linked to the same app record.
    pub siblings: Vec<Key>,
    /// The record in the terms of the app.
    pub mapped: Option<Mapped>,
    /// The app record, as far as it was looked at.
    pub other: Option<(Key, Row)>,
    /// What matching found.
    pub matched: Match,
    /// The pair that its create will make, once that is on its way; the key of the new record is not in it.
    pub pair: Option<Link>,
    /// What is to become of it.
    pub fate: Option<Fate>,
}

/// A decided batch, before anything is written.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The records, in the order in which they came.
    pub items: Vec<Item>,
    /// Lookups that were answered by asking another pipeline later: to be touched when it links them.
    pub later: Vec<(crate::model::PipelineName, Key)>,
}

impl Bench<'_> {
    /// Decides about a batch of changes of Salesforce records. Writes nothing.
    pub async fn prepare(&mut self, events: Vec<ChangeEvent>) -> Result<Prepared, BatchError> {
        let mut prepared = Prepared { items: self.recall(events)?, later: Vec::new() };
        self.resolve(&mut prepared).await?;
        self.meet(&mut prepared.items).await?;
        for item in &mut prepared.items {
            if item.fate.is_none() {
                item.fate = Some(Fate::Decided(decide_one(self.pipeline, self.facts, item)));
            }
        }
        Ok(prepared)
    }

    /// Brings the remembered pairs, and settles what needs no more than those: deletes, leavers, filters.
    fn recall(&self, events: Vec<ChangeEvent>) -> Result<Vec<Item>, BatchError> {
        let events = latest(events);
        let keys: Vec<Key> = events.iter().map(|event| event.key.clone()).collect();
        let links = self.store.links_by_salesforce(&self.pipeline.name, self.pipeline.generation, &keys)?;
        Ok(events.into_iter().zip(links).map(|(event, link)| self.item(event, link)).collect())
    }

    fn item(&self, event: ChangeEvent, link: Option<Link>) -> Item {
        let link = link.map(|link| align(self.pipeline, self.row_sets, link));
        let mut item = Item {
            key: event.key,
            version: event.version,
            row: None,
            link,
            siblings: Vec::new(),
            mapped: None,
            other: None,
            matched: Match::None,
            pair: None,
            fate: None,
        };
        match event.change {
            Change::Delete { .. } => item.fate = Some(self.gone(item.link.as_ref())),
            Change::Left(row) => self.left(&mut item, row),
            Change::Upsert(_) if self.linked_only && item.link.is_none() => item.fate = Some(Fate::NotLinked),
            Change::Upsert(row) => self.passes(&mut item, row),
            Change::Touched => item.fate = Some(Fate::NotLinked),
        }
        item
    }

    fn passes(&self, item: &mut Item, row: Row) {
        match self.left_out(&row) {
            None => item.row = Some(row),
            Some(_) if item.link.is_some() => self.left(item, Some(row)),
            Some(why) => item.fate = Some(Fate::LeftOut(why)),
        }
    }

    fn left_out(&self, row: &Row) -> Option<LeftOut> {
        let empty = crate::sync::LookupTable::default();
        let context = crate::runtime::facts::RunContext::new(self.org, self.facts, &empty, Side::Salesforce);
        let inputs = crate::expr::Inputs {
            value: &Value::Null,
            record: row,
            other: None,
            old: None,
            op: crate::model::Op::Update,
            now: self.facts.now,
            today: self.facts.today,
            pipeline: (self.pipeline.name.as_str(), self.pipeline.generation),
            context: &context,
        };
        sync::passes(&self.pipeline.salesforce.selection, row, &inputs).err()
    }

    /// A linked record that no longer passes the filters (`on_leave`).
    fn left(&self, item: &mut Item, row: Option<Row>) {
        item.fate = match (&item.link, self.pipeline.salesforce.on_leave, row) {
            (None, ..) => Some(Fate::NotLinked),
            (Some(link), OnLeave::Delete, _) => Some(self.gone(Some(link))),
            (Some(_), OnLeave::Keep, Some(row)) => {
                item.row = Some(row);
                None
            }
            (Some(_), OnLeave::Keep, None) => Some(Fate::Unchanged),
            (Some(_), OnLeave::Stop, _) => Some(Fate::Retire(LinkState::Stopped)),
        };
    }

    /// A linked record that is gone in Salesforce.
    fn gone(&self, link: Option<&Link>) -> Fate {
        let ops = self.pipeline.to_app;
        match link {
            None => Fate::NotLinked,
            Some(link) if link.state == LinkState::Gone => Fate::Unchanged,
            Some(link) if ops.delete => Fate::Delete(link.app.clone()),
            Some(link) if ops.archive => Fate::Archive(link.app.clone()),
            Some(_) => Fate::Retire(LinkState::Gone),
        }
    }
}

/// The last change of each record, in the order of first appearance: earlier states of the same record need no write of their own.
fn latest(events: Vec<ChangeEvent>) -> Vec<ChangeEvent> {
    let mut at: HashMap<Key, usize> = HashMap::with_capacity(events.len());
    let mut kept: Vec<ChangeEvent> = Vec::with_capacity(events.len());
    for event in events {
        match at.get(&event.key) {
            Some(&index) if kept[index].version <= event.version => kept[index] = event,
            Some(_) => {}
            None => {
                at.insert(event.key.clone(), kept.len());
                kept.push(event);
            }
        }
    }
    kept
}

/// Brings the stored baselines into the order of the plan's rows. A row that is new has none and is filled in by the next look.
pub(super) fn align(pipeline: &Pipeline, row_sets: &HashMap<u32, Vec<u64>>, mut link: Link) -> Link {
    let set = &pipeline.row_set;
    if link.row_set != set.id {
        let then = row_sets.get(&link.row_set).map_or(&[][..], Vec::as_slice);
        link.salesforce_baseline = moved(&link.salesforce_baseline, then, &set.rows);
        link.app_baseline = moved(&link.app_baseline, then, &set.rows);
        link.row_set = set.id;
    }
    link
}

fn moved(baseline: &[Fingerprint], then: &[u64], now: &[u64]) -> Box<[Fingerprint]> {
    let at = |row: &u64| then.iter().position(|old| old == row).and_then(|at| baseline.get(at));
    now.iter().map(|row| at(row).copied().unwrap_or_default()).collect()
}

/// The decision about a record whose circumstances are known.
pub(super) fn decide_one(
    pipeline: &Arc<Pipeline>,
    facts: &crate::runtime::facts::RunFacts,
    item: &Item,
) -> Decision {
    sync::decide(&situation(pipeline, facts, item))
}

/// Everything a decision about this record may look at.
pub(super) fn situation<'a>(
    pipeline: &'a Pipeline,
    facts: &crate::runtime::facts::RunFacts,
    item: &'a Item,
) -> Situation<'a> {
    let modified = |field: Option<usize>, row: &Row| match field.map(|field| row.get(field)) {
        Some(Value::DateTime(at)) => Some(*at),
        _ => None,
    };
    let salesforce = item.row.as_ref().map(|row| Known {
        key: &item.key,
        row,
        modified: modified(pipeline.salesforce.modified, row),
    });
    let app = item.other.as_ref().map(|(key, row)| Known {
        key,
        row,
        modified: modified(pipeline.app.modified, row),
    });
    Situation {
        pipeline,
        mode: facts.mode,
        origin: Side::Salesforce,
        salesforce,
        app,
        to_app: item.mapped.as_ref(),
        to_salesforce: None,
        link: item.link.as_ref(),
        siblings: &item.siblings,
        matched: &item.matched,
        fingerprints: facts.fingerprints,
    }
}

/// The candidate as the app record, once matching has found exactly one.
pub(super) fn adopt(item: &mut Item, candidates: Vec<Candidate>) {
    item.matched = sync::matched(candidates);
    if let Match::One(candidate) = &item.matched {
        item.other = Some((candidate.key.clone(), candidate.row.clone()));
    }
}

/// Whether a linked record needs no second look: it says what it said, and nothing but changes is asked for.
pub(super) fn is_settled(pipeline: &Pipeline, facts: &crate::runtime::facts::RunFacts, item: &Item) -> bool {
    let (Some(link), Some(mapped)) = (&item.link, &item.mapped) else { return false };
    facts.mode == Mode::Changes
        && link.state == LinkState::Active
        && sync::is_unchanged(
            &sync::fingerprints(pipeline, mapped, facts.fingerprints),
            &link.salesforce_baseline,
        )
}
