//! Field history: a row for each tracked field that changed (section 12.5).
//! May not decide what is tracked. Read [`Session::write_history`] first.

use std::sync::Arc;

use super::Session;
use crate::org::render::json::{write_text, write_value};
use crate::org::schema::{Field, FieldType, Object};
use crate::org::value::{RowRef, Value};

/// Texts longer than this are tracked without their values.
const MAX_TRACKED_TEXT: usize = 255;

impl Session<'_> {
    /// Writes history of what changed since `before`, the values of all fields in their order.
    pub(super) fn write_history(&mut self, object: &Object, at: RowRef, before: &[Value<'static>]) {
        let Some(history) = object.history else { return };
        for index in &object.tracked {
            let position = usize::from(*index);
            let field = &object.fields[position];
            let after = self.reader().read(object, field, at.row).into_owned();
            if after == before[position] {
                continue;
            }
            self.history_row(history, at, field, &before[position], &after);
            if field.kind == FieldType::Reference {
                let names = (self.name_json(&before[position]), self.name_json(&after));
                self.add_history(history, at, &field.name, "Text", names);
            }
        }
    }

    fn history_row(
        &mut self,
        history: u16,
        at: RowRef,
        field: &Field,
        before: &Value<'_>,
        after: &Value<'_>,
    ) {
        let values = (self.json(field, before), self.json(field, after));
        self.add_history(history, at, &field.name, data_type(field), values);
    }

    pub(super) fn add_history(
        &mut self,
        history: u16,
        parent: RowRef,
        field: &str,
        data_type: &str,
        (before, after): (Option<String>, Option<String>),
    ) {
        let schema = Arc::clone(&self.store.schema);
        let object = schema.object(history);
        let row = self.create(object, &Vec::new());
        let parent_field = format!("{}Id", schema.table_object(parent.table).name);
        self.set_named(row, &parent_field, &parent.into());
        self.set_named(row, "Field", &field.into());
        self.set_named(row, "DataType", &data_type.into());
        self.set_named(row, "OldValue", &before.into());
        self.set_named(row, "NewValue", &after.into());
    }

    /// The value as the JSON that history answers with; long texts are kept out.
    fn json(&self, field: &Field, value: &Value<'_>) -> Option<String> {
        let long = value.as_text().is_some_and(|text| text.chars().count() > MAX_TRACKED_TEXT);
        if value.is_null() || long || field.kind == FieldType::MultiPicklist || field.is_long_text() {
            return None;
        }
        let mut out = Vec::new();
        write_value(value, field.kind, self.reader(), &mut out);
        String::from_utf8(out).ok()
    }

    fn name_json(&self, value: &Value<'_>) -> Option<String> {
        let Value::Reference(at) = value else { return None };
        let object = self.store.schema.table_object(at.table);
        let field = &object.fields[usize::from(object.name_field?)];
        let name = self.reader().read(object, field, at.row);
        let mut out = Vec::new();
        write_text(name.as_text()?, &mut out);
        String::from_utf8(out).ok()
    }
}

fn data_type(field: &Field) -> &'static str {
    match field.kind {
        FieldType::Reference => "EntityId",
        FieldType::Picklist => "DynamicEnum",
        FieldType::Currency => "Currency",
        FieldType::Percent => "Percent",
        FieldType::Date => "DateOnly",
        FieldType::Datetime => "DateTime",
        FieldType::Double | FieldType::Int => "Double",
        FieldType::Boolean => "Boolean",
        _ => "Text",
    }
}
