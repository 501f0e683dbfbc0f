//! From operations to what is sent: names and values of the wire, checked. Pure.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::check::{self, Way};
use super::spec::WriteSpec;
use super::target::{Target, Targets};
use crate::connect::salesforce::api::cell::fits_bulk;
use crate::connect::salesforce::api::collections::Written;
use crate::model::{Class, Key, Outcome, RecordError, Row, SalesforceId, Value, Version, WriteOp};

/// What is done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Verb {
    /// Made. Repeating it makes a twin.
    Create,
    /// Made, or changed where a record has the external id already.
    Upsert,
    /// Changed.
    Update,
    /// Deleted.
    Delete,
}

/// Where a note hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On this record.
    On(Key),
    /// On none.
    Nowhere,
}

impl Place {
    /// The record.
    pub(super) fn record(&self) -> Option<&Key> {
        match self {
            Self::On(record) => Some(record),
            Self::Nowhere => None,
        }
    }
}

/// One operation, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// Which of the operations it is.
    pub at: usize,
    /// What is done.
    pub verb: Verb,
    /// The record, for updates and deletes.
    pub id: Option<Key>,
    /// Value of the external id, for upserts.
    pub external: Option<String>,
    /// What is set, in the order of the schema.
    pub fields: Vec<Written>,
    /// The record as it was read.
    pub expected: Option<Version>,
    /// The record that is locked with it, as far as that is known.
    pub parent: Option<Key>,
    /// Where a note is to hang, if the row says it.
    pub link: Option<Place>,
}

impl Prepared {
    /// What two operations on one record share: they must not be in one request.
    pub(super) fn identity(&self) -> Option<String> {
        match (&self.id, &self.external) {
            (Some(id), _) => Some(id.to_string()),
            (None, Some(external)) => Some(format!("external {}", external.to_lowercase())),
            (None, None) => None,
        }
    }

    /// Estimated size in a request.
    pub(super) fn weight(&self) -> usize {
        let value = |value: &Value| match value {
            Value::Text(text) => text.len(),
            _ => 24,
        };
        self.fields.iter().map(|(name, content)| name.len() + 8 + value(content)).sum::<usize>() + 60
    }

    /// Whether Bulk can carry it.
    pub(super) fn fits_bulk(&self) -> bool {
        self.link.is_none()
            && self.weight() < 350_000
            && self.fields.iter().all(|(_, value)| fits_bulk(value))
    }
}

/// Prepares one operation, or tells what becomes of it without a call.
pub(super) fn prepare(
    spec: &WriteSpec,
    targets: &Targets,
    at: usize,
    op: &WriteOp,
) -> Result<Prepared, Outcome> {
    let bare = |verb: Verb, id: Option<Key>| Prepared {
        at,
        verb,
        id,
        external: None,
        fields: Vec::new(),
        expected: None,
        parent: None,
        link: None,
    };
    match op {
        WriteOp::Delete { key } => Ok(bare(Verb::Delete, Some(id(key)?))),
        WriteOp::Update { key, row, expected } => {
            let filled = fill(spec, targets, row, bare(Verb::Update, Some(id(key)?)))?;
            if filled.fields.is_empty() && filled.link.is_none() {
                return Err(Outcome::Unchanged { key: key.clone() });
            }
            Ok(Prepared { expected: *expected, ..filled })
        }
        WriteOp::Archive { key, row } => fill(spec, targets, row, bare(Verb::Update, Some(id(key)?))),
        WriteOp::Create { row } | WriteOp::Upsert { row } => {
            let external = external(targets, row);
            let verb = match (op, &external) {
                (_, Some(_)) => Verb::Upsert,
                (WriteOp::Create { .. }, None) => Verb::Create,
                _ => {
                    let message = "the record has no unique external id by which it could be recognised";
                    return Err(Outcome::Rejected(RecordError::new("R109", Class::Record, message)));
                }
            };
            fill(spec, targets, row, Prepared { external, ..bare(verb, None) })
        }
    }
}

fn id(key: &Key) -> Result<Key, Outcome> {
    if SalesforceId::parse(key.as_str()).is_some() {
        return Ok(Key::salesforce(key.as_str()));
    }
    let message = format!("`{key}` is no id of Salesforce");
    Err(Outcome::Rejected(RecordError::new("R231", Class::Record, message)))
}

/// The external id of a row in the text that it has on the wire.
fn external(targets: &Targets, row: &Row) -> Option<String> {
    let (position, _) = targets.upsert.as_ref()?;
    let value = row.get(*position);
    (!value.is_blank()).then(|| crate::connect::salesforce::api::cell::cell(value).trim().to_owned())
}

fn fill(spec: &WriteSpec, targets: &Targets, row: &Row, empty: Prepared) -> Result<Prepared, Outcome> {
    filled(spec, targets, row, empty).map_err(Outcome::Rejected)
}

fn filled(
    spec: &WriteSpec,
    targets: &Targets,
    row: &Row,
    mut record: Prepared,
) -> Result<Prepared, RecordError> {
    let way = match record.verb {
        Verb::Create => Way::Create,
        Verb::Upsert => Way::Upsert,
        Verb::Update | Verb::Delete => Way::Update,
    };
    let kind = targets.record_type.and_then(|position| row.get(position).as_text());
    for (position, target) in targets.columns.iter().enumerate() {
        let value = row.get(position);
        if value.is_absent() {
            continue;
        }
        let path = || spec.schema.fields()[position].name.to_string();
        match target {
            Target::Id => {}
            Target::RecordType => record.fields.extend(record_type(spec, value, way)?),
            Target::Link => record.link = Some(linked(&path(), value)?),
            Target::Text { at } => {
                let field = &spec.object.fields[*at];
                check::right(field, way)?;
                let encoded = STANDARD.encode(value.as_text().unwrap_or_default());
                record.fields.push((Arc::from(field.name.as_str()), Value::text(encoded)));
            }
            Target::Foreign => return Err(check::unwritable(&path(), "is a field of another record")),
            Target::Unknown => {
                return Err(check::unwritable(&path(), "is missing, or hidden from the integration user"));
            }
            Target::Field { wire, at, form } => {
                let value = form.apply(value);
                let field = &spec.object.fields[*at];
                if way != Way::Update && says_nothing(field, &value, way) {
                    continue;
                }
                let known_by = targets.upsert.as_ref().is_some_and(|(known, _)| *known == position);
                if !(way == Way::Upsert && known_by) {
                    check::value(field, &value, way, kind)?;
                }
                record.fields.push((Arc::clone(wire), value));
            }
        }
    }
    record.parent = parent(targets, &record.fields);
    if way != Way::Update {
        let set = |name: &str| {
            record.fields.iter().any(|(known, value)| known.eq_ignore_ascii_case(name) && !value.is_null())
        };
        check::required(&spec.object, set)?;
    }
    Ok(record)
}

/// Nothing in a record that is made: it would be empty anyway, unless the org has a default for a field that may be empty. An upsert
/// may meet a record that is there, and never empties it.
fn says_nothing(field: &crate::model::FieldInfo, value: &Value, way: Way) -> bool {
    value.is_null() && (way == Way::Upsert || !field.nillable || !field.defaulted_on_create)
}

/// The record on which a note is to hang.
fn linked(path: &str, value: &Value) -> Result<Place, RecordError> {
    let Some(id) = value.as_text().map(str::trim).filter(|id| !id.is_empty()) else {
        return Ok(Place::Nowhere);
    };
    match SalesforceId::parse(id) {
        Some(_) => Ok(Place::On(Key::salesforce(id))),
        None => Err(check::unwritable(path, "takes the id of a record")),
    }
}

fn record_type(spec: &WriteSpec, value: &Value, way: Way) -> Result<Option<Written>, RecordError> {
    let wire: Arc<str> = Arc::from("RecordTypeId");
    let Some(name) = value.as_text().map(str::trim).filter(|name| !name.is_empty()) else {
        return Ok((way == Way::Update).then_some((wire, Value::Null)));
    };
    if let Some(field) = spec.object.field(&wire) {
        check::right(field, way)?;
    }
    let found = check::record_type(&spec.object, name)?;
    Ok(Some((wire, Value::text(&found.id))))
}

fn parent(targets: &Targets, fields: &[Written]) -> Option<Key> {
    let name = targets.parent.as_ref()?;
    let (_, value) = fields.iter().find(|(known, _)| known == name)?;
    value.as_text().map(Key::salesforce)
}
