//! Objects and fields of the org, with the places where their values are kept.
//! May not hold records. Read [`Schema`] first.

use std::collections::HashMap;

pub(crate) use super::field_kind::{FieldType, Flags, Storage};

/// A field of an object: its position in both lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FieldRef {
    pub(crate) object: u16,
    pub(crate) field: u16,
}

/// A field reached over lookups: follow `hops`, then read `end`.
#[derive(Debug, Clone)]
pub(crate) struct FieldPath {
    pub(crate) hops: Vec<FieldRef>,
    pub(crate) end: FieldRef,
}

/// Where the value of a field comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The record's own id.
    Id,
    /// Whether the record is in the recycle bin.
    Deleted,
    /// A column of the table.
    Column(u16),
    /// Worked out when read; never moves a stamp.
    Derived(Derived),
}

/// Values that are worked out when read.
#[derive(Debug, Clone)]
pub(crate) enum Derived {
    /// `Amount * Probability / 100`.
    ExpectedRevenue { amount: u16, probability: u16 },
    /// Whole days from a date or date-time column until now.
    DaysSince(u16),
    /// `2026 1` from a date column.
    Fiscal(u16),
    /// The quarter of a date column.
    FiscalQuarter(u16),
    /// The year of a date column.
    FiscalYear(u16),
    /// The address of a picture.
    Photo,
    /// A compound of the columns that have these names behind a prefix.
    Address(Vec<(&'static str, u16)>),
    /// The first path that leads to a value.
    Paths(Vec<FieldPath>),
    /// A sum over the records that point here, or how many there are.
    RollUp(RollUp),
    /// A formula without references.
    Constant(Constant),
    /// A name that could not be resolved: always null.
    Nothing,
}

/// What a roll-up goes over.
#[derive(Debug, Clone)]
pub(crate) struct RollUp {
    /// The object below.
    pub(crate) object: u16,
    /// Its column that points up.
    pub(crate) link: u16,
    /// Its column that is summed, with the decimals it has; without one the records are counted.
    pub(crate) summed: Option<(u16, u8)>,
}

/// The value of a constant formula.
#[derive(Debug, Clone)]
pub(crate) enum Constant {
    Text(String),
    Number(i64, u8),
    Bool(bool),
}

/// One field of an object.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) kind: FieldType,
    pub(crate) length: u32,
    pub(crate) precision: u8,
    pub(crate) scale: u8,
    pub(crate) flags: Flags,
    /// Names of the objects that a lookup may point to; some may not exist in this org.
    pub(crate) targets: Vec<String>,
    /// `Owner` for `OwnerId`.
    pub(crate) relationship: Option<String>,
    /// Name of the child relationship at the targets, and whether children go with their parent.
    pub(crate) children: Option<(String, bool)>,
    /// Whether records that point here keep their target from being deleted.
    pub(crate) restricts_delete: bool,
    pub(crate) picklist: Vec<String>,
    pub(crate) formula: Option<String>,
    pub(crate) source: Source,
}

impl Field {
    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags.has(flag)
    }

    pub(crate) fn column(&self) -> Option<u16> {
        match self.source {
            Source::Column(column) => Some(column),
            _ => None,
        }
    }

    /// Whether several objects can be on the other side.
    pub(crate) fn is_polymorphic(&self) -> bool {
        self.targets.len() > 1
    }

    /// Whether a create without this field fails.
    pub(crate) fn is_required(&self) -> bool {
        self.has(Flags::CREATE)
            && !self.has(Flags::NILLABLE)
            && !self.has(Flags::DEFAULTED)
            && self.kind != FieldType::Boolean
    }

    /// Long text cannot be filtered, sorted or grouped.
    pub(crate) fn is_long_text(&self) -> bool {
        self.kind == FieldType::TextArea && self.length > 255
    }
}

/// Positions of the columns that the engine itself keeps.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemColumns {
    pub(crate) created_date: Option<u16>,
    pub(crate) created_by: Option<u16>,
    pub(crate) modified_date: Option<u16>,
    pub(crate) modified_by: Option<u16>,
    pub(crate) modstamp: Option<u16>,
    pub(crate) owner: Option<u16>,
}

impl SystemColumns {
    /// The column that change detection goes by: SystemModstamp, else CreatedDate.
    pub(crate) fn change_stamp(&self) -> Option<u16> {
        self.modstamp.or(self.created_date)
    }
}

/// What may be done with the records of an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Abilities {
    words: Vec<String>,
}

impl Abilities {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Whether the objects file gives this word.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    /// The value behind `word=`.
    pub(crate) fn value(&self, word: &str) -> Option<&str> {
        self.words.iter().find_map(|known| known.strip_prefix(word)?.strip_prefix('='))
    }
}

/// An object: fields over a table.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) plural: String,
    pub(crate) prefix: [u8; 3],
    pub(crate) custom: bool,
    pub(crate) abilities: Abilities,
    pub(crate) fields: Vec<Field>,
    pub(crate) by_name: HashMap<String, u16>,
    pub(crate) table: u16,
    /// Only rows with this text in this column belong to the object.
    pub(crate) view: Option<(u16, String)>,
    pub(crate) name_field: Option<u16>,
    pub(crate) system: SystemColumns,
    /// Fields with history, and the object that keeps it.
    pub(crate) tracked: Vec<u16>,
    pub(crate) history: Option<u16>,
}

impl Object {
    /// A field by name, in any case.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.field_index(name).map(|index| &self.fields[usize::from(index)])
    }

    pub(crate) fn field_index(&self, name: &str) -> Option<u16> {
        if let Some(index) = self.by_name.get(name) {
            return Some(*index);
        }
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The column of a field, for code that works on named standard fields.
    pub(crate) fn column(&self, name: &str) -> Option<u16> {
        self.field(name)?.column()
    }

    /// A lookup by its relationship name, in any case.
    pub(crate) fn relationship(&self, name: &str) -> Option<u16> {
        let position = self.fields.iter().position(|field| {
            field.relationship.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name))
        });
        position.and_then(|position| u16::try_from(position).ok())
    }
}

/// One child relationship: the lookup of another object that points here.
#[derive(Debug, Clone)]
pub(crate) struct ChildRelationship {
    pub(crate) name: Option<String>,
    pub(crate) lookup: FieldRef,
    pub(crate) cascade: bool,
}

/// The columns of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableLayout {
    pub(crate) columns: Vec<(Storage, u8)>,
    /// The object whose name the rows carry.
    pub(crate) object: u16,
    /// Tells tables apart that share a key prefix.
    pub(crate) discriminator: u8,
}

/// All objects and tables. Fixed once the org is made.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) objects: Vec<Object>,
    pub(crate) tables: Vec<TableLayout>,
    pub(crate) by_name: HashMap<String, u16>,
}

impl Schema {
    /// An object by name, in any case.
    pub(crate) fn find(&self, name: &str) -> Option<u16> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    pub(crate) fn object(&self, index: u16) -> &Object {
        &self.objects[usize::from(index)]
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Object> {
        self.find(name).map(|index| self.object(index))
    }

    pub(crate) fn field(&self, at: FieldRef) -> &Field {
        &self.object(at.object).fields[usize::from(at.field)]
    }

    /// The object whose name the rows of a table carry.
    pub(crate) fn table_object(&self, table: u16) -> &Object {
        self.object(self.tables[usize::from(table)].object)
    }

    /// The lookups that point to `object`.
    pub(crate) fn children_of(&self, object: u16) -> Vec<ChildRelationship> {
        let name = &self.object(object).name;
        let mut children = Vec::new();
        for (o, child) in self.objects.iter().enumerate() {
            for (f, field) in child.fields.iter().enumerate() {
                let Some((relationship, cascade)) = &field.children else { continue };
                if field.targets.contains(name) {
                    #[allow(clippy::cast_possible_truncation)] // both lists are shorter than 65,536
                    let lookup = FieldRef { object: o as u16, field: f as u16 };
                    children.push(ChildRelationship {
                        name: Some(relationship.clone()),
                        lookup,
                        cascade: *cascade,
                    });
                }
            }
        }
        children
    }
}
