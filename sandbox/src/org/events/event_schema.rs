//! The schema of one object's change events: its fields in their order, and the Avro text.
//! May not publish. Read [`EventSchema`] first.

use serde_json::{Map, Value as Json, json};

use super::avro::{self, NAMESPACE};
use super::standard;
use crate::org::schema::{Derived, Field, FieldType, Flags, Object, Schema, Source};

/// Fields of the org that no event has.
const NEVER: [&str; 8] = [
    "Id",
    "IsDeleted",
    "SystemModstamp",
    "LastActivityDate",
    "LastViewedDate",
    "LastReferencedDate",
    "PhotoUrl",
    "MasterRecordId",
];
const CHANGE_TYPES: [&str; 10] = [
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
];

/// The parts of an address in their order.
const ADDRESS: [&str; 10] = [
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "StateCode",
    "CountryCode",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
];

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Reference,
    Bool,
    Int,
    Double,
    Date,
    Stamp,
    /// A record of parts: an address, or the name of a person.
    Address,
    Person,
    /// A text, or the name of a person: `Account.Name` with person accounts.
    Switchable,
}

/// A part of a compound field.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// The field of the org, where it has one.
    pub(super) field: Option<u16>,
    pub(super) shape: Shape,
}

/// One field of an event.
#[derive(Debug)]
pub(super) struct EventField {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// The field of the org, where it has one.
    pub(super) field: Option<u16>,
    /// Parts of a compound field.
    pub(super) parts: Vec<Part>,
}

/// The schema of one object's events.
#[derive(Debug)]
pub(crate) struct EventSchema {
    /// As it is fetched by.
    pub(crate) id: String,
    /// Avro, as JSON.
    pub(crate) json: String,
    /// The fields behind the header: field 0 of the list is field 1 of the event.
    pub(super) fields: Vec<EventField>,
}

/// `AccountChangeEvent` for `Account`, `Employee__ChangeEvent` for `Employee__c`.
pub(crate) fn entity_of(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(stem) => format!("{stem}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    }
}

/// Whether the object has change events at all.
pub(crate) fn has_events(object: &Object) -> bool {
    const WITHOUT: [&str; 14] = [
        "AccountTeamMember",
        "OpportunityTeamMember",
        "CaseComment",
        "FeedItem",
        "FeedComment",
        "Note",
        "ContentNote",
        "RecordType",
        "OpportunityStage",
        "UserRole",
        "Group",
        "Profile",
        "Organization",
        "UserLicense",
    ];
    let name = object.name.as_str();
    let setup = object.abilities.has("nocreate") && object.abilities.has("noupdate");
    !WITHOUT.contains(&name)
        && !setup
        && !["History", "Share", "Feed", "__mdt"].iter().any(|end| name.ends_with(end))
}

impl EventSchema {
    /// The schema of an object with further fields that only its events have.
    pub(super) fn new(schema: &Schema, object: &Object, added: &[String]) -> Self {
        let persons =
            schema.named("Account").is_some_and(|account| account.field("IsPersonAccount").is_some());
        let mut fields = match standard::fields_of(&object.name) {
            Some(list) => listed(object, list, persons),
            None => all_of(object),
        };
        let customs = object.fields.iter().filter(|field| field.has(Flags::CUSTOM));
        fields.extend(customs.filter_map(|field| own_field(object, field)));
        fields.extend(added.iter().map(|name| plain(object, name, Shape::Text)));
        let entity = entity_of(&object.name);
        let json = json_of(&entity, &fields);
        Self { id: avro::schema_id(&json), json: json.to_string(), fields }
    }

    /// Position among the fields behind the header, and the part of a compound field.
    pub(super) fn place_of(&self, field: u16) -> Option<(usize, Option<usize>)> {
        self.fields.iter().enumerate().find_map(|(at, known)| {
            if known.field == Some(field) && known.parts.is_empty() {
                return Some((at, None));
            }
            let part = known.parts.iter().position(|part| part.field == Some(field))?;
            Some((at, Some(part)))
        })
    }
}

fn listed(object: &Object, list: &str, persons: bool) -> Vec<EventField> {
    let stands = |word: &&str| match word.split_once('@') {
        None => true,
        Some((_, "persons")) => persons,
        Some((rest, _)) => object.field(rest.split(':').next().unwrap_or("")).is_some(),
    };
    let field = |word: &str| {
        let word = word.split('@').next().unwrap_or("");
        let (name, letter) = word.split_once(':').unwrap_or((word, ""));
        let shape = match letter {
            "b" => Shape::Bool,
            "i" => Shape::Int,
            "d" => Shape::Double,
            "t" => Shape::Stamp,
            "D" => Shape::Date,
            "r" => Shape::Reference,
            "a" => Shape::Address,
            "n" => Shape::Person,
            _ if persons && name == "Name" && object.name == "Account" => Shape::Switchable,
            _ => Shape::Text,
        };
        plain(object, name, shape)
    };
    list.split_whitespace().filter(stands).map(field).collect()
}

/// The standard fields of an object whose order is not documented: as describe lists them.
fn all_of(object: &Object) -> Vec<EventField> {
    let standard = object.fields.iter().filter(|field| !field.has(Flags::CUSTOM));
    let fields = standard.filter_map(|field| own_field(object, field)).collect::<Vec<_>>();
    let compounds: Vec<u16> =
        fields.iter().flat_map(|field| &field.parts).filter_map(|part| part.field).collect();
    fields.into_iter().filter(|field| field.field.is_none_or(|at| !compounds.contains(&at))).collect()
}

fn own_field(object: &Object, field: &Field) -> Option<EventField> {
    let derived =
        matches!(&field.source, Source::Derived(derived) if !matches!(derived, Derived::Address(_)));
    let left_out = NEVER.contains(&field.name.as_str()) || field.kind == FieldType::Base64;
    if left_out || (derived && !field.has(Flags::CUSTOM) && field.name != "Name") {
        return None;
    }
    let shape = match field.kind {
        FieldType::Id | FieldType::Reference => Shape::Reference,
        FieldType::Boolean => Shape::Bool,
        FieldType::Int => Shape::Int,
        FieldType::Double | FieldType::Currency | FieldType::Percent => Shape::Double,
        FieldType::Date => Shape::Date,
        FieldType::Datetime => Shape::Stamp,
        FieldType::Address => Shape::Address,
        _ if field.name == "Name" && object.field("LastName").is_some() => Shape::Person,
        _ => Shape::Text,
    };
    Some(plain(object, &field.name, shape))
}

fn plain(object: &Object, name: &str, shape: Shape) -> EventField {
    let part =
        |name: &'static str, field: String, shape| Part { name, field: object.field_index(&field), shape };
    let stands = |part: &Part| part.field.is_some() || !name_only_with_feature(part.name);
    let parts = match shape {
        Shape::Address => {
            let prefix = name.strip_suffix("Address").unwrap_or(name);
            let address = |name: &'static str| {
                let number = matches!(name, "Latitude" | "Longitude");
                part(name, format!("{prefix}{name}"), if number { Shape::Double } else { Shape::Text })
            };
            ADDRESS.into_iter().map(address).filter(stands).collect()
        }
        Shape::Person => {
            let names = ["Salutation", "FirstName", "LastName", "MiddleName", "Suffix"];
            names.into_iter().map(|name| part(name, name.to_owned(), Shape::Text)).filter(stands).collect()
        }
        _ => Vec::new(),
    };
    EventField { name: name.to_owned(), shape, field: object.field_index(name), parts }
}

fn name_only_with_feature(part: &str) -> bool {
    matches!(part, "StateCode" | "CountryCode" | "MiddleName" | "Suffix")
}

fn json_of(entity: &str, fields: &[EventField]) -> Json {
    let mut out = vec![header_json()];
    let mut defined: Vec<Shape> = Vec::new();
    for field in fields {
        let kind = match field.shape {
            Shape::Address | Shape::Person if defined.contains(&field.shape) => {
                record_name(field.shape).into()
            }
            Shape::Address | Shape::Person => {
                defined.push(field.shape);
                record_json(record_name(field.shape), &field.parts)
            }
            shape => primitive(shape).into(),
        };
        let mut union = vec![json!("null"), kind];
        if field.shape == Shape::Switchable {
            let parts = ["Salutation", "FirstName", "LastName"];
            let parts: Vec<Part> =
                parts.into_iter().map(|name| Part { name, field: None, shape: Shape::Text }).collect();
            union.push(record_json("Switchable_PersonName", &parts));
        }
        out.push(json!({ "name": field.name, "type": union, "doc": doc_of(field), "default": null }));
    }
    json!({ "type": "record", "name": entity, "namespace": NAMESPACE, "fields": out })
}

fn record_name(shape: Shape) -> &'static str {
    if shape == Shape::Address { "Address" } else { "PersonName" }
}

fn record_json(name: &str, parts: &[Part]) -> Json {
    let field = |part: &Part| {
        let doc = if part.shape == Shape::Double { "Data:Double" } else { "Data:Text" };
        json!({ "name": part.name, "type": ["null", primitive(part.shape)], "doc": doc, "default": null })
    };
    json!({ "type": "record", "name": name, "fields": parts.iter().map(field).collect::<Vec<_>>() })
}

fn primitive(shape: Shape) -> &'static str {
    match shape {
        Shape::Bool => "boolean",
        Shape::Int => "int",
        Shape::Double => "double",
        Shape::Date | Shape::Stamp => "long",
        _ => "string",
    }
}

fn doc_of(field: &EventField) -> String {
    let role = match field.name.as_str() {
        "CreatedDate" | "LastModifiedDate" => return "CreatedDate:DateTime".to_owned(),
        "CreatedById" | "LastModifiedById" => return "CreatedBy:EntityId".to_owned(),
        _ if field.shape == Shape::Reference => "ForeignKey",
        _ => "Data",
    };
    let kind = match field.shape {
        Shape::Text => "Text",
        Shape::Reference => "EntityId",
        Shape::Bool => "Boolean",
        Shape::Int => "Integer",
        Shape::Double => "Double",
        Shape::Date => "DateOnly",
        Shape::Stamp => "DateTime",
        Shape::Address => "Address",
        Shape::Person => "PersonName",
        Shape::Switchable => "Switchable_PersonName",
    };
    format!("{role}:{kind}")
}

fn header_json() -> Json {
    let texts = || json!({ "type": "array", "items": "string" });
    let change_type = json!({ "type": "enum", "name": "ChangeType", "symbols": CHANGE_TYPES });
    let fields: Vec<Json> = [
        ("entityName", json!("string")),
        ("recordIds", texts()),
        ("changeType", change_type),
        ("changeOrigin", json!("string")),
        ("transactionKey", json!("string")),
        ("sequenceNumber", json!("int")),
        ("commitTimestamp", json!("long")),
        ("commitNumber", json!("long")),
        ("commitUser", json!("string")),
        ("nulledFields", texts()),
        ("diffFields", texts()),
        ("changedFields", texts()),
    ]
    .into_iter()
    .map(|(name, kind)| {
        let pair = [("name".to_owned(), json!(name)), ("type".to_owned(), kind)];
        Json::Object(Map::from_iter(pair))
    })
    .collect();
    json!({
        "name": "ChangeEventHeader",
        "type": { "type": "record", "name": "ChangeEventHeader", "fields": fields },
        "doc": "Data:ComplexValueType",
    })
}
