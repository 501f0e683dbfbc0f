//! Where a reader stands. A cursor moves only over records that are settled, held or stored as failures.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Key;

/// A place in an order by `(stamp, id)`. Thousands of records can share one stamp, so the stamp alone is no place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Keyset {
    /// `SystemModstamp`, or the stamp field that the object has instead.
    pub stamp: Timestamp,
    /// Id of the last record at that stamp.
    pub id: Key,
}

/// How far one side of a pipeline has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// The first load is under way.
    Backfill {
        /// Server time at which the load began: polling starts from here when it is complete.
        anchor: Timestamp,
        /// What has been loaded.
        done: Backfill,
    },
    /// Changes are followed.
    Changes {
        /// Everything that was committed before this server time has been read.
        upto: Timestamp,
        /// The window that is being read page by page, if one is: its own end, and the last settled record.
        within: Option<(Timestamp, Keyset)>,
    },
}

/// The progress of a first load. Both lanes can be taken up after a crash without reading everything again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backfill {
    /// Pages in id order over REST or SQL; all ids up to and including this one are settled.
    Keys {
        /// Last settled id; `None` before the first page.
        after: Option<Key>,
    },
    /// A Bulk API 2.0 query job, whose results stay for seven days.
    Job {
        /// Id of the job.
        id: String,
        /// Locators of the result pages that are settled (the first page has the empty locator), with their numbers of rows.
        pages: Vec<(String, u64)>,
        /// Rows handed out so far, those of pages that are not settled included: no two batches end at the same cursor.
        rows: u64,
    },
}
