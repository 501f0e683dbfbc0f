//! The policy of sfsync, as functions over data: which records take part, what a record says in the terms of the other side,
//! who wins, what is written, what is remembered. No I/O, no clock, no state: everything a decision may look at is in
//! [`Situation`], everything it can say is in [`Decision`].
//!
//! A record goes through the files in this order: `filter`, `map` (with `lookups`), `matching`, `decide` (with `merge`), `settle`; `breaker`
//! stops what never ends, `stored` tells what became of a lost answer, `undo` goes back.

mod breaker;
mod carry;
mod decide;
mod filter;
mod lookups;
mod map;
mod matching;
mod merge;
mod newest;
mod old;
mod settle;
mod stored;
mod undo;

pub use breaker::{CALM, REMEMBERED, Swing, TURNS};
pub use carry::{Carrier, Uncarried};
pub use decide::{Decision, Known, Mode, SideWrite, Situation, decide};
pub use filter::{LeftOut, passes};
pub use lookups::{LookupTable, Needed, lookup_key, needed};
pub use map::{MapInputs, Mapped, Slot, Stop, map, would_say};
pub use matching::{Candidate, Match, match_values, matched};
pub use merge::{Baseline, Held, Kept, Turn, Verdict, Writable, merge_row};
pub use old::{Old, look_back};
pub use settle::{
    Fingerprints, Image, Views, baselines, fingerprints, has_moved, is_as_agreed, is_unchanged, seen,
};
pub use stored::{as_stored, asks_who_changed_it, was_stored};
pub use undo::{TakeBack, after_undo, as_one, take_back};
