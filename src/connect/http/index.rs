//! What an app holds by the values of a field that it cannot be asked by: hashes and keys, read from the list. Own writes are added at
//! once; what others write is read again when the index is a minute old, or only what changed where the app can tell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::client::Client;
use super::destination::folded;
use super::record::Columns;
use super::resource::Resource;
use super::source::is_deleted;
use super::walk::{Place, Walk};
use crate::connect::{ConnectError, MatchQuery};
use crate::model::{Key, Outcome, Row, WriteOp};

/// How long it holds without another look.
const HOLDS: Duration = Duration::from_secs(60);
/// How far the look for changes reaches back: apps stamp with more clocks than one.
const LOOKBACK: SignedDuration = SignedDuration::from_mins(10);

/// The indexes of a destination, by field and form.
#[derive(Debug, Default)]
pub(super) struct Index {
    fields: HashMap<(usize, String), OneField>,
}

#[derive(Debug)]
struct OneField {
    query: MatchQuery,
    keys: HashMap<u64, Vec<Key>>,
    read: Instant,
    /// The app's clock when the reading began.
    upto: Option<Timestamp>,
}

impl Index {
    /// Reads what is not known or may be old.
    pub(super) async fn refresh(
        &mut self,
        (client, resource): (&Arc<Client>, &Arc<Resource>),
        columns: &Columns,
        query: &MatchQuery,
    ) -> Result<(), ConnectError> {
        let name = name_of(query);
        let known = self.fields.get(&name);
        if known.is_some_and(|known| resource.since.is_none() && known.read.elapsed() < HOLDS) {
            return Ok(());
        }
        let since = known.and_then(|known| known.upto).filter(|_| resource.since.is_some());
        let mut field = match self.fields.remove(&name).filter(|_| since.is_some()) {
            Some(field) => field,
            None => OneField {
                query: MatchQuery { values: Vec::new(), ..query.clone() },
                keys: HashMap::new(),
                read: Instant::now(),
                upto: None,
            },
        };
        let began = Instant::now();
        let mut walk = Walk::new(client, resource, since.map(|since| since - LOOKBACK));
        let (mut place, mut date) = (Some(Place::default()), None);
        while let Some(at) = place.take() {
            let page = walk.page(&at).await?;
            date = date.or(page.date);
            for listed in page.records.iter().filter(|listed| !is_deleted(resource, &listed.record)) {
                field.add(&columns.whole(&listed.record, page.parent.as_deref()), &listed.key);
            }
            place = page.next;
        }
        (field.read, field.upto) = (began, date);
        self.fields.insert(name, field);
        Ok(())
    }

    /// The records that may have a value. Hashes only: whoever asks looks at the records.
    pub(super) fn keys(&self, query: &MatchQuery, value: &crate::model::Value) -> &[Key] {
        let field = self.fields.get(&name_of(query));
        field.and_then(|field| field.keys.get(&hash(&folded(value)))).map_or(&[], Vec::as_slice)
    }

    /// What was written is found from now on.
    pub(super) fn heard(&mut self, ops: &[WriteOp], outcomes: &[Outcome]) {
        for (op, outcome) in ops.iter().zip(outcomes) {
            let (WriteOp::Create { row } | WriteOp::Update { row, .. }, Outcome::Written { key, .. }) =
                (op, outcome)
            else {
                continue;
            };
            self.fields.values_mut().for_each(|field| field.add(row, key));
        }
    }
}

impl OneField {
    fn add(&mut self, row: &Row, key: &Key) {
        let stored = row.get(self.query.field);
        if stored.is_blank() {
            return;
        }
        let keys = self.keys.entry(hash(&folded(&self.query.normal(stored)))).or_default();
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
}

fn name_of(query: &MatchQuery) -> (usize, String) {
    (query.field, format!("{:?} {:?}", query.form, query.region))
}

fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}
