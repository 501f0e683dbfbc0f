//! What describe tells before a call is spent: lengths, choices, required fields, rights. Stricter than Salesforce nowhere, so that
//! nothing is refused here which would have been stored. Pure.

use crate::model::{Class, FieldInfo, Kind, ObjectInfo, PicklistValue, RecordError, RecordTypeInfo, Value};

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is made.
    Create,
    /// It is made, or changed if it is there.
    Upsert,
    /// It is changed.
    Update,
}

/// Refuses a value that Salesforce would refuse. `record_type`: developer name, where it is known.
pub(super) fn value(
    field: &FieldInfo,
    value: &Value,
    way: Way,
    record_type: Option<&str>,
) -> Result<(), RecordError> {
    right(field, way)?;
    if value.is_null() {
        return match way {
            Way::Update if !field.nillable => refuse(field, format!("{} cannot be empty", field.name)),
            _ => Ok(()),
        };
    }
    length(field, value)?;
    digits(field, value)?;
    choice(field, value, record_type)
}

/// Refuses a field that the integration user may not write.
pub(super) fn right(field: &FieldInfo, way: Way) -> Result<(), RecordError> {
    let (allowed, verb) = match way {
        Way::Create => (field.createable, "set"),
        Way::Upsert => (field.createable && field.updateable, "set and changed"),
        Way::Update => (field.updateable, "changed"),
    };
    if allowed {
        Ok(())
    } else {
        refuse(field, format!("{} cannot be {verb} by the integration user", field.name))
    }
}

fn length(field: &FieldInfo, value: &Value) -> Result<(), RecordError> {
    let limit = field.length as usize;
    match value.as_text().map(|text| text.chars().count()) {
        Some(length) if limit > 0 && field.kind == Kind::Text && length > limit => {
            refuse(field, format!("{} takes {limit} characters, the value has {length}", field.name))
        }
        _ => Ok(()),
    }
}

fn digits(field: &FieldInfo, value: &Value) -> Result<(), RecordError> {
    let whole = match value {
        Value::Decimal(number) => number.trunc().abs().to_string(),
        Value::Int(number) => number.unsigned_abs().to_string(),
        _ => return Ok(()),
    };
    let room = field.precision.saturating_sub(field.scale) as usize;
    if field.precision > 0 && whole != "0" && whole.len() > room {
        return refuse(field, format!("{} takes {room} digits before the point", field.name));
    }
    Ok(())
}

fn choice(field: &FieldInfo, value: &Value, record_type: Option<&str>) -> Result<(), RecordError> {
    if !field.restricted || field.picklist.is_empty() {
        return Ok(());
    }
    let chosen: Vec<&str> = match value {
        Value::Text(text) if field.kind == Kind::List => text.split(';').collect(),
        Value::Text(text) => vec![text],
        Value::List(items) => items.iter().filter_map(Value::as_text).collect(),
        _ => return Ok(()),
    };
    for chosen in chosen {
        let chosen = chosen.trim();
        let known = field.picklist.iter().find(|choice| choice.value.eq_ignore_ascii_case(chosen));
        let problem = match (known, record_type) {
            (None, _) => format!("{} has no choice `{chosen}`", field.name),
            (Some(choice), _) if !choice.active => {
                format!("choice `{chosen}` of {} is not active", field.name)
            }
            (Some(choice), Some(record_type)) if !offers(choice, record_type) => {
                format!("record type {record_type} does not offer `{chosen}` in {}", field.name)
            }
            _ => continue,
        };
        return refuse(field, problem);
    }
    Ok(())
}

fn offers(choice: &PicklistValue, record_type: &str) -> bool {
    choice.record_types.is_empty()
        || choice.record_types.iter().any(|name| name.eq_ignore_ascii_case(record_type))
}

/// Refuses a new record that lacks a field which must not be empty and has no default.
pub(super) fn required<'a>(
    object: &ObjectInfo,
    is_set: impl Fn(&str) -> bool + 'a,
) -> Result<(), RecordError> {
    let lacks = |field: &&FieldInfo| {
        field.createable
            && !field.nillable
            && !field.defaulted_on_create
            && field.kind != Kind::Bool
            && !is_set(&field.name)
    };
    let missing: Vec<String> = object.fields.iter().filter(lacks).map(|field| field.name.clone()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("a new {} needs {}", object.name, missing.join(", "));
    Err(RecordError::new("R213", Class::Record, message).about(missing))
}

/// The id of a record type by its developer name.
pub(super) fn record_type<'a>(object: &'a ObjectInfo, name: &str) -> Result<&'a RecordTypeInfo, RecordError> {
    let usable = |kind: &&RecordTypeInfo| kind.active && kind.available;
    let found = object.record_types.iter().find(|kind| kind.developer_name.eq_ignore_ascii_case(name));
    let message = match found {
        Some(kind) if usable(&kind) => return Ok(kind),
        Some(_) => format!("the integration user may not use record type {name}"),
        None => {
            let names: Vec<&str> =
                object.record_types.iter().map(|kind| kind.developer_name.as_str()).collect();
            format!("{} has no record type {name}; it has {}", object.name, names.join(", "))
        }
    };
    Err(RecordError::new("R213", Class::Record, message).about(["RecordType".to_owned()]))
}

/// A value for a column that cannot be written at all.
pub(super) fn unwritable(path: &str, why: &str) -> RecordError {
    RecordError::new("R213", Class::Record, format!("{path} {why}")).about([path.to_owned()])
}

fn refuse(field: &FieldInfo, message: String) -> Result<(), RecordError> {
    Err(RecordError::new("R213", Class::Record, message).about([field.name.clone()]))
}
