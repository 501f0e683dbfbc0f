//! A table as the source of a pipeline: first everything in the order of its key, then what changed.
//!
//! The rules of the cursor, each with a test on both databases:
//! - A place is (change time, key), never a time alone: a page edge inside equal times loses nothing.
//! - A window ends at the database's own clock minus a lag, and not after the beginning of a transaction that still runs: its rows
//!   appear later with an older time. See [`holds`].
//! - Windows overlap by the lookback, because programs may stamp with clocks of their own. What is read twice costs no write.
//! - There is no upper bound in the query: what is newer than the window's end comes early, and again with the next window.
//! - A row without a change time counts as changed long ago: the comparison of everything finds it.
//! - A table without a change time is read as a whole by every look.
//! - A delete needs evidence: a delete mark, or a look-up by key that finds nothing. What a list lacks is no evidence.
//!
//! Every batch is one statement that begins at its cursor, so no transaction stays open, and what is kept between two reads is only where
//! the next rows stand ([`ahead`], SQLite). Read [`SourceSpec`] first, then [`SqlSource`].

mod ahead;
pub(super) mod holds;
pub(super) mod page;
pub(super) mod question;
mod spec;

use jiff::{SignedDuration, Timestamp};

use super::connection::{Database, SqlConnection};
use super::{ColumnSpec, Dialect, Shape, check, types};
use crate::connect::{ConnectError, Limit, Source};
use crate::model::{Backfill, ChangeEvent, Class, Cursor, Key, Keyset, Kind, Read, TableInfo};

use ahead::Ahead;
use holds::Holds;
use page::{Page, Record};
use question::{Place, Question, Questions};
pub use spec::{LoadScope, SourceSpec};

/// Keys of one look-up.
const KEYS_AT_ONCE: usize = 500;

/// Reads the records of one pipeline from one table. It never writes.
pub struct SqlSource {
    connection: SqlConnection,
    questions: std::sync::Arc<Questions>,
    holds: Holds,
    ahead: Ahead,
}

impl SqlSource {
    /// A source on a table that exists. Fails with class `Pipeline` where the table lacks a named column or a key, and where the
    /// column of the change time holds no times.
    pub fn new(connection: SqlConnection, spec: SourceSpec, table: &TableInfo) -> Result<Self, ConnectError> {
        let spec = spec.read_only();
        let problems = check(connection.dialect(), &spec.table, Some(table));
        if let Some(problem) = problems.iter().find(|problem| problem.kind.stops_writing()) {
            let failed = ConnectError::new("R108", Class::Pipeline, problem.message.clone());
            return Err(failed.help("`sfsync check --online` names what is missing"));
        }
        let stamp = stamp_column(connection.dialect(), &spec, table)?;
        let dialect = connection.dialect();
        let spec = SourceSpec { table: connection.resolved(spec.table).bound(table), ..spec };
        let questions = std::sync::Arc::new(Questions { dialect, spec, stamp });
        Ok(Self { connection, questions, holds: Holds::default(), ahead: Ahead::default() })
    }

    /// The first read: where the changes will begin, and how much there is to load.
    async fn begin(&mut self) -> Result<Read, ConnectError> {
        let anchor = self.end_of_window(None).await?;
        if self.questions.spec.load == LoadScope::Nothing {
            return Ok(empty(Cursor::Changes { upto: anchor, within: None }, false, None));
        }
        let total = match self.count().await {
            Ok(total) => Some(total),
            // Only for the progress: a count that takes too long is done without.
            Err(error) if error.class.is_retried() => None,
            Err(error) => return Err(error),
        };
        Ok(empty(Cursor::Backfill { anchor, done: Backfill::Keys { after: None } }, true, total))
    }

    async fn load(&self, anchor: Timestamp, after: Option<&Key>, limit: Limit) -> Result<Read, ConnectError> {
        let page = self.page(self.questions.load(after, limit), limit).await?;
        let next = match page.records.last() {
            Some(last) if !page.drained => {
                Cursor::Backfill { anchor, done: Backfill::Keys { after: Some(last.key.clone()) } }
            }
            _ => Cursor::Changes { upto: anchor, within: None },
        };
        let events = page.records.into_iter().map(Record::into_event).collect();
        Ok(Read::Batch { events, next, more: true, total: None })
    }

    async fn changes(
        &mut self,
        upto: Timestamp,
        within: Option<&(Timestamp, Keyset)>,
        limit: Limit,
    ) -> Result<Read, ConnectError> {
        let end = match within {
            Some((end, _)) => *end,
            None => self.end_of_window(Some(upto)).await?,
        };
        let follows = self.questions.stamp.is_some();
        let place = match within {
            None if follows => Place::Since(upto - self.questions.lookback()),
            Some((_, place)) if follows => Place::After(place),
            within => Place::Key(within.map(|(_, place)| &place.id)),
        };
        if self.questions.looks_ahead() {
            return self.listed((upto, end), place, limit).await;
        }
        let page = self.page(self.questions.changes(place, limit), limit).await?;
        let next = match page.records.last() {
            Some(last) if !page.drained => Cursor::Changes { upto, within: Some((end, place_of(last))) },
            _ => Cursor::Changes { upto: end, within: None },
        };
        let more = !page.drained;
        let events = page.records.into_iter().map(Record::into_event).collect();
        Ok(Read::Batch { events, next, more, total: None })
    }

    /// A batch of a window by the places of its rows. A row that moved meanwhile comes as it is now, and again at its new place.
    async fn listed(
        &mut self,
        (upto, end): (Timestamp, Timestamp),
        place: Place<'_>,
        limit: Limit,
    ) -> Result<Read, ConnectError> {
        let Database::Sqlite(sqlite) = &self.connection.database else {
            return Err(ConnectError::new("R109", Class::Pipeline, "only SQLite is read by places"));
        };
        let after = match place {
            Place::After(after) => Some(after),
            _ => None,
        };
        if !self.ahead.goes_on_from(after) {
            let places = sqlite.places(self.questions.places(place, Ahead::limit())).await?;
            self.ahead = Ahead::new(places, after);
        }
        let keys = self.ahead.keys(limit.records);
        let (records, count) = if keys.is_empty() {
            (Vec::new(), 0)
        } else {
            sqlite.listed(&self.questions, keys, limit).await?
        };
        self.ahead.pass(count);
        let next = match self.ahead.place() {
            Some(last) => Cursor::Changes { upto, within: Some((end, last.clone())) },
            None => Cursor::Changes { upto: end, within: None },
        };
        let more = self.ahead.place().is_some();
        let events = records.into_iter().map(Record::into_event).collect();
        Ok(Read::Batch { events, next, more, total: None })
    }

    /// Until when everything that was committed will have been read, if it is read from now on.
    async fn end_of_window(&mut self, from: Option<Timestamp>) -> Result<Timestamp, ConnectError> {
        let moment = match &self.connection.database {
            Database::Sqlite(sqlite) => sqlite.moment().await?,
            Database::Postgres(postgres) => postgres.moment().await?,
        };
        let lag = SignedDuration::try_from(self.questions.spec.lag).unwrap_or_default();
        Ok(self.holds.end(moment, from, lag))
    }

    async fn page(&self, question: Question, limit: Limit) -> Result<Page, ConnectError> {
        let page = match &self.connection.database {
            Database::Sqlite(sqlite) => sqlite.page(&self.questions, question, limit).await,
            Database::Postgres(postgres) => postgres.page(&self.questions, question, limit).await,
        };
        page.map_err(|error| self.explained(error))
    }

    async fn count(&self) -> Result<u64, ConnectError> {
        let sql = self.questions.count();
        match &self.connection.database {
            Database::Sqlite(sqlite) => sqlite.count(sql).await,
            Database::Postgres(postgres) => postgres.count(&sql).await,
        }
    }

    /// A statement that took too long needs an index.
    fn explained(&self, error: ConnectError) -> ConnectError {
        if error.remote.as_deref() != Some("57014") {
            return error;
        }
        let key = &self.questions.spec.table.key.column;
        let columns = match &self.questions.stamp {
            Some(stamp) => format!("{}, {key}", stamp.column),
            None => key.clone(),
        };
        let table = &self.questions.spec.table.table;
        error.help(format!("an index on {table} ({columns}) makes it fast; sfsync tries again by itself"))
    }
}

#[async_trait::async_trait]
impl Source for SqlSource {
    async fn read(&mut self, from: Option<&Cursor>, limit: Limit) -> Result<Read, ConnectError> {
        match from {
            None => self.begin().await,
            Some(Cursor::Backfill { anchor, done: Backfill::Keys { after } }) => {
                self.load(*anchor, after.as_ref(), limit).await
            }
            // A cursor of another kind of source: the load begins again.
            Some(Cursor::Backfill { anchor, done: Backfill::Job { .. } }) => {
                self.load(*anchor, None, limit).await
            }
            Some(Cursor::Changes { upto, within }) => self.changes(*upto, within.as_ref(), limit).await,
        }
    }

    async fn fetch(&mut self, keys: &[Key]) -> Result<Vec<ChangeEvent>, ConnectError> {
        let mut events = Vec::with_capacity(keys.len());
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let found = match &self.connection.database {
                Database::Sqlite(sqlite) => sqlite.asked(&self.questions, keys).await?,
                Database::Postgres(postgres) => postgres.asked(&self.questions, keys).await?,
            };
            events.extend(found);
        }
        Ok(events)
    }
}

fn empty(next: Cursor, more: bool, total: Option<u64>) -> Read {
    Read::Batch { events: Vec::new(), next, more, total }
}

/// Where a window goes on. A table without change times goes on by key alone.
fn place_of(last: &Record) -> Keyset {
    Keyset { stamp: last.stamp.unwrap_or(Timestamp::UNIX_EPOCH), id: last.key.clone() }
}

/// The column of the change time, with the type it has.
fn stamp_column(
    dialect: Dialect,
    spec: &SourceSpec,
    table: &TableInfo,
) -> Result<Option<ColumnSpec>, ConnectError> {
    let Some(name) = &spec.table.updated_at else { return Ok(None) };
    let refused = |message: String| {
        Err(ConnectError::new("R108", Class::Pipeline, message)
            .help("correct `updated_at` of the resource, or remove it: then every look compares all rows"))
    };
    let Some(info) = table.column(name) else {
        return refused(format!("table `{}` has no column `{name}`, its `updated_at`", spec.table.table));
    };
    let kind = types::kind_of(dialect, &info.native);
    let is_time = match dialect {
        Dialect::Postgres => matches!(kind, Kind::DateTime | Kind::Date),
        // A column of any type may hold times; what cannot be read as one has none.
        Dialect::Sqlite => !matches!(kind, Kind::Bool | Kind::Json | Kind::Time),
    };
    if !is_time {
        return refused(format!("column `{name}` holds no times, its type is {}", info.native));
    }
    let mut column = ColumnSpec::new(dialect, name, Shape::of(Kind::DateTime));
    column.native.clone_from(&info.native);
    Ok(Some(column))
}
