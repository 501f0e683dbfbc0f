//! The daemon, the org and the database die at random while both sides are edited, and news alone carry what happens in Salesforce: it
//! is looked at once an hour. Afterwards both sides are equal, nothing is there twice, and no edit was lost.
//!
//! `SFSYNC_KILLS=180 ./test kills` goes on for that many seconds instead of a few; `SFSYNC_KILLS_SEED=7` makes other edits and
//! other moments of death; `SFSYNC_KILLS_RATE=500` is how many edits a second the org takes (the usual).

mod campaign;
mod compare;
mod database;
mod dice;
mod edits;
mod world;

/// A setting of the campaign.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
