//! The nouns of the domain as plain data: values, rows, keys, links, changes, commits.
//!
//! Nothing in here does I/O, reads a clock or knows a connector. Read [`Value`] and [`Schema`] first.

mod catalog;
mod change;
mod class;
mod clock;
mod commit;
mod compare;
mod cursor;
mod intent;
mod json;
mod key;
mod lead;
mod link;
mod names;
mod replaced;
mod schema;
mod seen;
mod stored;
mod value;
mod write;

pub use catalog::{ColumnInfo, FieldInfo, ObjectInfo, PicklistValue, RecordTypeInfo, TableInfo};
pub use change::{Change, ChangeEvent, Read, Version};
pub use class::Class;
pub use clock::Clock;
pub use commit::{Commit, Counts, Elsewhere, Failure, FailureId, FailureKind, FailureWay, Want};
pub use compare::{fingerprint, same_value};
pub use cursor::{Backfill, Cursor, Keyset};
pub use intent::Intent;
pub use key::{Key, SalesforceId};
pub use lead::{BECAME, CONVERTED, converted_field};
pub use link::{Fingerprint, Link, LinkState};
pub use names::{ConnectionName, PipelineName, ResourceName};
pub use replaced::{Replaced, ReplacedField, RunWrites};
pub use schema::{Field, Kind, Row, Schema};
pub use seen::{NamedValues, Remember, Seen};
pub use stored::StoredForm;
pub use value::{Text, Value};
pub use write::{Existing, Op, Ops, Outcome, RecordError, Side, WriteOp};
