//! Batches of a source from PostgreSQL: one statement in a transaction that may only read, fetched in bounded pieces.

use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use super::{Postgres, decode, refusal};
use crate::connect::sql::source::holds::{Moment, Running};
use crate::connect::sql::source::page::{Page, Record, gone};
use crate::connect::sql::source::question::{Param, Question, Questions};
use crate::connect::{ConnectError, Limit};
use crate::model::{ChangeEvent, Class, Key, Value};

/// The clock. A replica knows what was committed up to the last transaction that it replayed.
const CLOCK: &str = "SELECT to_char((CASE WHEN pg_is_in_recovery() \
    THEN least(clock_timestamp(), coalesce(pg_last_xact_replay_timestamp(), clock_timestamp())) \
    ELSE clock_timestamp() END) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";

/// Transactions of this database that are under way. Everybody may see them; when they began is empty for those of other users.
const RUNNING: &str = "SELECT l.virtualtransaction, \
    to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), false \
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'virtualxid' AND l.granted \
    AND l.virtualxid = l.virtualtransaction AND a.datname = current_database() AND l.pid <> pg_backend_pid() \
    UNION ALL SELECT 'prepared ' || p.transaction::text, NULL, true FROM pg_prepared_xacts p \
    WHERE p.database = current_database()";

impl Postgres {
    pub(in crate::connect::sql) async fn moment(&self) -> Result<Moment, ConnectError> {
        let client = self.client().await?;
        let now = client.query_one(CLOCK, &[]).await.map_err(|error| self.failed(&error))?;
        let now = time(now.get(0)).ok_or_else(|| {
            ConnectError::new("R133", Class::Pipeline, format!("{}: its clock cannot be read", self.name()))
        })?;
        let running = match client.query(RUNNING, &[]).await {
            Ok(rows) => rows.iter().map(running).collect(),
            // Not every server that speaks the protocol tells: then the overlap of the windows has to do.
            Err(error) if error.as_db_error().is_some() => Vec::new(),
            Err(error) => return Err(self.failed(&error)),
        };
        Ok(Moment { now, running })
    }

    pub(in crate::connect::sql) async fn count(&self, sql: &str) -> Result<u64, ConnectError> {
        let rows = self.rows(sql, &[]).await?;
        let count = rows.first().map(|row| row.get::<_, i64>(0));
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }

    pub(in crate::connect::sql) async fn page(
        &self,
        questions: &Questions,
        question: Question,
        limit: Limit,
    ) -> Result<Page, ConnectError> {
        self.read_page(questions, &question, limit).await?.map_err(|error| self.unread(&error))
    }

    async fn read_page(
        &self,
        questions: &Questions,
        question: &Question,
        limit: Limit,
    ) -> Result<Result<Page, tokio_postgres::Error>, ConnectError> {
        let mut client = self.client().await?;
        let read = async {
            let transaction = client.build_transaction().read_only(true).start().await?;
            // Not a cached statement: one that outlives a change of the table would fail.
            let statement = transaction.prepare(&question.sql).await?;
            let texts: Vec<String> = question.params.iter().map(text).collect();
            let params: Vec<&(dyn ToSql + Sync)> =
                texts.iter().map(|text| text as &(dyn ToSql + Sync)).collect();
            let portal = transaction.bind(&statement, &params).await?;
            let mut page = Page::default();
            while !page.is_full(limit) && !page.drained {
                let chunk = page.next_chunk(limit);
                let rows = transaction.query_portal(&portal, chunk).await?;
                page.drained = i32::try_from(rows.len()).is_ok_and(|came| came < chunk);
                for row in &rows {
                    if page.is_full(limit) {
                        page.drained = false;
                        break;
                    }
                    page.add(record(row, 0, questions)?);
                }
            }
            transaction.rollback().await?;
            Ok(page)
        };
        Ok(read.await)
    }

    /// The records of these keys; those without a row are gone.
    pub(in crate::connect::sql) async fn asked(
        &self,
        questions: &Questions,
        keys: &[Key],
    ) -> Result<Vec<ChangeEvent>, ConnectError> {
        let (askable, impossible): (Vec<&Key>, Vec<&Key>) =
            keys.iter().partition(|key| questions.can_be_key(key.as_str()));
        let mut events: Vec<ChangeEvent> = impossible.into_iter().map(|key| gone(key.clone())).collect();
        let texts: Vec<&str> = askable.into_iter().map(Key::as_str).collect();
        if texts.is_empty() {
            return Ok(events);
        }
        for row in self.rows(&questions.by_key(), &[&texts]).await? {
            let there = row.get::<_, Option<&str>>(1).is_some();
            events.push(if there {
                record(&row, 1, questions).map_err(|error| self.unread(&error))?.into_event()
            } else {
                gone(Key::app(row.get::<_, &str>(0)))
            });
        }
        Ok(events)
    }

    /// All rows of a small answer. A condition may call functions: they may not write either.
    async fn rows(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, ConnectError> {
        let mut client = self.client().await?;
        let read = async {
            let transaction = client.build_transaction().read_only(true).start().await?;
            let rows = transaction.query(sql, params).await?;
            transaction.rollback().await?;
            Ok(rows)
        };
        read.await.map_err(|error: tokio_postgres::Error| self.unread(&error))
    }

    fn unread(&self, error: &tokio_postgres::Error) -> ConnectError {
        refusal(error).into_read(self.name())
    }
}

/// The row whose key is at `from`.
fn record(
    row: &tokio_postgres::Row,
    from: usize,
    questions: &Questions,
) -> Result<Record, tokio_postgres::Error> {
    let reads = &questions.spec.table.reads;
    let after = from + 1 + reads.len();
    let stamp = match &questions.stamp {
        Some(column) => match decode::record(row, after, std::slice::from_ref(column))?.get(0) {
            Value::DateTime(at) => Some(*at),
            _ => None,
        },
        None => None,
    };
    Ok(Record {
        key: Key::app(row.try_get::<_, &str>(from)?),
        row: decode::record(row, from + 1, reads)?,
        stamp,
        deleted: row.try_get(after + 1)?,
        passes: row.try_get(after + 2)?,
    })
}

fn running(row: &tokio_postgres::Row) -> Running {
    Running { id: row.get(0), since: row.get::<_, Option<&str>>(1).and_then(time), prepared: row.get(2) }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn text(param: &Param) -> String {
    match param {
        Param::Text(text) => text.clone(),
        Param::Micros(micros) => micros.to_string(),
    }
}
