//! Where each column of a row goes on the wire: resolved once for a destination.

use std::sync::Arc;

use super::spec::WriteSpec;
use crate::connect::salesforce::notes;
use crate::model::{FieldInfo, ObjectInfo, StoredForm};

/// One column of the rows.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// `Id`, which names the record and is never set.
    Id,
    /// The virtual `RecordType`: its developer name becomes `RecordTypeId`.
    RecordType,
    /// A field of the object.
    Field {
        /// Its name on the wire.
        wire: Arc<str>,
        /// Position among the fields of the object.
        at: usize,
        /// What Salesforce makes of its values.
        form: StoredForm,
    },
    /// The text of a note, which goes encoded.
    Text {
        /// Position among the fields of the object.
        at: usize,
    },
    /// The record on which a note hangs.
    Link,
    /// A field of another record, which is read and never written.
    Foreign,
    /// The object has no such field, or hides it.
    Unknown,
}

/// The columns of a destination.
#[derive(Debug)]
pub(super) struct Targets {
    /// By position in the schema.
    pub columns: Vec<Target>,
    /// Position in the schema of the record type.
    pub record_type: Option<usize>,
    /// Position in the schema of the field to upsert by, with its name on the wire.
    pub upsert: Option<(usize, Arc<str>)>,
    /// The reference whose record Salesforce locks when one of ours is written: name on the wire.
    pub parent: Option<Arc<str>>,
}

impl Targets {
    pub(super) fn new(spec: &WriteSpec) -> Self {
        let columns: Vec<Target> =
            spec.schema.fields().iter().map(|field| target(&spec.object, &field.name)).collect();
        Self {
            record_type: columns.iter().position(|column| matches!(column, Target::RecordType)),
            upsert: spec.upsert_by().map(|(at, field)| (at, Arc::from(field.name.as_str()))),
            parent: locking_parent(&spec.object).map(|field| Arc::from(field.name.as_str())),
            columns,
        }
    }
}

fn target(object: &ObjectInfo, path: &str) -> Target {
    if path.eq_ignore_ascii_case("Id") {
        return Target::Id;
    }
    if path.eq_ignore_ascii_case("RecordType") || path.eq_ignore_ascii_case("RecordType.DeveloperName") {
        return Target::RecordType;
    }
    if path.contains('.') {
        return Target::Foreign;
    }
    let is_note = notes::are(&object.name);
    if is_note && path == notes::LINK {
        return Target::Link;
    }
    match object.fields.iter().position(|field| field.name.eq_ignore_ascii_case(path)) {
        Some(at) if is_note && path == notes::CONTENT => Target::Text { at },
        Some(at) => {
            let field = &object.fields[at];
            Target::Field { wire: Arc::from(field.name.as_str()), at, form: StoredForm::of(field) }
        }
        None => Target::Unknown,
    }
}

/// The parent that contends: the account where the object has one, else a master (which cannot be changed later), else the first
/// parent that is no user, queue or record type.
fn locking_parent(object: &ObjectInfo) -> Option<&FieldInfo> {
    const NEVER: [&str; 4] = ["User", "Group", "RecordType", "Profile"];
    let is_parent = |field: &&FieldInfo| {
        field.wire == "reference"
            && (field.createable || field.updateable)
            && !field.reference_to.iter().any(|to| NEVER.contains(&to.as_str()))
    };
    let mut parents = object.fields.iter().filter(is_parent);
    object
        .field("AccountId")
        .filter(is_parent)
        .or_else(|| {
            object.fields.iter().filter(is_parent).find(|field| field.createable && !field.updateable)
        })
        .or_else(|| parents.next())
}
