//! What a record said when it was last settled, as far as expressions ask for it (`old`).

use super::{Key, Side, Value, Version};

/// Fields by name: the rows of a file come and go, names stay.
pub type NamedValues = Vec<(String, Value)>;

/// Two states of a record. The one before is kept, too, so that reading the same state again gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Stamp of the record in the state that was settled last.
    pub version: Option<Version>,
    /// What it said then.
    pub last: NamedValues,
    /// What it said in the state that was settled before that one; `None`: there was none.
    pub before: Option<NamedValues>,
}

/// What is to be remembered of a record; `None`: nothing any more.
pub type Remember = (Side, Key, Option<Seen>);
