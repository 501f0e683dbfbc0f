//! Random edits, as people and integrations make them.
//! May not go around the rules of writes. Read [`EditMix`] first.

use serde_json::{Map, Value as Json, json};

use super::rng::Rng;
use super::words::{FIRST_NAMES, LAST_NAMES, Texts};
use crate::org::dates::{DAY, date_of, days_of_stamp};
use crate::org::dml::Session;
use crate::org::schema::Object;
use crate::org::value::{RowRef, Value};

/// What random edits consist of, as weights.
#[derive(Debug, Clone, Copy)]
pub struct EditMix {
    /// Weight of creates.
    pub creates: u32,
    /// Weight of updates.
    pub updates: u32,
    /// Weight of deletes.
    pub deletes: u32,
    /// Weight of undeletes.
    pub undeletes: u32,
}

impl Default for EditMix {
    fn default() -> Self {
        Self { creates: 10, updates: 80, deletes: 7, undeletes: 3 }
    }
}

/// Objects that are edited, with their weights.
const OBJECTS: [(&str, u64); 6] =
    [("Opportunity", 50), ("Account", 20), ("Contact", 15), ("Lead", 8), ("Task", 5), ("Case", 2)];

/// Makes one edit; an edit that the org refuses, or for which there is no record, changes nothing.
pub(crate) fn one(session: &mut Session<'_>, rng: &mut Rng, mix: &EditMix) {
    let name = weighted(rng);
    let schema = std::sync::Arc::clone(&session.store.schema);
    let Some(index) = schema.find(name) else { return };
    let object = schema.object(index);
    let weights = [mix.creates, mix.updates, mix.deletes, mix.undeletes].map(u64::from);
    let mut drawn = rng.below(weights.iter().sum());
    let action = weights.iter().position(|weight| {
        let hit = drawn < *weight;
        drawn = drawn.saturating_sub(*weight);
        hit
    });
    // What is refused here (a converted lead, an undelete of nothing) is refused in life too.
    let _ = match action {
        Some(0) => {
            let body = new_record(session, rng, object);
            session.insert(index, &body).map(drop)
        }
        Some(1) => match pick_live(session, rng, object) {
            Some(id) => {
                let body = change(session, rng, object);
                session.update(index, &id, &body)
            }
            None => Ok(()),
        },
        Some(2) => match pick_live(session, rng, object) {
            Some(id) => session.delete(index, &id).map(drop),
            None => Ok(()),
        },
        Some(3) => match pick_deleted(session, rng, object) {
            Some(id) => session.undelete(index, &id),
            None => Ok(()),
        },
        _ => Ok(()),
    };
}

fn weighted(rng: &mut Rng) -> &'static str {
    let mut drawn = rng.below(OBJECTS.iter().map(|(_, weight)| weight).sum());
    for (name, weight) in OBJECTS {
        if drawn < weight {
            return name;
        }
        drawn -= weight;
    }
    OBJECTS[0].0
}

fn pick_live(session: &Session<'_>, rng: &mut Rng, object: &Object) -> Option<String> {
    const TRIES: usize = 8;
    let table = session.store.table(object.table);
    (0..TRIES)
        .filter_map(|_| u32::try_from(rng.below(u64::from(table.rows()))).ok())
        .find(|row| *row < table.rows() && !table.is_deleted(*row))
        .map(|row| session.store.id_of(RowRef { table: object.table, row }).to_string())
}

fn pick_deleted(session: &Session<'_>, rng: &mut Rng, object: &Object) -> Option<String> {
    let rows = session.store.table(object.table).removed_rows();
    let row = *rng.pick(&rows)?;
    Some(session.store.id_of(RowRef { table: object.table, row }).to_string())
}

/// An active owner.
fn owner(session: &Session<'_>, rng: &mut Rng) -> Option<String> {
    let at = *rng.pick(&session.setup.owners)?;
    let users = session.store.schema.table_object(at.table);
    let active = users.column("IsActive")?;
    let is_active = session.store.reader(session.now).column(at.table, active, at.row) == Value::Bool(true);
    is_active.then(|| session.store.id_of(at).to_string())
}

fn day(session: &Session<'_>, rng: &mut Rng) -> String {
    date_of(days_of_stamp(session.now + rng.between(-30, 180) * DAY)).to_string()
}

fn map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

fn choice(rng: &mut Rng, object: &Object, field: &str) -> Json {
    let values = object.field(field).map_or(&[] as &[String], |field| &field.picklist);
    rng.pick(values).map_or(Json::Null, |value| value.as_str().into())
}

fn account(session: &Session<'_>, rng: &mut Rng) -> Json {
    let object = session.store.schema.named("Account");
    object.and_then(|object| pick_live(session, rng, object)).map_or(Json::Null, Into::into)
}

fn new_record(session: &Session<'_>, rng: &mut Rng, object: &Object) -> Map<String, Json> {
    let number = u32::try_from(rng.below(1_000_000)).unwrap_or(0);
    let person = |rng: &mut Rng| {
        json!({
            "FirstName": rng.word(&FIRST_NAMES),
            "LastName": rng.word(&LAST_NAMES),
            "Phone": Texts::phone(rng),
        })
    };
    map(match object.name.as_str() {
        "Opportunity" => json!({
            "Name": format!("New deal {number} \"{}\"", number % 7),
            "StageName": choice(rng, object, "StageName"),
            "CloseDate": day(session, rng),
            "Amount": rng.below(1_000_000),
            "AccountId": account(session, rng),
        }),
        "Account" => json!({
            "Name": Texts::company(rng, number),
            "Website": Texts::website(rng),
            "Industry": choice(rng, object, "Industry"),
        }),
        "Contact" => {
            let mut body = map(person(rng));
            body.insert("AccountId".into(), account(session, rng));
            body.into()
        }
        "Lead" => {
            let mut body = map(person(rng));
            body.insert("Company".into(), Texts::company(rng, number).into());
            body.into()
        }
        "Task" => {
            json!({"Subject": "Call", "ActivityDate": day(session, rng), "WhatId": account(session, rng)})
        }
        _ => json!({"Subject": Texts::sentence(rng), "AccountId": account(session, rng)}),
    })
}

fn change(session: &Session<'_>, rng: &mut Rng, object: &Object) -> Map<String, Json> {
    let text: Json = if rng.chance(80) { Texts::sentence(rng).into() } else { Json::Null };
    map(match (object.name.as_str(), rng.below(4)) {
        ("Opportunity", 0) => json!({"StageName": choice(rng, object, "StageName")}),
        ("Opportunity", 1) => json!({"Amount": rng.below(100_000_000) / 100, "CloseDate": day(session, rng)}),
        ("Opportunity", 2) => match owner(session, rng) {
            Some(owner) => json!({"OwnerId": owner}),
            None => json!({"NextStep": text}),
        },
        ("Opportunity", _) => json!({"NextStep": text, "Description": Texts::description(rng)}),
        ("Account", 0) => json!({"Website": Texts::website(rng), "Phone": Texts::phone(rng)}),
        ("Account", 1) => json!({"Industry": choice(rng, object, "Industry")}),
        ("Account", _) => json!({"Description": text, "BillingCity": "Malmö"}),
        ("Contact", 0) => json!({"AccountId": account(session, rng)}),
        ("Contact" | "Lead", 1) => json!({"LastName": rng.word(&LAST_NAMES)}),
        ("Contact" | "Lead", _) => json!({"Phone": Texts::phone(rng), "Description": text}),
        ("Task" | "Case", 0 | 1) => json!({"Status": choice(rng, object, "Status")}),
        _ => json!({"Description": text}),
    })
}
