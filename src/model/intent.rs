//! Writes on their way to the other side: what is remembered of them until their pair is, so that a crash can neither double a create nor
//! make an update pass for somebody's edit.

use jiff::Timestamp;

use super::{Key, Link, Row, Side};

/// A create, or an update, that was sent and whose outcome is not remembered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The side that is written.
    pub on: Side,
    /// The pair as it will be remembered. The key on the side of the new record is empty as long as nobody knows it.
    pub link: Link,
    /// Of a create, what to look for where the key is not known; of an update, fingerprints of what was there and of what was written.
    /// Encrypted at rest; `Null` and `Absent` are the same here.
    pub row: Option<Row>,
    /// When it was sent.
    pub since: Timestamp,
}

impl Intent {
    /// Whether a record is changed and not made: its key is known, and so is what is to be found there.
    pub fn is_update(&self) -> bool {
        self.row.is_some() && self.target().is_some()
    }

    /// The record that is the reason for the write.
    pub fn source(&self) -> &Key {
        self.link.key(self.on.other())
    }

    /// The record that is written, if its key is known.
    pub fn target(&self) -> Option<&Key> {
        Some(self.link.key(self.on)).filter(|key| !key.as_str().is_empty())
    }

    /// The same for a record with this key.
    #[must_use]
    pub fn stored_as(&self, key: Key) -> Self {
        Self { link: self.link.clone().with_key(self.on, key), ..self.clone() }
    }
}
