//! Both sides against each other and against what was written.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde_json::Value as Json;
use sfsync_sandbox::Org;
use tokio_postgres::Client;

use super::edits::{Last, Written};

/// An account or a company: id in Salesforce, phone, employees, note.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Company {
    id: String,
    phone: String,
    employees: String,
    note: String,
}

/// By name; what is there twice stands twice.
type Named<T> = BTreeMap<String, Vec<T>>;

fn text(record: &Json, field: &str) -> String {
    match &record[field] {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string().trim_end_matches(".0").to_owned(),
    }
}

fn accounts(org: &Org) -> Named<Company> {
    let mut found: Named<Company> = BTreeMap::new();
    for record in org.records("Account", false).unwrap() {
        let company = Company {
            id: text(&record, "Id"),
            phone: text(&record, "Phone"),
            employees: text(&record, "NumberOfEmployees"),
            note: text(&record, "Description"),
        };
        found.entry(text(&record, "Name")).or_default().push(company);
    }
    found
}

async fn companies(client: &Client) -> Named<Company> {
    let question = "SELECT name, salesforce_id, phone, employees::text, note FROM companies";
    let mut found: Named<Company> = BTreeMap::new();
    for row in client.query(question, &[]).await.unwrap() {
        let text = |at: usize| row.get::<_, Option<String>>(at).unwrap_or_default();
        let company = Company { id: text(1), phone: text(2), employees: text(3), note: text(4) };
        found.entry(text(0)).or_default().push(company);
    }
    found
}

async fn people(client: &Client) -> Named<(String, String)> {
    let question =
        "SELECT p.name, p.title, c.name FROM people p LEFT JOIN companies c ON c.id = p.company_id";
    let mut found: Named<(String, String)> = BTreeMap::new();
    for row in client.query(question, &[]).await.unwrap() {
        let text = |at: usize| row.get::<_, Option<String>>(at).unwrap_or_default();
        found.entry(text(0)).or_default().push((text(1), text(2)));
    }
    found
}

/// What is not as it has to be.
pub(super) async fn differences(org: &Org, client: &Client, written: &Written) -> Vec<String> {
    let (accounts, companies, people) = (accounts(org), companies(client).await, people(client).await);
    let mut found = Vec::new();
    twice("accounts", &accounts, &mut found);
    twice("companies", &companies, &mut found);
    twice("people", &people, &mut found);
    for name in accounts.keys().chain(companies.keys()) {
        let (there, here) = (accounts.get(name), companies.get(name));
        if there != here {
            found.push(format!("{name}: {there:?} in the org, {here:?} in the app"));
        }
    }
    for name in &written.accounts {
        if !accounts.contains_key(name) {
            found.push(format!("{name} is lost"));
        }
    }
    let strange = |name: &&String| !written.accounts.contains(*name) && !written.doubtful.contains(*name);
    found.extend(accounts.keys().filter(strange).map(|name| format!("{name}: nobody made it")));
    for (what, last, of) in [
        ("phone", &written.phones, (|one| &one.phone) as fn(&Company) -> &String),
        ("employees", &written.employees, |one| &one.employees),
        ("note", &written.notes, |one| &one.note),
    ] {
        lost((what, last), (&accounts, of), &mut found);
    }
    let wanted: Named<(String, String)> =
        written.contacts.iter().map(|(name, one)| (name.clone(), vec![one.clone()])).collect();
    for name in wanted.keys().chain(people.keys()) {
        if wanted.get(name) != people.get(name) {
            found.push(format!("{name}: {:?} wanted, {:?} in the app", wanted.get(name), people.get(name)));
        }
    }
    found
}

/// Who wrote what to these companies and accounts, in order, to find out how it came.
pub(super) async fn histories(org: &Org, client: &Client, names: &[&str]) -> Vec<String> {
    let mut told = Vec::new();
    for record in org.records("Account", false).unwrap() {
        let (id, name) = (text(&record, "Id"), text(&record, "Name"));
        if !names.contains(&name.as_str()) {
            continue;
        }
        let (writes, _) = org.writes_since(0);
        let of = writes.iter().filter(|write| write.id.is_some_and(|one| one.to_string() == id));
        told.extend(of.map(|one| format!("{name} {} org {:?} {:?}", one.at, one.source, one.fields)));
    }
    let question = "SELECT name, at, who, entry FROM journal WHERE name = ANY($1)";
    for row in client.query(question, &[&names]).await.unwrap() {
        let at: std::time::SystemTime = row.get(1);
        let (name, who, entry): (String, String, String) = (row.get(0), row.get(2), row.get(3));
        told.push(format!("{name} {} app {who} {entry}", jiff::Timestamp::try_from(at).unwrap()));
    }
    told.sort();
    told
}

fn twice<T: Debug>(what: &str, all: &Named<T>, found: &mut Vec<String>) {
    let double = all.iter().filter(|(_, same)| same.len() > 1);
    found
        .extend(double.map(|(name, same)| format!("{what}: {name} is there {} times: {same:?}", same.len())));
}

fn lost(
    (what, last): (&str, &Last),
    (accounts, of): (&Named<Company>, fn(&Company) -> &String),
    found: &mut Vec<String>,
) {
    for (name, allowed) in last {
        let values = accounts.get(name).into_iter().flatten().map(of);
        found.extend(
            values
                .filter(|value| !allowed.contains(*value))
                .map(|value| format!("{name}: {what} is {value:?}, {allowed:?} was written")),
        );
    }
}
