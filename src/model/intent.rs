//! Creates on their way to the other side: what is remembered of them until their pair is, so that a crash cannot double them.

use jiff::Timestamp;

use super::{Key, Link, Row, Side};

/// A create that was sent and whose outcome is not remembered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The side on which the record is made.
    pub on: Side,
    /// The pair as it will be remembered. The key on the side of the new record is empty as long as nobody knows it.
    pub link: Link,
    /// What to look for where the key is not known. Encrypted at rest; `Null` and `Absent` are the same here.
    pub row: Option<Row>,
    /// When it was sent.
    pub since: Timestamp,
}

impl Intent {
    /// The record that is the reason for the new one.
    pub fn source(&self) -> &Key {
        self.key(self.on.other())
    }

    /// The new record, if its key is known.
    pub fn target(&self) -> Option<&Key> {
        Some(self.key(self.on)).filter(|key| !key.as_str().is_empty())
    }

    /// The same for a record with this key.
    #[must_use]
    pub fn stored_as(&self, key: Key) -> Self {
        let mut intent = self.clone();
        match self.on {
            Side::Salesforce => intent.link.salesforce = key,
            Side::App => intent.link.app = key,
        }
        intent
    }

    fn key(&self, side: Side) -> &Key {
        match side {
            Side::Salesforce => &self.link.salesforce,
            Side::App => &self.link.app,
        }
    }
}
