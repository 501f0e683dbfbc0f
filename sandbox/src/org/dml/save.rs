//! Create and update.
//! May not know what single objects derive: see [`super::rules`]. Read [`Session::insert`] first.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::Session;
use super::apply::{key_field, key_text};
use super::input::{Spelling, convert, not_writable};
use crate::org::change_log::ChangeKind;
use crate::org::error::ApiError;
use crate::org::schema::{Field, FieldRef, FieldType, Flags, Object, Schema};
use crate::org::value::{RowRef, Value};

/// The fields of a write, converted: position in the object and value.
pub(super) type Given = Vec<(u16, Value<'static>)>;

impl Session<'_> {
    /// Creates a record (section 5.1); a refused one leaves nothing behind.
    pub(crate) fn insert(&mut self, object: u16, body: &Map<String, Json>) -> Result<RowRef, ApiError> {
        let mark = self.mark();
        let made = self.try_insert(object, body);
        if made.is_err() {
            self.take_back_to(mark);
        }
        made
    }

    fn try_insert(&mut self, object: u16, body: &Map<String, Json>) -> Result<RowRef, ApiError> {
        let schema = Arc::clone(&self.store.schema);
        let definition = schema.object(object);
        self.check_right(object, "nocreate")?;
        let given = self.given(object, body, true)?;
        check_required(definition, &given)?;
        self.check_values(definition, &given, None)?;
        self.check_record(definition, &given)?;
        let at = self.create(definition, &given);
        self.after_insert(definition, at, &given);
        self.assign(definition, at);
        self.check_saved(definition, at, None, &given)?;
        let fields = given.iter().map(|(index, _)| name_of(definition, *index)).collect();
        self.publish(at, ChangeKind::Create, fields);
        Ok(at)
    }

    /// Changes a record; fields that are not given stay (section 5.3).
    pub(crate) fn update(&mut self, object: u16, id: &str, body: &Map<String, Json>) -> Result<(), ApiError> {
        if body.keys().any(|key| key.eq_ignore_ascii_case("Id")) {
            let message = "The Id field should not be specified in the sobject data.";
            return Err(ApiError::dml("INVALID_FIELD", message, &["Id"]));
        }
        self.check_right(object, "noupdate")?;
        let at = self.live(object, id)?;
        let given = self.given(object, body, false)?;
        let mark = self.mark();
        let changed = self.change(object, at, &given);
        if changed.is_err() {
            self.take_back_to(mark);
        }
        changed
    }

    fn change(&mut self, object: u16, at: RowRef, given: &Given) -> Result<(), ApiError> {
        let schema = Arc::clone(&self.store.schema);
        let definition = schema.object(object);
        check_not_cleared(definition, given)?;
        self.check_values(definition, given, Some(at))?;
        self.check_changeable(definition, at)?;
        let before = self.snapshot(definition, at);
        for (index, value) in given {
            if let Some(column) = definition.fields[usize::from(*index)].column() {
                self.set(at, column, value);
            }
        }
        self.after_update(definition, at, &before, given);
        self.assign(definition, at);
        self.check_saved(definition, at, Some(&before), given)?;
        self.touch(at);
        let fields = self.changed_fields(definition, at, &before);
        self.write_history(definition, at, &before);
        let replaced = replaced_texts(definition, &fields, &before);
        self.publish(at, ChangeKind::Update, fields);
        if let Some(change) = self.changes.last_mut() {
            change.replaced = replaced;
        }
        Ok(())
    }

    fn check_right(&self, object: u16, barred: &str) -> Result<(), ApiError> {
        let definition = self.store.schema.object(object);
        if definition.abilities.has(barred) {
            let message = format!("entity type cannot be inserted or updated: {}", definition.label);
            return Err(ApiError::dml("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[]));
        }
        if !self.visibility.changes_object(object) {
            let message = "insufficient access rights on object";
            return Err(ApiError::dml("INSUFFICIENT_ACCESS_OR_READONLY", message, &[]));
        }
        Ok(())
    }

    /// Finds and converts the fields of a body.
    fn given(&self, object: u16, body: &Map<String, Json>, creating: bool) -> Result<Given, ApiError> {
        let schema: &Schema = &self.store.schema;
        let definition = schema.object(object);
        let mut given: Given = Vec::new();
        for (key, json) in body.iter().filter(|(key, _)| *key != "attributes") {
            if let Some((index, value)) = self.given_by_external_id(definition, key, json)? {
                if !self.visibility.writes(schema, FieldRef { object, field: index }, creating) {
                    return Err(not_writable(&definition.fields[usize::from(index)].name));
                }
                given.push((index, value));
                continue;
            }
            let at = definition
                .field_index(key)
                .map(|field| FieldRef { object, field })
                .filter(|at| self.visibility.sees(*at))
                .ok_or_else(|| {
                    let message = format!("No such column '{key}' on sobject of type {}", definition.name);
                    ApiError::request("INVALID_FIELD", message)
                })?;
            let field = schema.field(at);
            if !self.visibility.writes(schema, at, creating) {
                return Err(not_writable(&field.name));
            }
            let spelling = Spelling { dialect: &self.options.dialect, rounds: self.setup.rounds_decimals };
            given.push((at.field, convert(self.store, spelling, field, json)?));
        }
        Ok(given)
    }

    /// `"Account": {"ExtId__c": "A-100"}`: the lookup set by an external id of its target.
    pub(super) fn given_by_external_id(
        &self,
        object: &Object,
        key: &str,
        json: &Json,
    ) -> Result<Option<(u16, Value<'static>)>, ApiError> {
        let Some(index) = object.relationship(key).filter(|_| object.field(key).is_none()) else {
            return Ok(None);
        };
        let keys = match json {
            Json::Object(keys) => keys,
            Json::Null => return Ok(Some((index, Value::Null))),
            _ => return Ok(None),
        };
        let lookup = &object.fields[usize::from(index)];
        let schema = &self.store.schema;
        let named = keys.get("attributes").and_then(|a| a.get("type")).and_then(Json::as_str);
        let target = named.or(lookup.targets.first().map(String::as_str)).and_then(|name| schema.named(name));
        let given = keys.iter().find(|(name, _)| *name != "attributes");
        let (Some(target), Some((name, value))) = (target, given) else { return Ok(None) };
        let Some(wanted) = key_text(value) else { return Ok(Some((index, Value::Null))) };
        let at = self.parent_by_key(target, name, &wanted)?;
        Ok(Some((index, at.into())))
    }

    fn parent_by_key(&self, target: &Object, name: &str, wanted: &str) -> Result<RowRef, ApiError> {
        let field = key_field(target, name)?;
        match self.holders(target, field, wanted).as_slice() {
            [at] => Ok(*at),
            [] => {
                let message = format!(
                    "Foreign key external ID: {} not found for field {name} in entity {}",
                    wanted, target.name
                );
                Err(ApiError::dml("INVALID_FIELD", message, &[]))
            }
            several => {
                let ids: Vec<String> = several.iter().map(|at| self.store.id_of(*at).to_string()).collect();
                let message =
                    format!("More than one record found for external id field: [{}]", ids.join(", "));
                Err(ApiError::dml("INVALID_FIELD", message, &[]))
            }
        }
    }

    /// The live records that hold a text in a field, without regard to case.
    pub(super) fn holders(&self, object: &Object, field: &Field, text: &str) -> Vec<RowRef> {
        self.reader().holders(object, field, text)
    }

    fn check_values(&self, object: &Object, given: &Given, own: Option<RowRef>) -> Result<(), ApiError> {
        for (index, value) in given {
            let field = &object.fields[usize::from(*index)];
            if field.has(Flags::UNIQUE)
                && let Some(other) = self.holder_of(object, field, value, own)
            {
                let message = format!(
                    "duplicate value found: {} duplicates value on record with id: {}",
                    field.name,
                    self.store.id_of(other).short()
                );
                return Err(ApiError::dml("DUPLICATE_VALUE", message, &[]));
            }
            if let (true, Value::Reference(user)) = (field.name == "OwnerId", value) {
                self.check_owner(object, *user)?;
            }
        }
        Ok(())
    }

    /// Another record that has the same value in a unique field.
    fn holder_of(
        &self,
        object: &Object,
        field: &Field,
        value: &Value<'_>,
        own: Option<RowRef>,
    ) -> Option<RowRef> {
        let text = match value {
            Value::Text(text) => text.to_string(),
            Value::Number(mantissa, scale) => {
                rust_decimal::Decimal::new(*mantissa, u32::from(*scale)).to_string()
            }
            _ => return None,
        };
        self.holders(object, field, &text).into_iter().find(|at| Some(*at) != own)
    }

    fn check_owner(&self, object: &Object, user: RowRef) -> Result<(), ApiError> {
        let is_user = self.store.schema.table_object(user.table).name == "User";
        if is_user && self.value(user, "IsActive") != Value::Bool(true) {
            let message = format!(
                "operation performed with inactive user [{}] as owner of {}",
                self.store.id_of(user).short(),
                object.label.to_lowercase()
            );
            return Err(ApiError::dml("INACTIVE_OWNER_OR_USER", message, &["OwnerId"]));
        }
        Ok(())
    }

    /// Adds the row with stamps, owner and the given values.
    pub(super) fn create(&mut self, object: &Object, given: &Given) -> RowRef {
        let at = self.add_row(object.table);
        let system = object.system;
        let stamp = Value::Stamp(self.stamp);
        let author: Value<'_> = self.author.into();
        for (column, value) in [
            (system.created_date, &stamp),
            (system.modified_date, &stamp),
            (system.modstamp, &stamp),
            (system.created_by, &author),
            (system.modified_by, &author),
            (system.owner, &author),
        ] {
            if let Some(column) = column {
                self.set(at, column, value);
            }
        }
        if let Some((column, text)) = &object.view {
            self.set(at, *column, &text.as_str().into());
        }
        for field in object.fields.iter().filter(|field| field.has(Flags::AUTONUMBER)) {
            if let Some(column) = field.column() {
                let number = self.next_number(object.table);
                self.set(at, column, &format!("{number:08}").into());
            }
        }
        for (index, value) in given {
            let field = &object.fields[usize::from(*index)];
            if let Some(column) = field.column().filter(|_| !(value.is_null() && field.has(Flags::DEFAULTED)))
            {
                self.set(at, column, value);
            }
        }
        at
    }

    fn next_number(&mut self, table: u16) -> u32 {
        let table = self.store.table_mut(table);
        table.next_number = table.next_number.max(1000) + 1;
        table.next_number
    }

    /// All stored values before a change.
    fn snapshot(&self, object: &Object, at: RowRef) -> Vec<Value<'static>> {
        let read = |field: &Field| self.reader().read(object, field, at.row).into_owned();
        object.fields.iter().map(read).collect()
    }

    fn changed_fields(&self, object: &Object, at: RowRef, before: &[Value<'static>]) -> Vec<String> {
        let changed = |(field, old): &(&Field, &Value<'static>)| {
            field.column().is_some() && self.reader().read(object, field, at.row) != **old
        };
        object.fields.iter().zip(before).filter(changed).map(|(field, _)| field.name.clone()).collect()
    }
}

/// Long texts among the fields that changed, as they were.
fn replaced_texts(object: &Object, changed: &[String], before: &[Value<'static>]) -> Vec<(String, String)> {
    const LONG: usize = 500;
    let fields = object.fields.iter().zip(before).filter(|(field, _)| field.is_long_text());
    let long =
        fields.filter_map(|(field, old)| Some((field, old.as_text().filter(|text| text.len() >= LONG)?)));
    let changed = long.filter(|(field, _)| changed.contains(&field.name));
    changed.map(|(field, text)| (field.name.clone(), text.to_owned())).collect()
}

fn name_of(object: &Object, index: u16) -> String {
    object.fields[usize::from(index)].name.clone()
}

fn missing(names: &[&str]) -> ApiError {
    let message = format!("Required fields are missing: [{}]", names.join(", "));
    ApiError::dml("REQUIRED_FIELD_MISSING", message, names)
}

fn check_required(object: &Object, given: &Given) -> Result<(), ApiError> {
    let has = |index: u16| given.iter().any(|(known, value)| *known == index && !value.is_null());
    let absent: Vec<&str> = (0u16..)
        .zip(&object.fields)
        .filter(|(index, field)| field.is_required() && !has(*index))
        .map(|(_, field)| field.name.as_str())
        .collect();
    if absent.is_empty() { Ok(()) } else { Err(missing(&absent)) }
}

fn check_not_cleared(object: &Object, given: &Given) -> Result<(), ApiError> {
    for (index, value) in given {
        let field = &object.fields[usize::from(*index)];
        if value.is_null() && !field.has(Flags::NILLABLE) && field.kind != FieldType::Boolean {
            return Err(missing(&[&field.name]));
        }
    }
    Ok(())
}
