//! What names of objects, fields and columns mean to those who write.
//! May not change records. Read [`Org::takes_column`] first.

use super::Org;
use crate::org::dml::key_field;
use crate::org::error::ApiError;
use crate::org::ids::Id;
use crate::org::schema::{FieldRef, FieldType, Object};

impl Org {
    /// Whether there is a visible object of this name.
    pub fn sees_object(&self, name: &str) -> bool {
        Self::visible(&self.read(), name).is_ok()
    }

    /// The object whose records have ids like this one; `None` for what is no id and for hidden objects.
    pub fn object_of(&self, id: &str) -> Option<String> {
        let state = self.read();
        let table = state.store.table_of(&Id::parse(id).ok()?)?;
        let index = state.store.schema.tables[usize::from(table)].object;
        let seen = state.visibility.sees_object(index);
        seen.then(|| state.store.schema.object(index).name.clone())
    }

    /// Checks that records of an object can be upserted by a field; gives the field in its own spelling.
    pub fn check_key(&self, object: &str, field: &str) -> Result<String, ApiError> {
        let state = self.read();
        let index = Self::visible(&state, object)?;
        if field.eq_ignore_ascii_case("Id") {
            return Ok("Id".to_owned());
        }
        key_field(state.store.schema.object(index), field).map(|field| field.name.clone())
    }

    /// The object and lookup behind a child relationship, as `Contact` and `AccountId` behind `Contacts` of Account.
    pub fn child_lookup(&self, object: &str, relationship: &str) -> Option<(String, String)> {
        let state = self.read();
        let index = Self::visible(&state, object).ok()?;
        let schema = &state.store.schema;
        let named =
            |name: &Option<String>| name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(relationship));
        let child = schema.children_of(index).into_iter().find(|child| named(&child.name))?;
        Some((schema.object(child.lookup.object).name.clone(), schema.field(child.lookup).name.clone()))
    }

    /// The name of an object that Bulk jobs can write, in its own spelling.
    pub fn bulk_object(&self, name: &str) -> Result<String, ApiError> {
        let state = self.read();
        let Ok(index) = Self::visible(&state, name) else {
            let message = format!("InvalidJob : Unable to find object: {name}");
            return Err(ApiError::request("INVALIDJOB", message));
        };
        let object = state.store.schema.object(index);
        if object.abilities.has("nobulk") {
            let message = format!("entity '{}' is not supported by the Bulk API.", object.name);
            return Err(ApiError::request("INVALIDENTITY", message));
        }
        Ok(object.name.clone())
    }

    /// Whether a file of records of an object may have this column: a field, or a parent's key as in
    /// `Account.ExtId__c` and `Lead:Who.Email`. Compound and binary fields have no columns.
    pub fn takes_column(&self, object: &str, column: &str) -> bool {
        let state = self.read();
        let Ok(index) = Self::visible(&state, object) else { return false };
        let schema = &state.store.schema;
        let object = schema.object(index);
        let seen = |field| state.visibility.sees(FieldRef { object: index, field });
        let Some((path, key)) = column.split_once('.') else {
            let Some(field) = object.field_index(column).filter(|field| seen(*field)) else { return false };
            let kind = object.fields[usize::from(field)].kind;
            return !matches!(kind, FieldType::Address | FieldType::Base64);
        };
        let (kind, relationship) =
            path.split_once(':').map_or((None, path), |(kind, path)| (Some(kind), path));
        let Some(lookup) = object.relationship(relationship).filter(|field| seen(*field)) else {
            return false;
        };
        let lookup = &object.fields[usize::from(lookup)];
        let target = match kind {
            Some(kind) if lookup.is_polymorphic() => {
                lookup.targets.iter().find(|name| name.eq_ignore_ascii_case(kind))
            }
            None if !lookup.is_polymorphic() => lookup.targets.first(),
            _ => None,
        };
        let has_key = |target: &Object| key_field(target, key).is_ok();
        target.and_then(|name| schema.named(name)).is_some_and(has_key)
    }
}
