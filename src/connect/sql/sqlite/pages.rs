//! Batches of a source from SQLite, each one statement on the thread of the connection.

use std::sync::Arc;

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, ToSql};

use super::{Sqlite, bind, read, refusal};
use crate::connect::sql::source::holds::Moment;
use crate::connect::sql::source::page::{Page, Record, gone};
use crate::connect::sql::source::question::{Param, Question, Questions};
use crate::connect::{ConnectError, Limit};
use crate::model::{ChangeEvent, Class, Key, Keyset, Row};

impl Sqlite {
    /// The clock. SQLite lets one transaction write at a time, so none runs beside others unseen.
    pub(in crate::connect::sql) async fn moment(&self) -> Result<Moment, ConnectError> {
        let sql = "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
        let now = self.reading(move |connection| connection.query_row(sql, [], |row| row.get(0)));
        let now: String = now.await?;
        let now = now.parse().map_err(|_| {
            ConnectError::new("R133", Class::Pipeline, format!("{}: its clock cannot be read", self.name()))
        })?;
        Ok(Moment { now, running: Vec::new() })
    }

    pub(in crate::connect::sql) async fn count(&self, sql: String) -> Result<u64, ConnectError> {
        let count =
            self.reading(move |connection| connection.query_row(&sql, [], |row| row.get::<_, i64>(0)));
        Ok(u64::try_from(count.await?).unwrap_or_default())
    }

    pub(in crate::connect::sql) async fn page(
        &self,
        questions: &Arc<Questions>,
        question: Question,
        limit: Limit,
    ) -> Result<Page, ConnectError> {
        let questions = Arc::clone(questions);
        self.reading(move |connection| page(connection, &questions, &question, limit)).await
    }

    /// The places of rows, in their order.
    pub(in crate::connect::sql) async fn places(
        &self,
        question: Question,
    ) -> Result<Vec<Keyset>, ConnectError> {
        self.reading(move |connection| places(connection, &question)).await
    }

    /// The rows of these keys, as many as fit, and how many keys that were. Those that are not there any more are left out.
    pub(in crate::connect::sql) async fn listed(
        &self,
        questions: &Arc<Questions>,
        keys: Vec<Key>,
        limit: Limit,
    ) -> Result<(Vec<Record>, usize), ConnectError> {
        let questions = Arc::clone(questions);
        self.reading(move |connection| listed(connection, &questions, &keys, limit)).await
    }

    /// The records of these keys; those without a row are gone.
    pub(in crate::connect::sql) async fn asked(
        &self,
        questions: &Arc<Questions>,
        keys: &[Key],
    ) -> Result<Vec<ChangeEvent>, ConnectError> {
        let (questions, keys) = (Arc::clone(questions), read::json_keys(keys));
        self.reading(move |connection| asked(connection, &questions, &keys)).await
    }

    async fn reading<T, F>(&self, job: F) -> Result<T, ConnectError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.run(job).await?.map_err(|error| refusal(&error).into_read(self.name()))
    }
}

fn page(
    connection: &Connection,
    questions: &Questions,
    question: &Question,
    limit: Limit,
) -> rusqlite::Result<Page> {
    let mut statement = connection.prepare_cached(&question.sql)?;
    let params: Vec<&dyn ToSql> = question.params.iter().map(param).collect();
    let mut rows = statement.query(params.as_slice())?;
    let mut page = Page::default();
    while let Some(row) = rows.next()? {
        if page.is_full(limit) {
            return Ok(page);
        }
        page.add(record(row, 0, questions)?);
    }
    page.drained = true;
    Ok(page)
}

fn places(connection: &Connection, question: &Question) -> rusqlite::Result<Vec<Keyset>> {
    let mut statement = connection.prepare_cached(&question.sql)?;
    let params: Vec<&dyn ToSql> = question.params.iter().map(param).collect();
    let mut rows = statement.query(params.as_slice())?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        let stamp = jiff::Timestamp::from_microsecond(row.get(0)?).unwrap_or(jiff::Timestamp::MAX);
        places.push(Keyset { stamp, id: key(row.get_ref(1)?)? });
    }
    Ok(places)
}

fn listed(
    connection: &Connection,
    questions: &Questions,
    keys: &[Key],
    limit: Limit,
) -> rusqlite::Result<(Vec<Record>, usize)> {
    let mut statement = connection.prepare_cached(&questions.by_key())?;
    let mut rows = statement.query([read::json_keys(keys)])?;
    let (mut page, mut count, mut in_order) = (Page::default(), 0, true);
    while let Some(row) = rows.next()? {
        // They come as they were asked for; where they did not, all would have to be read to know how far it went.
        let asked = read::key(row.get_ref(0)?);
        in_order &= keys.get(count).is_some_and(|key| *key == asked);
        if in_order && page.is_full(limit) {
            return Ok((page.records, count));
        }
        count += 1;
        if row.get_ref(1)? != ValueRef::Null {
            page.add(record(row, 1, questions)?);
        }
    }
    Ok((page.records, keys.len()))
}

fn asked(connection: &Connection, questions: &Questions, keys: &str) -> rusqlite::Result<Vec<ChangeEvent>> {
    let mut statement = connection.prepare_cached(&questions.by_key())?;
    let mut rows = statement.query([keys])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let there = row.get_ref(1)? != ValueRef::Null;
        events.push(if there {
            record(row, 1, questions)?.into_event()
        } else {
            gone(read::key(row.get_ref(0)?))
        });
    }
    Ok(events)
}

/// The row whose key is at `from`.
fn record(row: &rusqlite::Row<'_>, from: usize, questions: &Questions) -> rusqlite::Result<Record> {
    let reads = &questions.spec.table.reads;
    let after = from + 1 + reads.len();
    let mut values = Vec::with_capacity(reads.len());
    for (at, column) in reads.iter().enumerate() {
        values.push(bind::read(row.get_ref(from + 1 + at)?, column));
    }
    let micros: Option<i64> = row.get(after)?;
    Ok(Record {
        key: key(row.get_ref(from)?)?,
        row: Row::from(values),
        stamp: micros.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok()),
        deleted: row.get(after + 1)?,
        passes: row.get(after + 2)?,
    })
}

/// The key of a row. Bytes that are no text have no text form that could be asked for again.
fn key(stored: ValueRef<'_>) -> rusqlite::Result<Key> {
    let readable = match stored {
        ValueRef::Text(text) => std::str::from_utf8(text).is_ok(),
        ValueRef::Blob(_) => false,
        _ => true,
    };
    let refused = || rusqlite::Error::InvalidColumnType(0, "the key".to_owned(), Type::Blob);
    if readable { Ok(read::key(stored)) } else { Err(refused()) }
}

fn param(param: &Param) -> &dyn ToSql {
    match param {
        Param::Text(text) => text,
        Param::Micros(micros) => micros,
    }
}
