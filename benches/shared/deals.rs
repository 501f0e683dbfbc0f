//! The work that is measured: 20 fields of Opportunity of mixed types, each a plain row, into one typed table with a primary key.

use std::fmt::Write as _;

/// A field: Salesforce name, column, PostgreSQL type, SQLite type.
pub type Field = (&'static str, &'static str, &'static str, &'static str);

/// Ids, texts, a long text, picklists, currency, percent, numbers, dates, date-times and booleans.
pub const FIELDS: [Field; 20] = [
    ("Id", "id", "text", "TEXT"),
    ("Name", "name", "text", "TEXT"),
    ("AccountId", "account_id", "text", "TEXT"),
    ("OwnerId", "owner_id", "text", "TEXT"),
    ("StageName", "stage", "text", "TEXT"),
    ("Type", "type", "text", "TEXT"),
    ("LeadSource", "lead_source", "text", "TEXT"),
    ("ForecastCategoryName", "forecast", "text", "TEXT"),
    ("Amount", "amount", "numeric(18,2)", "NUMERIC"),
    ("Probability", "probability", "numeric(3,0)", "NUMERIC"),
    ("TotalOpportunityQuantity", "quantity", "numeric(18,2)", "NUMERIC"),
    ("PushCount", "push_count", "integer", "INTEGER"),
    ("CloseDate", "close_date", "date", "DATE"),
    ("LastStageChangeDate", "stage_changed_at", "timestamptz", "DATETIME"),
    ("CreatedDate", "created_at", "timestamptz", "DATETIME"),
    ("LastModifiedDate", "modified_at", "timestamptz", "DATETIME"),
    ("IsClosed", "is_closed", "boolean", "BOOLEAN"),
    ("IsWon", "is_won", "boolean", "BOOLEAN"),
    ("NextStep", "next_step", "text", "TEXT"),
    ("Description", "description", "text", "TEXT"),
];

/// Three expressions in the place of three of the plain rows: a choice, a text of several fields, a default.
pub const EXPRESSIONS: [(&str, &str, &str); 3] = [
    ("Type", "type", "if (value ?? 0) >= 100000 { \"large\" } else { \"small\" }"),
    ("NextStep", "next_step", "`${record.Name} / ${record.StageName}`"),
    ("LeadSource", "lead_source", "value ?? \"unknown\""),
];

/// The pipeline file.
pub fn pipeline(with_expressions: bool) -> String {
    let mut file = "salesforce: { object: Opportunity, poll: 1 hour }\napp: warehouse.deals\n\
        to_app: [create, update]\nmatch: [id]\nfields:\n"
        .to_owned();
    for (source, target, ..) in FIELDS {
        let script = EXPRESSIONS.iter().find(|(_, column, _)| with_expressions && *column == target);
        match script {
            Some(("Type", _, script)) => {
                _ = writeln!(file, "  - {{ salesforce: Amount, app: {target}, to_app: '{script}' }}");
            }
            Some((_, _, script)) => {
                _ = writeln!(file, "  - {{ salesforce: {source}, app: {target}, to_app: '{script}' }}");
            }
            None => _ = writeln!(file, "  - {{ salesforce: {source}, app: {target} }}"),
        }
    }
    file
}

/// Fields that only Salesforce writes.
const COMPUTED: [&str; 8] = [
    "Id",
    "ForecastCategoryName",
    "PushCount",
    "LastStageChangeDate",
    "CreatedDate",
    "LastModifiedDate",
    "IsClosed",
    "IsWon",
];

/// The pipeline file both ways: the same rows, back where Salesforce takes them.
pub fn both_ways() -> String {
    let mut file = "salesforce: { object: Opportunity, poll: 1 hour }\napp: { resource: warehouse.deals, poll: 1 hour }\n\
        to_app: [create, update]\nto_salesforce: [update]\nmatch: [id]\nreconcile: off\nfields:\n"
        .to_owned();
    for (source, target, ..) in FIELDS {
        let back = if COMPUTED.contains(&source) { ", to_salesforce: false" } else { "" };
        _ = writeln!(file, "  - {{ salesforce: {source}, app: {target}{back} }}");
    }
    file
}
