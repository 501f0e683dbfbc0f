//! Creates are the only write that a replay could double: the process dies, or the answer is lost, after the record was stored and
//! before its pair is. So every create is noted in the state before it can no longer be taken back, and what became of such notes
//! is found out before anything else is decided: a record that was stored is linked as if nothing had happened. Updates are noted in the
//! same place, see [`super::retold`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::decide::{Fate, Item};
use super::recall::align;
use super::{BatchError, Bench};
use crate::connect::{ConnectError, Found, Notes, Trace};
use crate::model::{Commit, Intent, Key, Link, Op, Outcome, PipelineName, Row, Side, Value, Want, WriteOp};
use crate::plan::{Lane, Pipeline};
use crate::runtime::build::state_failed;
use crate::store::{Store, StoreError};
use crate::sync::{Decision, Fingerprints};

/// A record of a pipeline that is to be looked at.
type Touch = (PipelineName, Side, Key);

/// Notes the creates and updates of one batch.
pub(super) struct Journal {
    store: Arc<Store>,
    pipeline: PipelineName,
    generation: u32,
    /// Creates by place in the batch, without keys.
    intents: HashMap<usize, Intent>,
    /// Updates by place in the batch.
    updates: HashMap<usize, Intent>,
    /// What the new records want of other pipelines: if they are found again, nobody maps them a second time.
    wants: Vec<Want>,
    /// Records that are to be brought in for them. Who was brought in on demand is not asked for again once it is there.
    touch: Vec<Touch>,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    /// The latest note of each place.
    intents: HashMap<usize, Intent>,
    parcels: Vec<u64>,
}

impl Journal {
    /// As the destination sees it.
    pub(super) fn notes(self: &Arc<Self>) -> Arc<dyn Notes> {
        Arc::<Self>::clone(self)
    }

    /// To be called before anything is sent.
    pub(super) fn begin(&self) -> Result<(), ConnectError> {
        if self.updates.is_empty() { Ok(()) } else { self.note(self.updates.clone()) }
    }

    /// The outcomes are known: what was noted is over, except where the answer was lost.
    pub(super) fn close(&self, outcomes: &[Outcome], commit: &mut Commit) {
        let mut noted = self.lock();
        commit.arrived.append(&mut noted.parcels);
        let lost = outcomes.iter().enumerate().filter(|(_, outcome)| matches!(outcome, Outcome::Unknown(_)));
        commit.intents.extend(lost.filter_map(|(at, _)| noted.intents.remove(&at)));
    }

    fn note(&self, intents: HashMap<usize, Intent>) -> Result<(), ConnectError> {
        let commit = Commit {
            intents: intents.values().cloned().collect(),
            wants: self.wants.clone(),
            touch: self.touch.clone(),
            ..Commit::default()
        };
        let summary = self.store.commit(&self.pipeline, self.generation, &commit).map_err(state_failed)?;
        let mut noted = self.lock();
        noted.parcels.extend(summary.parcel);
        noted.intents.extend(intents);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes for Journal {
    fn sending(&self) -> Result<(), ConnectError> {
        if self.intents.is_empty() { Ok(()) } else { self.note(self.intents.clone()) }
    }

    fn storing(&self, keys: &[(usize, Key)]) -> Result<(), ConnectError> {
        if keys.is_empty() {
            return Ok(());
        }
        let stored = |(at, key): &(usize, Key)| Some((*at, self.intents.get(at)?.stored_as(key.clone())));
        self.note(keys.iter().filter_map(stored).collect())
    }
}

impl Bench<'_> {
    /// What notes the writes of a batch to one side; `None` if none of them has to be noted.
    pub(super) fn journal(
        &mut self,
        items: &mut [Item],
        side: Side,
        (places, ops): (&[(usize, Op)], &[WriteOp]),
        touch: &[Touch],
    ) -> Result<Option<Arc<Journal>>, ConnectError> {
        let (mut intents, mut updates, mut scratch) = (HashMap::new(), HashMap::new(), Commit::default());
        for (place, ((at, kind), op)) in places.iter().zip(ops).enumerate() {
            if *kind == Op::Update {
                updates.extend(self.note_of_update(&items[*at], side).map(|intent| (place, intent)));
            }
            let (WriteOp::Create { row }, item) = (op, &mut items[*at]) else { continue };
            let Some(Fate::Decided(Decision::Create { on, .. })) = item.fate else { continue };
            let Some(pair) = self.link(item, &[(on, Op::Create, Key::app(""), None)]) else { continue };
            item.pair = Some(pair.clone());
            let row = (!self.destination(on)?.tells_keys()).then(|| row.clone());
            intents.insert(place, Intent { on, link: pair, row, since: self.facts.now });
            self.want(&mut scratch, item);
        }
        if intents.is_empty() && updates.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Journal {
            store: Arc::clone(self.store),
            pipeline: self.pipeline.name.clone(),
            generation: self.pipeline.generation,
            intents,
            updates,
            wants: scratch.wants,
            touch: touch.to_vec(),
            noted: Mutex::default(),
        })))
    }

    /// Finds out what became of writes whose outcome is not remembered. Records that were made are linked, the others are free to be
    /// made again; baselines of records that were changed move. To be called between batches, never while one is being written.
    pub async fn reclaim(&mut self) -> Result<(), BatchError> {
        if self.pipeline.lane == Lane::Mirror {
            return Ok(());
        }
        let parcels = self.store.intents(&self.pipeline.name, self.pipeline.generation)?;
        if parcels.is_empty() {
            return Ok(());
        }
        let arrived = parcels.iter().map(|(number, _)| *number).collect();
        let noted = parcels.into_iter().flat_map(|(_, intents)| intents);
        let (updates, creates): (Vec<Intent>, Vec<Intent>) = noted.partition(Intent::is_update);
        let intents = latest(creates.into_iter());
        let mut commit = Commit { arrived, ..Commit::default() };
        for side in [Side::Salesforce, Side::App] {
            let intents: Vec<Intent> = intents.iter().filter(|intent| intent.on == side).cloned().collect();
            self.reclaim_on(side, intents, &mut commit).await?;
        }
        let made = commit.links.len();
        commit.counts.created = made as u64;
        for side in [Side::Salesforce, Side::App] {
            let updates: Vec<Intent> = updates.iter().filter(|intent| intent.on == side).cloned().collect();
            self.recover_updates((side, &updates), &mut commit).await?;
        }
        tracing::info!(pipeline = %self.pipeline.name, creates = intents.len(), made, updates = updates.len(),
            stored = commit.links.len() - made, "writes of an interrupted batch were looked for");
        self.store.commit(&self.pipeline.name, self.pipeline.generation, &commit)?;
        Ok(())
    }

    async fn reclaim_on(
        &mut self,
        side: Side,
        intents: Vec<Intent>,
        commit: &mut Commit,
    ) -> Result<(), BatchError> {
        if intents.is_empty() {
            return Ok(());
        }
        let traces: Vec<Trace> = intents.iter().map(trace).collect();
        let mut found = vec![Vec::new(); intents.len()];
        for Found { value, key, row } in self.destination(side)?.trace(&traces).await? {
            if let Some(found) = found.get_mut(value) {
                found.push((key, row));
            }
        }
        let links = self.recognise(intents, found)?;
        if self.tells_back(side) {
            let touched = links.iter().map(|link| (self.pipeline.name.clone(), side, link.key(side).clone()));
            commit.touch.extend(touched);
        }
        commit.links.extend(links);
        Ok(())
    }

    /// The pairs of those intents whose record is among what was found for them.
    fn recognise(&self, intents: Vec<Intent>, found: Vec<Vec<(Key, Row)>>) -> Result<Vec<Link>, StoreError> {
        let (mut links, mut taken) = (Vec::new(), HashSet::new());
        for (intent, mut found) in intents.into_iter().zip(found) {
            let link = align(self.pipeline, self.row_sets, intent.link.clone());
            let known = Intent { link, ..intent };
            found.sort_by(|(one, _), (other, _)| one.cmp(other));
            for (key, row) in found {
                if !taken.contains(&key)
                    && is_it(self.pipeline, self.facts.fingerprints, &known, &row)
                    && self.is_free(known.on, &key, known.source())?
                {
                    links.push(known.stored_as(key.clone()).link);
                    taken.insert(key);
                    break;
                }
            }
        }
        Ok(links)
    }

    /// Whether a record is linked to nobody else.
    pub(super) fn is_free(&self, on: Side, key: &Key, source: &Key) -> Result<bool, StoreError> {
        let (name, generation, key) =
            (&self.pipeline.name, self.pipeline.generation, std::slice::from_ref(key));
        let links: Vec<Link> = match on {
            Side::App => self.store.links_by_app(name, generation, key)?.into_iter().flatten().collect(),
            Side::Salesforce => {
                self.store.links_by_salesforce(name, generation, key)?.into_iter().flatten().collect()
            }
        };
        Ok(links.iter().all(|link| match on {
            Side::App => link.salesforce == *source,
            Side::Salesforce => link.app == *source,
        }))
    }
}

/// The last word on each record: what was noted of it before was taken back.
fn latest(intents: impl Iterator<Item = Intent>) -> Vec<Intent> {
    let mut at: HashMap<Key, usize> = HashMap::new();
    let mut kept: Vec<Intent> = Vec::new();
    for intent in intents {
        let index = *at.entry(intent.source().clone()).or_insert(kept.len());
        if index == kept.len() {
            kept.push(intent);
        } else {
            kept[index] = intent;
        }
    }
    kept
}

fn trace(intent: &Intent) -> Trace {
    let row = intent.row.clone().unwrap_or_else(|| Row::absent(0));
    Trace { key: intent.target().cloned(), row, since: intent.since }
}

/// Whether a record is the one that a create has made. One with the very key has to agree in most of what was written: somebody may
/// have edited it since, but where the create never came to be, the key may have gone to a record of somebody else (SQLite counts on
/// from the last). One that was only searched has to agree in everything.
fn is_it(pipeline: &Pipeline, make: Fingerprints, intent: &Intent, row: &Row) -> bool {
    if intent.target().is_none() {
        return true;
    }
    let then = match intent.on {
        Side::Salesforce => &intent.link.salesforce_baseline,
        Side::App => &intent.link.app_baseline,
    };
    let (mut told, mut agreed) = (0_usize, 0_usize);
    for (mapping, then) in pipeline.rows.iter().zip(then) {
        let Some(field) = mapping.field_on(intent.on).filter(|_| then.is_known()) else { continue };
        // Empty values are not written, and agree with too many records.
        if *then == make.of(mapping, &Value::Null) {
            continue;
        }
        told += 1;
        agreed += usize::from(make.of(mapping, row.get(field)) == *then);
    }
    told == 0 || agreed * 2 > told
}
