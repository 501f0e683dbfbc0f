//! A PostgreSQL server for the tests: the one that `./test` started, or else one of this process alone.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::{Client, NoTls};

/// The server ends when its standard input closes, which is when this process ends.
struct Server {
    url: String,
    _process: Option<Child>,
}

/// Address of a server with a superuser. Starts one where `SFSYNC_TEST_POSTGRES` names none.
pub fn url() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    &SERVER.get_or_init(start).url
}

fn start() -> Server {
    if let Ok(url) = std::env::var("SFSYNC_TEST_POSTGRES") {
        return Server { url, _process: None };
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh");
    let mut process = Command::new(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/postgres.sh runs");
    let mut line = String::new();
    let output = process.stdout.take().expect("its output is piped");
    BufReader::new(output).read_line(&mut line).expect("it prints a URL");
    assert!(line.starts_with("postgres://"), "PostgreSQL did not start: run tests/postgres.sh to see why");
    Server { url: line.trim().to_owned(), _process: Some(process) }
}

/// A name that no other test of any process uses.
pub fn unique_name(prefix: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{prefix}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A connection beside the one that is tested.
pub async fn connect() -> Client {
    let (client, connection) = tokio_postgres::connect(url(), NoTls).await.expect("the server answers");
    tokio::spawn(async move { _ = connection.await });
    client
}
