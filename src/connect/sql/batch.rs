//! How the writes of a batch are put together: rows that provide the same columns share a statement. Pure.

use std::borrow::Cow;
use std::collections::HashSet;

use super::TableSpec;
use super::error::Unwritten;
use crate::connect::Notes;
use crate::model::{Class, Existing, Key, Outcome, RecordError, Row, Value, WriteOp};

/// The kind of a write, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpKind {
    Create,
    Update,
    /// An update to which the policies of columns do not apply.
    Archive,
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
        WriteOp::Archive { row, .. } => (OpKind::Archive, Some(row)),
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

/// Groups that can be written one after the other as sets: rows of the same shape together, wherever they stand in the
/// batch, but never two writes to one record in one group, nor in the wrong order.
pub(super) fn sets(spec: &TableSpec, ops: &[WriteOp]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut wave = 0;
    let mut seen: HashSet<Cow<'_, str>> = HashSet::with_capacity(ops.len());
    for (at, op) in ops.iter().enumerate() {
        if let Some(key) = key_of(spec, op) {
            if seen.contains(&key) {
                seen.clear();
                wave = groups.len();
            }
            seen.insert(key);
        }
        let (kind, row) = parts(op);
        if let Some(group) = groups[wave..].iter_mut().find(|group| group.takes(kind, row)) {
            group.ops.push(at);
        } else {
            let mut group = Group::new(kind, row);
            group.ops.push(at);
            groups.push(group);
        }
    }
    groups
}

/// Says the keys of the records that creates have made and that are about to be committed. `base` is the place of the first
/// operation in the batch as it was given.
pub(super) fn note<'a>(
    notes: Option<&dyn Notes>,
    base: usize,
    ops: &[WriteOp],
    outcomes: impl Iterator<Item = Option<&'a Outcome>>,
) -> Result<(), Unwritten> {
    let Some(notes) = notes else { return Ok(()) };
    let key = |(at, (op, outcome)): (usize, (&WriteOp, Option<&Outcome>))| match (op, outcome) {
        (WriteOp::Create { .. }, Some(Outcome::Written { key, .. })) => Some((base + at, key.clone())),
        _ => None,
    };
    let keys: Vec<(usize, Key)> = ops.iter().zip(outcomes).enumerate().filter_map(key).collect();
    if keys.is_empty() { Ok(()) } else { notes.storing(&keys).map_err(Unwritten::Unnoted) }
}

/// What a write names its record by; `None` where only the database can tell.
fn key_of<'a>(spec: &TableSpec, op: &'a WriteOp) -> Option<Cow<'a, str>> {
    match op {
        WriteOp::Update { key, .. } | WriteOp::Archive { key, .. } | WriteOp::Delete { key } => {
            Some(Cow::Borrowed(key.as_str()))
        }
        WriteOp::Create { row } | WriteOp::Upsert { row } => {
            let value = row.get(spec.key_position().or_else(|| spec.unique_positions()?.first().copied())?);
            match value {
                Value::Absent | Value::Null => None,
                Value::Text(text) => Some(Cow::Borrowed(text.as_str())),
                other => Some(Cow::Owned(other.to_string())),
            }
        }
    }
}

/// Why an upsert of this row cannot recognise its record: a unique column without a value.
pub(super) fn unidentified(spec: &TableSpec, row: &Row) -> Option<RecordError> {
    let empty = spec.unique.iter().find(|column| {
        let position =
            spec.columns.iter().position(|known| known.json_key.is_none() && known.column == **column);
        position.is_none_or(|at| row.get(at).is_null())
    })?;
    Some(RecordError {
        code: "R222",
        remote: None,
        message: format!("the record has no value for `{empty}`, by which it is recognised"),
        fields: vec![empty.clone()],
        existing: Existing::default(),
        class: Class::Record,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::sql::{ColumnSpec, Dialect, KeySpec, Shape, TableName};
    use crate::model::Kind;

    fn spec() -> TableSpec {
        let column = |name| ColumnSpec::new(Dialect::Sqlite, name, Shape::of(Kind::Text));
        TableSpec {
            table: TableName::parse("t"),
            columns: vec![column("id"), column("a"), column("b")],
            reads: Vec::new(),
            key: KeySpec::in_row(Dialect::Sqlite, "id"),
            unique: vec!["id".to_owned()],
            match_columns: Vec::new(),
            updated_at: None,
            deleted_at: None,
            create: false,
        }
    }

    fn upsert(id: &str, a: Value, b: Value) -> WriteOp {
        WriteOp::Upsert { row: Row::from(vec![Value::text(id), a, b]) }
    }

    fn shape(groups: &[Group]) -> Vec<(OpKind, &[usize], &[usize])> {
        groups.iter().map(|group| (group.kind, &group.provided[..], &group.ops[..])).collect()
    }

    #[test]
    fn rows_of_one_shape_share_a_group() {
        let ops = [
            upsert("1", "x".into(), Value::Null),
            upsert("2", Value::Absent, "y".into()),
            upsert("3", Value::Null, Value::Null),
        ];
        let (sets, runs) = (sets(&spec(), &ops), runs(&ops));
        assert_eq!(
            shape(&sets),
            [(OpKind::Upsert, &[0, 1, 2][..], &[0, 2][..]), (OpKind::Upsert, &[0, 2], &[1])]
        );
        assert_eq!(runs.len(), 3);
    }

    #[test]
    fn two_writes_to_one_record_keep_their_order() {
        let ops = [
            upsert("1", "x".into(), Value::Null),
            upsert("2", Value::Absent, "y".into()),
            WriteOp::Delete { key: Key::app("1") },
            upsert("1", "z".into(), Value::Null),
        ];
        let groups = sets(&spec(), &ops);
        let order: Vec<_> = groups.iter().flat_map(|group| group.ops.clone()).collect();
        assert_eq!(order, [0, 1, 2, 3]);
    }

    #[test]
    fn an_upsert_without_its_key_is_refused() {
        let row = Row::from(vec![Value::Null, "x".into(), Value::Null]);
        assert_eq!(unidentified(&spec(), &row).map(|error| error.code), Some("R222"));
    }
}
