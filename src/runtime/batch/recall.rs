//! What is remembered: the links of the records of a batch, and everything that needs no more than those: deletes, merges, records that
//! leave the filters.

use std::collections::{HashMap, HashSet};

use super::decide::{Fate, Item};
use super::{BatchError, Bench};
use crate::model::{
    Change, ChangeEvent, Fingerprint, Key, Link, LinkState, Op, PipelineName, Row, Side, Value,
};
use crate::plan::{LinkRule, OnLeave, Pipeline, RowSet};
use crate::runtime::facts::RunContext;
use crate::sync::{self, LeftOut, Mode, Old};

impl Bench<'_> {
    /// Brings the remembered pairs: an item for each. An app record that several Salesforce records share has several.
    pub(super) fn recall(&self, events: Vec<ChangeEvent>) -> Result<Vec<Item>, BatchError> {
        let events = latest(events);
        let keys: Vec<Key> = events.iter().map(|event| event.key.clone()).collect();
        let (name, generation) = (&self.pipeline.name, self.pipeline.generation);
        let links = self.store.numbered_links_of(name, generation, (self.origin, &keys))?;
        let seen = self.seen(self.origin, &keys)?;
        let mut items = Vec::with_capacity(events.len());
        for ((event, links), seen) in events.into_iter().zip(links).zip(seen) {
            let old = self.look_back(&event, seen.as_ref());
            if links.is_empty() {
                items.push(self.item(event, None, old)?);
                continue;
            }
            let mut event = Some(event);
            let last = links.len() - 1;
            for (at, (number, link)) in links.into_iter().enumerate() {
                let Some(event) = (if at == last { event.take() } else { event.clone() }) else { break };
                let link = align(self.pipeline, self.row_sets, link);
                let mut item = self.item(event, Some(link), old.clone())?;
                item.number = Some(number);
                items.push(item);
            }
        }
        self.merges(&mut items);
        self.leave_to_partners(&mut items)?;
        Ok(items)
    }

    /// The survivor of a merge takes one place. A second record that was merged into it is gone, and the survivor itself, which may
    /// be in the batch without a link yet, is decided once it has its place, or it would be made a second time.
    fn merges(&self, items: &mut [Item]) {
        let mut survivors: HashSet<Key> = HashSet::new();
        for item in items.iter_mut() {
            if let Some(Fate::Moved(survivor)) = &item.fate
                && !survivors.insert(survivor.clone())
            {
                item.fate = Some(self.gone(self.origin, item.link.as_ref()));
            }
        }
        for item in items.iter_mut().filter(|item| item.fate.is_none() && survivors.contains(&item.key)) {
            item.fate = Some(Fate::Postponed);
        }
    }

    fn item(&self, event: ChangeEvent, link: Option<Link>, old: Old) -> Result<Item, BatchError> {
        let mut item = Item { old, ..Item::new(self.origin, event.key, event.version, link) };
        if let Change::Upsert(row) | Change::Left(Some(row)) = &event.change
            && let Some(fate) = self.converted(&item, row)?
        {
            item.fate = Some(fate);
            return Ok(item);
        }
        match event.change {
            Change::Delete { merged_into } => item.fate = Some(self.deleted(&item, merged_into)?),
            Change::Left(row) => self.left(&mut item, row),
            Change::Upsert(_) if self.linked_only && item.link.is_none() => item.fate = Some(Fate::NotLinked),
            Change::Upsert(_) if self.rests(&item) => item.fate = Some(self.ask_whether_it_is_back(&item)),
            Change::Upsert(row) => self.passes(&mut item, row),
            Change::Touched => item.fate = Some(Fate::NotLinked),
        }
        Ok(item)
    }

    /// A pair that stopped when the record of the other side left the filters (`on_leave: stop`). What this side says of it since is nobody's
    /// business until that record is back, and that only its own side can tell.
    fn rests(&self, item: &Item) -> bool {
        item.link.as_ref().is_some_and(|link| link.state == LinkState::stopped_on(self.target()))
    }

    fn ask_whether_it_is_back(&self, item: &Item) -> Fate {
        match (&item.link, self.origin, self.facts.mode) {
            (Some(link), Side::Salesforce, _) => Fate::AskApp(link.app.clone()),
            (Some(link), Side::App, Mode::Changes) => Fate::AskSalesforce(link.salesforce.clone()),
            // A comparison reads that side anyway.
            _ => Fate::Unchanged,
        }
    }

    fn passes(&self, item: &mut Item, row: Row) {
        match self.left_out(&row, item.old.row.as_ref()) {
            None if self.is_back_in_the_app(item) => {
                item.fate = item.link.as_ref().map(|link| Fate::AskSalesforce(link.salesforce.clone()));
            }
            None => item.row = Some(row),
            Some(_) if item.link.is_some() => self.left(item, Some(row)),
            Some(why) => item.fate = Some(Fate::LeftOut(why)),
        }
    }

    fn is_back_in_the_app(&self, item: &Item) -> bool {
        let stopped = |link: &Link| link.state == LinkState::StoppedInApp;
        self.origin == Side::App && item.link.as_ref().is_some_and(stopped)
    }

    fn left_out(&self, row: &Row, old: Option<&Row>) -> Option<LeftOut> {
        let empty = sync::LookupTable::default();
        let context = RunContext::new(self.org, self.facts, &empty, self.origin);
        let inputs = crate::expr::Inputs {
            value: &Value::Null,
            record: row,
            other: None,
            old,
            op: Op::Update,
            now: self.facts.now,
            today: self.facts.today,
            pipeline: (self.pipeline.name.as_str(), self.pipeline.generation),
            context: &context,
        };
        sync::passes(self.pipeline.selection(self.origin), row, &inputs).err()
    }

    /// A linked record that no longer passes the filters (`on_leave`).
    fn left(&self, item: &mut Item, row: Option<Row>) {
        item.fate = match (&item.link, self.pipeline.on_leave(self.origin), row) {
            (None, ..) => Some(Fate::NotLinked),
            (Some(link), OnLeave::Delete, _) => Some(self.gone(self.origin, Some(link))),
            (Some(_), OnLeave::Keep, Some(row)) => {
                item.row = Some(row);
                None
            }
            (Some(_), OnLeave::Keep, None) => Some(Fate::Unchanged),
            // Once the app record has left, it has to be back first.
            (Some(link), OnLeave::Stop, _) if link.state == LinkState::StoppedInApp => Some(Fate::Unchanged),
            (Some(_), OnLeave::Stop, _) => Some(Fate::Retire(LinkState::stopped_on(self.origin))),
        };
    }

    /// A record that is gone. The survivor of a merge takes its place, unless it has a partner of its own. An app record that other
    /// Salesforce records share stays as long as one of them is there.
    fn deleted(&self, item: &Item, merged_into: Option<Key>) -> Result<Fate, BatchError> {
        let Some(link) = &item.link else { return Ok(Fate::NotLinked) };
        let (name, generation) = (&self.pipeline.name, self.pipeline.generation);
        if let Some(survivor) = merged_into.filter(|survivor| *survivor != item.key) {
            let keys = std::slice::from_ref(&survivor);
            if self.store.links_by_salesforce(name, generation, keys)?.iter().all(Option::is_none) {
                return Ok(Fate::Moved(survivor));
            }
        }
        if self.origin == Side::Salesforce && self.pipeline.links == LinkRule::ManyToOne {
            let shared = self.linked_to(std::slice::from_ref(&link.app))?;
            if shared.iter().flatten().any(|other| other.salesforce != item.key && !other.state.is_gone()) {
                return Ok(Fate::Retire(LinkState::Gone));
            }
        }
        // The pair was broken because nobody found the record; now there is evidence.
        if link.state == LinkState::gone_on(self.origin) && self.was_missed(&item.key)? {
            let link = Link { state: LinkState::Active, ..link.clone() };
            return Ok(self.gone(self.origin, Some(&link)));
        }
        Ok(self.gone(self.origin, Some(link)))
    }

    /// A linked lead that was converted, where other pipelines keep what it may have become. Nobody can change it any more.
    fn converted(&self, item: &Item, row: &Row) -> Result<Option<Fate>, BatchError> {
        let Some(link) = item.link.as_ref().filter(|_| self.origin == Side::Salesforce) else {
            return Ok(None);
        };
        if self.partners.heirs.is_empty() {
            return Ok(None);
        }
        let became = self.pipeline.salesforce.became(row);
        let heir = became.iter().find_map(|(object, key)| {
            let heirs = self.partners.heirs.iter();
            let (name, generation, _) = heirs.into_iter().find(|heir| heir.2.eq_ignore_ascii_case(object))?;
            Some((name.clone(), *generation, key.clone()))
        });
        match heir {
            None => Ok(None),
            Some(_) if link.state.is_gone() => Ok(Some(Fate::Unchanged)),
            Some(heir) => Ok(Some(Fate::Converted(self.is_unpaired(&heir, &link.app)?.then_some(heir)))),
        }
    }

    /// What the app says of a lead that was converted is for what the lead became: nobody can change it any more, and its pair is over.
    pub(super) fn leave_converted(&self, items: &mut [Item]) {
        if self.origin != Side::App || self.partners.heirs.is_empty() {
            return;
        }
        let kept = |object: &str| self.partners.heirs.iter().any(|heir| heir.2.eq_ignore_ascii_case(object));
        for item in items.iter_mut().filter(|item| item.fate.is_none() && item.link.is_some()) {
            let Some((_, lead)) = &item.other else { continue };
            if self.pipeline.salesforce.became(lead).iter().any(|(object, _)| kept(object)) {
                item.fate = Some(Fate::Unchanged);
            }
        }
    }

    /// Whether neither the record that a lead became nor its app record has a pair in that pipeline.
    fn is_unpaired(&self, (name, _, key): &(PipelineName, u32, Key), app: &Key) -> Result<bool, BatchError> {
        for place in [(Side::Salesforce, key), (Side::App, app)] {
            let links = self.store.links_of_current(name, (place.0, std::slice::from_ref(place.1)))?;
            if links.iter().flatten().any(|link| !link.state.is_gone()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A record of a pair is gone on a side: what becomes of its partner.
    pub(super) fn gone(&self, on: Side, link: Option<&Link>) -> Fate {
        let (target, state) = (on.other(), LinkState::gone_on(on));
        let ops = self.pipeline.ops_on(target);
        match link {
            None => Fate::NotLinked,
            Some(link) if link.state.is_gone() => Fate::Unchanged,
            Some(link) if ops.delete => Fate::Delete { on: target, key: link.key(target).clone() },
            Some(link) if ops.archive => Fate::Archive { on: target, key: link.key(target).clone() },
            Some(_) => Fate::Retire(state),
        }
    }
}

/// The last change of each record, in the order of first appearance: earlier states of the same record need no write of their own.
fn latest(events: Vec<ChangeEvent>) -> Vec<ChangeEvent> {
    // What comes in the order of keys has each of them once.
    if events.windows(2).all(|pair| pair[0].key < pair[1].key) {
        return events;
    }
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
pub(in crate::runtime) fn align(
    pipeline: &Pipeline,
    row_sets: &HashMap<u32, Vec<u64>>,
    mut link: Link,
) -> Link {
    let set = &pipeline.row_set;
    if link.row_set != set.id {
        let then = row_sets.get(&link.row_set).map_or(&[][..], Vec::as_slice);
        link.salesforce_baseline = moved(&link.salesforce_baseline, then, set);
        link.app_baseline = moved(&link.app_baseline, then, set);
        link.row_set = set.id;
    }
    link
}

fn moved(baseline: &[Fingerprint], then: &[u64], now: &RowSet) -> Box<[Fingerprint]> {
    let at = |row: &u64| then.iter().position(|old| old == row).and_then(|at| baseline.get(at));
    // A row that flowed both ways and now flows one way is compared as it was.
    now.rows
        .iter()
        .zip(&now.both)
        .map(|(row, both)| at(row).or_else(|| at(both)).copied().unwrap_or_default())
        .collect()
}
