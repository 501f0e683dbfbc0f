//! What a write replaced is noted beside it, in the same commit. Only updates of linked records have an old value that was read: mirrors
//! stream past what they overwrite, and a create replaces nothing.

use super::Bench;
use super::decide::{Fate, Item};
use crate::model::{Commit, Op, Replaced, ReplacedField, RunWrites, Side};
use crate::sync::{self, Decision};

impl Bench<'_> {
    /// A write of an item to a side was stored.
    pub(super) fn note_write(&self, commit: &mut Commit, item: &Item, (side, kind): (Side, Op)) {
        let mut writes = RunWrites { run: self.run, replaced: Vec::new(), made: 0, removed: 0 };
        match kind {
            Op::Create => writes.made += 1,
            Op::Delete | Op::Archive => writes.removed += 1,
            Op::Update => writes.replaced.extend(self.replaced(item, side)),
            Op::Link => return,
        }
        match &mut commit.replaced {
            Some(noted) => noted.add(writes),
            None => commit.replaced = Some(writes),
        }
    }

    fn replaced(&self, item: &Item, side: Side) -> Option<Replaced> {
        let Some(Fate::Decided(Decision::Update { writes, .. })) = &item.fate else { return None };
        let write = writes.iter().find(|write| write.side == side)?;
        let (held, situation) = (item.row_on(side)?, self.situation(item));
        let names = self.pipeline.schema(side).fields();
        let field = |row: &usize| {
            let at = self.pipeline.rows.get(*row)?.field_on(side)?;
            Some(ReplacedField {
                row: *self.pipeline.row_set.rows.get(*row)?,
                field: names.get(at)?.name.to_string(),
                before: held.get(at).clone(),
                after: write.row.get(at).clone(),
                seen: sync::seen(&situation, *row, side),
            })
        };
        Some(Replaced {
            side,
            salesforce: item.key_on(Side::Salesforce)?.clone(),
            app: item.key_on(Side::App)?.clone(),
            fields: write.rows.iter().filter_map(field).collect(),
        })
    }
}
