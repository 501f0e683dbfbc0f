//! Change events: how long a change in the org takes until it is in PostgreSQL and in an app behind HTTP, and how many a second go through, against a client that
//! only reads the events. The org, who edits it and who watches the table are this process; the daemon is the program itself.

use std::error::Error;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use sfsync_sandbox::org::Org;
use sfsync_sandbox::{Population, Sandbox, SandboxConfig};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::bus::Bus;
use super::daemon::SALESFORCE;
use super::databases::Postgres;
use super::desk;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Changes whose time is measured, and how many a second.
const CHANGES: usize = 10_000;
const RATE: u32 = 200;
/// Records of the org, each of which is changed once while nobody listens.
const BACKLOG: u32 = 100_000;
/// After so long a daemon has made the look that follows a new subscription.
const SETTLED: Duration = Duration::from_secs(8);
const TOPIC: &str = "/data/Sfsync__chn";

/// How long something took, of many times: the one in the middle, 99 of 100, the worst.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    pub middle: Duration,
    pub most: Duration,
    pub worst: Duration,
}

/// What was measured.
pub struct Events {
    /// From the change to the event at a bare client.
    pub bare: Spread,
    /// From the change to the commit in PostgreSQL.
    pub postgres: Spread,
    /// From the change to the row of the app behind HTTP.
    pub app: Spread,
    /// A backlog: events, the time a bare client reads them in, and that in which they are rows of PostgreSQL.
    pub backlog: (u32, Duration, Duration),
}

/// Measures everything.
pub async fn measure(folder: &Path, postgres: &Postgres) -> Outcome<Events> {
    let population = Population { accounts: 10_000, opportunities: BACKLOG, ..Population::around(0) };
    let config = SandboxConfig {
        population: Some(population),
        allocation: Some(10_000_000),
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::start(config).await?;
    let records = sandbox.org().records("Opportunity", false)?;
    let ids: Vec<String> =
        records.iter().filter_map(|record| Some(record["Id"].as_str()?.to_owned())).collect();
    drop(records);
    postgres.reset()?;
    let table = Table::open(&postgres.url).await?;
    let bench = Bench { sandbox, ids, table };
    bench.mark();
    bench.write_files(folder)?;
    let (url, mut stored) = desk::start(&folder.join("desk.db")).await?;
    std::fs::write(folder.join("files/connections/desk.yaml"), desk::CONNECTION.replace("URL", &url))?;
    std::fs::write(folder.join("files/desk_deals.yaml"), desk::PIPELINE)?;
    let daemon = bench.start(folder, &postgres.url)?;
    bench.ready().await?;
    let (in_postgres, app) = bench.at_once(&mut stored).await?;
    drop(daemon);
    // The backlog goes to PostgreSQL alone.
    std::fs::remove_file(folder.join("files/desk_deals.yaml"))?;
    let daemon = bench.start(folder, &postgres.url)?;
    bench.ready().await?;
    let through = bench.backlog().await?;
    drop(daemon);
    let (bare, read) = bench.floor().await?;
    let backlog = (u32::try_from(bench.ids.len())?, read, through);
    Ok(Events { bare, postgres: in_postgres, app, backlog })
}

struct Bench {
    sandbox: Sandbox,
    ids: Vec<String>,
    table: Table,
}

/// The program; dropped, it is killed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Bench {
    /// The records that the app behind HTTP has, too.
    fn mark(&self) {
        for id in &self.ids[..CHANGES] {
            let fields = Map::from_iter([("NextStep".to_owned(), Value::from("watched"))]);
            self.sandbox.org().update("Opportunity", id, fields).expect("the record is there");
        }
    }

    fn write_files(&self, folder: &Path) -> Outcome<()> {
        let connection = "type: postgres\nurl: ${env:WAREHOUSE}\nresources:\n  deals: { table: deals }\n";
        super::daemon::write_files(folder, connection)?;
        let org = format!("{SALESFORCE}pubsub_url: ${{env:SF_LOGIN_URL}}\nmanage: [cdc_channel]\n");
        std::fs::write(folder.join("files/connections/salesforce.yaml"), org)?;
        let file = std::fs::read_to_string(folder.join("files/deals.yaml"))?;
        std::fs::write(
            folder.join("files/deals.yaml"),
            file.replace("poll: 1 hour }", "poll: 1 hour, push: cdc }"),
        )?;
        Ok(())
    }

    fn start(&self, folder: &Path, database: &str) -> Outcome<Running> {
        let log = std::fs::File::create(folder.join("log"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_sfsync"));
        command.arg("daemon").arg(folder.join("files")).args(["--listen", "127.0.0.1:0"]);
        command.arg("--state").arg(folder.join("state")).arg("--socket").arg(folder.join("socket"));
        command.env("SF_LOGIN_URL", self.sandbox.url()).env("SF_CLIENT_ID", Sandbox::CLIENT_ID);
        command.env("SF_CLIENT_SECRET", Sandbox::CLIENT_SECRET).env("WAREHOUSE", database);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Running(command.spawn()?))
    }

    /// Everything is loaded, and the stream brings what happens.
    async fn ready(&self) -> Outcome<()> {
        while self.table.count("true").await? < self.ids.len() || self.sandbox.streams().0 == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(SETTLED).await;
        Ok(())
    }

    /// Changes records at a steady rate; each is one event.
    fn edits(&self, mark: &'static str) -> tokio::task::JoinHandle<Vec<Instant>> {
        let (org, ids) = (Arc::clone(self.sandbox.org()), self.ids[..CHANGES].to_vec());
        tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let edit = |(at, id): (usize, &String)| {
                let due = begun + Duration::from_secs(1) / RATE * u32::try_from(at).unwrap();
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let now = Instant::now();
                rename(&org, id, &format!("{mark}{at}"));
                now
            };
            ids.iter().enumerate().map(edit).collect()
        })
    }

    /// From the change to the commit in the database, and to the row of the app.
    async fn at_once(
        &self,
        stored: &mut mpsc::UnboundedReceiver<(String, Instant)>,
    ) -> Outcome<(Spread, Spread)> {
        // Everything is loaded there, too.
        for _ in 0..CHANGES {
            stored.recv().await.ok_or("the app ended")?;
        }
        self.table.tell("FOR EACH ROW", "NEW.name", "").await?;
        let mut told = self.table.listen().await?;
        let edits = self.edits("#");
        let (committed, stored) = tokio::try_join!(arrivals(&mut told), arrivals(stored))?;
        let edits = edits.await?;
        Ok((spread(&edits, committed.into_iter()), spread(&edits, stored.into_iter())))
    }

    /// Many events that wait, from the moment in which the stream is open to the last row.
    async fn backlog(&self) -> Outcome<Duration> {
        self.sandbox.refuse_streams(Some((14, "service.unavailable")));
        self.change_all("=").await?;
        self.table
            .tell(
                "FOR EACH STATEMENT",
                "(SELECT count(*) FROM changed)::text",
                "REFERENCING NEW TABLE AS changed",
            )
            .await?;
        let mut told = self.table.listen().await?;
        let opened = self.sandbox.streams().1;
        self.sandbox.refuse_streams(None);
        while self.sandbox.streams().0 == 0 || self.sandbox.streams().1 == opened {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let begun = Instant::now();
        let (mut rows, mut last) = (0, begun);
        while rows < self.ids.len() {
            let (count, at) = told.recv().await.ok_or("the database ended")?;
            rows += count.parse::<usize>()?;
            last = at;
        }
        let there = self.table.count("name LIKE '=%'").await?;
        if there != self.ids.len() {
            return Err(format!("{there} rows of {} have their new name", self.ids.len()).into());
        }
        Ok(last - begun)
    }

    async fn change_all(&self, mark: &'static str) -> Outcome<()> {
        let (org, ids) = (Arc::clone(self.sandbox.org()), self.ids.clone());
        let work = move || {
            for (at, id) in ids.iter().enumerate() {
                rename(&org, id, &format!("{mark}{at}"));
            }
        };
        Ok(tokio::task::spawn_blocking(work).await?)
    }

    /// The same for a client that only reads the events.
    async fn floor(&self) -> Outcome<(Spread, Duration)> {
        let mut bus = Bus::open(&self.sandbox, TOPIC, None).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let edits = self.edits("##");
        let mut arrived = Vec::with_capacity(CHANGES);
        while arrived.len() < CHANGES {
            let (events, at) = bus.next().await?;
            arrived.extend(std::iter::repeat_n(at, events));
        }
        let bare = spread(&edits.await?, arrived.into_iter());
        let position = bus.position.clone();
        drop(bus);
        self.change_all("==").await?;
        let mut bus = Bus::open(&self.sandbox, TOPIC, Some(&position)).await?;
        let begun = Instant::now();
        let mut read = 0;
        while read < self.ids.len() {
            read += bus.next().await?.0;
        }
        Ok((bare, begun.elapsed()))
    }
}

/// When each change came.
async fn arrivals(told: &mut mpsc::UnboundedReceiver<(String, Instant)>) -> Outcome<Vec<Instant>> {
    let mut arrived = vec![None; CHANGES];
    let mut missing = CHANGES;
    while missing > 0 {
        let (name, at) = told.recv().await.ok_or("nobody tells any more")?;
        let place = name.strip_prefix('#').and_then(|place| place.parse::<usize>().ok());
        if let Some(first @ None) = place.and_then(|place| arrived.get_mut(place)) {
            *first = Some(at);
            missing -= 1;
        }
    }
    Ok(arrived.into_iter().flatten().collect())
}

fn rename(org: &Org, id: &str, name: &str) {
    let fields = Map::from_iter([("Name".to_owned(), Value::from(name))]);
    org.update("Opportunity", id, fields).expect("the record is there");
}

fn spread(begun: &[Instant], arrived: impl Iterator<Item = Instant>) -> Spread {
    let mut took: Vec<Duration> =
        begun.iter().zip(arrived).map(|(begun, arrived)| arrived - *begun).collect();
    took.sort_unstable();
    let at =
        |share: usize| took.get((took.len() * share / 100).min(took.len() - 1)).copied().unwrap_or_default();
    Spread { middle: at(50), most: at(99), worst: at(100) }
}

/// The table, and who is told of what is committed to it.
struct Table {
    url: String,
    client: Client,
}

impl Table {
    async fn open(url: &str) -> Outcome<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { url: url.to_owned(), client })
    }

    async fn count(&self, condition: &str) -> Outcome<usize> {
        let row =
            self.client.query_one(&format!("SELECT count(*) FROM deals WHERE {condition}"), &[]).await?;
        Ok(usize::try_from(row.get::<_, i64>(0))?)
    }

    /// Every update says something.
    async fn tell(&self, each: &str, what: &str, referencing: &str) -> Outcome<()> {
        let script = format!(
            "CREATE OR REPLACE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('deals', {what}); RETURN NULL; END $$; \
             DROP TRIGGER IF EXISTS told ON deals; \
             CREATE TRIGGER told AFTER UPDATE ON deals {referencing} {each} EXECUTE FUNCTION told()"
        );
        Ok(self.client.batch_execute(&script).await?)
    }

    /// What is said, and when it came.
    async fn listen(&self) -> Outcome<mpsc::UnboundedReceiver<(String, Instant)>> {
        let (client, mut connection) = tokio_postgres::connect(&self.url, NoTls).await?;
        let (told, tells) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(news) = message {
                    _ = told.send((news.payload().to_owned(), Instant::now()));
                }
            }
        });
        client.batch_execute("LISTEN deals").await?;
        // A connection ends with its client.
        tokio::spawn(async move {
            let _client = client;
            std::future::pending::<()>().await;
        });
        Ok(tells)
    }
}
