//! One write of several: locks, rejections by chance, upserts, and what is left when it is refused.
//! May not know the rules of single fields. Read [`Session::apply`] first.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::{Mark, Session};
use crate::org::error::ApiError;
use crate::org::ids::Id;
use crate::org::locks::unable_to_lock;
use crate::org::schema::{Field, FieldType, Flags, Object};
use crate::org::value::{RowRef, Value};
use crate::org::write::{Action, Rejection, Write, Written};

/// Objects whose records are pointed at by everything and locked by nothing.
const NEVER_LOCKED: [&str; 6] = ["User", "Group", "RecordType", "Profile", "UserRole", "Organization"];

impl Session<'_> {
    /// Does one write; a refused one leaves nothing behind.
    pub(crate) fn apply(&mut self, write: &Write) -> Result<Written, ApiError> {
        let mark = self.mark();
        let done = self.act(write);
        if done.is_err() {
            self.take_back_to(mark);
        }
        done
    }

    /// Where the transaction stands now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { undo: self.undo.len(), changes: self.changes.len() }
    }

    /// The fields that changed on a record since a mark.
    pub(crate) fn changed_since(&self, mark: Mark, id: Id) -> Vec<String> {
        let own = self.changes[mark.changes..].iter().filter(|change| change.id == id);
        own.flat_map(|change| change.fields.iter().cloned()).collect()
    }

    fn act(&mut self, write: &Write) -> Result<Written, ApiError> {
        let object = self.object_of(&write.object)?;
        self.check_locks(object, write)?;
        self.check_chance(object, write)?;
        let update = |session: &mut Self, id: &str, fields: &Map<String, Json>| {
            if id.is_empty() {
                return Err(ApiError::dml("MISSING_ARGUMENT", "Id not specified in an update call", &["Id"]));
            }
            session.check_unmodified(object, id)?;
            session.update(object, id, fields)?;
            Ok(Written { id: Id::parse(id)?, created: false })
        };
        match &write.action {
            Action::Insert => self.insert_new(object, &write.fields),
            Action::Update(id) => update(self, id, &write.fields),
            Action::Upsert(key) => self.upsert(object, key, &write.fields),
            Action::Delete(id) => {
                self.delete(object, id)?;
                Ok(Written { id: Id::parse(id)?, created: false })
            }
            Action::HardDelete(id) => {
                self.hard_delete(object, id)?;
                Ok(Written { id: Id::parse(id)?, created: false })
            }
            Action::Undelete(id) => {
                self.undelete(object, id)?;
                Ok(Written { id: Id::parse(id)?, created: false })
            }
        }
    }

    fn object_of(&self, name: &str) -> Result<u16, ApiError> {
        let found = self.store.schema.find(name).filter(|index| self.visibility.sees_object(*index));
        found.ok_or_else(|| {
            let message = format!(
                "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
            );
            ApiError::request("INVALID_TYPE", message)
        })
    }

    fn insert_new(&mut self, object: u16, fields: &Map<String, Json>) -> Result<Written, ApiError> {
        let at = self.insert(object, fields)?;
        Ok(Written { id: self.store.id_of(at), created: true })
    }

    /// Changes the one record with this key, or creates one (section 5.4).
    fn upsert(&mut self, object: u16, key: &str, fields: &Map<String, Json>) -> Result<Written, ApiError> {
        let schema = Arc::clone(&self.store.schema);
        let definition = schema.object(object);
        let (value, mut others) = split_key(fields, key);
        if key.eq_ignore_ascii_case("Id") {
            let Some(id) = value.as_ref().and_then(Json::as_str) else {
                return self.insert_new(object, &others);
            };
            self.update(object, id, &others)?;
            return Ok(Written { id: Id::parse(id)?, created: false });
        }
        let field = key_field(definition, key)?;
        let Some(text) = value.as_ref().and_then(key_text) else {
            let message = format!("{} not specified", field.name);
            return Err(ApiError::dml("MISSING_ARGUMENT", message, &[&field.name]));
        };
        match self.holders(definition, field, &text).as_slice() {
            [] => {
                others.insert(field.name.clone(), text.into());
                self.insert_new(object, &others)
            }
            [at] => {
                let id = self.store.id_of(*at);
                self.update(object, &id.to_string(), &others)?;
                Ok(Written { id, created: false })
            }
            several => {
                let ids: Vec<String> = several.iter().map(|at| self.store.id_of(*at).to_string()).collect();
                let message =
                    format!("More than one record found for external id field: [{}]", ids.join(", "));
                Err(ApiError::dml("DUPLICATE_EXTERNAL_ID", message, &[]))
            }
        }
    }

    /// The optimistic lock of section 5.5: it compares LastModifiedDate.
    fn check_unmodified(&self, object: u16, id: &str) -> Result<(), ApiError> {
        let Some(since) = self.options.unmodified_since else { return Ok(()) };
        let at = self.live(object, id)?;
        match self.value(at, "LastModifiedDate") {
            Value::Stamp(modified) if modified > since.as_second() => {
                let error = ApiError::request("MATCH_PRECONDITION_FAILED", "Precondition Failed");
                Err(ApiError { status: 412, ..error })
            }
            _ => Ok(()),
        }
    }

    fn check_locks(&self, object: u16, write: &Write) -> Result<(), ApiError> {
        let Some(locks) = self.locks.filter(|locks| !locks.is_empty()) else { return Ok(()) };
        let rows = self.lock_rows(object, write);
        match locks.conflict(&rows, self.options.lock_owner) {
            Some(row) => Err(unable_to_lock(self.store.id_of(row))),
            None => Ok(()),
        }
    }

    fn check_chance(&mut self, object: u16, write: &Write) -> Result<(), ApiError> {
        let Some(rejecting) = &mut self.options.rejecting else { return Ok(()) };
        let concerned = rejecting.object.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&write.object));
        if !concerned || rejecting.random.fraction() >= rejecting.rate {
            return Ok(());
        }
        let rejection = rejecting.rejection.clone();
        Err(match rejection {
            Rejection::LockedRow => {
                let rows = self.lock_rows(object, write);
                let own = write.action.id().and_then(|id| Id::parse(id).ok());
                let row = rows.last().map(|row| self.store.id_of(*row)).or(own);
                unable_to_lock(row.unwrap_or_else(|| self.store.id_of(self.setup.organization)))
            }
            other => rejected(&other),
        })
    }

    /// The rows that a write locks: the record, and the parents that it is given or belongs to.
    pub(crate) fn lock_rows(&self, object: u16, write: &Write) -> Vec<RowRef> {
        let definition = self.store.schema.object(object);
        let own = match &write.action {
            Action::Upsert(key) => self.keyed(definition, key, &write.fields),
            action => action.id().and_then(|id| Id::parse(id).ok()).and_then(|id| self.store.find(&id)),
        };
        let mut rows: Vec<RowRef> = own.into_iter().collect();
        for (key, value) in &write.fields {
            rows.extend(self.referred(definition, key, value));
        }
        if let Some(own) = own.filter(|own| own.table == definition.table) {
            let deletes = matches!(write.action, Action::Delete(_) | Action::HardDelete(_));
            let belongs = |field: &&Field| deletes || field.children.as_ref().is_some_and(|(_, goes)| *goes);
            let lookups = definition.fields.iter().filter(|field| field.kind == FieldType::Reference);
            for field in lookups.filter(belongs) {
                if let Value::Reference(at) = self.reader().read(definition, field, own.row) {
                    rows.push(at);
                }
            }
        }
        rows.retain(|at| !NEVER_LOCKED.contains(&self.store.schema.table_object(at.table).name.as_str()));
        rows
    }

    /// The record that an upsert would change.
    fn keyed(&self, object: &Object, key: &str, fields: &Map<String, Json>) -> Option<RowRef> {
        let text = split_key(fields, key).0.as_ref().and_then(key_text)?;
        match object.field(key) {
            Some(field) if field.kind != FieldType::Id => self.holders(object, field, &text).first().copied(),
            _ => self.store.find(&Id::parse(&text).ok()?),
        }
    }

    /// The record that a given field points at, by id or by external id.
    fn referred(&self, object: &Object, key: &str, value: &Json) -> Option<RowRef> {
        let lookup = object.field(key).filter(|field| field.kind == FieldType::Reference);
        match (lookup, value) {
            (Some(_), Json::String(id)) => self.store.find(&Id::parse(id).ok()?),
            _ => match self.given_by_external_id(object, key, value) {
                Ok(Some((_, Value::Reference(at)))) => Some(at),
                _ => None,
            },
        }
    }
}

/// The value of the key field, and the other fields.
fn split_key(fields: &Map<String, Json>, key: &str) -> (Option<Json>, Map<String, Json>) {
    let is_key = |name: &str| name.eq_ignore_ascii_case(key);
    let value = fields.iter().find(|(name, _)| is_key(name)).map(|(_, value)| value.clone());
    let others = fields.iter().filter(|(name, _)| !is_key(name));
    (value, others.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The text of a key; nothing for null and for an empty text.
pub(crate) fn key_text(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => text.trim().to_owned(),
        Json::Null => return None,
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

/// A field by which records may be upserted.
pub(crate) fn key_field<'a>(object: &'a Object, name: &str) -> Result<&'a Field, ApiError> {
    let field = object.field(name).filter(|field| field.has(Flags::LOOKUP) || field.has(Flags::EXTERNAL));
    field.ok_or_else(|| {
        let message = format!(
            "The field name provided, {name} does not match an External ID, Salesforce Id, or indexed field for {}",
            object.name
        );
        ApiError::request("INVALID_FIELD", message)
    })
}

fn rejected(rejection: &Rejection) -> ApiError {
    let (code, message): (&'static str, &str) = match rejection {
        Rejection::ValidationRule(text) => ("FIELD_CUSTOM_VALIDATION_EXCEPTION", text),
        Rejection::TriggerFailed => (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            "AfterSave: execution of AfterUpdate caused by: System.NullPointerException: Attempt to de-reference a null object",
        ),
        Rejection::FlowFailed => (
            "CANNOT_EXECUTE_FLOW_TRIGGER",
            "We can't save this record because the \"After save\" process failed. Give your Salesforce admin these details.",
        ),
        Rejection::InsufficientAccess => {
            ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
        }
        Rejection::InApproval => ("ENTITY_IS_LOCKED", "the entity is locked for editing"),
        Rejection::StorageFull => ("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"),
        Rejection::LockedRow | Rejection::Unexpected => (
            "UNKNOWN_EXCEPTION",
            "An unexpected error occurred. Please include this ErrorId if you contact support: 1678459733-112656 (-771449107)",
        ),
    };
    ApiError::dml(code, message, &[])
}
