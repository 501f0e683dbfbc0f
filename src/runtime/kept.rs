//! The batch of a bulk job that was read ahead when somebody wanted the task between two batches. The pass that takes the load up again
//! begins with it, so that the download goes on: without it, every interruption would begin the page again, up to 50,000 records, and a
//! load that news interrupt all the time would never end.
//!
//! Of bulk jobs only: their results do not change while the job exists, so they are as good later. Whatever is read from a living table
//! is read again.

use crate::model::{Backfill, Cursor, Read, Side};

/// What was read and not settled, with the place it was read from.
#[derive(Debug, Default)]
pub struct Kept(Option<(Side, Cursor, Read)>);

impl Kept {
    /// Keeps what was read from this place, if it is of a bulk job.
    pub(super) fn keep(&mut self, side: Side, from: Cursor, read: Read) {
        let of_a_job = matches!(from, Cursor::Backfill { done: Backfill::Job { .. }, .. });
        self.0 = (of_a_job && matches!(read, Read::Batch { .. })).then_some((side, from, read));
    }

    /// What was read from this place. It is good for one pass over this side, wherever that begins.
    pub(super) fn take(&mut self, side: Side, from: Option<&Cursor>) -> Option<Read> {
        let (_, place, read) = self.0.take_if(|(of, ..)| *of == side)?;
        (Some(&place) == from).then_some(read)
    }
}
