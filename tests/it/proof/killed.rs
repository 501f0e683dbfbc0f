//! The program itself, killed with SIGKILL at random moments of its first load and of loads of edits. In the end every row of the app is
//! there once, with the right values.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;

use super::drive;
use super::operating::Expected;
use super::operating_runs::{Bench, PIPELINES};
use super::org_rows::{records, text};
use super::{factor, seed};
use crate::harness::rig::{PATIENCE, Rig};

/// No life is longer: by then a machine that is not busy has carried everything.
const LONGEST: u64 = 1_500;

/// As long is waited for a commit to the database.
const NEXT_COMMIT: Duration = Duration::from_millis(300);

/// The daemon as a process of its own, on the state and the database of the rig; `format` is that of its log.
pub fn spawn(rig: &Rig, format: &str) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(rig.dir.path().join("log")).unwrap();
    let mut command = Command::new(cargo_bin("sfsync"));
    command.arg("daemon").arg(rig.folder()).args(["--listen", "127.0.0.1:0"]);
    command.args(["--log-format", format]).arg("--state").arg(rig.dir.path().join("state"));
    command.arg("--socket").arg(rig.dir.path().join("socket"));
    command.env_remove("SFSYNC_CONFIG").env_remove("SFSYNC_SOCKET").env_remove("SFSYNC_STATE_KEY");
    command.envs(&rig.secrets.0).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

/// Numbers that look random and are the same for the same seed.
pub struct Moments(pub u64);

impl Moments {
    /// The next length of a life.
    pub fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % LONGEST)
    }
}

/// Lets it live for so long, and then up to its next commit to the database: the moment in which a create is stored and not yet linked.
/// Returns how it ended by itself, which it must not.
fn kill(mut daemon: Child, file: &Path, life: Duration) -> Option<ExitStatus> {
    let (_told, tells) = std::sync::mpsc::channel::<()>();
    _ = tells.recv_timeout(life);
    let database = rusqlite::Connection::open(file).unwrap();
    let version = || database.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).ok();
    let (before, until) = (version(), Instant::now() + NEXT_COMMIT);
    while version() == before && Instant::now() < until {
        std::thread::yield_now();
    }
    let ended = daemon.try_wait().unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn operating_survives_kills_of_the_process() {
    let mut bench = Bench { rig: Bench::rig(300, 17 + seed()).await, expected: Expected::default() };
    let mut moments = Moments(seed());
    let log = bench.rig.dir.path().join("log");
    for phase in 0..2 * u64::from(factor()) {
        for format in ["text", "json"].into_iter().cycle().take(6) {
            let (daemon, life) = (spawn(&bench.rig, format), moments.next());
            let file = bench.rig.dir.path().join("warehouse.db");
            let ended = tokio::task::spawn_blocking(move || kill(daemon, &file, life));
            let ended = ended.await.unwrap();
            let told = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "it ended by itself: {ended:?}\n{}", told());
        }
        let supervisor = bench.rig.start().await;
        drive::loaded(&supervisor, &PIPELINES).await;
        drop(supervisor);
        bench.prove(&format!("after {} kills", 6 * (phase + 1))).await;
        bench.rig.stop().await;
        bench.edit(seed() + phase * 1_000, 200);
    }
    let mut daemon = spawn(&bench.rig, "json");
    let metrics = metrics_at_work(&bench.rig);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(metrics.contains("sfsync_"), "{metrics}");
    let log = std::fs::read_to_string(&log).unwrap();
    let (json, words): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| line.starts_with('{'));
    assert!(json.len() > 10 && words.len() > 10, "{} lines of JSON, {} of text", json.len(), words.len());
    for (place, told) in [("the metrics", metrics), ("the log", log)] {
        let private = private_of(&bench.rig);
        assert!(private.len() > 500, "{} values", private.len());
        let told: Vec<&String> = private.iter().filter(|value| told.contains(value.as_str())).collect();
        assert!(told.is_empty(), "{place} tells {told:?}");
    }
}

/// Names, addresses and numbers of the org, and what is secret.
fn private_of(rig: &Rig) -> Vec<String> {
    let fields = [
        ("Account", vec!["Name", "Phone"]),
        ("Contact", vec!["Name", "Email", "Phone"]),
        ("Lead", vec!["Name", "Email", "Company"]),
        ("Opportunity", vec!["Name"]),
        ("User", vec!["Name", "Email"]),
    ];
    let mut private = vec![rig.secrets.0["SF_CLIENT_SECRET"].clone(), "Bearer ".to_owned()];
    for (object, fields) in fields {
        let soql = format!("SELECT Id, {} FROM {object}", fields.join(", "));
        for record in records(rig.sandbox.org(), &soql).values() {
            private.extend(fields.iter().filter_map(|field| text(record, field)).map(str::to_owned));
        }
    }
    // Shorter ones may be parts of any word.
    private.retain(|value| value.len() >= 6);
    private
}

/// What `/metrics` says once every pipeline runs.
fn metrics_at_work(rig: &Rig) -> String {
    let socket = rig.dir.path().join("socket");
    let (_told, tells) = std::sync::mpsc::channel::<()>();
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let answer = get(&socket, "/api/pipelines").unwrap_or_default();
        if answer.matches("\"state\":\"running\"").count() == PIPELINES.len() {
            return get(&socket, "/metrics").unwrap();
        }
        _ = tells.recv_timeout(Duration::from_millis(50));
    }
    panic!("it never came to it: {:?}", get(&socket, "/api/pipelines"));
}

fn get(socket: &Path, path: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
