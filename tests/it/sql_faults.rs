//! What breaks while a batch is written: connections, locks, disks, wrong addresses. Each has its class, and a replay is harmless.

use std::time::Duration;

use sfsync::connect::sql::{PostgresConfig, SqlConnection, SqliteConfig};
use sfsync::connect::{ConnectError, Destination, WriteMode};
use sfsync::model::{Class, Kind, Outcome, Value, WriteOp};

use crate::harness::postgres;
use crate::sql_rig::{Database, destination, upsert, words};

fn batch(count: usize, name: &str) -> Vec<WriteOp> {
    (0..count).map(|at| upsert([Value::from(format!("k{at:05}")), Value::text(name)])).collect()
}

const COLUMNS: &[(&str, Kind)] = &[("id", Kind::Id), ("name", Kind::Text)];

/// The server's process that waits for a lock on the table.
async fn wait_for_waiter(client: &tokio_postgres::Client, table: &str) -> i32 {
    let sql = "SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
               WHERE NOT l.granted AND c.oid = to_regclass($1)";
    loop {
        if let Some(row) = client.query_opt(sql, &[&table]).await.unwrap() {
            return row.get(0);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_killed_connection_is_transient_and_a_replay_is_harmless() {
    let database = Database::postgres().await;
    let spec = database.mirror("clients", COLUMNS);
    let mut table = database.destination(spec).await;
    let schema = match &database.place {
        crate::sql_rig::Place::Schema(schema) => schema.clone(),
        crate::sql_rig::Place::Folder(_) => unreachable!(),
    };
    for mode in [WriteMode::Load, WriteMode::Changes] {
        let mut blocker = postgres::connect().await;
        let killer = postgres::connect().await;
        let lock = blocker.transaction().await.unwrap();
        lock.batch_execute(&format!("LOCK TABLE {schema}.clients")).await.unwrap();
        let writing = table.write(batch(2_000, "x"), mode);
        let killing = async {
            let pid = wait_for_waiter(&killer, &format!("{schema}.clients")).await;
            killer.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
        };
        let (written, ()) = tokio::join!(writing, killing);
        let error: ConnectError = written.unwrap_err();
        assert!(matches!(error.class, Class::Transient { .. }), "{error:?}");
        lock.rollback().await.unwrap();
        assert_eq!(
            database.number("SELECT count(*) FROM clients").await,
            0,
            "nothing of the batch is stored"
        );
    }
    // The pool may not have noticed yet that its connection is gone; a transient answer is asked again, as the runtime does.
    let mut tries = 0;
    while let Err(error) = table.write(batch(2_000, "x"), WriteMode::Changes).await {
        assert!(matches!(error.class, Class::Transient { .. }) && tries < 5, "{error:?}");
        tries += 1;
    }
    let replayed = table.write(batch(2_000, "x"), WriteMode::Load).await.unwrap();
    assert_eq!(words(&replayed), vec!["unchanged"; 2_000]);
    assert_eq!(database.number("SELECT count(*) FROM clients").await, 2_000);
}

#[tokio::test]
async fn a_table_that_vanished_stops_the_pipeline() {
    for database in [Database::sqlite().await, Database::postgres().await] {
        let mut table = database.destination(database.mirror("clients", COLUMNS)).await;
        database.execute("DROP TABLE clients").await;
        let error = table.write(batch(3, "x"), WriteMode::Changes).await.unwrap_err();
        assert_eq!((error.code, error.class), ("R108", Class::Pipeline), "{error:?}");
        assert!(error.help.is_some());
        assert!(table.fetch(&[sfsync::model::Key::app("1")]).await.is_err());
    }
}

#[tokio::test]
async fn a_locked_sqlite_file_is_transient() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        SqliteConfig { busy_timeout: Duration::ZERO, ..SqliteConfig::new(folder.path().join("a.db")) };
    let database = Database::sqlite().await;
    let connection = SqlConnection::sqlite(config).await.unwrap();
    let mut table = destination(&connection, database.mirror("clients", COLUMNS)).await;
    let other = rusqlite::Connection::open(folder.path().join("a.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = table.write(batch(3, "x"), WriteMode::Changes).await.unwrap_err();
    assert!(matches!(error.class, Class::Transient { .. }), "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(words(&table.write(batch(3, "x"), WriteMode::Changes).await.unwrap()), ["written"; 3]);
}

#[tokio::test]
async fn a_full_disk_of_the_server_is_said_and_loses_nothing() {
    let database = Database::postgres().await;
    database.execute("CREATE TABLE clients (id text PRIMARY KEY, name text)").await;
    let mut table = database.destination(database.mirror("clients", COLUMNS)).await;
    table.write(batch(3, "x"), WriteMode::Load).await.unwrap();
    // The server's own answer for a full disk, from a trigger in place of the disk.
    database
        .execute(
            "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
        )
        .await;
    database
        .execute("CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON clients EXECUTE FUNCTION no_space()")
        .await;
    for mode in [WriteMode::Load, WriteMode::Changes] {
        let error = table.write(batch(500, "y"), mode).await.unwrap_err();
        assert_eq!(
            (error.code, error.class, error.remote.as_deref()),
            ("R132", Class::TRANSIENT, Some("53100"))
        );
        assert!(error.help.as_deref().unwrap().contains("space"), "{error:?}");
    }
    assert_eq!(database.number("SELECT count(*) FROM clients WHERE name = 'x'").await, 3);
    database.execute("DROP TRIGGER no_space ON clients").await;
    let outcomes = table.write(batch(500, "y"), WriteMode::Changes).await.unwrap();
    assert_eq!((outcomes.len(), database.number("SELECT count(*) FROM clients").await), (500, 500));
}

/// Names the file, for the process whose files may not grow.
const NARROW: &str = "SFSYNC_TEST_NARROW_FILE";

/// A process of its own whose files may not grow beyond so many blocks: the system refuses its writes, as it does on a full disk.
#[cfg(unix)]
fn in_a_narrow_process(file: &std::path::Path, blocks: usize) {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --exact \"$1\" --nocapture");
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg("sql_faults::a_full_disk_under_sqlite_is_said_and_loses_nothing")
        .env(NARROW, file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{output:?}");
}

async fn on_a_full_disk(file: &str) {
    let full = |error: sfsync::connect::ConnectError| {
        assert_eq!((error.code, error.class), ("R132", Class::TRANSIENT), "{error:?}");
        assert!(error.help.as_deref().unwrap().contains("space"), "{error:?}");
    };
    let connection = match SqlConnection::sqlite(SqliteConfig::new(file)).await {
        Ok(connection) => connection,
        Err(error) => return full(error),
    };
    assert!(!file.ends_with("opened.db"), "its index has no place");
    let database = Database::sqlite().await;
    let mut table = destination(&connection, database.mirror("clients", COLUMNS)).await;
    full(table.write(batch(3_000, &"y".repeat(300)), WriteMode::Changes).await.unwrap_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_under_sqlite_is_said_and_loses_nothing() {
    if let Ok(file) = std::env::var(NARROW) {
        return on_a_full_disk(&file).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let opened = folder.path().join("opened.db");
    let file = folder.path().join("filled.db");
    let database = Database::sqlite().await;
    for file in [&opened, &file] {
        let connection = SqlConnection::sqlite(SqliteConfig::new(file)).await.unwrap();
        let mut table = destination(&connection, database.mirror("clients", COLUMNS)).await;
        table.write(batch(3, "x"), WriteMode::Changes).await.unwrap();
    }
    in_a_narrow_process(&opened, 0);
    in_a_narrow_process(&file, 400);
    let stored = || {
        let database = rusqlite::Connection::open(&file).unwrap();
        database.query_row("SELECT count(*), min(name) FROM clients", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
    };
    assert_eq!(stored().unwrap(), (3, "x".to_owned()));
    let connection = SqlConnection::sqlite(SqliteConfig::new(&file)).await.unwrap();
    let mut table = destination(&connection, database.mirror("clients", COLUMNS)).await;
    table.write(batch(500, "y"), WriteMode::Changes).await.unwrap();
    assert_eq!(stored().unwrap(), (500, "y".to_owned()));
}

#[tokio::test]
async fn files_that_cannot_be_opened_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = SqliteConfig::new(folder.path().join("no/such/folder/a.db"));
    let error = SqlConnection::sqlite(missing).await.err().unwrap();
    assert_eq!((error.code, error.class), ("R102", Class::Pipeline));
    assert!(error.help.unwrap().contains("folder"));

    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is not a database, but long enough to look at".repeat(50)).unwrap();
    let error = SqlConnection::sqlite(SqliteConfig::new(&text)).await.err().unwrap();
    assert_eq!((error.remote.as_deref(), error.class), (Some("SQLITE_NOTADB"), Class::Pipeline));

    let read_only = SqliteConfig { read_only: true, ..SqliteConfig::new(folder.path().join("nothing.db")) };
    assert!(SqlConnection::sqlite(read_only).await.is_err());
    assert!(!folder.path().join("nothing.db").exists());
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_transient_and_a_wrong_database_is_not() {
    let config = |url: &str| PostgresConfig { url: Some(url.into()), ..PostgresConfig::default() };
    let socket = tempfile::tempdir().unwrap();
    let nobody = format!("postgres://u@{}/x", socket.path().display().to_string().replace('/', "%2F"));
    let error = SqlConnection::postgres(&config(&nobody)).await.err().unwrap();
    assert_eq!(error.code, "R102");
    assert!(matches!(error.class, Class::Transient { .. }));

    let wrong = postgres::url().replace("/postgres", "/no_such_database");
    let error = SqlConnection::postgres(&config(&wrong)).await.err().unwrap();
    assert_eq!((error.code, error.class), ("R134", Class::Pipeline));
    let wrong = postgres::url().replace("sfsync@", "nobody:s3cret@");
    let error = SqlConnection::postgres(&config(&wrong)).await.err().unwrap();
    assert_eq!((error.code, error.class), ("R134", Class::Pipeline));
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_record_error_never_enters_the_message_of_a_call() {
    let database = Database::postgres().await;
    database.execute("CREATE TABLE clients (id text PRIMARY KEY, name text CHECK (name <> 'secret'))").await;
    let mut table = database.destination(database.mirror("clients", COLUMNS)).await;
    let outcomes = table.write(vec![upsert(["1".into(), "secret".into()])], WriteMode::Load).await.unwrap();
    let Outcome::Rejected(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((error.code, error.remote.as_deref()), ("R224", Some("23514")));
}
