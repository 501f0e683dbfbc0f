//! `old` in expressions: what the record said when it was last settled.
//!
//! A window that overlaps, a comparison or a replay reads the same state of a record again, and the same state must give the same
//! result. So two states are remembered: while the stamp and the fields are those of the last one, `old` is the one before.

use crate::model::{NamedValues, Row, Schema, Seen, Side, Value, Version};
use crate::plan::Pipeline;

/// The last state of a record, and what is to be remembered once the record is settled as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Old {
    /// `old`; `None` the first time.
    pub row: Option<Row>,
    /// To be remembered; `None`: nothing changed.
    pub next: Option<Seen>,
}

/// Looks back from a record of a side. Nothing is remembered where no expression asks.
pub fn look_back(
    pipeline: &Pipeline,
    side: Side,
    (row, version): (&Row, Option<Version>),
    seen: Option<&Seen>,
) -> Old {
    let Some(asked) = pipeline.reads_old(side) else { return Old::default() };
    let schema = pipeline.schema(side);
    let said = named(schema, asked, row);
    match seen {
        Some(seen) if seen.version == version && seen.last == said => {
            Old { row: seen.before.as_ref().map(|before| placed(schema, before)), next: None }
        }
        _ => {
            let before = seen.map(|seen| seen.last.clone());
            let row = before.as_ref().map(|before| placed(schema, before));
            Old { row, next: Some(Seen { version, last: said, before }) }
        }
    }
}

fn named(schema: &Schema, asked: &[usize], row: &Row) -> NamedValues {
    let field = |at: &usize| Some((schema.fields().get(*at)?.name.to_string(), row.get(*at).clone()));
    asked.iter().filter_map(field).collect()
}

/// Fields that were not remembered, because the file did not ask for them yet, are null.
fn placed(schema: &Schema, said: &NamedValues) -> Row {
    let mut row = Row(vec![Value::Null; schema.len()].into());
    for (name, value) in said {
        if let Some(at) = schema.position(name) {
            row.set(at, value.clone());
        }
    }
    row
}
