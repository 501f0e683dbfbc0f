//! A PostgreSQL server of this test alone, which can be killed and started again.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tokio_postgres::{Client, NoTls};

/// The server; dropped, it is gone.
pub(super) struct Database {
    process: Child,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    pub(super) url: String,
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.orders.take());
        _ = self.process.wait();
    }
}

impl Database {
    pub(super) fn start() -> Self {
        let mut process = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/postgres.sh runs");
        let mut answers = BufReader::new(process.stdout.take().expect("its output is piped")).lines();
        let url = answers.next().expect("it prints a URL").unwrap();
        let orders = process.stdin.take();
        Self { process, orders, answers, url }
    }

    /// The server dies with everything it was doing.
    pub(super) fn kill(&mut self) {
        self.order("kill");
    }

    /// It comes back with what was committed.
    pub(super) fn rise(&mut self) {
        self.order("start");
    }

    fn order(&mut self, word: &str) {
        let orders = self.orders.as_mut().expect("it runs");
        writeln!(orders, "{word}").unwrap();
        let answer = self.answers.next().expect("an answer").unwrap();
        assert_eq!(answer, format!("{word}: done"));
    }
}

/// A connection, if the server is there.
pub(super) async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move { _ = connection.await });
    Ok(client)
}
