//! sfsync itself as a process of its own, so that its memory can be read: the real supervisor over a folder of files.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfsync::connect::Limit;
use sfsync::model::PipelineName;
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync::runtime::supervisor::{Options, Supervisor};
use sfsync::runtime::task::Command as Order;
use sfsync::runtime::world::ProcessSecrets;
use sfsync::store::{Store, StoreKey};
use sfsync_sandbox::Sandbox;

use super::deals;
use super::org::Org;

/// The role of the process: prints `passes records state` at every change; each line of its input asks for a look, or for a full one.
pub async fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let options = Options {
        folder: folder.join("files"),
        store: Arc::new(Store::open(&folder.join("state"), &StoreKey::File)?),
        clock: Arc::new(SystemClock),
        secrets: Arc::new(ProcessSecrets),
        limit: Limit::default(),
    };
    let supervisor = Supervisor::start(options).await?;
    let name = PipelineName::from("deals");
    let mut status = supervisor.status_receiver(&name).ok_or("the pipeline did not load")?;
    let (orders, mut wanted) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            _ = orders.blocking_send(line.is_ok_and(|line| line == "full"));
        }
    });
    loop {
        tell(&status.borrow_and_update());
        tokio::select! {
            changed = status.changed() => changed?,
            order = wanted.recv() => match order {
                Some(full) => drop(supervisor.command(&name, Order::Sync { full }).await),
                None => break,
            }
        }
    }
    supervisor.shutdown().await;
    Ok(())
}

fn tell(status: &PipelineStatus) {
    let (passes, totals) = (status.passes, status.totals);
    println!("{passes} {} {} {} {}", totals.read, totals.failed, status.state.name(), status.message);
}

/// A running daemon.
pub struct Daemon {
    process: Child,
    orders: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    started: Instant,
    /// Passes and records so far.
    known: (u64, u64),
}

/// How a load went.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// From the start of the process to the end of the load.
    pub whole: Duration,
    /// Of it: sign-in, describe, and waiting for the job.
    pub waiting: Duration,
    /// Records that were read.
    pub records: u64,
    /// API calls, and result pages among them.
    pub calls: (u64, u64),
}

impl Load {
    /// From the first result page to the last commit: what the floor does.
    pub fn moving(&self) -> Duration {
        self.whole - self.waiting
    }
}

impl Daemon {
    /// Starts one on a folder with `files` and `state`.
    pub fn start(folder: &Path, org: &Org, database: (&str, &str)) -> Result<Self, Box<dyn Error>> {
        let started = Instant::now();
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--role", "daemon", "--folder"])
            .arg(folder)
            .env("SF_LOGIN_URL", &org.url)
            .env("SF_CLIENT_ID", Sandbox::CLIENT_ID)
            .env("SF_CLIENT_SECRET", Sandbox::CLIENT_SECRET)
            .env(database.0, database.1)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("the daemon has no output")?;
        let orders = process.stdin.take();
        Ok(Self { process, orders, lines: BufReader::new(output).lines(), started, known: (0, 0) })
    }

    /// Waits until the first load and the look after it are done.
    pub async fn load(&mut self, org: &Org) -> Result<Load, Box<dyn Error>> {
        let started = self.started;
        while org.calls().await?.1 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let waiting = started.elapsed();
        let records = self.until(1)?;
        Ok(Load { whole: started.elapsed(), waiting, records, calls: org.calls().await? })
    }

    /// Asks for a look and waits for its end: how long it took, how many records it read.
    pub fn look(&mut self) -> Result<(Duration, u64), Box<dyn Error>> {
        let (passes, before) = self.known;
        let started = Instant::now();
        self.orders.as_mut().ok_or("ended")?.write_all(b"look\n")?;
        let records = self.until(passes + 1)?;
        Ok((started.elapsed(), records - before))
    }

    /// Asks for a reconciliation and waits for its end, which begins with a look.
    pub fn full(&mut self) -> Result<Duration, Box<dyn Error>> {
        let passes = self.known.0;
        let started = Instant::now();
        self.orders.as_mut().ok_or("ended")?.write_all(b"full\n")?;
        self.until(passes + 1)?;
        Ok(started.elapsed())
    }

    fn until(&mut self, wanted: u64) -> Result<u64, Box<dyn Error>> {
        while self.known.0 < wanted {
            self.known = self.next()?;
        }
        Ok(self.known.1)
    }

    fn next(&mut self) -> Result<(u64, u64), Box<dyn Error>> {
        let line = self.lines.next().ok_or("the daemon ended")??;
        let mut words = line.splitn(5, ' ');
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let (passes, records, failed) = (number(), number(), number());
        let state = words.next().unwrap_or_default();
        let fine = [State::Running.name(), State::Loading.name()].contains(&state);
        if failed > 0 || !fine {
            return Err(format!("the daemon stopped: {line}").into());
        }
        Ok((passes, records))
    }

    /// The most memory it ever had, in MB.
    pub fn peak(&self) -> Result<u64, Box<dyn Error>> {
        status_line(self.process.id(), "VmHWM:")
    }

    /// Ends it as a service manager would.
    pub fn stop(mut self) -> Result<(), Box<dyn Error>> {
        drop(self.orders.take());
        self.process.wait()?;
        Ok(())
    }
}

/// A figure of `/proc`, in MB.
pub fn status_line(process: u32, name: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1000)
}

/// The file of the org's connection.
pub const SALESFORCE: &str = "type: salesforce\nenvironment: production\nlogin_url: ${env:SF_LOGIN_URL}\nauth:\n  \
    flow: client_credentials\n  client_id: ${env:SF_CLIENT_ID}\n  client_secret: ${env:SF_CLIENT_SECRET}\n";

/// Writes the files of the daemon. `connection`: the text of `connections/warehouse.yaml`.
pub fn write_files(folder: &Path, connection: &str) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder.join("files/connections"))?;
    std::fs::write(folder.join("files/connections/salesforce.yaml"), SALESFORCE)?;
    std::fs::write(folder.join("files/connections/warehouse.yaml"), connection)?;
    std::fs::write(folder.join("files/deals.yaml"), deals::pipeline(false))?;
    Ok(())
}
