//! A resource as the source of a pipeline: first everything in the order of the list, then what changed.
//!
//! The rules of the cursor:
//! - A place is a place in the app's list, as the app names it: a page, an offset, a cursor, an address. A list that moves while it is
//!   read can pass a record over; the next look, or the comparison of everything, finds it.
//! - A window ends at the app's own clock (the `Date` of the answer) minus a lag, and windows overlap by the lookback: apps stamp
//!   records with more clocks than one.
//! - An app without `since` is read as a whole by every look; where records have a change time, those that did not change are passed over.
//! - A delete needs evidence: a delete mark, or 404 for the id. What a list lacks is no evidence.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::client::Client;
use super::listing::Listed;
use super::record::{Columns, Seen, typed};
use super::resource::Resource;
use super::several::{Work, in_order};
use super::single;
use super::walk::{ListPage, Place, Walk};
use crate::connect::{ConnectError, Limit, Source};
use crate::model::{
    Backfill, Change, ChangeEvent, Clock, Cursor, Key, Keyset, Kind, Read, Schema, Value, Version,
};

/// Pages of one batch at most: an app may have many parents without a record.
const PAGES_AT_ONCE: usize = 50;

/// How far an app's clock may be ahead of ours and be believed.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// What the first load brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LoadScope {
    /// Everything.
    #[default]
    All,
    /// Nothing: only changes from now on.
    Nothing,
    /// Records whose field is not older than that.
    Last(Arc<str>, Duration),
}

/// What a source reads.
#[derive(Clone)]
pub struct SourceSpec {
    /// The kind of records.
    pub resource: Arc<Resource>,
    /// The positions of the rows.
    pub schema: Arc<Schema>,
    /// What the first load brings.
    pub load: LoadScope,
    /// How far windows overlap.
    pub lookback: Duration,
    /// How far behind the app's clock a window ends.
    pub lag: Duration,
}

impl SourceSpec {
    /// Everything of a resource, with the usual overlap of ten minutes.
    pub fn new(resource: Arc<Resource>, schema: Arc<Schema>) -> Self {
        let (lookback, lag) = (Duration::from_secs(600), Duration::from_secs(2));
        Self { resource, schema, load: LoadScope::All, lookback, lag }
    }
}

/// Reads the records of one pipeline from one resource. It never writes.
pub struct HttpSource {
    client: Arc<Client>,
    spec: SourceSpec,
    columns: Columns,
    clock: Arc<dyn Clock>,
    seen: Seen,
    under_way: Option<UnderWay>,
}

/// A way through the list, between two reads.
struct UnderWay {
    walk: Walk,
    /// The cursor that was returned last: another one begins anew.
    cursor: Cursor,
    /// Records of the page at `place` that did not fit into the batch.
    rest: VecDeque<Listed>,
    parent: Option<String>,
    place: Place,
    next: Option<Place>,
}

/// A batch of a list.
#[derive(Default)]
struct Batch {
    events: Vec<ChangeEvent>,
    bytes: usize,
    date: Option<Timestamp>,
    /// Where it goes on; `None` at the end.
    next: Option<Place>,
}

impl HttpSource {
    /// A source on a resource.
    pub fn new(client: Arc<Client>, spec: SourceSpec, clock: Arc<dyn Clock>) -> Self {
        let columns = Columns::new(&spec.schema, spec.resource.key.text());
        Self { client, spec, columns, clock, seen: Seen::default(), under_way: None }
    }

    /// The end of a window that is read from now on.
    fn end(&self, date: Option<Timestamp>, from: Option<Timestamp>) -> Timestamp {
        let here = self.clock.now();
        // Without the app's clock ours has to do, with a minute for its error. One that is far ahead would end following: what changes
        // until that time comes would be before every window.
        let now = match date {
            Some(date) => date.min(here + AHEAD),
            None => here - SignedDuration::from_mins(1),
        };
        let end = now - SignedDuration::try_from(self.spec.lag).unwrap_or_default();
        from.map_or(end, |from| end.max(from))
    }

    async fn load(
        &mut self,
        anchor: Option<Timestamp>,
        from: Option<&Cursor>,
        limit: Limit,
    ) -> Result<Read, ConnectError> {
        let place = match from {
            Some(Cursor::Backfill { done: Backfill::Keys { after }, .. }) => Place::of(after.as_ref()),
            _ => Place::default(),
        };
        let oldest = match &self.spec.load {
            LoadScope::Last(field, last) => {
                let last = SignedDuration::try_from(*last).unwrap_or_default();
                Some((Arc::clone(field), self.clock.now() - last))
            }
            _ => None,
        };
        // Only the app's clock is wanted of the first page.
        let records = if self.spec.load == LoadScope::Nothing { 1 } else { limit.records };
        let limit = Limit { records, ..limit };
        let mut walk = self.taken_up(from, None, place);
        let batch = self.batch(&mut walk, limit, |record| match &oldest {
            Some((field, oldest)) => moment(record, field).is_none_or(|at| at >= *oldest),
            None => true,
        });
        let batch = batch.await?;
        let anchor = anchor.unwrap_or_else(|| self.end(batch.date, None));
        let next = match batch.next.filter(|_| self.spec.load != LoadScope::Nothing) {
            Some(place) => Cursor::Backfill { anchor, done: Backfill::Keys { after: Some(place.to_key()) } },
            None => Cursor::Changes { upto: anchor, within: None },
        };
        let events = if self.spec.load == LoadScope::Nothing { Vec::new() } else { batch.events };
        let loads_on = matches!(next, Cursor::Backfill { .. });
        self.keep(walk, &next, loads_on);
        Ok(Read::Batch { events, next, more: true, total: None })
    }

    async fn changes(
        &mut self,
        from: &Cursor,
        (upto, within): (Timestamp, Option<&(Timestamp, Keyset)>),
        limit: Limit,
    ) -> Result<Read, ConnectError> {
        let since = upto - SignedDuration::try_from(self.spec.lookback).unwrap_or_default();
        let stamp = match &self.spec.resource.since {
            Some(_) => None,
            None => self.spec.resource.updated_at.as_ref().map(|at| at.text().to_owned()),
        };
        let mut walk = self.taken_up(Some(from), Some(since), Place::of(within.map(|(_, place)| &place.id)));
        let batch = self.batch(&mut walk, limit, |record| match &stamp {
            Some(stamp) => moment(record, stamp).is_none_or(|at| at >= since),
            None => true,
        });
        let batch = batch.await?;
        let end = within.map_or_else(|| self.end(batch.date, Some(upto)), |(end, _)| *end);
        let more = batch.next.is_some();
        let next = match batch.next {
            Some(place) => {
                let place = Keyset { stamp: Timestamp::UNIX_EPOCH, id: place.to_key() };
                Cursor::Changes { upto, within: Some((end, place)) }
            }
            None => Cursor::Changes { upto: end, within: None },
        };
        self.keep(walk, &next, more);
        Ok(Read::Batch { events: batch.events, next, more, total: None })
    }

    /// The way that was under way, if it is this one.
    fn taken_up(&mut self, from: Option<&Cursor>, since: Option<Timestamp>, place: Place) -> UnderWay {
        match self.under_way.take() {
            Some(known) if Some(&known.cursor) == from => known,
            _ => {
                let place = place.known(&self.client);
                UnderWay {
                    walk: Walk::new(&self.client, &self.spec.resource, since),
                    cursor: Cursor::Changes { upto: Timestamp::UNIX_EPOCH, within: None },
                    rest: VecDeque::new(),
                    parent: None,
                    next: Some(place.clone()),
                    place,
                }
            }
        }
    }

    fn keep(&mut self, walk: UnderWay, cursor: &Cursor, goes_on: bool) {
        self.under_way = goes_on.then(|| UnderWay { cursor: cursor.clone(), ..walk });
    }

    async fn batch(
        &mut self,
        way: &mut UnderWay,
        limit: Limit,
        takes: impl Fn(&Json) -> bool,
    ) -> Result<Batch, ConnectError> {
        let mut batch = Batch::default();
        let (most, mut pages) = (limit.records.max(1), 0);
        loop {
            while let Some(listed) = way.rest.pop_front() {
                way.place.skip += 1;
                if takes(&listed.record) {
                    batch.bytes += listed.record.to_string().len();
                    let event = self.event(listed, way.parent.as_deref());
                    batch.events.push(event);
                }
                if batch.events.len() >= most || batch.bytes >= limit.bytes {
                    break;
                }
            }
            if !way.rest.is_empty() {
                batch.next = Some(way.place.clone());
                return Ok(batch);
            }
            let is_full = batch.events.len() >= most || batch.bytes >= limit.bytes || pages >= PAGES_AT_ONCE;
            let Some(place) = way.next.clone() else { return Ok(batch) };
            if is_full {
                batch.next = Some(place);
                return Ok(batch);
            }
            pages += 1;
            let ListPage { records, parent, next, date } = way.walk.page(&place).await?;
            batch.date = batch.date.or(date);
            for listed in &records {
                self.columns.note(&listed.record, &mut self.seen);
            }
            way.rest = records.into();
            way.rest.drain(..place.skip.min(way.rest.len()));
            (way.parent, way.next, way.place) = (parent, next, place);
        }
    }

    fn event(&self, listed: Listed, parent: Option<&str>) -> ChangeEvent {
        let Listed { key, record } = listed;
        let change = if is_deleted(&self.spec.resource, &record) {
            Change::Delete { merged_into: None }
        } else {
            Change::Upsert(self.columns.listed(&record, parent, &self.seen))
        };
        ChangeEvent { key, change, version: version(&self.spec.resource, &record) }
    }

    /// A record that was asked for by its key.
    async fn asked(&self, key: &Key) -> Result<Option<ChangeEvent>, ConnectError> {
        let resource = &self.spec.resource;
        let record = single::read(&self.client, (resource, Some(&self.columns)), key).await?;
        Ok(match record {
            single::Single::Record(record) if !is_deleted(resource, &record) => {
                let row = self.columns.whole(&record, Some(&resource.split(key).1));
                Some(ChangeEvent {
                    key: key.clone(),
                    version: version(resource, &record),
                    change: Change::Upsert(row),
                })
            }
            single::Single::Record(_) | single::Single::Gone => {
                let change = Change::Delete { merged_into: None };
                Some(ChangeEvent { key: key.clone(), change, version: None })
            }
            single::Single::Unknown => None,
        })
    }

    /// Looks through the whole list, where the app does not answer for a single record. What it lacks is no evidence.
    async fn looked_up(&mut self, keys: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError> {
        let mut walk = Walk::new(&self.client, &self.spec.resource, None);
        let (mut place, mut events) = (Some(Place::default()), Vec::new());
        while let Some(at) = place.take() {
            let page = walk.page(&at).await?;
            for listed in &page.records {
                self.columns.note(&listed.record, &mut self.seen);
            }
            for listed in page.records {
                if keys.contains(&listed.key) {
                    events.push(self.event(listed, page.parent.as_deref()));
                }
            }
            place = page.next.filter(|_| events.len() < keys.len());
        }
        Ok(events)
    }
}

#[async_trait::async_trait]
impl Source for HttpSource {
    async fn read(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError> {
        match from {
            None => self.load(None, None, limit).await,
            Some(Cursor::Backfill { anchor, .. }) => self.load(Some(*anchor), from, limit).await,
            Some(cursor @ Cursor::Changes { upto, within }) => {
                self.changes(cursor, (*upto, within.as_ref()), limit).await
            }
        }
    }

    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError> {
        if self.spec.resource.get.is_none() {
            return self.looked_up(keys).await;
        }
        let mut questions: Vec<Work<'_, Option<ChangeEvent>>> = Vec::with_capacity(keys.len());
        for key in keys {
            questions.push(Box::pin(self.asked(key)));
        }
        let events = in_order(questions, self.client.config().concurrency).await?;
        Ok(events.into_iter().flatten().collect())
    }
}

/// True, or not empty, where the delete mark is.
pub(super) fn is_deleted(resource: &Resource, record: &Json) -> bool {
    let mark = resource.deleted.as_ref().and_then(|place| place.one(record));
    match mark {
        None | Some(Json::Null | Json::Bool(false)) => false,
        Some(Json::String(text)) => !text.is_empty(),
        Some(Json::Number(number)) => number.as_i64() != Some(0),
        Some(Json::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

/// The change time of a record.
pub(super) fn version(resource: &Resource, record: &Json) -> Option<Version> {
    moment(record, resource.updated_at.as_ref()?.text()).map(Version)
}

/// What a field says, as a time.
fn moment(record: &Json, field: &str) -> Option<Timestamp> {
    let value = super::finder::Finder::new(field).one(record).map(Value::from_json)?;
    match typed(value, Kind::DateTime) {
        Value::DateTime(at) => Some(at),
        Value::Date(day) => day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp()),
        _ => None,
    }
}
