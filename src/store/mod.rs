//! What sfsync remembers, in one redb file: links with their baselines, creates on their way, what writes replaced, cursors, failures, wants,
//! runs, last good files, catalogs and tokens.
//!
//! The store is synchronous and `Send + Sync`; the runtime moves calls off its async threads. It never talks to a system, never
//! decides and never reads a clock: moments arrive as arguments. It keeps no record value in clear text: baselines are
//! fingerprints, the text of failures and tokens are encrypted. Read [`Store`] and [`Batch`] first.

mod catalog;
mod commit;
mod cursors;
mod encoding;
mod error;
mod failures;
mod files;
mod folder;
mod housekeeping;
mod intents;
mod link_row;
mod links;
mod migrate;
mod open;
mod pipeline_facts;
mod registry;
mod replaced;
mod row_sets;
mod runs;
mod seen;
mod tables;
mod tokens;
mod usage;
mod values;
mod vault;
mod walk;
mod wants;

#[cfg(test)]
mod tests;

pub use commit::{Batch, CommitSummary};
pub use cursors::PipelineCounts;
pub use error::StoreError;
pub use failures::FailureFilter;
pub use files::LastGood;
pub use open::Store;
pub use registry::{Flags, Mark};
pub use replaced::LastRun;
pub use runs::Run;
pub use vault::StoreKey;
pub use wants::Touch;
