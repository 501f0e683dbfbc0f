//! What the integration user may see and change: profile-like rules on objects and fields.
//! May not word errors: what is hidden answers like what does not exist. Read [`VisibilityRule`] first.

use std::collections::HashSet;

use super::schema::{FieldRef, Flags, Schema};

/// One rule. Names are those of describe; names that do not exist are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VisibilityRule {
    /// No read permission on an object.
    HideObject(String),
    /// No field-level read access: object and field.
    HideField(String, String),
    /// No create, edit and delete permission on an object.
    ReadOnlyObject(String),
    /// Field-level read-only access: object and field.
    ReadOnlyField(String, String),
}

/// The rules, resolved.
#[derive(Debug, Default)]
pub(crate) struct Visibility {
    hidden_objects: HashSet<u16>,
    hidden_fields: HashSet<FieldRef>,
    read_only_objects: HashSet<u16>,
    read_only_fields: HashSet<FieldRef>,
}

impl Visibility {
    pub(crate) fn new(schema: &Schema, rules: &[VisibilityRule]) -> Self {
        let mut visibility = Self::default();
        for rule in rules {
            visibility.add(schema, rule);
        }
        visibility
    }

    fn add(&mut self, schema: &Schema, rule: &VisibilityRule) {
        let field = |object: &str, field: &str| {
            let object = schema.find(object)?;
            Some(FieldRef { object, field: schema.object(object).field_index(field)? })
        };
        match rule {
            VisibilityRule::HideObject(name) => self.hidden_objects.extend(schema.find(name)),
            VisibilityRule::HideField(object, name) => self.hidden_fields.extend(field(object, name)),
            VisibilityRule::ReadOnlyObject(name) => self.read_only_objects.extend(schema.find(name)),
            VisibilityRule::ReadOnlyField(object, name) => self.read_only_fields.extend(field(object, name)),
        }
    }

    pub(crate) fn sees_object(&self, object: u16) -> bool {
        !self.hidden_objects.contains(&object)
    }

    pub(crate) fn sees(&self, at: FieldRef) -> bool {
        self.hidden_fields.is_empty() || !self.hidden_fields.contains(&at)
    }

    pub(crate) fn changes_object(&self, object: u16) -> bool {
        self.sees_object(object) && !self.read_only_objects.contains(&object)
    }

    /// Whether the field may be given on create, or on update.
    pub(crate) fn writes(&self, schema: &Schema, at: FieldRef, creating: bool) -> bool {
        let flag = if creating { Flags::CREATE } else { Flags::UPDATE };
        schema.field(at).has(flag) && self.sees(at) && !self.read_only_fields.contains(&at)
    }
}
