//! What one pipeline reads of one object: columns, filter, stamps, lanes. Pure data; the plan fills it.
//! Read [`ReadSpec`] first.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Field, Kind, ObjectInfo, Schema};

/// What the first load brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadScope {
    /// Everything that passes the filter.
    All,
    /// Nothing: only changes from now on.
    Nothing,
    /// What passes the filter and this SOQL condition as well.
    Where(String),
}

/// From how many records on Bulk API 2.0 is used instead of REST pages.
///
/// A REST page of 2,000 rows is one call; a bulk job is one call to create, two to four to wait and one for each 50,000 rows, and
/// starts seconds later. So five pages are the point where bulk becomes cheaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// First loads above this many records go by bulk.
    pub load: u64,
    /// Windows of changes above this many records go by bulk.
    pub changes: u64,
    /// Rows of one bulk result page.
    pub page: u32,
    /// Bulk result pages downloaded at once.
    pub pages_at_once: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { load: 10_000, changes: 50_000, page: 50_000, pages_at_once: 3 }
    }
}

/// What a source reads. Fields are plain: change them before the source is made.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts and wishes
pub struct ReadSpec {
    /// API name of the object.
    pub object: String,
    /// The columns of the rows, by path (`Name`, `Account.Name`, the virtual `RecordType`).
    pub schema: Arc<Schema>,
    /// The field whose stamp orders changes.
    pub stamp_field: String,
    /// `include`, `exclude` and `where` as one SOQL condition.
    pub filter: Option<String>,
    /// Deletes matter: changes are read by queryAll.
    pub deletes: bool,
    /// Deletes matter, and the org keeps a log of them (getDeleted).
    pub delete_log: bool,
    /// Records that changed and do not pass the filter are reported as `Left`, with their row. Costs a call for every 400 changed
    /// records, and reads all that changed instead of what passes.
    pub leavers: bool,
    /// What the first load brings.
    pub load: LoadScope,
    /// The object has `IsDeleted`.
    pub has_is_deleted: bool,
    /// The object has `MasterRecordId`: it can be merged.
    pub has_master_record_id: bool,
    /// How far windows overlap. Transactions last up to ten minutes and commit with the stamp of their beginning.
    pub lookback: Duration,
    /// How far behind the server's time a window ends.
    pub lag: Duration,
    /// First characters of the ids of the records on which notes are looked for, in their order; empty: all records.
    pub parents: Vec<String>,
    /// Where bulk begins.
    pub lanes: Lanes,
}

impl ReadSpec {
    /// Columns of an object with everything else at its default: all records, deletes, no filter.
    pub fn new(object: &str, columns: &[(&str, Kind)]) -> Self {
        let fields = columns.iter().map(|(path, kind)| Field { name: Arc::from(*path), kind: *kind });
        Self {
            object: object.to_owned(),
            schema: Arc::new(Schema::new(fields)),
            stamp_field: "SystemModstamp".to_owned(),
            filter: None,
            deletes: true,
            delete_log: false,
            leavers: false,
            load: LoadScope::All,
            has_is_deleted: true,
            has_master_record_id: false,
            lookback: Duration::from_secs(600),
            lag: Duration::from_secs(5),
            parents: Vec::new(),
            lanes: Lanes::default(),
        }
    }

    /// Takes from describe what the object can do. An object without any stamp keeps the given field, and its query fails loudly.
    #[must_use]
    pub fn with_facts(mut self, object: &ObjectInfo) -> Self {
        if let Some(stamp) = object.stamp_field() {
            self.stamp_field.clone_from(&stamp.name);
        }
        self.has_is_deleted = object.field("IsDeleted").is_some();
        self.has_master_record_id = object.field("MasterRecordId").is_some();
        self
    }

    /// Whether a column holds what Bulk refuses (compound fields).
    pub(crate) fn needs_rest(&self) -> bool {
        self.schema.fields().iter().any(|field| field.kind == Kind::Json)
    }
}
