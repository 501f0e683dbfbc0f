//! Rules of an org in its customization file: record types, validation, duplicate and assignment rules.
//! Data only; what they do stands in [`super::rules`]. Read [`RuleSpecs`] first.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Rules by object and name.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleSpecs {
    pub(crate) record_types: Named<RecordTypeSpec>,
    pub(crate) validation_rules: Named<ValidationSpec>,
    pub(crate) duplicate_rules: Named<DuplicateSpec>,
    pub(crate) assignment_rules: Named<AssignmentSpec>,
}

/// Entries by the name of their object, then by their own.
pub(crate) type Named<T> = BTreeMap<String, BTreeMap<String, T>>;

/// A record type; the name of the entry is its developer name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RecordTypeSpec {
    pub(crate) label: Option<String>,
    /// Records without one get this one; else the first of the object.
    pub(crate) default: bool,
    /// The values that restricted picklists offer, and StageName if it is listed.
    pub(crate) picklists: BTreeMap<String, Vec<String>>,
}

/// Which saves a rule looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    #[default]
    Save,
    Create,
    Update,
}

impl When {
    pub(crate) fn covers(self, creating: bool) -> bool {
        self == Self::Save || (self == Self::Create) == creating
    }
}

/// A validation rule: a save that leaves the record in this condition is refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidationSpec {
    /// A condition as behind WHERE.
    pub(crate) when: String,
    pub(crate) message: String,
    /// The field at which the message stands.
    #[serde(default)]
    pub(crate) field: Option<String>,
    #[serde(default)]
    pub(crate) on: When,
    /// Only if one of these has another value than before.
    #[serde(default)]
    pub(crate) changed: Vec<String>,
}

/// A duplicate rule: a record that equals another one in all these fields, in any case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DuplicateSpec {
    pub(crate) r#match: Vec<String>,
    #[serde(default)]
    pub(crate) action: DuplicateAction,
    #[serde(default = "use_one_of_these")]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) matching_rule: Option<String>,
    /// The object that is searched, if it is another one; it has the same fields.
    #[serde(default)]
    pub(crate) against: Option<String>,
    #[serde(default)]
    pub(crate) on: When,
}

fn use_one_of_these() -> String {
    "Use one of these records?".to_owned()
}

/// What a duplicate rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DuplicateAction {
    /// Refuses, unless the caller allows the save.
    #[default]
    Alert,
    /// Refuses.
    Block,
}

/// An assignment rule: who owns new and changed records, by name, username or name of a queue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignmentSpec {
    pub(crate) owner: String,
    #[serde(default)]
    pub(crate) when: Option<String>,
}
