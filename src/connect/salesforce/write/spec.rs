//! What one pipeline writes to one object: columns, operations, lanes. Plain data; the plan fills it. Read [`WriteSpec`] first.

use std::sync::Arc;

use super::super::api::collections::MAX_RECORDS;
use crate::model::{FieldInfo, ObjectInfo, Op, Ops, Schema, WriteOp};

/// From how many records on Bulk API 2.0 is used, and how many go with one Collections call.
///
/// 2,000 records are ten Collections calls and about eight of a bulk job, which starts later; Salesforce advises the same border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteLanes {
    /// More records than this of one operation go by bulk.
    pub bulk: usize,
    /// Records of one Collections call, at most 200.
    pub batch: usize,
}

impl Default for WriteLanes {
    fn default() -> Self {
        Self { bulk: 2_000, batch: MAX_RECORDS }
    }
}

/// What a destination writes. Fields are plain: change them before the destination is made.
#[derive(Clone, Debug)]
pub struct WriteSpec {
    /// The object as describe has it for the integration user.
    pub object: Arc<ObjectInfo>,
    /// The columns of the rows that are read and written, by path (`Name`, `Account.Name`, the virtual `RecordType`).
    pub schema: Arc<Schema>,
    /// What the pipeline lists. Everything else is refused.
    pub ops: Ops,
    /// Positions of the fields by which records are matched.
    pub matches: Vec<usize>,
    /// First characters of the ids of the records on which notes are looked for, in their order; empty: all records.
    pub parents: Vec<String>,
    /// Where bulk begins.
    pub lanes: WriteLanes,
}

impl WriteSpec {
    /// A destination with everything else at its default.
    pub fn new(object: Arc<ObjectInfo>, schema: Arc<Schema>, ops: Ops) -> Self {
        let (matches, parents) = (Vec::new(), Vec::new());
        Self { object, schema, ops, matches, parents, lanes: WriteLanes::default() }
    }

    /// The field by which a create becomes an upsert, so that repeating it makes no twin: a match field that Salesforce knows as an
    /// external id or lookup id *and* keeps unique. An upsert by a field that is not unique would need View All Data and could meet
    /// several records. Since an upsert changes a record that is there already, `update` has to be listed, too.
    pub fn upsert_by(&self) -> Option<(usize, &FieldInfo)> {
        if !self.ops.update {
            return None;
        }
        let known = |position: &usize| {
            let field = self.object.field(&self.schema.fields().get(*position)?.name)?;
            let usable = (field.external_id || field.id_lookup) && field.unique;
            (usable && !field.name.eq_ignore_ascii_case("Id")).then_some((*position, field))
        };
        self.matches.iter().find_map(known)
    }

    /// The operation that the pipeline does not list and this write would perform.
    pub(super) fn unlisted(&self, op: &WriteOp) -> Option<Op> {
        let needed: &[Op] = match op {
            WriteOp::Create { .. } => &[Op::Create],
            WriteOp::Update { .. } => &[Op::Update],
            WriteOp::Upsert { .. } => &[Op::Create, Op::Update],
            WriteOp::Archive { .. } => &[Op::Archive],
            WriteOp::Delete { .. } => &[Op::Delete],
        };
        needed.iter().copied().find(|op| !self.ops.allows(*op))
    }
}
