//! What the tables of the set `operating` must hold, written by hand from its files and the org's own data.
//!
//! The expectation has a memory, because the files have: a project stays once it was made (`on_leave: keep`), its owner and
//! description are those of its first day, a budget is never changed. It is moved on by [`Expected::look`] at the same moments at which
//! the pipelines have caught up.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use sfsync_sandbox::Org;

use super::org_rows::{Records, copied, email, number, of_parent, records, text};
use super::tables::{self, Table, compare, id_of, row};

const OPPORTUNITIES: &str = "SELECT Id, Name, StageName, RecordType.DeveloperName, Amount, IsPrivate, OwnerId, AccountId, \
    Description, Probability, CloseDate, Project_Start__c, Project_End__c, Site__c, Delivery_Teams__c, Tags__c, \
    Billing_Type__c FROM Opportunity";
const ACCOUNTS: &str = "SELECT Id, Name, Industry, Client_Tags__c FROM Account";

/// The tables as they must be, with Salesforce ids where the tables have their own.
#[derive(Default)]
pub struct Expected {
    people: Table,
    clients: Table,
    projects: BTreeMap<String, Project>,
    deals: Table,
    budgets: Table,
    /// Accounts that were in the recycle bin at some look: what waited for them then waits until its next try.
    once_deleted: BTreeSet<String>,
    live_accounts: BTreeSet<String>,
    waiting: BTreeMap<String, String>,
}

struct Project {
    row: tables::Row,
    owner: Option<String>,
    client: Option<String>,
}

/// The tables as they are.
pub struct Actual {
    people: Table,
    clients: Table,
    projects: Table,
    deals: Table,
    budgets: Table,
    found: Vec<String>,
}

impl Actual {
    /// Reads all of them.
    pub fn read(database: &rusqlite::Connection) -> Self {
        let mut found = Vec::new();
        let mut table = |name, key| tables::sqlite(database, name, key, &mut found);
        Self {
            people: table("people", "salesforce_id"),
            clients: table("clients", "salesforce_id"),
            projects: table("projects", "salesforce_id"),
            deals: table("crm_deals", "salesforce_id"),
            budgets: table("budgets", "project_id"),
            found,
        }
    }

    /// Rows in all tables.
    pub fn rows(&self) -> usize {
        [&self.people, &self.clients, &self.projects, &self.deals, &self.budgets]
            .iter()
            .map(|table| table.len())
            .sum()
    }
}

impl Expected {
    /// Moves on to what the org holds now. `actual` only says which of several accounts of one name became the client.
    pub fn look(&mut self, org: &Org, actual: &Actual) {
        let opportunities = records(org, OPPORTUNITIES);
        let accounts = records(org, ACCOUNTS);
        let users = records(org, "SELECT Id, Name, Email FROM User");
        self.bury(&accounts);
        let taking_part: Vec<(&String, &Map<String, Json>)> = opportunities
            .iter()
            .filter(|(id, record)| self.projects.contains_key(*id) || is_project(record))
            .collect();
        self.people(&taking_part, &users);
        self.clients(&taking_part, &accounts, actual);
        self.waiting.clear();
        for (id, record) in taking_part {
            self.project(id, record);
        }
        for (id, record) in &opportunities {
            self.deal(org, id, record);
        }
    }

    fn bury(&mut self, accounts: &Records) {
        let gone = self.live_accounts.iter().filter(|id| !accounts.contains_key(*id));
        self.once_deleted.extend(gone.cloned());
        self.live_accounts = accounts.keys().cloned().collect();
    }

    fn people(&mut self, opportunities: &[(&String, &Map<String, Json>)], users: &Records) {
        for (_, record) in opportunities {
            let Some((id, user)) = text(record, "OwnerId").and_then(|id| users.get_key_value(id)) else {
                continue;
            };
            // to_app: [create]: a person is never changed again.
            self.people.entry(id.clone()).or_insert_with(|| {
                row([
                    ("salesforce_id", json!(id)),
                    ("email", email(text(user, "Email"))),
                    ("name", copied(user, "Name")),
                ])
            });
        }
    }

    /// Accounts of taken opportunities. Of several with one name one becomes the client, the others are held.
    fn clients(
        &mut self,
        opportunities: &[(&String, &Map<String, Json>)],
        accounts: &Records,
        actual: &Actual,
    ) {
        let needed: BTreeSet<&str> =
            opportunities.iter().filter_map(|(_, record)| text(record, "AccountId")).collect();
        for (id, account) in accounts {
            let known = self.clients.contains_key(id);
            let chosen = !self.name_is_taken(id, account)
                && (actual.clients.contains_key(id) || !has_twin(id, account, accounts, &needed));
            if known || needed.contains(id.as_str()) && chosen {
                let values = [
                    ("salesforce_id", json!(id)),
                    ("name", copied(account, "Name")),
                    ("industry", copied(account, "Industry")),
                    ("tags", list(account, "Client_Tags__c")),
                ];
                self.clients.insert(id.clone(), row(values));
            }
        }
    }

    fn name_is_taken(&self, id: &str, account: &Map<String, Json>) -> bool {
        let name = folded(account);
        self.clients.iter().any(|(other, client)| {
            other != id
                && client.get("name").and_then(Json::as_str).map(|name| name.trim().to_lowercase())
                    == Some(name.clone())
        })
    }

    fn project(&mut self, id: &str, record: &Map<String, Json>) {
        let client = text(record, "AccountId").map(str::to_owned);
        if let Some(account) = client.as_ref().filter(|account| !self.clients.contains_key(*account)) {
            // lookup without `missing`: the record is kept back.
            self.waiting.insert(id.to_owned(), account.clone());
            return;
        }
        let owner = text(record, "OwnerId").map(str::to_owned);
        let before = self.projects.remove(id);
        let first =
            |column: &str, now: Json| before.as_ref().map_or(now, |project| project.row[column].clone());
        let values = row([
            ("salesforce_id", json!(id)),
            ("status", json!("tentative")),
            ("description", first("description", copied(record, "Description"))),
            ("name", copied(record, "Name")),
            ("probability", copied(record, "Probability")),
            ("close_date", copied(record, "CloseDate")),
            ("start_date", copied(record, "Project_Start__c")),
            ("end_date", copied(record, "Project_End__c")),
            ("site", copied(record, "Site__c")),
            ("groups", list(record, "Delivery_Teams__c")),
            ("tags", list(record, "Tags__c")),
            ("billing_type", billing(record)),
        ]);
        let owner = before.and_then(|project| project.owner).or(owner);
        self.projects.insert(id.to_owned(), Project { row: values, owner, client });
    }

    fn deal(&mut self, org: &Org, id: &str, record: &Map<String, Json>) {
        if !self.projects.contains_key(id) {
            return;
        }
        let values = [
            ("salesforce_id", json!(id)),
            ("name", copied(record, "Name")),
            ("stage", copied(record, "StageName")),
            ("pipeline", of_parent(record, "RecordType", "DeveloperName")),
            ("amount", copied(record, "Amount")),
            ("currency", json!("EUR")),
            ("probability", copied(record, "Probability")),
            ("close_date", copied(record, "CloseDate")),
            ("url", json!(format!("{}/{id}", org.config().instance_url))),
        ];
        self.deals.insert(id.to_owned(), row(values));
        let amount = copied(record, "Amount");
        if !amount.is_null() {
            let values = || row([("amount", amount), ("currency", json!("EUR"))]);
            self.budgets.entry(id.to_owned()).or_insert_with(values);
        }
    }

    /// Everything in which the tables are not as they must be.
    pub fn differences(&self, actual: &Actual) -> Vec<String> {
        let mut found = actual.found.clone();
        compare("people", &self.people, &actual.people, &mut found);
        compare("clients", &self.clients, &actual.clients, &mut found);
        compare("projects", &self.projects(actual), &actual.projects, &mut found);
        let of_project = |id: &String| ("project_id".to_owned(), id_of(&actual.projects, Some(id)));
        let mut deals = self.deals.clone();
        for (id, row) in &mut deals {
            row.extend([of_project(id)]);
        }
        compare("crm_deals", &deals, &actual.deals, &mut found);
        let mut budgets = Table::new();
        for (id, row) in &self.budgets {
            let (column, project) = of_project(id);
            let mut row = row.clone();
            row.insert(column, project.clone());
            budgets.insert(format!("{:?}", Some(&project)), row);
        }
        compare("budgets", &budgets, &actual.budgets, &mut found);
        found
    }

    fn projects(&self, actual: &Actual) -> Table {
        let mut projects = Table::new();
        for (id, project) in &self.projects {
            let mut row = project.row.clone();
            row.insert("owner_id".to_owned(), id_of(&actual.people, project.owner.as_deref()));
            row.insert("client_id".to_owned(), id_of(&actual.clients, project.client.as_deref()));
            projects.insert(id.clone(), row);
        }
        projects
    }

    /// Whether a record has a reason to be listed as not settled.
    pub fn explains(&self, pipeline: &str, code: &str, id: &str) -> bool {
        match (pipeline, code) {
            // Two accounts of one name, one client (links: one_to_one).
            ("clients", "R302") => !self.clients.contains_key(id),
            // It waits for such an account, or for one that is deleted.
            ("projects", "R305") => self.waiting.contains_key(id) || !self.projects.contains_key(id),
            _ => false,
        }
    }
}

/// `include` and `where` of projects.yaml.
fn is_project(record: &Map<String, Json>) -> bool {
    let stages: &[&str] = match of_parent(record, "RecordType", "DeveloperName").as_str() {
        Some("New_Business") => &["Proposal", "Negotiation", "Closed Won"],
        Some("Renewal") => &["Quote Sent", "Closed Won"],
        _ => &[],
    };
    text(record, "StageName").is_some_and(|stage| stages.contains(&stage))
        && number(record, "Amount").is_some_and(|amount| amount > Decimal::ZERO)
        && record["IsPrivate"] == json!(false)
}

fn billing(record: &Map<String, Json>) -> Json {
    match text(record, "Billing_Type__c") {
        Some("Fixed fee") => json!("fixed_price"),
        Some("T&M") => json!("time_and_materials"),
        _ => json!("non_billable"),
    }
}

/// A multi-select picklist in a JSON column of SQLite.
fn list(record: &Map<String, Json>, field: &str) -> Json {
    text(record, field).map_or(Json::Null, |values| {
        let values: Vec<&str> = values.split(';').collect();
        Json::String(serde_json::to_string(&values).expect("JSON"))
    })
}

fn folded(account: &Map<String, Json>) -> String {
    text(account, "Name").unwrap_or_default().trim().to_lowercase()
}

fn has_twin(id: &str, account: &Map<String, Json>, accounts: &Records, needed: &BTreeSet<&str>) -> bool {
    let name = folded(account);
    accounts
        .iter()
        .any(|(other, account)| other != id && needed.contains(other.as_str()) && folded(account) == name)
}
