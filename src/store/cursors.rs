//! Where the readers stand, and the counters that status shows.

use redb::Table;

use super::tables::{self, Bytes, CURSORS, SPACES};
use super::{Store, StoreError, registry, wants};
use crate::model::{Counts, Cursor, PipelineName, Side};

/// What there is of a generation of a pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PipelineCounts {
    /// Remembered pairs.
    pub linked: u64,
    /// Records in the queue to be looked at again.
    pub queued: u64,
    /// Records that wait for a link of another pipeline.
    pub waiting: u64,
    /// Records held for a person.
    pub held: u64,
    /// Failed records.
    pub failed: u64,
    /// Everything that was ever committed, added up.
    pub totals: Counts,
}

pub(super) fn put_cursor(
    table: &mut Table<'_, (u32, u8), Bytes>,
    space: u32,
    side: Side,
    cursor: &Cursor,
) -> Result<(), StoreError> {
    table.insert((space, tables::side_byte(side)), tables::to_json(cursor, "cursor")?.as_slice())?;
    Ok(())
}

impl Store {
    /// How far a side of a pipeline has been read; `None` before the first commit of a cursor.
    pub fn cursor(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        side: Side,
    ) -> Result<Option<Cursor>, StoreError> {
        let Some(space) = self.space(pipeline, generation) else { return Ok(None) };
        self.read(|txn| {
            let table = txn.open_table(CURSORS)?;
            let stored = table.get((space, tables::side_byte(side)))?;
            stored.map(|bytes| tables::from_json(bytes.value(), "cursor")).transpose()
        })
    }

    /// Forgets how far a side has been read: the next read begins the first load again. Links stay.
    pub fn drop_cursor(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        side: Side,
    ) -> Result<(), StoreError> {
        let Some(space) = self.space(pipeline, generation) else { return Ok(()) };
        self.write(|txn, _| {
            txn.open_table(CURSORS)?.remove((space, tables::side_byte(side)))?;
            Ok(())
        })
    }

    /// The numbers of status. Costs one read and a count of the queue.
    pub fn summary(&self, pipeline: &PipelineName, generation: u32) -> Result<PipelineCounts, StoreError> {
        let registry = self.registry();
        let Some(number) = registry.number(pipeline) else { return Ok(PipelineCounts::default()) };
        let space = self.space(pipeline, generation);
        self.read(|txn| {
            let queued = wants::queued(txn, number)?;
            let Some(space) = space else {
                return Ok(PipelineCounts { queued, ..PipelineCounts::default() });
            };
            let registry::Space { linked, failed, held, waiting, totals, .. } =
                registry::space(&txn.open_table(SPACES)?, space)?;
            Ok(PipelineCounts { linked, queued, waiting, held, failed, totals })
        })
    }
}
