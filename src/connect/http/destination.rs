//! A resource as the destination of a pipeline.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::client::Client;
use super::fault;
use super::index::Index;
use super::listing::{Listed, listed};
use super::record::{Columns, Seen};
use super::resource::{Endpoint, Filling, Resource};
use super::several::{Work, in_order};
use super::single::{self, Single};
use super::source::is_deleted;
use super::walk::{Place, Walk, get, named};
use super::write::Writing;
use crate::connect::{ConnectError, Destination, Found, MatchQuery, Trace, WriteMode};
use crate::model::{Class, Key, Outcome, Row, Schema, Value, WriteOp};

/// Pages of an answer to one question. An app that brings more did not understand it.
const ANSWER_PAGES: usize = 20;

/// Writes the records of one pipeline to one resource.
pub struct HttpDestination {
    pub(super) client: Arc<Client>,
    pub(super) resource: Arc<Resource>,
    pub(super) columns: Columns,
    /// What is in the list, for fields that the app cannot be asked by.
    index: Index,
    /// Whether the app finds a text of a field however it is written, where that was tried.
    pub(super) folds: HashMap<usize, bool>,
}

impl HttpDestination {
    /// A destination on a resource. `writes`: positions of the schema that are written; one that the connection protects is an error.
    pub fn new(
        client: Arc<Client>,
        resource: Arc<Resource>,
        schema: &Schema,
        writes: &[usize],
    ) -> Result<Self, ConnectError> {
        let columns = Columns::new(schema, resource.key.text());
        let protect = &client.config().protect;
        let protected = writes
            .iter()
            .map(|at| columns.path(*at))
            .find(|path| protect.iter().any(|(name, field)| *name == resource.name && field == path));
        if let Some(path) = protected {
            let message = format!("{} protects `{}.{path}`", client.config().name, resource.name);
            return Err(ConnectError::new("R126", Class::Pipeline, message));
        }
        Ok(Self { client, resource, columns, index: Index::default(), folds: HashMap::new() })
    }

    async fn one(&self, key: &Key) -> Result<Option<Json>, ConnectError> {
        let place = (&*self.resource, Some(&self.columns));
        Ok(match single::read(&self.client, place, key).await? {
            Single::Record(record) if !is_deleted(&self.resource, &record) => Some(record),
            _ => None,
        })
    }

    fn row(&self, key: &Key, record: &Json) -> Row {
        let (_, parent) = self.resource.split(key);
        self.columns.whole(record, (!parent.is_empty()).then_some(parent.as_str()))
    }

    /// Records of these keys out of the list, where the app does not answer for single ones.
    async fn listed(&self, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError> {
        let wants = |listed: &Listed, _: Option<&str>| keys.contains(&listed.key);
        let (found, _) = self.looked_for(keys.len(), wants).await?;
        let row = |(listed, parent): (Listed, Option<String>)| {
            (listed.key, self.columns.whole(&listed.record, parent.as_deref()))
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// Records of the list that are wanted, with their parents, and which positions the list shows. Where so many are not found in a list
    /// whose records may have moved while it was read, it is read once more: what is not there is made.
    async fn looked_for(
        &self,
        count: usize,
        wants: impl Fn(&Listed, Option<&str>) -> bool,
    ) -> Result<(Vec<(Listed, Option<String>)>, Seen), ConnectError> {
        let (mut found, mut known, mut seen) = (Vec::new(), HashSet::new(), Seen::default());
        for _ in 0..2 {
            let mut walk = Walk::new(&self.client, &self.resource, None);
            let mut place = Some(Place::default());
            while let Some(at) = place.take() {
                let page = walk.page(&at).await?;
                for listed in page.records {
                    if is_deleted(&self.resource, &listed.record) {
                        continue;
                    }
                    self.columns.note(&listed.record, &mut seen);
                    if wants(&listed, page.parent.as_deref()) && known.insert(listed.key.clone()) {
                        found.push((listed, page.parent.clone()));
                    }
                }
                place = page.next;
            }
            if found.len() >= count || !walk.may_pass_over() {
                break;
            }
        }
        Ok((found, seen))
    }

    /// Records of the list with these values, by the index of the field.
    async fn indexed(&mut self, query: &MatchQuery) -> Result<Vec<Found>, ConnectError> {
        self.index.refresh((&self.client, &self.resource), &self.columns, query).await?;
        let mut wanted: HashMap<Key, Vec<usize>> = HashMap::new();
        for (at, value) in query.values.iter().enumerate() {
            for key in self.index.keys(query, value) {
                wanted.entry(key.clone()).or_default().push(at);
            }
        }
        let keys: Vec<Key> = wanted.keys().cloned().collect();
        let mut found = Vec::new();
        for (key, row) in self.fetch(&keys).await? {
            for at in wanted.get(&key).into_iter().flatten() {
                if hits(query, &query.values[*at], &row) {
                    found.push(Found { value: *at, key: key.clone(), row: row.clone() });
                }
            }
        }
        Ok(found)
    }

    /// Asks by a field, one question per value.
    pub(super) async fn asked(
        &self,
        endpoint: &Endpoint,
        query: &MatchQuery,
    ) -> Result<Vec<Found>, ConnectError> {
        let mut questions: Vec<Work<'_, Vec<Found>>> = Vec::with_capacity(query.values.len());
        for (at, value) in query.values.iter().enumerate() {
            questions.push(Box::pin(self.question(endpoint, query, (at, value))));
        }
        let found = in_order(questions, self.client.config().concurrency).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn question(
        &self,
        endpoint: &Endpoint,
        query: &MatchQuery,
        (at, value): (usize, &Value),
    ) -> Result<Vec<Found>, ConnectError> {
        let what = named(&self.client, endpoint);
        let text = value.to_string();
        let mut call = get(&self.client, endpoint, Filling { value: text.trim(), ..Filling::default() })?;
        let (mut found, mut place) = (Vec::new(), super::pages::At::First);
        let first = call.url.clone();
        for _ in 0..ANSWER_PAGES {
            let answer = self.client.send(&call).await?;
            // There is nobody, says the app.
            if answer.is_gone() && answer.is_of_the_app() || answer.status == 204 {
                return Ok(found);
            }
            if !answer.is_good() {
                return Err(fault::refused_silently(&what, &answer));
            }
            let json = fault::json(&what, &answer)?;
            let records = self.answered(&what, &answer, &json)?;
            let count = records.len();
            for (key, record) in records {
                let row = self.row(&key, &record);
                if !is_deleted(&self.resource, &record) && hits(query, value, &row) {
                    found.push(Found { value: at, key, row });
                }
            }
            let paging = &self.resource.paging;
            let next = paging.after(&self.client, (&call.url, &place), (&answer, &json), count)?;
            let Some(next) = next.filter(|_| found.is_empty()) else { return Ok(found) };
            let whole = next.whole(&self.client).await?;
            call.url = paging.address(&self.client, first.clone(), &whole)?;
            place = next;
        }
        Err(fault::unlike(
            format!("{what}: page after page came without the value that was asked for"),
            "does the app know the parameter of `find`? without `find`, records are found in the list",
        ))
    }

    /// The records of an answer to a question: a list, or one record.
    fn answered(
        &self,
        what: &str,
        answer: &super::client::Answer,
        json: &Json,
    ) -> Result<Vec<(Key, Json)>, ConnectError> {
        if json.is_null() {
            return Ok(Vec::new());
        }
        let is_list =
            self.resource.records.one(json).is_some_and(Json::is_array) || self.resource.records.picks();
        if !is_list && let Some(record) = single::record(&self.resource, json) {
            let key = self.resource.key_of(record, None);
            return Ok(key.map(|key| (key, record.clone())).into_iter().collect());
        }
        let listed = listed(&self.resource, what, answer, json, None)?;
        Ok(listed.into_iter().map(|listed| (listed.key, listed.record)).collect())
    }

    /// Traces of creates that the app can be asked for by a field, and the others, which the list is read for.
    async fn alike(&self, traces: &[(usize, &Trace)]) -> Result<Vec<Found>, ConnectError> {
        let mut found = Vec::new();
        let mut unasked = Vec::new();
        for (place, trace) in traces {
            let by = self.resource.find.iter().find_map(|(name, endpoint)| {
                let at = self.columns.position(name)?;
                (!trace.row.get(at).is_blank()).then_some((at, endpoint))
            });
            match by {
                Some((at, endpoint)) => {
                    let query = MatchQuery::exact(at, vec![trace.row.get(at).clone()]);
                    let hits = self.asked(endpoint, &query).await?;
                    let hits = hits.into_iter().filter(|hit| self.columns.says(&hit.row, &trace.row));
                    found.extend(hits.map(|hit| Found { value: *place, ..hit }));
                }
                None => unasked.push((*place, *trace)),
            }
        }
        if unasked.is_empty() {
            return Ok(found);
        }
        // A field that no record of the list shows says nothing; which these are is known at the end.
        let none = Seen::default();
        let may_be = |listed: &Listed, parent: Option<&str>| {
            let row = self.columns.listed(&listed.record, parent, &none);
            unasked.iter().any(|(_, trace)| self.columns.says(&row, &trace.row))
        };
        let (listed, seen) = self.looked_for(unasked.len(), may_be).await?;
        for (Listed { key, record }, parent) in listed {
            let shown = self.columns.listed(&record, parent.as_deref(), &seen);
            let row = self.columns.whole(&record, parent.as_deref());
            let said = unasked.iter().filter(|(_, trace)| self.columns.says(&shown, &trace.row));
            found.extend(said.map(|(place, _)| Found { value: *place, key: key.clone(), row: row.clone() }));
        }
        Ok(found)
    }
}

/// Whether a record has the value that was asked for. An answer that does not show the field is none: an app that does not understand the
/// question answers with any record.
fn hits(query: &MatchQuery, value: &Value, row: &Row) -> bool {
    let stored = row.get(query.field);
    !stored.is_null() && folded(value) == folded(&query.normal(stored))
}

/// As matches compare: trimmed and without case, numbers as their text.
pub(super) fn folded(value: &Value) -> String {
    match value {
        Value::Decimal(number) => number.normalize().to_string(),
        other => other.to_string().trim().to_lowercase(),
    }
}

#[async_trait::async_trait]
impl Destination for HttpDestination {
    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<(Key, Row)>, ConnectError> {
        if self.resource.get.is_none() {
            return self.listed(keys).await;
        }
        let mut questions: Vec<Work<'_, Option<Json>>> = Vec::with_capacity(keys.len());
        for key in keys {
            questions.push(Box::pin(self.one(key)));
        }
        let records = in_order(questions, self.client.config().concurrency).await?;
        let found = keys.iter().zip(records);
        Ok(found.filter_map(|(key, record)| Some((key.clone(), self.row(key, &record?)))).collect())
    }

    fn tells_absence(&self) -> bool {
        self.resource.get.is_some()
    }

    async fn find(&mut self, query: &MatchQuery) -> Result<Vec<Found>, ConnectError> {
        if query.values.is_empty() {
            return Ok(Vec::new());
        }
        let field = self.columns.path(query.field).to_owned();
        let Some(endpoint) = self.resource.finder(&field).cloned() else {
            return self.indexed(query).await;
        };
        let mut found = self.asked(&endpoint, query).await?;
        let open = self.unanswered(&endpoint, query, &found).await?;
        if !open.is_empty() {
            let values = open.iter().map(|at| query.values[*at].clone()).collect();
            let hits = self.indexed(&MatchQuery { values, ..query.clone() }).await?;
            found.extend(hits.into_iter().map(|hit| Found { value: open[hit.value], ..hit }));
        }
        Ok(found)
    }

    async fn write(&mut self, ops: Vec<WriteOp>, _: WriteMode) -> Result<Vec<Outcome>, ConnectError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let config = self.client.config();
        if config.read_only {
            let message =
                format!("{} is `read_only`: nothing is written to `{}`", config.name, self.resource.name);
            return Err(ConnectError::new("R126", Class::Pipeline, message));
        }
        let outcomes = Writing::new(&self.client, &self.resource, &self.columns).all(&ops).await?;
        self.index.heard(&ops, &outcomes);
        Ok(outcomes)
    }

    async fn trace(&mut self, traces: &[Trace]) -> Result<Vec<Found>, ConnectError> {
        let numbered = traces.iter().enumerate();
        let (keyed, unkeyed): (Vec<_>, Vec<_>) = numbered.partition(|(_, trace)| trace.key.is_some());
        let mut found = Vec::new();
        for (place, trace) in keyed {
            let keys: Vec<Key> = trace.key.iter().cloned().collect();
            let rows = self.fetch(&keys).await?;
            found.extend(rows.into_iter().map(|(key, row)| Found { value: place, key, row }));
        }
        if !unkeyed.is_empty() {
            found.extend(self.alike(&unkeyed).await?);
        }
        Ok(found)
    }
}
