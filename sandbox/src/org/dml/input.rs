//! JSON values of a write, checked against their fields.
//! May not write. Read [`convert`] first.

use serde_json::Value as Json;

use crate::org::dates::{parse_date, parse_stamp};
use crate::org::error::ApiError;
use crate::org::ids::Id;
use crate::org::schema::{Field, FieldType, Flags};
use crate::org::soql::literal::parse_number;
use crate::org::store::Store;
use crate::org::value::{Value, to_scale};
use crate::org::write::Dialect;

/// Most values of one multi-select picklist.
const MAX_CHOICES: usize = 100;

/// How values are spelled, and what becomes of decimals that do not fit.
#[derive(Clone, Copy)]
pub(super) struct Spelling<'a> {
    pub(super) dialect: &'a Dialect,
    pub(super) rounds: bool,
}

/// Converts one value; texts lose the blanks around them, and an empty text is null.
pub(super) fn convert(
    store: &Store,
    spelling: Spelling<'_>,
    field: &Field,
    json: &Json,
) -> Result<Value<'static>, ApiError> {
    let rounds = spelling.rounds;
    match spelling.dialect {
        Dialect::Json => convert_json(store, rounds, field, json),
        Dialect::Csv(columns) => match json {
            Json::String(cell) => convert_json(store, rounds, field, &spelled(field, cell))
                .map_err(|error| not_deserialized(columns, field, cell, error)),
            other => convert_json(store, rounds, field, other),
        },
    }
}

/// A cell as JSON would have it: more spellings of booleans are known.
fn spelled(field: &Field, cell: &str) -> Json {
    let lower = cell.trim().to_ascii_lowercase();
    match lower.as_str() {
        "yes" | "y" | "t" | "on" if field.kind == FieldType::Boolean => true.into(),
        "no" | "n" | "f" | "off" if field.kind == FieldType::Boolean => false.into(),
        _ => cell.into(),
    }
}

/// The error of a cell that is no value of its type (section 8.2).
fn not_deserialized(columns: &[String], field: &Field, cell: &str, error: ApiError) -> ApiError {
    if !matches!(error.code, "JSON_PARSER_ERROR" | "INVALID_TYPE_ON_FIELD_IN_RECORD") {
        return error;
    }
    let column = columns.iter().position(|name| name.eq_ignore_ascii_case(&field.name)).unwrap_or(0);
    let kind = field.kind.soap_name();
    let message = format!(
        "Failed to deserialize field at col {column}. Due to, '{cell}' is not a valid value for the type {kind}"
    );
    ApiError::dml("INVALID_FIELD", message, &[&field.name])
}

/// Whether a value can be read at all; a REST body with one that cannot is refused as a whole.
pub(crate) fn check_readable(field: &Field, json: &Json) -> Result<(), ApiError> {
    match (field.kind, json) {
        (FieldType::Date | FieldType::Datetime, Json::String(_)) => date_or_stamp(field, json).map(drop),
        _ => Ok(()),
    }
}

fn date_or_stamp(field: &Field, json: &Json) -> Result<Value<'static>, ApiError> {
    let text = text_of(json);
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if field.kind == FieldType::Date {
        // A date-time is accepted for a date; its time is dropped.
        return parse_date(&text)
            .or_else(|| text.get(..10).filter(|_| parse_stamp(&text).is_some()).and_then(parse_date))
            .map(Value::Date)
            .ok_or_else(|| cannot_deserialize("date", &text));
    }
    parse_stamp(&text)
        .or_else(|| parse_date(&text).map(|days| i64::from(days) * 86_400))
        .map(Value::Stamp)
        .ok_or_else(|| cannot_deserialize("datetime", &text))
}

fn convert_json(store: &Store, rounds: bool, field: &Field, json: &Json) -> Result<Value<'static>, ApiError> {
    if json.is_null() {
        return Ok(Value::Null);
    }
    match field.kind {
        FieldType::Boolean => boolean(field, json),
        FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent => {
            number(field, json, rounds)
        }
        FieldType::Date | FieldType::Datetime => date_or_stamp(field, json),
        FieldType::Id | FieldType::Reference => reference(store, field, &text_of(json)),
        FieldType::Address => Err(not_writable(&field.name)),
        _ => text(field, text_of(json)),
    }
}

fn text_of(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn boolean(field: &Field, json: &Json) -> Result<Value<'static>, ApiError> {
    match text_of(json).to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(Value::Bool(true)),
        "false" | "0" => Ok(Value::Bool(false)),
        other => Err(wrong_type(field, other)),
    }
}

/// Decimals that do not fit are cut silently, or rounded half up; digits that do not fit are refused.
fn number(field: &Field, json: &Json, rounds: bool) -> Result<Value<'static>, ApiError> {
    let text = text_of(json);
    let parsed = parse_number(text.trim()).ok_or_else(|| wrong_type(field, &text))?;
    let too_large = || {
        let message = format!("{}: value outside of valid range on numeric field: {text}", field.label);
        ApiError::dml("NUMBER_OUTSIDE_VALID_RANGE", message, &[&field.name])
    };
    let fitting = if rounds { rounded(parsed, field.scale) } else { to_scale(parsed, field.scale) };
    let mantissa = fitting.ok_or_else(too_large)?;
    let digits = if field.kind == FieldType::Int { 9 } else { u32::from(field.precision.max(1)) };
    if mantissa.unsigned_abs() >= 10u64.checked_pow(digits).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    Ok(Value::Number(mantissa, field.scale))
}

/// Half up: 0.125 becomes 0.13, -0.125 becomes -0.12.
fn rounded((mantissa, scale): (i64, u8), to: u8) -> Option<i64> {
    if scale <= to {
        return to_scale((mantissa, scale), to);
    }
    let unit = 10i64.checked_pow(u32::from(scale - to))?;
    Some(mantissa.checked_add(unit / 2)?.div_euclid(unit))
}

fn reference(store: &Store, field: &Field, text: &str) -> Result<Value<'static>, ApiError> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let incorrect = || {
        let message = format!("{}: id value of incorrect type: {text}", field.label);
        ApiError::dml("MALFORMED_ID", message, &[&field.name])
    };
    let id = Id::parse(text).map_err(|_| incorrect())?;
    let table = store.table_of(&id).ok_or_else(incorrect)?;
    let target = store.schema.table_object(table);
    let fits = field.targets.iter().any(|name| {
        *name == target.name || store.schema.named(name).is_some_and(|object| object.table == table)
    });
    if !fits {
        return Err(incorrect());
    }
    let at = store.find(&id).ok_or_else(|| {
        ApiError::dml("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[&field.name])
    })?;
    if store.table(table).is_deleted(at.row) {
        return Err(ApiError::dml("ENTITY_IS_DELETED", "entity is deleted", &[&field.name]));
    }
    Ok(Value::Reference(at))
}

fn text(field: &Field, text: String) -> Result<Value<'static>, ApiError> {
    let trimmed = if field.kind == FieldType::Base64 { text } else { text.trim().to_owned() };
    if trimmed.is_empty() {
        return Ok(Value::Null);
    }
    match field.kind {
        FieldType::Email if !is_email(&trimmed) => {
            let message = format!("{}: invalid email address: {trimmed}", field.label);
            return Err(ApiError::dml("INVALID_EMAIL_ADDRESS", message, &[&field.name]));
        }
        FieldType::Picklist => check_choice(field, &trimmed)?,
        FieldType::MultiPicklist => return choices(field, &trimmed).map(Into::into),
        _ => {}
    }
    if field.length > 0 && trimmed.chars().count() > field.length as usize {
        let message =
            format!("{}: data value too large: {trimmed} (max length={})", field.label, field.length);
        return Err(ApiError::dml("STRING_TOO_LONG", message, &[&field.name]));
    }
    Ok(trimmed.into())
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let clean = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@');
    clean(local)
        && clean(domain)
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
}

fn check_choice(field: &Field, value: &str) -> Result<(), ApiError> {
    if !field.has(Flags::RESTRICTED) || field.picklist.iter().any(|known| known == value) {
        return Ok(());
    }
    let message = format!("{}: bad value for restricted picklist field: {value}", field.label);
    Err(ApiError::dml("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&field.name]))
}

/// The values in the order of the picklist, each once.
fn choices(field: &Field, text: &str) -> Result<String, ApiError> {
    let mut values: Vec<&str> = text.split(';').map(str::trim).filter(|value| !value.is_empty()).collect();
    if values.len() > MAX_CHOICES {
        let message = format!("{}: too many values", field.label);
        return Err(ApiError::dml("TOO_MANY_ENUM_VALUE", message, &[&field.name]));
    }
    for value in &values {
        check_choice(field, value)?;
    }
    let position = |value: &&str| field.picklist.iter().position(|known| known == value);
    values.sort_by_key(|value| position(value).unwrap_or(usize::MAX));
    values.dedup();
    Ok(values.join(";"))
}

fn wrong_type(field: &Field, value: &str) -> ApiError {
    let message = format!("{}: value not of required type: {value}", field.label);
    ApiError::dml("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[&field.name])
}

fn cannot_deserialize(kind: &str, value: &str) -> ApiError {
    ApiError::request(
        "JSON_PARSER_ERROR",
        format!(
            "Cannot deserialize instance of {kind} from VALUE_STRING value {value} or request may be missing a required field at [line:1, column:1]"
        ),
    )
}

/// A field that may not be given, whether by its nature or by permission.
pub(super) fn not_writable(field: &str) -> ApiError {
    let message = format!(
        "Unable to create/update fields: {field}. Please check the security settings of this field and verify that it is read/write for your profile or permission set."
    );
    ApiError::dml("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[field])
}
