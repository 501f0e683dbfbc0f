//! SQLite: one connection on a thread of its own, shared by every pipeline of a connection file, so that writers wait in
//! line instead of finding the database locked. Read [`Sqlite`] first.

mod bind;
mod inspect;
mod pages;
mod read;
mod stamp;
mod write;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::error::{Refusal, sqlite_code};
use super::{TableName, TableSpec, convert};
use crate::connect::{ConnectError, Found, MatchQuery, Notes};
use crate::model::{Class, Key, Outcome, Row, TableInfo, WriteOp};

/// How to open a SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The file; it is created where it does not exist and `read_only` is false.
    pub path: PathBuf,
    /// `read_only: true` on the connection: SQLite itself refuses writes.
    pub read_only: bool,
    /// Whoever only looks makes no file: one that does not exist is a database without tables.
    pub only_look: bool,
    /// How long to wait for another program that writes to the same file.
    pub busy_timeout: Duration,
}

impl SqliteConfig {
    /// A file that may be written, waiting five seconds for other writers.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read_only: false, only_look: false, busy_timeout: Duration::from_secs(5) }
    }
}

/// Changed rows from which on the log is worth bringing into the file while nobody waits.
const WORTH_TIDYING: u64 = 1_000;
/// How long nobody has asked for anything when it is.
const REST: Duration = Duration::from_millis(100);

/// Work for the thread.
type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A handle to the thread that owns the connection. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub(super) struct Sqlite(Arc<Worker>);

struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// For messages.
    name: String,
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic on the thread was reported to whoever waited for the job.
            _ = thread.join();
        }
    }
}

impl Sqlite {
    /// Opens the file on a new thread. Fails where it cannot be opened or is no database.
    pub(super) async fn open(config: SqliteConfig) -> Result<Self, ConnectError> {
        let name = format!("sqlite {}", config.path.display());
        // Unbounded: everybody waits for the answer to a job before the next one.
        let (jobs, queue) = mpsc::channel::<Job>();
        let (opened, answer) = oneshot::channel();
        let run = move || match open(&config) {
            Ok(mut connection) => {
                _ = opened.send(Ok(()));
                work(&mut connection, &queue, config.read_only);
            }
            Err(error) => _ = opened.send(Err(open_error(&config.path, &error))),
        };
        let thread = std::thread::Builder::new().name("sqlite".to_owned()).spawn(run);
        let thread = thread.map_err(|error| {
            ConnectError::new("R133", Class::TRANSIENT, "no thread could be started for SQLite")
                .caused_by(error)
        })?;
        let worker = Self(Arc::new(Worker { jobs: Some(jobs), thread: Some(thread), name }));
        answer.await.map_err(|_| worker.gone())??;
        Ok(worker)
    }

    /// Name of the database for messages.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// Runs a job on the thread. The job also runs to its end where the caller stops waiting.
    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, ConnectError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> T + Send + 'static,
    {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| _ = done.send(job(connection)));
        let jobs = self.0.jobs.as_ref().ok_or_else(|| self.gone())?;
        jobs.send(job).map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())
    }

    /// Runs a job whose refusal is a failure of the whole call.
    pub(super) async fn call<T, F>(&self, job: F) -> Result<T, ConnectError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.run(job).await?.map_err(|error| refusal(&error).into_connect(self.name()))
    }

    fn gone(&self) -> ConnectError {
        ConnectError::new("R133", Class::Pipeline, format!("{}: its thread has ended", self.0.name))
    }
}

/// Does the jobs in their order, until nobody can send one any more. Between them, when there is time, what was committed is brought from
/// the log into the file, so that few commits have to.
fn work(connection: &mut Connection, queue: &mpsc::Receiver<Job>, read_only: bool) {
    let mut tidied = connection.total_changes();
    loop {
        let untidy = !read_only && connection.total_changes().saturating_sub(tidied) >= WORTH_TIDYING;
        let job = if untidy {
            queue.recv_timeout(REST)
        } else {
            queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected)
        };
        match job {
            Ok(job) => job(connection),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                tidied = connection.total_changes();
                let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                if let Err(error) = done {
                    tracing::debug!(%error, "the log of a SQLite file stays as it is for now");
                }
            }
        }
    }
}

fn has_folder(path: &Path) -> bool {
    path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir())
}

fn open(config: &SqliteConfig) -> rusqlite::Result<Connection> {
    let access = if config.read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    // In memory there is nothing, and nothing that stays.
    let is_missing =
        config.only_look && !config.read_only && !config.path.exists() && has_folder(&config.path);
    let path = if is_missing { Path::new(":memory:") } else { &*config.path };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(config.busy_timeout)?;
    if config.read_only {
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    } else {
        // FULL: what is acknowledged survives a power failure; it costs one sync per batch. A commit brings the log into the file every
        // 64 MB, not every 4, since that costs two more and all pages once again; see `work` for when it is done before. A batch of
        // scattered changes has 8 MB of pages: where they do not fit, they are written before their time, and others read again.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000; \
             PRAGMA foreign_keys = ON; PRAGMA cache_size = -12000;",
        )?;
    }
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("sfsync_fold", 1, pure, |context| {
        Ok(match context.get_raw(0) {
            ValueRef::Null => rusqlite::types::Value::Null,
            ValueRef::Text(text) => convert::fold(&String::from_utf8_lossy(text)).into(),
            other => other.try_into()?,
        })
    })?;
    connection
        .create_scalar_function("sfsync_stamp", 1, pure, |context| Ok(stamp::micros(context.get_raw(0))))?;
    Ok(connection)
}

fn open_error(path: &Path, error: &rusqlite::Error) -> ConnectError {
    let mut refused = refusal(error).into_connect(&format!("sqlite {}", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.exists()) {
        refused.help = Some("the folder of the file does not exist: create it or correct `path`".to_owned());
    } else if refused.code == "R102" {
        refused.help = Some(
            "the file cannot be opened: compare its owner and permissions with the user of sfsync".into(),
        );
    }
    refused
}

/// What a failure of SQLite means.
fn refusal(error: &rusqlite::Error) -> Refusal {
    let failure = match error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure),
        rusqlite::Error::SqlInputError { error, .. } => Some(error),
        _ => None,
    };
    let extended = failure.map_or(0, |failure| failure.extended_code);
    let (mut code, mut class) = sqlite_code(extended);
    let message = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    if extended == 1 && message.contains("JSON") {
        (code, class) = ("R225", Class::Record);
    }
    let columns = if class == Class::Record { columns_of(&message) } else { Vec::new() };
    Refusal { code, class, remote: failure.map(|_| code_name(extended)), message, columns }
}

/// `UNIQUE constraint failed: clients.email, clients.name` names its columns.
fn columns_of(message: &str) -> Vec<String> {
    let Some((_, names)) = message.split_once("constraint failed: ") else { return Vec::new() };
    let column = |name: &str| name.rsplit_once('.').map(|(_, column)| column.trim().to_owned());
    names.split(',').filter_map(column).collect()
}

fn code_name(extended: i32) -> String {
    let name = match extended {
        2067 => "SQLITE_CONSTRAINT_UNIQUE",
        1555 => "SQLITE_CONSTRAINT_PRIMARYKEY",
        1299 => "SQLITE_CONSTRAINT_NOTNULL",
        787 => "SQLITE_CONSTRAINT_FOREIGNKEY",
        275 => "SQLITE_CONSTRAINT_CHECK",
        3091 => "SQLITE_CONSTRAINT_DATATYPE",
        778 => "SQLITE_IOERR_WRITE",
        4874 => "SQLITE_IOERR_SHMSIZE",
        _ => match extended & 0xff {
            1 => "SQLITE_ERROR",
            5 => "SQLITE_BUSY",
            6 => "SQLITE_LOCKED",
            8 => "SQLITE_READONLY",
            10 => "SQLITE_IOERR",
            11 => "SQLITE_CORRUPT",
            13 => "SQLITE_FULL",
            14 => "SQLITE_CANTOPEN",
            18 => "SQLITE_TOOBIG",
            19 => "SQLITE_CONSTRAINT",
            20 => "SQLITE_MISMATCH",
            26 => "SQLITE_NOTADB",
            _ => return format!("SQLITE_{extended}"),
        },
    };
    name.to_owned()
}

impl Sqlite {
    pub(super) async fn tables(&self) -> Result<Vec<String>, ConnectError> {
        self.call(|connection| inspect::tables(connection)).await
    }

    pub(super) async fn inspect(&self, table: TableName) -> Result<Option<TableInfo>, ConnectError> {
        self.call(move |connection| inspect::table(connection, &table)).await
    }

    pub(super) async fn apply(&self, statements: Vec<String>) -> Result<(), ConnectError> {
        self.call(move |connection| inspect::apply(connection, &statements)).await
    }

    pub(super) async fn presence(
        &self,
        spec: &Arc<TableSpec>,
        keys: &[Key],
    ) -> Result<HashSet<Key>, ConnectError> {
        let (spec, keys) = (Arc::clone(spec), keys.to_vec());
        self.call(move |connection| read::presence(connection, &spec, &keys)).await
    }

    pub(super) async fn keys(
        &self,
        spec: &Arc<TableSpec>,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, ConnectError> {
        let (spec, after) = (Arc::clone(spec), after.cloned());
        self.call(move |connection| read::keys(connection, &spec, after.as_ref(), limit)).await
    }

    pub(super) async fn fetch(
        &self,
        spec: &Arc<TableSpec>,
        keys: &[Key],
    ) -> Result<Vec<(Key, Row)>, ConnectError> {
        let (spec, keys) = (Arc::clone(spec), keys.to_vec());
        self.call(move |connection| read::fetch(connection, &spec, &keys)).await
    }

    pub(super) async fn find(
        &self,
        spec: &Arc<TableSpec>,
        query: &MatchQuery,
    ) -> Result<Vec<Found>, ConnectError> {
        let (spec, query) = (Arc::clone(spec), query.clone());
        self.call(move |connection| read::find(connection, &spec, &query)).await
    }

    pub(super) async fn write(
        &self,
        spec: &Arc<TableSpec>,
        ops: Vec<WriteOp>,
        notes: Option<Arc<dyn Notes>>,
    ) -> Result<Vec<Outcome>, ConnectError> {
        let job_spec = Arc::clone(spec);
        let write =
            move |connection: &mut Connection| write::write(connection, &job_spec, &ops, notes.as_deref());
        let written = self.run(write).await?;
        written.map_err(|refused| refused.into_connect(&format!("{}, table {}", self.name(), spec.table)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::sql::{ColumnSpec, Dialect, KeySpec, Shape};
    use crate::model::{Kind, Value};

    fn spec() -> Arc<TableSpec> {
        let column = |name| ColumnSpec::new(Dialect::Sqlite, name, Shape::of(Kind::Text));
        Arc::new(TableSpec {
            table: TableName::parse("clients"),
            columns: vec![column("id"), column("name")],
            reads: Vec::new(),
            key: KeySpec::in_row(Dialect::Sqlite, "id"),
            unique: vec!["id".to_owned()],
            match_columns: Vec::new(),
            updated_at: None,
            deleted_at: None,
            create: true,
        })
    }

    #[tokio::test]
    async fn a_full_disk_is_said_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(SqliteConfig::new(folder.path().join("a.db"))).await.unwrap();
        sqlite.apply(vec!["CREATE TABLE clients (id TEXT PRIMARY KEY, name TEXT)".to_owned()]).await.unwrap();
        let batch = |count: usize, name: &str| -> Vec<WriteOp> {
            let row = |at: usize| Row::from(vec![Value::from(at.to_string()), Value::text(name)]);
            (0..count).map(|at| WriteOp::Upsert { row: row(at) }).collect()
        };
        sqlite.write(&spec(), batch(10, "x"), None).await.unwrap();
        // SQLite reports a file that may not grow as it reports a full disk.
        sqlite.call(|connection| connection.pragma_update(None, "max_page_count", 4)).await.unwrap();
        let error = sqlite.write(&spec(), batch(10_000, &"y".repeat(200)), None).await.unwrap_err();
        assert_eq!((error.code, error.class), ("R132", Class::TRANSIENT));
        assert!(error.help.unwrap().contains("space"));
        let count = |connection: &mut Connection| {
            connection.query_row("SELECT count(*) FROM clients", [], |row| row.get(0))
        };
        let stored: i64 = sqlite.call(count).await.unwrap();
        assert_eq!(stored, 10);
    }
}
