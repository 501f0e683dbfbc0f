//! The words of the table.

use crate::spec::Choice;

/// What a value has to look like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Any text.
    Text,
    /// Text in which `${env:…}` and `${file:…}` may stand.
    Template,
    /// The same, for values that nobody should read in the file.
    Secret,
    /// The same, for addresses.
    Url,
    /// `true`, `false`
    Bool,
    /// A whole number.
    Int {
        /// At least.
        min: u64,
        /// At most.
        max: u64,
    },
    /// A length of time.
    Period,
    /// A length of time, or `off`.
    Poll,
    /// A schedule.
    Schedule,
    /// `10 per second`
    Rate,
    /// `25%`
    Share,
    /// `20:00-06:00`
    Hours,
    /// A name of the IANA time zone database.
    Timezone,
    /// An instant.
    Timestamp,
    /// A field.
    Path,
    /// The name of a pipeline or connection.
    Name,
    /// The API name of a Salesforce object.
    Object,
    /// `connection.resource`
    ResourceRef,
    /// `Account.OwnerId`
    Protected,
    /// `PUT /customer/{id}`, `none`
    Request,
    /// `/customers`
    UrlPath,
    /// An expression.
    Expression,
    /// `true`, `false` or an expression.
    Flow,
    /// A SOQL condition.
    Soql,
    /// A SQL condition.
    Sql,
    /// Any value.
    Literal,
    /// An id, or fields that select a record.
    Selector,
    /// One of these words.
    Choice(&'static [Choice]),
    /// A list.
    List(&'static Shape),
    /// One, or a list.
    OneOrMore(&'static Shape),
    /// A mapping with known keys.
    Map(&'static Mapping),
    /// A mapping whose keys depend on the word of one of them.
    ByWord(&'static ByWord),
    /// A mapping with free keys.
    MapOf(&'static Each),
    /// A short form (text), or the mapping.
    Either(&'static Shape, &'static Mapping),
    /// `include`, `exclude`
    Filters {
        /// Whether `field: []` may be said.
        empty_list: bool,
    },
    /// Fields of a record.
    Record,
    /// Fields of a record, or `deleted`.
    RecordOrDeleted,
}

/// A key of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As the files write it.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// Whether it has to be there.
    pub required: bool,
    /// What counts when it is not there; empty for nothing.
    pub default: &'static str,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

/// A mapping with known keys.
#[derive(Debug)]
pub struct Mapping {
    /// Its name on the reference page.
    pub name: &'static str,
    /// For messages: `a pipeline`.
    pub noun: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its keys, in the order of the reference page.
    pub keys: &'static [Key],
}

impl Mapping {
    /// A key by its name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// A mapping whose keys depend on a word.
#[derive(Debug)]
pub struct ByWord {
    /// Its name on the reference page.
    pub name: &'static str,
    /// The key that holds the word.
    pub key: &'static str,
    /// The words and their mappings. Each mapping has `key` among its keys.
    pub cases: &'static [(Choice, &'static Mapping)],
}

/// A mapping with free keys.
#[derive(Debug)]
pub struct Each {
    /// What a key is.
    pub key: Shape,
    /// What a value is.
    pub value: Shape,
}

/// A key that may be left out.
pub(super) const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: false, default: "", doc }
}

/// A key that has to be there.
pub(super) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: true, default: "", doc }
}

impl Key {
    /// With the value that counts when it is left out.
    pub(super) const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }
}

/// A word with its meaning.
pub(super) const fn word(word: &'static str, meaning: &'static str) -> Choice {
    Choice { word, meaning }
}

/// Any whole number that fits.
pub(super) const COUNT: Shape = Shape::Int { min: 0, max: u32::MAX as u64 };
/// At least one.
pub(super) const POSITIVE: Shape = Shape::Int { min: 1, max: u32::MAX as u64 };
