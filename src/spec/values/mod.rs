//! The kinds of values of the language: lengths of time, schedules, rates, shares, paths. Each is read from text by `parse`
//! and says in [`ValueError`] what it expected.

mod path;
mod period;
mod rate;
mod schedule;

pub use path::{Path, PathKind};
pub use period::{Period, Unit};
pub use rate::{Rate, Share};
pub use schedule::{Schedule, TimeWindow, Weekday, WeeklyTime};

/// Why a text is not a value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A number without a unit where a length of time is wanted.
    #[error("a number without a unit")]
    NoUnit,
    /// Something else; one short phrase for a label.
    #[error("{0}")]
    Other(String),
}
