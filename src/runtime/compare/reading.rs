//! How a comparison reads: the app, then Salesforce, then what neither brought. Memory is a batch and the bits of [`Met`].

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::met::Met;
use super::pending::Pending;
use super::take_at_rest;
use crate::connect::{ConnectError, Limit, Source};
use crate::model::{ChangeEvent, Commit, Counts, Cursor, Key, Link, Read, Side};
use crate::plan::{Lane, LinkRule, Scope};
use crate::runtime::batch::{Bench, Fate, Item, MISSED};
use crate::runtime::pass::{Gathered, PassError, Runner};
use crate::store::FailureFilter;

/// Records of a batch: nothing is written by batches here, so larger ones gain nothing.
const AT_ONCE: usize = 2_500;

impl Runner {
    fn comparing(&self) -> Limit {
        Limit { records: self.limit.records.min(AT_ONCE), ..self.limit }
    }

    /// Reads the app before Salesforce is read, and notes which of its records are as they were when both sides agreed.
    pub(super) async fn hear_app(&mut self, pass: &mut Gathered, met: &mut Met) -> Result<(), PassError> {
        let side = pass.setting.origin;
        let all = self.pipeline.scope(side) != Scope::Referenced;
        if self.pipeline.lane != Lane::Linked || self.pipeline.reads_other || !all {
            return Ok(());
        }
        let setting = pass.setting.clone();
        let limit = self.comparing();
        let mut reading = Reading::default();
        while let Some(batch) = reading.next(self.source_of(side)?, limit).await? {
            let (mut bench, source) = self.split(&setting);
            // The reading is begun first: it goes on elsewhere while this thread looks at what came.
            let heard = heard(&mut bench, batch.events, met);
            let (ahead, heard) = tokio::join!(reading.ahead(source, limit), heard);
            heard.and(ahead.map_err(PassError::from))?;
            self.between_batches(&Counts::default(), batch.total, &reading)?;
        }
        met.heard = true;
        Ok(())
    }

    /// Reads a side from its beginning to its end, if it was not read before.
    pub(super) async fn read_all(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        met: &mut Met,
        approved: bool,
    ) -> Result<(), PassError> {
        let side = pass.setting.origin;
        if self.pipeline.scope(side) == Scope::Referenced {
            return Ok(());
        }
        if side == Side::App
            && let Some(keys) = met.left()
        {
            return self.ask(pass, pending, (met, &keys), approved).await;
        }
        let setting = pass.setting.clone();
        let limit = self.comparing();
        let mut reading = Reading::default();
        while let Some(batch) = reading.next(self.source_of(side)?, limit).await? {
            let (mut bench, source) = self.split(&setting);
            let compared = compared(&mut bench, batch.events, pending, met);
            // What is read before a write would pass for somebody's answer to it.
            let (ahead, links) = if approved {
                (Ok(()), compared.await)
            } else {
                tokio::join!(reading.ahead(source, limit), compared)
            };
            let links = links?;
            ahead?;
            self.rebase(pass, links)?;
            self.hold_back(pass, pending, approved).await?;
            let counts = take_at_rest(pass, pending);
            self.between_batches(&counts, batch.total, &reading)?;
        }
        Ok(())
    }

    fn between_batches(
        &self,
        counts: &Counts,
        total: Option<u64>,
        reading: &Reading,
    ) -> Result<(), PassError> {
        self.observer.settled(&self.pipeline.name, counts, true, total);
        let interrupted = !reading.ended && self.interrupt.load(Ordering::Relaxed);
        if interrupted { Err(PassError::Interrupted) } else { Ok(()) }
    }

    fn rebase(&self, pass: &mut Gathered, links: Vec<Link>) -> Result<(), PassError> {
        if links.is_empty() {
            return Ok(());
        }
        self.commit(pass, Commit { links, ..Commit::default() }, false, None)
    }

    /// Linked records that the full read did not bring: they are asked for one by one, so that only positive evidence counts.
    pub(super) async fn unseen(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        met: &mut Met,
        approved: bool,
    ) -> Result<(), PassError> {
        if self.pipeline.lane == Lane::Mirror {
            return self.unseen_mirror(pass, pending, met, approved).await;
        }
        let side = pass.setting.origin;
        let missed = self.missed(side)?;
        let mut after: Option<Key> = None;
        loop {
            let page = (after.as_ref(), 2_000);
            let unmet = |number| !met.pairs.contains(number);
            let links = self.store.links_where(self.name(), self.pipeline.generation, page, unmet)?;
            let Some(last) = links.last() else { return Ok(()) };
            after = Some(last.salesforce.clone());
            // Of a pair that is known to be broken there is nothing to prove; a record that is back is read.
            let asked = |link: &Link| !link.state.is_gone() || missed.contains(link.key(side));
            let whole = links.into_iter().filter(asked);
            let keys: Vec<Key> = whole.map(|link| link.key(side).clone()).collect();
            self.ask(pass, pending, (met, &keys), approved).await?;
        }
    }

    /// Records that were not found before, where evidence of their delete would be followed: it may have come meanwhile.
    pub(in crate::runtime) fn missed(&self, side: Side) -> Result<HashSet<Key>, PassError> {
        let ops = self.pipeline.ops_on(side.other());
        if side != Side::Salesforce || !(ops.delete || ops.archive) {
            return Ok(HashSet::new());
        }
        let (pipeline, code) = (Some(self.name().clone()), Some(MISSED.to_owned()));
        let failures = self.store.failures(&FailureFilter { pipeline, code, ..FailureFilter::default() })?;
        let sources = failures.into_iter().map(|failure| failure.source);
        Ok(sources.filter(|(of, _)| *of == side).map(|(_, key)| key).collect())
    }

    async fn unseen_mirror(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        met: &mut Met,
        approved: bool,
    ) -> Result<(), PassError> {
        let mut after: Option<Key> = None;
        loop {
            let keys = self.app.keys(after.as_ref(), 10_000).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            after = Some(last.clone());
            let keys: Vec<Key> = keys.into_iter().filter(|key| !met.has(Side::Salesforce, key)).collect();
            self.ask(pass, pending, (met, &keys), approved).await?;
        }
    }

    async fn ask(
        &mut self,
        pass: &mut Gathered,
        pending: &mut Pending,
        (met, keys): (&mut Met, &[Key]),
        approved: bool,
    ) -> Result<(), PassError> {
        let setting = pass.setting.clone();
        for keys in keys.chunks(2_000) {
            let events = self.source_of(setting.origin)?.fetch(keys).await?;
            self.miss(pass, met, (keys, &events))?;
            let links = compared(&mut self.bench(&setting), events, pending, met).await?;
            self.rebase(pass, links)?;
            self.hold_back(pass, pending, approved).await?;
        }
        Ok(())
    }

    /// Linked Salesforce records that were asked for and are not found: a message for each, and no more of them than a comparison may
    /// change. Very many that are hidden at once are a matter of permissions, not of records.
    fn miss(
        &mut self,
        pass: &mut Gathered,
        met: &mut Met,
        (keys, events): (&[Key], &[ChangeEvent]),
    ) -> Result<(), PassError> {
        let setting = pass.setting.clone();
        if setting.origin != Side::Salesforce || self.pipeline.lane != Lane::Linked {
            return Ok(());
        }
        let found: HashSet<&Key> = events.iter().map(|event| &event.key).collect();
        let lost: Vec<Key> = keys.iter().filter(|key| !found.contains(key)).cloned().collect();
        met.vanished += lost.len() as u64;
        if lost.is_empty() || met.vanished > self.pipeline.max_changes {
            return Ok(());
        }
        let mut commit = Commit::default();
        self.bench(&setting).vanished(&mut commit, &lost)?;
        commit.settled.clear();
        self.commit(pass, commit, false, None)
    }
}

/// Notes of app records whether they are as they were when both sides agreed. Nothing is decided here.
async fn heard(bench: &mut Bench<'_>, events: Vec<ChangeEvent>, met: &mut Met) -> Result<(), PassError> {
    if events.is_empty() {
        return Ok(());
    }
    let items = bench.told(events).await?.items;
    let alone = bench.pipeline.links == LinkRule::OneToOne;
    for (at, item) in items.iter().enumerate() {
        let Some(number) = item.number else {
            if !matches!(item.fate, Some(Fate::LeftOut(_) | Fate::NotLinked)) {
                met.keep(item.key.clone());
            }
            continue;
        };
        // The links of a record are neighbours.
        let same = |neighbour: Option<&Item>| neighbour.is_some_and(|other| other.key == item.key);
        let shared = same(items.get(at + 1)) || same(at.checked_sub(1).and_then(|before| items.get(before)));
        if bench.is_as_agreed(item) && !(alone && shared) {
            met.as_agreed.insert(number);
        }
    }
    Ok(())
}

/// Decides about a batch and keeps what would be written. Pairs that were compared from the other side are not compared again. Returns
/// the links of equal pairs that have something new to remember.
async fn compared(
    bench: &mut Bench<'_>,
    mut events: Vec<ChangeEvent>,
    pending: &mut Pending,
    met: &mut Met,
) -> Result<Vec<Link>, PassError> {
    let side = bench.origin;
    events.retain(|event| !met.has(side, &event.key));
    if events.is_empty() {
        return Ok(Vec::new());
    }
    if bench.pipeline.lane == Lane::Mirror {
        for event in &events {
            met.meets(side, &event.key);
        }
        let batch = bench.mirror(events);
        pending.add_mirror(bench.differing(batch).await?);
        return Ok(Vec::new());
    }
    let mut told = bench.told(events).await?;
    told.items.retain(|item| match known(bench, item, met) {
        Known::Not => true,
        Known::Equal => pending.rests(1, 0),
        Known::Compared => false,
    });
    if told.items.is_empty() && told.later.is_empty() {
        return Ok(Vec::new());
    }
    let decided = bench.answered_and_decided(told).await?;
    for other in decided.items.iter().filter(|item| item.number.is_none()) {
        if let Some(key) = other.key_on(side.other()) {
            met.meets(side.other(), key);
        }
    }
    let links = bench.rebased(&decided.items);
    pending.add(decided);
    Ok(links)
}

/// What a comparison knows of a record.
enum Known {
    /// It has to be brought together with its partner.
    Not,
    /// Both sides are as they were when they agreed.
    Equal,
    /// It was compared before.
    Compared,
}

fn known(bench: &Bench<'_>, item: &Item, met: &mut Met) -> Known {
    let is_new = match item.number {
        Some(number) => met.pairs.insert(number),
        None => met.meets(bench.origin, &item.key),
    };
    let as_agreed = || {
        let agreed = item.number.is_some_and(|number| met.as_agreed.contains(number));
        agreed && bench.origin == Side::Salesforce && bench.is_as_agreed(item)
    };
    match is_new {
        false => Known::Compared,
        true if as_agreed() => Known::Equal,
        true => Known::Not,
    }
}

/// A batch of a side.
struct Batch {
    events: Vec<ChangeEvent>,
    total: Option<u64>,
}

/// A side that is read from its beginning to its end.
#[derive(Default)]
struct Reading {
    cursor: Option<Cursor>,
    ended: bool,
    ahead: Option<Read>,
}

impl Reading {
    /// The next batch; `None` at the end.
    async fn next(&mut self, source: &mut dyn Source, limit: Limit) -> Result<Option<Batch>, ConnectError> {
        if self.ahead.is_none() {
            self.ahead(Ok(source), limit).await?;
        }
        let Some(Read::Batch { events, next, more, total }) = self.ahead.take() else { return Ok(None) };
        self.ended = matches!(next, Cursor::Changes { .. }) || !more;
        self.cursor = Some(next);
        Ok(Some(Batch { events, total }))
    }

    /// Reads on while the last batch is being looked at.
    async fn ahead(
        &mut self,
        source: Result<&mut dyn Source, ConnectError>,
        limit: Limit,
    ) -> Result<(), ConnectError> {
        if !self.ended {
            self.ahead = Some(source?.read(self.cursor.as_ref(), limit).await?);
        }
        Ok(())
    }
}
