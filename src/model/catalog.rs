//! What the systems say about their own records: Salesforce objects (from describe, as the integration user) and
//! app tables or resources. Kept in the state, so that checks work offline with yesterday's schema and say how old it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Kind;

/// A Salesforce object as the integration user sees it. Field-level security hides fields by leaving them out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // describe attributes, one to one
pub struct ObjectInfo {
    /// API name.
    pub name: String,
    /// Label for people.
    pub label: String,
    /// First three characters of its ids, where it has some of its own.
    pub key_prefix: Option<String>,
    /// The fields the user may read.
    pub fields: Vec<FieldInfo>,
    /// Record types, the master one included.
    pub record_types: Vec<RecordTypeInfo>,
    /// May be queried.
    pub queryable: bool,
    /// The user may create records.
    pub createable: bool,
    /// The user may change records.
    pub updateable: bool,
    /// The user may delete records.
    pub deletable: bool,
    /// Has getUpdated and getDeleted.
    pub replicateable: bool,
    /// Soft deletes can be undone, so deleted records stay visible to queryAll.
    pub undeletable: bool,
    /// When this was read.
    pub read_at: Timestamp,
}

impl ObjectInfo {
    /// A field by its API name; case does not matter, as on the wire.
    pub fn field(&self, name: &str) -> Option<&FieldInfo> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// Whether this is what was known before, read again later.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let read_at = self.read_at;
        *self == Self { read_at, ..other.clone() }
    }

    /// The field whose stamp orders changes: `SystemModstamp`, else `LastModifiedDate`, else `CreatedDate`.
    pub fn stamp_field(&self) -> Option<&FieldInfo> {
        ["SystemModstamp", "LastModifiedDate", "CreatedDate"].iter().find_map(|name| self.field(name))
    }
}

/// A field of a Salesforce object, section 4.2 of the API (describe).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // describe attributes, one to one
pub struct FieldInfo {
    /// API name.
    pub name: String,
    /// Label for people.
    pub label: String,
    /// Wire type: `picklist`, `currency`, `reference`, …
    pub wire: String,
    /// What it holds.
    pub kind: Kind,
    /// Characters of text.
    pub length: u32,
    /// Total digits.
    pub precision: u32,
    /// Decimals.
    pub scale: u32,
    /// May be empty.
    pub nillable: bool,
    /// Filled by the platform on create.
    pub defaulted_on_create: bool,
    /// The user may set it on create.
    pub createable: bool,
    /// The user may change it.
    pub updateable: bool,
    /// Formula or roll-up.
    pub calculated: bool,
    /// Auto number.
    pub auto_number: bool,
    /// Marked External ID.
    pub external_id: bool,
    /// May be used to upsert or to look up (Id, external ids, some emails).
    pub id_lookup: bool,
    /// Unique in the org.
    pub unique: bool,
    /// May stand in WHERE.
    pub filterable: bool,
    /// May stand in ORDER BY.
    pub sortable: bool,
    /// Objects it refers to; several when polymorphic.
    pub reference_to: Vec<String>,
    /// Name of the relationship in SOQL paths (`Account` of `AccountId`).
    pub relationship: Option<String>,
    /// Choices.
    pub picklist: Vec<PicklistValue>,
    /// Other values than the choices are refused.
    pub restricted: bool,
    /// Compound field it is a part of (`BillingAddress`).
    pub compound: Option<String>,
    /// Rich text.
    pub html: bool,
}

/// One choice of a picklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PicklistValue {
    /// The API value.
    pub value: String,
    /// Whether it may be chosen for new records.
    pub active: bool,
    /// Developer names of the record types that offer it; empty where that is not known.
    pub record_types: Vec<String>,
}

/// A record type of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTypeInfo {
    /// Its id, 18 characters.
    pub id: String,
    /// Developer name, which the files use.
    pub developer_name: String,
    /// Label.
    pub name: String,
    /// May be used by the user.
    pub available: bool,
    /// In use at all.
    pub active: bool,
}

/// A table of a database or a resource of an HTTP app, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableInfo {
    /// Name as messages print it.
    pub name: String,
    /// Columns or declared fields.
    pub columns: Vec<ColumnInfo>,
    /// Columns of the primary key, or the key field of a resource.
    pub primary_key: Vec<String>,
    /// Other unique column sets.
    pub unique: Vec<Vec<String>>,
    /// When this was read.
    pub read_at: Timestamp,
}

impl TableInfo {
    /// Whether this is what was known before, read again later.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let read_at = self.read_at;
        *self == Self { read_at, ..other.clone() }
    }

    /// A column by its exact name.
    pub fn column(&self, name: &str) -> Option<&ColumnInfo> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column of a table, or a declared field of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// The database's own name of the type, or the declared one.
    pub native: String,
    /// May be empty.
    pub nullable: bool,
    /// Filled by the other side when left out.
    pub has_default: bool,
    /// Cannot be written (generated column, `read_only` field).
    pub read_only: bool,
    /// Allowed values, where declared.
    pub one_of: Vec<String>,
}
