//! What is checked once a record has its new values: record types, hierarchies, validation and duplicate rules.
//! May not write; who calls takes back what is refused. Read [`Session::check_saved`] first.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::Session;
use super::save::Given;
use crate::org::error::ApiError;
use crate::org::render::API_VERSION;
use crate::org::render::json::write_value;
use crate::org::rules::{Duplicate, holds};
use crate::org::schema::{FieldType, Flags, Object};
use crate::org::setup::RecordType;
use crate::org::value::{RowRef, Value};

/// Lookups whose records keep their parent from being deleted: parent, child, lookup, and the children in words.
const HOLD_PARENT: [(&str, &str, &str, &str); 1] = [("Contact", "Case", "ContactId", "cases")];

impl Session<'_> {
    /// Checks a record that was saved. `before` holds the values of all fields before a change.
    pub(super) fn check_saved(
        &self,
        object: &Object,
        at: RowRef,
        before: Option<&[Value<'static>]>,
        given: &Given,
    ) -> Result<(), ApiError> {
        self.check_record_type(object, at, given)?;
        self.check_hierarchy(object, at, given)?;
        self.check_validation(object, at, before)?;
        self.check_duplicates(object, at, before)
    }

    /// A record type is of its object, and its picklists offer what is given.
    fn check_record_type(&self, object: &Object, at: RowRef, given: &Given) -> Result<(), ApiError> {
        let Value::Reference(kind) = self.value(at, "RecordTypeId") else { return Ok(()) };
        let own = self.setup.record_types_of(&object.name).find(|known| known.at == kind);
        let Some(own) = own else {
            let message = format!(
                "Record Type ID: this ID value isn't valid for the user: {}",
                self.store.id_of(kind).short()
            );
            return Err(ApiError::dml("INVALID_CROSS_REFERENCE_KEY", message, &["RecordTypeId"]));
        };
        given.iter().try_for_each(|(index, value)| check_offered(object, *index, value, own))
    }

    /// A parent of the own kind leads upwards and never back.
    fn check_hierarchy(&self, object: &Object, at: RowRef, given: &Given) -> Result<(), ApiError> {
        for (index, value) in given {
            let field = &object.fields[usize::from(*index)];
            let Value::Reference(parent) = value else { continue };
            if field.targets.as_slice() != [object.name.as_str()] {
                continue;
            }
            let mut above = *parent;
            // No hierarchy is as deep as this.
            for _ in 0..1_000 {
                if above == at {
                    let message = "attempt to violate hierarchy constraints";
                    return Err(ApiError::dml("CIRCULAR_DEPENDENCY", message, &[&field.name]));
                }
                match self.reader().read(object, field, above.row) {
                    Value::Reference(next) => above = next,
                    _ => break,
                }
            }
        }
        Ok(())
    }

    fn check_validation(
        &self,
        object: &Object,
        at: RowRef,
        before: Option<&[Value<'static>]>,
    ) -> Result<(), ApiError> {
        let changed = |index: &u16| {
            let field = &object.fields[usize::from(*index)];
            let now = self.reader().read(object, field, at.row);
            before.is_none_or(|before| before[usize::from(*index)] != now)
        };
        let schema = &self.store.schema;
        let broken = self
            .setup
            .rules
            .validation
            .iter()
            .filter(|rule| schema.object(rule.object).name == object.name && rule.on.covers(before.is_none()))
            .filter(|rule| rule.changed.is_empty() || rule.changed.iter().any(changed))
            .filter(|rule| holds(self.reader(), rule.object, &rule.condition, at.row))
            .map(|rule| {
                let fields: Vec<&str> = rule.field.as_deref().into_iter().collect();
                ApiError::dml("FIELD_CUSTOM_VALIDATION_EXCEPTION", &*rule.message, &fields)
            });
        ApiError::joined(broken).map_or(Ok(()), Err)
    }

    /// Duplicate rules look at what API calls save; people answer their questions themselves.
    fn check_duplicates(
        &self,
        object: &Object,
        at: RowRef,
        before: Option<&[Value<'static>]>,
    ) -> Result<(), ApiError> {
        if self.options.source.is_none() {
            return Ok(());
        }
        let allow = self.options.duplicates.allow_save;
        let schema = &self.store.schema;
        let concerned = self.setup.rules.duplicate.iter().filter(|rule| {
            schema.object(rule.object).name == object.name
                && rule.on.covers(before.is_none())
                && (rule.blocks || !allow)
                && before.is_none_or(|before| {
                    rule.own()
                        .any(|field| self.reader().field(field, at.row) != before[usize::from(field.field)])
                })
        });
        for rule in concerned {
            let found = self.duplicates_of(rule, at);
            if !found.is_empty() {
                return Err(self.duplicates_detected(rule, &found));
            }
        }
        Ok(())
    }

    fn duplicates_of(&self, rule: &Duplicate, at: RowRef) -> Vec<RowRef> {
        let reader = self.reader();
        let searched = self.store.schema.object(rule.against);
        let mut found: Option<Vec<RowRef>> = None;
        for ((_, theirs), own) in rule.fields.iter().zip(rule.own()) {
            let value = reader.field(own, at.row);
            let Some(text) = value.as_text() else { return Vec::new() };
            let holders = reader.holders(searched, &searched.fields[usize::from(*theirs)], text);
            found = Some(match found {
                None => holders,
                Some(known) => known.into_iter().filter(|row| holders.contains(row)).collect(),
            });
        }
        let mut found = found.unwrap_or_default();
        found.retain(|row| *row != at && self.value(*row, "IsConverted") != Value::Bool(true));
        found
    }

    /// The error with `duplicateResult` (section 5.8).
    fn duplicates_detected(&self, rule: &Duplicate, found: &[RowRef]) -> ApiError {
        let searched = self.store.schema.object(rule.against);
        let records: Vec<Json> = found
            .iter()
            .map(|row| {
                json!({
                    "additionalInformation": [], "fieldDiffs": [],
                    // A double: clients see `100.0`.
                    "matchConfidence": 100.0,
                    "record": self.found_record(rule, searched, *row),
                })
            })
            .collect();
        let result = json!({
            "allowSave": !rule.blocks, "duplicateRule": rule.name,
            "duplicateRuleEntityType": self.store.schema.object(rule.object).name,
            "errorMessage": rule.message,
            "matchResults": [{
                "entityType": searched.name, "errors": [], "matchEngine": "ExactMatchEngine",
                "matchRecords": records, "rule": rule.matching, "size": found.len(), "success": true,
            }],
        });
        let error = ApiError::dml("DUPLICATES_DETECTED", &*rule.message, &[]);
        ApiError { duplicates: Some(Box::new(result)), ..error }
    }

    fn found_record(&self, rule: &Duplicate, searched: &Object, row: RowRef) -> Json {
        let id = self.store.id_of(row).to_string();
        let url = format!("/services/data/{API_VERSION}/sobjects/{}/{id}", searched.name);
        let mut record = Map::new();
        record.insert("attributes".into(), json!({ "type": searched.name, "url": url }));
        record.insert("Id".into(), id.into());
        if self.options.duplicates.include_record_details {
            for (_, theirs) in &rule.fields {
                let field = &searched.fields[usize::from(*theirs)];
                let mut out = Vec::new();
                write_value(
                    &self.reader().read(searched, field, row.row),
                    field.kind,
                    self.reader(),
                    &mut out,
                );
                record.insert(field.name.clone(), serde_json::from_slice(&out).unwrap_or(Json::Null));
            }
        }
        record.into()
    }

    /// A record that others need cannot be deleted.
    pub(super) fn check_deletable(&self, object: &Object, at: RowRef) -> Result<(), ApiError> {
        let schema = Arc::clone(&self.store.schema);
        for child in schema.children_of(schema.tables[usize::from(at.table)].object) {
            let children = schema.object(child.lookup.object);
            let lookup = schema.field(child.lookup);
            let words = HOLD_PARENT
                .iter()
                .find(|known| (known.0, known.1, known.2) == (&object.name, &children.name, &lookup.name))
                .map(|known| known.3.to_owned());
            let words = words.or_else(|| lookup.restricts_delete.then(|| children.plural.to_lowercase()));
            let (Some(words), Some(column)) = (words, lookup.column()) else { continue };
            let table = self.store.table(children.table);
            let held = table.referring(column, at.pack()).find(|row| !table.is_deleted(*row));
            let Some(held) = held else { continue };
            let held = RowRef { table: children.table, row: held };
            let name = self.name_of(at);
            let message = format!(
                "Your attempt to delete {name} could not be completed because it is associated with the following {words}.: {}\n",
                self.name_of(held)
            );
            return Err(ApiError::dml("DELETE_FAILED", message, &[]));
        }
        Ok(())
    }

    fn name_of(&self, at: RowRef) -> String {
        let object = self.store.schema.table_object(at.table);
        let name = object.name_field.map(|field| &object.fields[usize::from(field)]);
        let name = name.map(|field| self.reader().read(object, field, at.row).into_owned());
        name.and_then(|name| name.as_text().map(str::to_owned))
            .unwrap_or_else(|| self.store.id_of(at).to_string())
    }
}

/// The values of a record type bind restricted picklists, and StageName where the record type lists it.
fn check_offered(object: &Object, index: u16, value: &Value<'_>, kind: &RecordType) -> Result<(), ApiError> {
    let field = &object.fields[usize::from(index)];
    let Some(offered) = kind.picklists.get(&field.name) else { return Ok(()) };
    let binds = field.has(Flags::RESTRICTED) || field.name == "StageName";
    let Some(text) = value.as_text().filter(|_| binds) else { return Ok(()) };
    let chosen: Vec<&str> =
        if field.kind == FieldType::MultiPicklist { text.split(';').collect() } else { vec![text] };
    match chosen.iter().find(|value| !offered.iter().any(|known| known == *value)) {
        None => Ok(()),
        Some(bad) => {
            let message = format!("{}: bad value for restricted picklist field: {bad}", field.label);
            Err(ApiError::dml("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&field.name]))
        }
    }
}
