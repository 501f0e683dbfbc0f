//! Writes and their outcomes: one outcome per record, always.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Class, Key, Row, Version};

/// The two sides of a pipeline. The app is whatever stands opposite Salesforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The Salesforce org.
    Salesforce,
    /// The database or HTTP app.
    App,
}

impl Side {
    /// The opposite side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Salesforce => Self::App,
            Self::App => Self::Salesforce,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Salesforce => "salesforce",
            Self::App => "app",
        })
    }
}

/// An operation a pipeline may list. What is not listed cannot be performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Make a new record.
    Create,
    /// Change fields of an existing record.
    Update,
    /// Delete a record.
    Delete,
    /// Mark a record instead of deleting it.
    Archive,
    /// Remember a pair; write nothing.
    Link,
}

impl Op {
    /// The word of the files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Archive => "archive",
            Self::Link => "link",
        }
    }
}

/// The operations one direction of a pipeline lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // one flag per word of the list
pub struct Ops {
    /// `create` is listed.
    pub create: bool,
    /// `update` is listed.
    pub update: bool,
    /// `delete` is listed.
    pub delete: bool,
    /// `archive` is listed.
    pub archive: bool,
    /// `[link]`.
    pub link: bool,
}

impl Ops {
    /// Whether an operation is listed.
    pub fn allows(self, op: Op) -> bool {
        match op {
            Op::Create => self.create,
            Op::Update => self.update,
            Op::Delete => self.delete,
            Op::Archive => self.archive,
            Op::Link => self.link,
        }
    }

    /// Whether anything flows this way.
    pub fn any(self) -> bool {
        self.create || self.update || self.delete || self.archive || self.link
    }

    /// Whether records of the target side are written.
    pub fn writes(self) -> bool {
        self.create || self.update || self.delete || self.archive
    }
}

/// One write to one record of a destination. Values that are `Absent` are left alone, `Null` clears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOp {
    /// Make a record. The row is in the destination's write schema.
    Create {
        /// What to set.
        row: Row,
    },
    /// Change a record.
    Update {
        /// Which one.
        key: Key,
        /// What to set.
        row: Row,
        /// The record as it was read: one that moved since is answered [`Outcome::Stale`]. `None`: no guard. Destinations
        /// without stamps ignore it.
        expected: Option<Version>,
    },
    /// Mark a record as archived instead of deleting it. The policies of rows do not apply: they are about what rows say.
    Archive {
        /// Which one.
        key: Key,
        /// What to set.
        row: Row,
    },
    /// Insert or change by the destination's unique key, which is part of the row (mirrors).
    Upsert {
        /// What to set.
        row: Row,
    },
    /// Delete a record.
    Delete {
        /// Which one.
        key: Key,
    },
}

/// What became of one write.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is stored.
    Written {
        /// Key of the record, also of one that was just created.
        key: Key,
        /// Its new stamp, where the destination tells.
        version: Option<Version>,
    },
    /// The destination already had these values.
    Unchanged {
        /// Key of the record.
        key: Key,
    },
    /// The record moved since it was read: read it again and decide again.
    Stale,
    /// Refused; the error says whether trying again can help.
    Rejected(RecordError),
    /// The answer was lost: it may or may not be stored. Look again before repeating a create.
    Unknown(RecordError),
}

/// Why one record could not be read, mapped or written. Messages may quote what the other side said; they are kept
/// encrypted with the failure and never logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RecordError {
    /// Code of the message (`R211`), see `sfsync explain`.
    pub code: &'static str,
    /// What the other side calls it (`FIELD_CUSTOM_VALIDATION_EXCEPTION`, a SQLSTATE), where it has a name.
    pub remote: Option<String>,
    /// One sentence.
    pub message: String,
    /// Fields it speaks of, in the names of the side that refused.
    pub fields: Vec<String>,
    /// Records that are there already and stand in the way (a duplicate rule, a unique field), where the other side names them.
    pub existing: Existing,
    /// What can be done about it.
    pub class: Class,
}

/// Keys of records that stand in the way. One word when empty, which it nearly always is: errors travel by value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::box_collection)] // see above
pub struct Existing(Option<Box<Vec<Key>>>);

impl Existing {
    /// The keys.
    pub fn keys(&self) -> &[Key] {
        self.0.as_ref().map_or(&[], |keys| keys.as_slice())
    }
}

impl FromIterator<Key> for Existing {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let keys: Vec<Key> = keys.into_iter().collect();
        Self((!keys.is_empty()).then(|| Box::new(keys)))
    }
}

impl RecordError {
    /// A failure that the other side has no name for.
    pub fn new(code: &'static str, class: Class, message: impl Into<String>) -> Self {
        Self {
            code,
            remote: None,
            message: message.into(),
            fields: Vec::new(),
            existing: Existing::default(),
            class,
        }
    }

    /// Names the fields it speaks of.
    #[must_use]
    pub fn about(mut self, fields: impl IntoIterator<Item = String>) -> Self {
        self.fields = fields.into_iter().collect();
        self
    }
}
