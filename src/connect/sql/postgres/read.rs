//! Reads of single records from PostgreSQL: by key and by match, a whole batch in one round trip.

use std::collections::HashSet;

use tokio_postgres::types::ToSql;

use super::codec::can_ask;
use super::{Postgres, decode};
use crate::connect::sql::spelled::{self, Search};
use crate::connect::sql::statement::Statements;
use crate::connect::sql::{ColumnSpec, Dialect, TableSpec, convert};
use crate::connect::{ConnectError, Found, MatchQuery};
use crate::model::{Key, Kind, Row, SalesforceId, Value};

/// Texts that are read at once.
const TEXTS: i32 = 10_000;

fn statements(spec: &TableSpec) -> Statements<'_> {
    Statements { dialect: Dialect::Postgres, spec }
}

impl Postgres {
    pub(in crate::connect::sql) async fn presence(
        &self,
        spec: &TableSpec,
        keys: &[Key],
    ) -> Result<HashSet<Key>, ConnectError> {
        let asked = askable(spec, keys);
        let answers = self.query(&statements(spec).presence(), &asked).await?;
        Ok(answers.iter().map(|answer| Key::app(answer.get::<_, &str>(0))).collect())
    }

    pub(in crate::connect::sql) async fn keys(
        &self,
        spec: &TableSpec,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, ConnectError> {
        let client = self.client().await?;
        let sql = statements(spec).keys(after.is_some(), limit);
        let after = after.map(Key::as_str);
        let answers = match &after {
            Some(after) => client.query(&sql, &[after]).await,
            None => client.query(&sql, &[]).await,
        };
        let answers = answers.map_err(|error| self.failed(&error))?;
        Ok(answers.iter().map(|answer| Key::app(answer.get::<_, &str>(0))).collect())
    }

    pub(in crate::connect::sql) async fn fetch(
        &self,
        spec: &TableSpec,
        keys: &[Key],
    ) -> Result<Vec<(Key, Row)>, ConnectError> {
        let asked = askable(spec, keys);
        let answers = self.query(&statements(spec).fetch(), &asked).await?;
        let record = |answer: &tokio_postgres::Row| -> Result<_, tokio_postgres::Error> {
            Ok((Key::app(answer.get::<_, &str>(0)), decode::record(answer, 1, &spec.reads)?))
        };
        answers.iter().map(record).collect::<Result<_, _>>().map_err(|error| self.failed(&error))
    }

    pub(in crate::connect::sql) async fn find(
        &self,
        spec: &TableSpec,
        query: &MatchQuery,
    ) -> Result<Vec<Found>, ConnectError> {
        let Some(field) = spec.reads.get(query.field) else { return Ok(Vec::new()) };
        let statements = statements(spec);
        if spelled::is_needed(query, statements.is_folded(field)) {
            return self.find_spelled(spec, query).await;
        }
        let (texts, places) = asked_values(field, &query.values, statements.is_folded(field));
        let answers = self.query(&statements.find(field), &texts).await?;
        let mut found = Vec::with_capacity(answers.len());
        for answer in &answers {
            let ordinal: i64 = answer.get(spec.reads.len() + 1);
            let Some(place) = usize::try_from(ordinal - 1).ok().and_then(|at| places.get(at)) else {
                continue;
            };
            let row = decode::record(answer, 1, &spec.reads).map_err(|error| self.failed(&error))?;
            found.push(Found { value: *place, key: Key::app(answer.get::<_, &str>(0)), row });
        }
        Ok(found)
    }

    /// Compares the texts of the records in the normal form of the question.
    async fn find_spelled(&self, spec: &TableSpec, query: &MatchQuery) -> Result<Vec<Found>, ConnectError> {
        let Some(field) = spec.reads.get(query.field) else { return Ok(Vec::new()) };
        let patterns = spelled::patterns(query);
        let sql = statements(spec).spelled(field, patterns.is_some());
        let mut search = Search::new(query);
        let mut client = self.client().await?;
        let read = async {
            let transaction = client.build_transaction().read_only(true).start().await?;
            let statement = transaction.prepare(&sql).await?;
            let params: Vec<&(dyn ToSql + Sync)> =
                patterns.iter().map(|patterns| patterns as &(dyn ToSql + Sync)).collect();
            let portal = transaction.bind(&statement, &params).await?;
            loop {
                let rows = transaction.query_portal(&portal, TEXTS).await?;
                for row in &rows {
                    search.see(|| Key::app(row.get::<_, &str>(0)), &Value::text(row.get::<_, &str>(1)));
                }
                if rows.is_empty() {
                    return transaction.commit().await;
                }
            }
        };
        read.await.map_err(|error| self.failed(&error))?;
        drop(client);
        Ok(search.found(self.fetch(spec, &search.keys()).await?))
    }

    async fn query<T>(&self, sql: &str, texts: &[T]) -> Result<Vec<tokio_postgres::Row>, ConnectError>
    where
        T: AsRef<str> + Sync,
    {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let client = self.client().await?;
        // Not a cached statement: one that outlives a change of the table would fail.
        client.query(sql, &[&texts]).await.map_err(|error| self.failed(&error))
    }
}

pub(super) fn askable<'a>(spec: &TableSpec, keys: &'a [Key]) -> Vec<&'a str> {
    keys.iter().map(Key::as_str).filter(|key| can_ask(&spec.key.native, key)).collect()
}

/// The texts to ask for, and which value each of them stands for. Ids are asked for in both of their lengths.
fn asked_values(field: &ColumnSpec, values: &[Value], folded: bool) -> (Vec<String>, Vec<usize>) {
    let (mut texts, mut places) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
    let mut ask = |text: String, place: usize| {
        if field.json_key.is_some() || folded || can_ask(&field.native, &text) {
            texts.push(text);
            places.push(place);
        }
    };
    for (place, value) in values.iter().enumerate() {
        if let (Kind::Id, Value::Text(text)) = (field.kind, value) {
            if let Some(id) = SalesforceId::parse(text.trim()) {
                ask(id.as_str()[..15].to_owned(), place);
            }
            ask(convert::match_form(value, Kind::Id, false), place);
        } else {
            ask(value.to_string(), place);
        }
    }
    (texts, places)
}
