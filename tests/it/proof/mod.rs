//! The proof that records are right: an expectation written by hand from the files of a set and the org's own data, against every row
//! and column of the database.
//!
//! `SFSYNC_PROOF=10` makes the campaigns ten times as long: more opportunities, more edits, more rounds of faults, more deaths and kills.
//! `SFSYNC_PROOF_SEED=7` makes them other campaigns: other data, other edits, other moments of death.

mod drive;
mod faults;
mod killed;
mod operating;
mod operating_runs;
mod org_rows;
mod smvue;
mod smvue_runs;
mod tables;

/// The clock of daemons that meet faults: what they rest between tries is not waited for.
pub const FASTER: u32 = 10;

/// How much longer than usual.
pub fn factor() -> u32 {
    number("SFSYNC_PROOF").unwrap_or(1)
}

/// What is added to every seed.
pub fn seed() -> u64 {
    number("SFSYNC_PROOF_SEED").map_or(0, |seed: u32| u64::from(seed) * 1_000_000)
}

fn number(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}
