//! How the writes of a batch are put together: rows that provide the same columns share a statement. Pure.

use crate::model::{Row, WriteOp};

/// The kind of a write, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpKind {
    Create,
    Update,
    Upsert,
    Delete,
}

/// Writes of one kind that provide the same columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) kind: OpKind,
    /// Positions of the write schema with a value or a null.
    pub(super) provided: Vec<usize>,
    /// Places in the batch, in order.
    pub(super) ops: Vec<usize>,
}

impl Group {
    fn new(kind: OpKind, row: Option<&Row>) -> Self {
        let provided = row.map(provided).unwrap_or_default();
        Self { kind, provided, ops: Vec::new() }
    }

    fn takes(&self, kind: OpKind, row: Option<&Row>) -> bool {
        self.kind == kind && row.is_none_or(|row| provides_exactly(row, &self.provided))
    }
}

/// Kind and row of a write.
pub(super) fn parts(op: &WriteOp) -> (OpKind, Option<&Row>) {
    match op {
        WriteOp::Create { row } => (OpKind::Create, Some(row)),
        WriteOp::Update { row, .. } => (OpKind::Update, Some(row)),
        WriteOp::Upsert { row } => (OpKind::Upsert, Some(row)),
        WriteOp::Delete { .. } => (OpKind::Delete, None),
    }
}

/// Neighbours of the same shape, in the order of the batch.
pub(super) fn runs(ops: &[WriteOp]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, op) in ops.iter().enumerate() {
        let (kind, row) = parts(op);
        match groups.last_mut() {
            Some(group) if group.takes(kind, row) => group.ops.push(at),
            _ => {
                let mut group = Group::new(kind, row);
                group.ops.push(at);
                groups.push(group);
            }
        }
    }
    groups
}

fn provided(row: &Row) -> Vec<usize> {
    (0..row.0.len()).filter(|at| !row.0[*at].is_absent()).collect()
}

fn provides_exactly(row: &Row, positions: &[usize]) -> bool {
    let mut expected = positions.iter();
    let mut next = expected.next();
    for (at, value) in row.0.iter().enumerate() {
        let wanted = next == Some(&at);
        if wanted == value.is_absent() {
            return false;
        }
        if wanted {
            next = expected.next();
        }
    }
    next.is_none()
}
