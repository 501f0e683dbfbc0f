//! Who edits: people in the org, and another program in the database; both remember what they wrote last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};
use sfsync_sandbox::Org;
use tokio_postgres::Client;

use super::database::connect;
use super::dice::Dice;

/// Records that are made, of each kind and side; then they are only edited.
const MOST: usize = 2_000;
/// How often edits are made.
const BEAT: Duration = Duration::from_millis(50);
/// Edits of the app for a hundred of the org.
const APP_SHARE: u64 = 8;

/// Values that may be there in the end, by name of the record: one, or some where an answer was lost or both sides wrote.
pub(super) type Last = BTreeMap<String, BTreeSet<String>>;

/// What was written.
#[derive(Default)]
pub(super) struct Written {
    /// Names of accounts.
    pub(super) accounts: BTreeSet<String>,
    /// What the org wrote last.
    pub(super) phones: Last,
    /// What the app wrote last.
    pub(super) employees: Last,
    /// What either wrote, ever.
    pub(super) notes: Last,
    /// Title and account of the contacts that are there.
    pub(super) contacts: BTreeMap<String, (String, String)>,
    pub(super) edits: usize,
    /// Companies whose insert was not answered: they are there or not.
    pub(super) doubtful: BTreeSet<String>,
}

impl Written {
    pub(super) fn and(mut self, other: Self) -> Self {
        self.accounts.extend(other.accounts);
        self.employees = other.employees;
        for (name, notes) in other.notes {
            self.notes.entry(name).or_default().extend(notes);
        }
        self.doubtful = other.doubtful;
        self.edits += other.edits;
        self
    }
}

fn fields(value: Json) -> Map<String, Json> {
    let Json::Object(fields) = value else { panic!("no object") };
    fields
}

/// How many edits are due after so long, at most what a beat of a second would bring: who was held up does not catch up for ever.
fn due(begun: Instant, rate: u64, done: usize) -> usize {
    let wanted = begun.elapsed().as_millis() * u128::from(rate) / 1_000;
    usize::try_from(wanted).unwrap().saturating_sub(done).min(usize::try_from(rate).unwrap())
}

/// People in the org.
pub(super) struct People {
    org: Arc<Org>,
    dice: Dice,
    /// Id and name.
    accounts: Vec<(String, String)>,
    contacts: Vec<(String, String)>,
    made: usize,
    written: Written,
}

impl People {
    pub(super) fn new(org: Arc<Org>, seed: u64) -> Self {
        let dice = Dice::new(seed);
        Self { org, dice, accounts: Vec::new(), contacts: Vec::new(), made: 0, written: Written::default() }
    }

    /// Edits until it is told to stop.
    pub(super) fn work(mut self, rate: u64, stop: &Receiver<()>) -> Written {
        let begun = Instant::now();
        while stop.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            for _ in 0..due(begun, rate, self.written.edits) {
                self.edit();
                self.written.edits += 1;
            }
        }
        self.written
    }

    fn edit(&mut self) {
        match self.dice.roll(20) {
            0 | 1 if self.accounts.len() < MOST => self.new_account(),
            2 | 3 if self.contacts.len() < MOST => self.new_contact(),
            4 => self.delete_contact(),
            5..=9 => self.edit_contact(),
            10 | 11 => self.edit_account("Description"),
            _ => self.edit_account("Phone"),
        }
    }

    fn new_account(&mut self) {
        let name = format!("Account {}", self.accounts.len());
        let id = self.org.insert("Account", fields(json!({ "Name": name }))).unwrap().to_string();
        self.written.accounts.insert(name.clone());
        self.accounts.push((id, name));
    }

    fn edit_account(&mut self, field: &str) {
        let Some((id, name)) = self.dice.one_of(&self.accounts).cloned() else { return };
        let value = format!("org {}", self.written.edits);
        self.org.update("Account", &id, fields(json!({ field: value }))).unwrap();
        if field == "Phone" {
            self.written.phones.insert(name, BTreeSet::from([value]));
        } else {
            self.written.notes.entry(name).or_default().insert(value);
        }
    }

    fn new_contact(&mut self) {
        let Some((account, company)) = self.dice.one_of(&self.accounts).cloned() else { return };
        self.made += 1;
        let name = format!("Contact {}", self.made);
        let record = json!({ "LastName": name, "Title": "new", "AccountId": account });
        let id = self.org.insert("Contact", fields(record)).unwrap().to_string();
        self.written.contacts.insert(name.clone(), ("new".to_owned(), company));
        self.contacts.push((id, name));
    }

    fn edit_contact(&mut self) {
        let Some((id, name)) = self.dice.one_of(&self.contacts).cloned() else { return };
        let title = format!("title {}", self.written.edits);
        self.org.update("Contact", &id, fields(json!({ "Title": title }))).unwrap();
        self.written.contacts.get_mut(&name).unwrap().0 = title;
    }

    fn delete_contact(&mut self) {
        if self.contacts.len() < 20 {
            return;
        }
        let at = usize::try_from(self.dice.roll(self.contacts.len() as u64)).unwrap();
        let (id, name) = self.contacts.swap_remove(at);
        self.org.delete("Contact", &id).unwrap();
        self.written.contacts.remove(&name);
    }
}

/// Another program in the database; it goes on when the server is back.
pub(super) struct Program {
    url: String,
    dice: Dice,
    made: usize,
    written: Written,
}

impl Program {
    pub(super) fn new(url: &str, seed: u64) -> Self {
        Self { url: url.to_owned(), dice: Dice::new(seed), made: 0, written: Written::default() }
    }

    /// Edits until it is told to stop.
    pub(super) async fn work(mut self, rate: u64, mut stop: tokio::sync::oneshot::Receiver<()>) -> Written {
        let begun = Instant::now();
        let mut beat = tokio::time::interval(BEAT);
        let mut client = None;
        loop {
            tokio::select! {
                _ = &mut stop => return self.written,
                _ = beat.tick() => {}
            }
            for _ in 0..due(begun, rate * APP_SHARE / 100, self.written.edits) {
                if client.is_none() {
                    client = connect(&self.url).await.ok();
                }
                let Some(there) = &client else { break };
                self.written.edits += 1;
                if self.edit(there).await.is_err() {
                    client = None;
                }
            }
        }
    }

    async fn edit(&mut self, client: &Client) -> Result<(), tokio_postgres::Error> {
        if self.made < MOST && self.dice.roll(6) == 0 {
            return self.insert(client).await;
        }
        let any = "SELECT id, name FROM companies WHERE name IS NOT NULL ORDER BY random() LIMIT 1";
        let Some(row) = client.query_opt(any, &[]).await? else { return Ok(()) };
        let (id, name): (i64, String) = (row.get(0), row.get(1));
        if self.dice.roll(4) == 0 {
            let note = format!("app {}", self.written.edits);
            // Where the server dies before the first one is stored, there is none.
            let notes = self.written.notes.entry(name);
            notes.or_insert_with(|| BTreeSet::from([String::new()])).insert(note.clone());
            client.execute("UPDATE companies SET note = $2 WHERE id = $1", &[&id, &note]).await.map(drop)
        } else {
            let employees = i32::try_from(self.written.edits).unwrap();
            // Where the server dies before it is stored, what was there before stays: nothing, the first time.
            let last = self.written.employees.entry(name).or_insert_with(|| BTreeSet::from([String::new()]));
            last.insert(employees.to_string());
            let set = "UPDATE companies SET employees = $2 WHERE id = $1";
            client.execute(set, &[&id, &employees]).await?;
            last.retain(|value| *value == employees.to_string());
            Ok(())
        }
    }

    async fn insert(&mut self, client: &Client) -> Result<(), tokio_postgres::Error> {
        self.made += 1;
        let name = format!("Company {}", self.made);
        self.written.doubtful.insert(name.clone());
        client.execute("INSERT INTO companies (name) VALUES ($1)", &[&name]).await?;
        self.written.doubtful.remove(&name);
        self.written.accounts.insert(name);
        Ok(())
    }
}
