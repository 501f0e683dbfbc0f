//! Notes (ContentNote, section 9.11): what no query of them tells. The text is asked for note by note, and the record on which a note hangs
//! is in the links of its document. Read [`Notes`] first.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::api::columns::{Columns, Role};
use super::api::query::Shape;
use super::api::soql::{self, Select};
use super::ask::ask;
use super::budget::Purpose;
use super::client::{Call, Client};
use crate::connect::ConnectError;
use crate::model::{Change, ChangeEvent, Field, Key, Kind, Row, Schema, Value};

/// The object.
const OBJECT: &str = "ContentNote";
/// The record on which a note hangs.
pub(super) const LINK: &str = "LinkedEntityId";
/// The text, as HTML.
pub(super) const CONTENT: &str = "Content";
/// Users, groups, the org and libraries: who may see a note, not what it is about.
const NO_RECORDS: [&str; 4] = ["005", "00G", "00D", "058"];

/// Whether an object is that of notes.
pub(super) fn are(object: &str) -> bool {
    object == OBJECT
}

/// The fields of notes that no query tells, by their positions.
#[derive(Debug)]
pub(super) struct Notes {
    content: Option<usize>,
    link: Option<usize>,
    /// First characters of the ids of the records that are looked at, in their order; empty: all records.
    parents: Vec<String>,
}

/// A link of a document to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoteLink {
    /// Id of the link.
    pub id: Key,
    /// The record.
    pub record: Key,
    /// When it was made.
    since: Option<Timestamp>,
}

impl Notes {
    /// What has to be asked for besides; `None` where the object has no notes, or the fields are not wanted.
    pub(super) fn of(object: &str, schema: &Schema, parents: &[String]) -> Option<Self> {
        let notes = Self {
            content: schema.position(CONTENT),
            link: schema.position(LINK),
            parents: parents.to_vec(),
        };
        (are(object) && (notes.content.is_some() || notes.link.is_some())).then_some(notes)
    }

    /// What a query of an object can be asked for: in the place of a field that it does not tell, the id.
    pub(super) fn readable(object: &str, schema: &Arc<Schema>) -> Arc<Schema> {
        if !are(object) {
            return Arc::clone(schema);
        }
        let told = |field: &Field| match &*field.name {
            LINK | CONTENT => Field { name: Arc::from("Id"), kind: Kind::Id },
            _ => field.clone(),
        };
        Arc::new(Schema::new(schema.fields().iter().map(told)))
    }

    /// Fills the records of changes. A note that hangs on none of the records that are looked at does not take part: it left. One that
    /// is gone since it was read is left out; its deletion is a change of its own.
    pub(super) async fn complete(
        &self,
        client: &Client,
        events: Vec<ChangeEvent>,
        purpose: Purpose,
    ) -> Result<Vec<ChangeEvent>, ConnectError> {
        let live = events.iter().filter(|event| !matches!(event.change, Change::Delete { .. }));
        let links =
            self.links(client, &live.map(|event| event.key.clone()).collect::<Vec<_>>(), purpose).await?;
        let each = events.into_iter().map(|event| self.event(client, event, &links, purpose));
        let filled: Vec<Option<ChangeEvent>> =
            stream::iter(each).buffered(client.config().concurrency).try_collect().await?;
        Ok(filled.into_iter().flatten().collect())
    }

    async fn event(
        &self,
        client: &Client,
        event: ChangeEvent,
        links: &HashMap<Key, Vec<NoteLink>>,
        purpose: Purpose,
    ) -> Result<Option<ChangeEvent>, ConnectError> {
        let (mut row, is_left) = match event.change {
            Change::Upsert(row) => (row, false),
            Change::Left(Some(row)) => (row, true),
            _ => return Ok(Some(event)),
        };
        let parent = self.parent(links, &event.key);
        let is_left = is_left || (self.link.is_some() && parent.is_none());
        if !self.fill(client, (&event.key, &mut row), (parent, !is_left), purpose).await? {
            return Ok(None);
        }
        let change = if is_left { Change::Left(Some(row)) } else { Change::Upsert(row) };
        Ok(Some(ChangeEvent { change, ..event }))
    }

    /// Fills records that were asked for by id or by value; those that are gone are left out.
    pub(super) async fn complete_rows(
        &self,
        client: &Client,
        records: Vec<(Key, Row)>,
        purpose: Purpose,
    ) -> Result<Vec<(Key, Row)>, ConnectError> {
        let keys: Vec<Key> = records.iter().map(|(key, _)| key.clone()).collect();
        let links = &self.links(client, &keys, purpose).await?;
        let each = records.into_iter().map(|(key, mut row)| async move {
            let parent = self.parent(links, &key);
            let is_there = self.fill(client, (&key, &mut row), (parent, true), purpose).await?;
            Ok::<_, ConnectError>(is_there.then_some((key, row)))
        });
        let filled: Vec<Option<(Key, Row)>> =
            stream::iter(each).buffered(client.config().concurrency).try_collect().await?;
        Ok(filled.into_iter().flatten().collect())
    }

    /// False for a note that is gone.
    async fn fill(
        &self,
        client: &Client,
        (key, row): (&Key, &mut Row),
        (parent, with_text): (Option<&Key>, bool),
        purpose: Purpose,
    ) -> Result<bool, ConnectError> {
        if let Some(link) = self.link {
            row.set(link, parent.map_or(Value::Null, |parent| Value::text(parent.as_str())));
        }
        let Some(content) = self.content else { return Ok(true) };
        row.set(content, Value::Null);
        if !with_text {
            return Ok(true);
        }
        match text(client, key, purpose).await {
            Ok(text) => {
                row.set(content, text);
                Ok(true)
            }
            // Never there, or in the recycle bin by now.
            Err(error) if error.code == "R231" => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Links of notes to the records that are looked at, the one that counts first. One call for several hundred notes.
    pub(super) async fn links(
        &self,
        client: &Client,
        notes: &[Key],
        purpose: Purpose,
    ) -> Result<HashMap<Key, Vec<NoteLink>>, ConnectError> {
        let mut links: HashMap<Key, Vec<NoteLink>> = HashMap::new();
        if self.link.is_none() || notes.is_empty() {
            return Ok(links);
        }
        let schema = Schema::of(&[("ContentDocumentId", Kind::Id), (LINK, Kind::Id)]);
        let shape = Shape::new(Columns::new(&schema, &[(Role::Id, "Id"), (Role::Stamp, "SystemModstamp")]));
        let (columns, data) = (shape.columns().select(), client.data_path().await?);
        let object = "ContentDocumentLink";
        for list in soql::id_lists(notes, 400) {
            let conditions = vec![format!("ContentDocument{list}")];
            let select = Select { columns: &columns, object, conditions, ..Select::default() };
            let mut next = Some(soql::query_path(data, false, &select.text()));
            while let Some(path) = next {
                let page = ask(client, path, &shape, purpose).await?.page;
                for record in page.records {
                    let id = |at: usize| record.row.get(at).as_text().map(Key::salesforce);
                    let (Some(note), Some(to)) = (id(0), id(1)) else { continue };
                    if self.rank(&to).is_some() {
                        let link = NoteLink { id: record.id, record: to, since: record.stamp };
                        links.entry(note).or_default().push(link);
                    }
                }
                next = page.next;
            }
        }
        for found in links.values_mut() {
            found.sort_by(|left, right| self.order(left).cmp(&self.order(right)));
        }
        Ok(links)
    }

    fn parent<'a>(&self, links: &'a HashMap<Key, Vec<NoteLink>>, note: &Key) -> Option<&'a Key> {
        links.get(note)?.first().map(|link| &link.record)
    }

    /// Which of the links of a note counts: the first object that is looked at, then the oldest one.
    fn order<'a>(&self, link: &'a NoteLink) -> (Option<usize>, Option<Timestamp>, &'a str) {
        (self.rank(&link.record), link.since, link.id.as_str())
    }

    fn rank(&self, record: &Key) -> Option<usize> {
        let id = record.as_str();
        if self.parents.is_empty() {
            return (!NO_RECORDS.iter().any(|prefix| id.starts_with(prefix))).then_some(0);
        }
        self.parents.iter().position(|prefix| id.starts_with(prefix.as_str()))
    }
}

async fn text(client: &Client, note: &Key, purpose: Purpose) -> Result<Value, ConnectError> {
    let path = format!("{}/sobjects/{OBJECT}/{}/{CONTENT}", client.data_path().await?, note.as_str());
    let call = Call { accept: "*/*", ..Call::get(path, purpose) };
    let answer = client.send(&call).await?;
    Ok(match String::from_utf8_lossy(&answer.body).as_ref() {
        "" => Value::Null,
        text => Value::text(text),
    })
}
