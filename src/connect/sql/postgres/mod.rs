//! PostgreSQL: a pool of connections shared by every pipeline of a connection file. Read [`PostgresConfig`] first.

mod codec;
mod connect;
mod decode;
mod inspect;
mod listen;
mod merge;
mod numeric;
mod pages;
mod read;
mod stage;
mod write;

use std::sync::Arc;

use deadpool_postgres::{Client, Pool, PoolError};
use tokio_postgres::error::DbError;

use super::TableName;
use super::error::{Refusal, sqlstate};
use crate::connect::ConnectError;
use crate::model::Class;

pub use connect::{PostgresConfig, Tls};
pub(super) use write::Straight;

/// A handle to the pool. Clones share it.
#[derive(Clone)]
pub(super) struct Postgres(Arc<Shared>);

struct Shared {
    pool: Pool,
    /// For the connections that listen, which are none of the pool's.
    address: tokio_postgres::Config,
    /// Schema of tables that the files name without one.
    schema: Option<String>,
    /// For messages: database and host, never a secret.
    name: String,
}

impl Postgres {
    /// Name of the database for messages.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// A table name with the schema of the connection.
    pub(super) fn qualified(&self, table: &TableName) -> TableName {
        let schema = table.schema.clone().or_else(|| self.0.schema.clone());
        TableName { schema, name: table.name.clone() }
    }

    /// A connection of the pool. Waits for one as long as the pool's time-outs say.
    async fn client(&self) -> Result<Client, ConnectError> {
        self.0.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => connect::failure(&error, self.name()),
            PoolError::Timeout(_) => {
                let message = format!("{}: no connection became free in time", self.name());
                ConnectError::new("R103", Class::TRANSIENT, message).help("raise `pool` of the connection")
            }
            other => ConnectError::new("R133", Class::Pipeline, format!("{}: {other}", self.name())),
        })
    }

    fn failed(&self, error: &tokio_postgres::Error) -> ConnectError {
        refusal(error).into_connect(self.name())
    }
}

/// What a failed statement means.
fn refusal(error: &tokio_postgres::Error) -> Refusal {
    if let Some(answer) = error.as_db_error() {
        return answered(answer);
    }
    let cause = std::error::Error::source(error);
    let broke = error.is_closed() || cause.is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
    let (code, class) = if broke { ("R105", Class::TRANSIENT) } else { ("R133", Class::Pipeline) };
    let message = if broke { format!("the connection broke: {error}") } else { error.to_string() };
    Refusal { code, class, remote: None, message, columns: Vec::new() }
}

fn answered(answer: &DbError) -> Refusal {
    let state = answer.code().code();
    let (code, class) = sqlstate(state);
    let mut message = answer.message().to_owned();
    if let (Class::Record, Some(detail)) = (class, answer.detail())
        && !tells_whole_row(state)
    {
        message = format!("{message}: {detail}");
    }
    let named = answer.column().map(|column| vec![column.to_owned()]);
    let columns = named.unwrap_or_else(|| answer.detail().map(key_columns).unwrap_or_default());
    Refusal { code, class, remote: Some(state.to_owned()), message, columns }
}

/// Whether the detail of an answer is all values of the row ("Failing row contains …"): the message names column or constraint already, and
/// the values belong into no list.
fn tells_whole_row(state: &str) -> bool {
    matches!(state, "23502" | "23514" | "44000")
}

/// The columns of `Key (email, phone)=(…) already exists.`
fn key_columns(detail: &str) -> Vec<String> {
    let names = detail.split_once(")=(").and_then(|(before, _)| before.split_once('('));
    names.map(|(_, names)| names.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}
