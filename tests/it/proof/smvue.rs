//! What the tables of the set `smvue` must hold, written by hand from its files and the org's own data.
//!
//! It has a memory as [`super::operating`] has, and it knows since when changes are followed: what is older comes only as far as
//! `backfill` says, what was changed since comes whatever its age.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};
use sfsync_sandbox::Org;

use super::org_rows::{Records, copied, email, records, text};
use super::tables::{self, Row, Table, compare, id_of, row};

/// Columns that hold ids of other tables, with the table.
const REFERENCES: [(&str, &str); 9] = [
    ("owner_id", "team_members"),
    ("member_id", "team_members"),
    ("changed_by_id", "team_members"),
    ("account_id", "accounts"),
    ("parent_id", "accounts"),
    ("contact_id", "contacts"),
    ("opportunity_id", "opportunities"),
    ("pipeline_id", "crm_pipelines"),
    ("lead_id", "leads"),
];

/// Tables with the key that people know.
pub const TABLES: [&str; 13] = [
    "team_members",
    "crm_pipelines",
    "crm_stages",
    "accounts",
    "contacts",
    "leads",
    "opportunities",
    "opportunity_stage_history",
    "lead_history",
    "opportunity_contacts",
    "opportunity_collaborators",
    "account_collaborators",
    "activities",
];

/// The tables as they are.
pub struct Actual {
    tables: BTreeMap<&'static str, Table>,
    found: Vec<String>,
}

impl Actual {
    /// Reads all of them.
    pub async fn read(client: &tokio_postgres::Client) -> Self {
        let mut found = Vec::new();
        let mut tables = BTreeMap::new();
        for name in TABLES {
            let mut table = tables::postgres(client, name, "salesforce_id", &mut found).await;
            for row in table.values_mut() {
                // The app's own; nobody has chosen a manager there.
                row.remove("updated_at");
                if row.remove("manager_id").is_some_and(|manager| !manager.is_null()) {
                    found.push(format!("{name}: a manager was written"));
                }
                // A key that was emptied holds null, one that never had a value is not there: both are nothing.
                if let Some(Json::Object(keys)) = row.get_mut("custom") {
                    keys.retain(|_, value| !value.is_null());
                }
            }
            tables.insert(name, table);
        }
        Self { tables, found }
    }

    /// How many rows a table has.
    pub fn len(&self, table: &str) -> usize {
        self.tables[table].len()
    }
}

/// The tables as they must be; references are Salesforce ids.
#[derive(Default)]
pub struct Expected {
    tables: BTreeMap<&'static str, Table>,
    /// Changes after this are followed.
    since: Option<Timestamp>,
    /// When following began. What was deleted and came back keeps the date of its creation, and is seen again.
    begun: Option<Timestamp>,
}

/// What one look sees.
struct Look<'a> {
    org: &'a Org,
    /// The end of the query that brings what a pipeline takes in now.
    since: Option<Timestamp>,
}

impl Look<'_> {
    /// Records that take part for the first time, or again: those of the first load, then those that changed.
    fn taken(&self, object: &str, fields: &str, stamp: &str, first: &str, always: &str) -> Records {
        let condition = match self.since {
            None => first.to_owned(),
            Some(since) => format!("{stamp} > {}", since.strftime("%Y-%m-%dT%H:%M:%SZ")),
        };
        let conditions: Vec<&str> =
            [condition.as_str(), always].into_iter().filter(|text| !text.is_empty()).collect();
        let clause = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE ({})", conditions.join(") AND ("))
        };
        records(self.org, &format!("SELECT {fields} FROM {object}{clause}"))
    }
}

impl Expected {
    fn table(&mut self, name: &'static str) -> &mut Table {
        self.tables.entry(name).or_default()
    }

    fn has(&self, table: &str, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.tables.get(table).is_some_and(|table| table.contains_key(id)))
    }

    /// A reference that may be empty.
    fn reference(&self, table: &str, id: Option<&str>) -> Json {
        if self.has(table, id) { json!(id) } else { Json::Null }
    }

    /// Moves on to what the org holds now.
    pub fn look(&mut self, org: &Org) {
        let look = Look { org, since: self.since };
        self.set_up(org);
        self.leads(&look);
        // The windows of polls overlap by ten minutes of the org's clock, and a campaign is shorter: what changed since following began
        // is read again each time, and what it names is wanted again (a contact that came back from the recycle bin).
        let wanted = self.activities(&Look { org, since: self.begun });
        self.opportunities(&look);
        self.people_of_deals(org, wanted);
        self.references(org);
        self.histories(&Look { org, since: self.begun });
        self.since = Some(org.clock().now());
        self.begun = self.begun.or(self.since);
    }

    /// Users who own opportunities, record types, stages.
    fn set_up(&mut self, org: &Org) {
        for (id, user) in records(
            org,
            "SELECT Id, Name, Email, IsActive FROM User WHERE Id IN (SELECT OwnerId FROM Opportunity)",
        ) {
            let values = [
                ("salesforce_id", json!(id)),
                ("name", copied(&user, "Name")),
                ("email", email(text(&user, "Email"))),
                ("active", copied(&user, "IsActive")),
                ("coached", json!(false)),
                ("role", json!("AE")),
            ];
            self.table("team_members").insert(id, row(values));
        }
        for (id, kind) in records(
            org,
            "SELECT Id, DeveloperName, Name, IsActive FROM RecordType WHERE SobjectType = 'Opportunity'",
        ) {
            let values = [
                ("salesforce_id", json!(id)),
                ("code", copied(&kind, "DeveloperName")),
                ("name", copied(&kind, "Name")),
                ("active", copied(&kind, "IsActive")),
                ("is_default", json!(false)),
            ];
            self.table("crm_pipelines").insert(id, row(values));
        }
        let stages =
            "SELECT Id, MasterLabel, SortOrder, DefaultProbability, IsClosed, IsWon FROM OpportunityStage";
        for (id, stage) in records(org, stages) {
            let values = [
                ("salesforce_id", json!(id)),
                ("name", copied(&stage, "MasterLabel")),
                ("sort_order", copied(&stage, "SortOrder")),
                ("probability", copied(&stage, "DefaultProbability")),
                ("is_closed", copied(&stage, "IsClosed")),
                ("is_won", copied(&stage, "IsWon")),
            ];
            self.table("crm_stages").insert(id, row(values));
        }
    }

    fn leads(&mut self, look: &Look<'_>) {
        let fields = "Id, Name, Company, Email, Status, OwnerId";
        let first = "LastModifiedDate >= LAST_N_MONTHS:12";
        for (id, lead) in look.taken("Lead", fields, "SystemModstamp", first, "IsConverted = false") {
            let values = [
                ("salesforce_id", json!(id)),
                ("name", copied(&lead, "Name")),
                ("company", copied(&lead, "Company")),
                ("email", email(text(&lead, "Email"))),
                ("status", copied(&lead, "Status")),
                ("owner_id", self.reference("team_members", text(&lead, "OwnerId"))),
            ];
            self.table("leads").insert(id, row(values));
        }
    }

    fn opportunities(&mut self, look: &Look<'_>) {
        let fields = "Id, Name, Amount, CloseDate, StageName, Probability, OwnerId, AccountId, RecordTypeId, CreatedDate, \
            LastModifiedDate, IsClosed, IsWon, Competitor__c, NextStep";
        let first = "IsClosed = false OR CloseDate >= LAST_N_MONTHS:12";
        for (id, deal) in look.taken("Opportunity", fields, "SystemModstamp", first, "StageName != null") {
            if !self.has("team_members", text(&deal, "OwnerId")) {
                continue;
            }
            let values = [
                ("salesforce_id", json!(id)),
                ("name", copied(&deal, "Name")),
                ("amount", copied(&deal, "Amount")),
                ("currency", json!("EUR")),
                ("close_date", copied(&deal, "CloseDate")),
                ("stage", copied(&deal, "StageName")),
                ("probability", copied(&deal, "Probability")),
                ("owner_id", copied(&deal, "OwnerId")),
                ("account_id", copied(&deal, "AccountId")),
                ("pipeline_id", self.reference("crm_pipelines", text(&deal, "RecordTypeId"))),
                ("created_at", instant(&deal, "CreatedDate")),
                ("modified_at", instant(&deal, "LastModifiedDate")),
                ("is_closed", copied(&deal, "IsClosed")),
                ("is_won", copied(&deal, "IsWon")),
                ("custom", custom(&deal)),
            ];
            self.table("opportunities").insert(id, row(values));
        }
    }

    /// Events and tasks of team members; the contacts that they name are wanted.
    fn activities(&mut self, look: &Look<'_>) -> BTreeSet<String> {
        let mut wanted = BTreeSet::new();
        let first = "ActivityDate >= LAST_N_MONTHS:6";
        let events = "Id, Subject, Description, StartDateTime, OwnerId, WhatId, WhoId";
        for (id, event) in look.taken("Event", events, "SystemModstamp", first, "") {
            let at = instant(&event, "StartDateTime");
            self.activity(&id, "event", &event, at, &mut wanted);
        }
        let tasks = "Id, Subject, Description, ActivityDate, OwnerId, WhatId, WhoId";
        for (id, task) in look.taken("Task", tasks, "SystemModstamp", first, "") {
            let at = midnight(&task, "ActivityDate");
            self.activity(&id, "task", &task, at, &mut wanted);
        }
        wanted
    }

    fn activity(
        &mut self,
        id: &str,
        kind: &str,
        record: &Map<String, Json>,
        at: Json,
        wanted: &mut BTreeSet<String>,
    ) {
        if !self.has("team_members", text(record, "OwnerId")) {
            return;
        }
        wanted.extend(text(record, "WhoId").map(str::to_owned));
        let values = [
            ("salesforce_id", json!(id)),
            ("kind", json!(kind)),
            ("subject", copied(record, "Subject")),
            ("body", copied(record, "Description")),
            ("happened_at", at),
            ("member_id", copied(record, "OwnerId")),
            ("opportunity_id", copied(record, "WhatId")),
            ("contact_id", copied(record, "WhoId")),
        ];
        self.table("activities").insert(id.to_owned(), row(values));
    }

    /// Roles and collaborators. They are followed whatever their age, so the present ones are what counts.
    fn people_of_deals(&mut self, org: &Org, mut wanted: BTreeSet<String>) {
        let roles =
            records(org, "SELECT Id, OpportunityId, ContactId, Role, IsPrimary FROM OpportunityContactRole");
        let imported =
            |this: &Self, role: &Map<String, Json>| this.has("opportunities", text(role, "OpportunityId"));
        let roles: Records = roles.into_iter().filter(|(_, role)| imported(self, role)).collect();
        wanted.extend(roles.values().filter_map(|role| text(role, "ContactId").map(str::to_owned)));
        self.contacts(org, &wanted);
        // to_app has delete: what is gone is gone.
        self.table("opportunity_contacts").clear();
        for (id, role) in roles {
            let values = [
                ("salesforce_id", json!(id)),
                ("opportunity_id", copied(&role, "OpportunityId")),
                ("contact_id", copied(&role, "ContactId")),
                ("role", copied(&role, "Role")),
                ("is_primary", copied(&role, "IsPrimary")),
            ];
            self.table("opportunity_contacts").insert(id, row(values));
        }
        let team = "SELECT Id, OpportunityId, UserId, TeamMemberRole FROM OpportunityTeamMember";
        for (id, member) in records(org, team) {
            if imported(self, &member) && self.has("team_members", text(&member, "UserId")) {
                let parent = ("opportunity_id", copied(&member, "OpportunityId"));
                self.table("opportunity_collaborators")
                    .insert(id.clone(), collaborator(&id, parent, &member));
            }
        }
        for (id, member) in
            records(org, "SELECT Id, AccountId, UserId, TeamMemberRole FROM AccountTeamMember")
        {
            if self.has("team_members", text(&member, "UserId")) {
                let parent = ("account_id", copied(&member, "AccountId"));
                self.table("account_collaborators").insert(id.clone(), collaborator(&id, parent, &member));
            }
        }
    }

    fn contacts(&mut self, org: &Org, wanted: &BTreeSet<String>) {
        for (id, contact) in records(org, "SELECT Id, Name, Email, Title, AccountId FROM Contact") {
            if wanted.contains(&id) || self.has("contacts", Some(&id)) {
                let values = [
                    ("salesforce_id", json!(id)),
                    ("name", copied(&contact, "Name")),
                    ("email", email(text(&contact, "Email"))),
                    ("title", copied(&contact, "Title")),
                    ("account_id", copied(&contact, "AccountId")),
                ];
                self.table("contacts").insert(id, row(values));
            }
        }
    }

    /// Accounts that others name, with those above them; then references to what is not there are empty.
    fn references(&mut self, org: &Org) {
        let all = records(org, "SELECT Id, Name, Website, Industry, OwnerId, ParentId FROM Account");
        let named = |this: &Self, table: &str| -> Vec<String> {
            let rows = this.tables.get(table).into_iter().flat_map(BTreeMap::values);
            rows.filter_map(|row| row["account_id"].as_str().map(str::to_owned)).collect()
        };
        let mut wanted: Vec<String> = ["opportunities", "contacts", "account_collaborators"]
            .iter()
            .flat_map(|table| named(self, table))
            .collect();
        wanted.extend(self.table("accounts").keys().cloned());
        let mut seen = BTreeSet::new();
        while let Some(id) = wanted.pop() {
            let Some(account) = all.get(&id).filter(|_| seen.insert(id.clone())) else { continue };
            wanted.extend(text(account, "ParentId").map(str::to_owned));
            let values = [
                ("salesforce_id", json!(id)),
                ("name", copied(account, "Name")),
                ("domain", domain(text(account, "Website"))),
                ("industry", copied(account, "Industry")),
                ("owner_id", self.reference("team_members", text(account, "OwnerId"))),
                ("parent_id", copied(account, "ParentId")),
            ];
            self.table("accounts").insert(id, row(values));
        }
    }

    /// What only ever is added: snapshots, tracked changes, emails.
    fn histories(&mut self, look: &Look<'_>) {
        let fields = "Id, OpportunityId, StageName, Amount, Probability, CloseDate, CreatedById, CreatedDate";
        for (id, moment) in
            look.taken("OpportunityHistory", fields, "SystemModstamp", "CreatedDate >= LAST_N_MONTHS:12", "")
        {
            let values = [
                ("salesforce_id", json!(id)),
                ("opportunity_id", copied(&moment, "OpportunityId")),
                ("stage", copied(&moment, "StageName")),
                ("amount", copied(&moment, "Amount")),
                ("probability", copied(&moment, "Probability")),
                ("close_date", copied(&moment, "CloseDate")),
                ("changed_by_id", self.reference("team_members", text(&moment, "CreatedById"))),
                ("changed_at", instant(&moment, "CreatedDate")),
            ];
            self.table("opportunity_stage_history").entry(id).or_insert_with(|| row(values));
        }
        let fields = "Id, LeadId, Field, OldValue, NewValue, CreatedDate";
        for (id, moment) in
            look.taken("LeadHistory", fields, "CreatedDate", "CreatedDate >= LAST_N_MONTHS:12", "")
        {
            let values = [
                ("salesforce_id", json!(id)),
                ("lead_id", copied(&moment, "LeadId")),
                ("field", copied(&moment, "Field")),
                ("old_value", as_text(&moment, "OldValue")),
                ("new_value", as_text(&moment, "NewValue")),
                ("changed_at", instant(&moment, "CreatedDate")),
            ];
            self.table("lead_history").entry(id).or_insert_with(|| row(values));
        }
        let fields = "Id, Subject, TextBody, MessageDate, CreatedById, RelatedToId";
        for (id, mail) in
            look.taken("EmailMessage", fields, "SystemModstamp", "MessageDate >= LAST_N_MONTHS:6", "")
        {
            if !self.has("team_members", text(&mail, "CreatedById")) || text(&mail, "RelatedToId").is_none() {
                continue;
            }
            let body: Option<String> =
                text(&mail, "TextBody").map(|text| text.chars().take(10_000).collect());
            let values = [
                ("salesforce_id", json!(id)),
                ("kind", json!("email")),
                ("subject", copied(&mail, "Subject")),
                ("body", json!(body)),
                ("happened_at", instant(&mail, "MessageDate")),
                ("member_id", copied(&mail, "CreatedById")),
                ("opportunity_id", copied(&mail, "RelatedToId")),
                ("contact_id", Json::Null),
            ];
            // to_app: [create]
            self.table("activities").entry(id).or_insert_with(|| row(values));
        }
    }

    /// Everything in which the tables are not as they must be.
    pub fn differences(&self, actual: &Actual) -> Vec<String> {
        let mut found = actual.found.clone();
        for name in TABLES {
            let empty = Table::new();
            let expected = self.tables.get(name).unwrap_or(&empty);
            let mut translated = Table::new();
            for (id, row) in expected {
                if let Some(row) = self.translated(name, row, actual) {
                    translated.insert(id.clone(), row);
                }
            }
            compare(name, &translated, &actual.tables[name], &mut found);
        }
        found
    }

    /// The row with the ids of the tables; `None` if it hangs on a record that is not imported (`missing: skip`).
    fn translated(&self, table: &str, row: &Row, actual: &Actual) -> Option<Row> {
        let mut row = row.clone();
        for (column, target) in REFERENCES {
            let Some(Json::String(id)) = row.get(column).cloned() else { continue };
            let imported = self.has(target, Some(&id));
            let needs = |tables: &[&str]| tables.contains(&table);
            let required = match column {
                "opportunity_id" => {
                    needs(&["opportunity_stage_history", "opportunity_contacts", "opportunity_collaborators"])
                        || row.get("kind") == Some(&json!("email"))
                }
                "contact_id" => needs(&["opportunity_contacts"]),
                "account_id" => needs(&["account_collaborators"]),
                "lead_id" => true,
                _ => false,
            };
            if required && !imported {
                return None;
            }
            let value = if imported { id_of(&actual.tables[target], Some(&id)) } else { Json::Null };
            row.insert(column.to_owned(), value);
        }
        Some(row)
    }
}

fn collaborator(id: &str, parent: (&'static str, Json), member: &Map<String, Json>) -> Row {
    row([
        ("salesforce_id", json!(id)),
        parent,
        ("member_id", copied(member, "UserId")),
        ("role", copied(member, "TeamMemberRole")),
    ])
}

/// The keys of a JSON column; nothing at all where all of them are empty.
fn custom(deal: &Map<String, Json>) -> Json {
    let mut keys = Map::new();
    for (key, field) in [("competitor", "Competitor__c"), ("next_step", "NextStep")] {
        let value = copied(deal, field);
        if !value.is_null() {
            keys.insert(key.to_owned(), value);
        }
    }
    Json::Object(keys)
}

/// A tracked value as text.
fn as_text(record: &Map<String, Json>, field: &str) -> Json {
    match copied(record, field) {
        Json::Null => Json::Null,
        Json::String(text) => Json::String(text),
        other => Json::String(other.to_string()),
    }
}

fn instant(record: &Map<String, Json>, field: &str) -> Json {
    text(record, field).map_or(Json::Null, |text| {
        shown(jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).unwrap().to_timestamp().unwrap())
    })
}

/// A day begins at midnight in the time zone of the settings.
fn midnight(record: &Map<String, Json>, field: &str) -> Json {
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    let start = |text: &str| text.parse::<Date>().unwrap().to_zoned(zone.clone()).unwrap().timestamp();
    text(record, field).map_or(Json::Null, |text| shown(start(text)))
}

/// As PostgreSQL puts it into JSON.
fn shown(at: Timestamp) -> Json {
    json!(at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
}

/// `as: domain` by hand, for the spellings that the generator has.
fn domain(website: Option<&str>) -> Json {
    let Some(website) = website else { return Json::Null };
    let folded = website.trim().to_lowercase();
    let host = folded.split("://").last().unwrap_or_default().split('/').next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    if host.contains('.') { json!(host) } else { Json::Null }
}
