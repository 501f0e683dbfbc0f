//! Custom fields, objects and rules, read from a YAML file.
//! May not change an org by itself. Read [`Customization`] first.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::objects_file::{RawField, RawObject};
use super::rules_file::{AssignmentSpec, DuplicateSpec, Named, RecordTypeSpec, RuleSpecs, ValidationSpec};
use super::schema::{Abilities, FieldType, Flags};

const SHIPPED: [(&str, &str); 3] = [
    ("operating", include_str!("../../orgs/operating.yaml")),
    ("smvue", include_str!("../../orgs/smvue.yaml")),
    ("startdeliver", include_str!("../../orgs/startdeliver.yaml")),
];

/// Custom fields and objects that an org has besides the standard ones.
#[derive(Debug, Clone, Default)]
pub struct Customization {
    file: File,
}

/// A customization file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CustomizationError {
    /// Neither the name of a shipped org nor a readable file.
    #[error("no shipped org is called \"{0}\", and it cannot be read as a file: {1}")]
    Unreadable(String, std::io::Error),
    /// The content is not a customization; the second part says why.
    #[error("{0}: {1}")]
    Invalid(String, String),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    objects: BTreeMap<String, ObjectSpec>,
    fields: BTreeMap<String, BTreeMap<String, FieldSpec>>,
    picklists: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Stages of opportunities under other names.
    stages: BTreeMap<String, String>,
    record_types: Named<RecordTypeSpec>,
    validation_rules: Named<ValidationSpec>,
    duplicate_rules: Named<DuplicateSpec>,
    assignment_rules: Named<AssignmentSpec>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectSpec {
    label: String,
    #[serde(default)]
    plural: Option<String>,
    /// A hierarchy custom setting: each record says for whom it is.
    #[serde(default)]
    setting: bool,
    #[serde(default)]
    fields: BTreeMap<String, FieldSpec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // they are keys of a file
struct FieldSpec {
    r#type: String,
    label: Option<String>,
    length: Option<u32>,
    precision: Option<u32>,
    scale: Option<u8>,
    values: Vec<String>,
    restricted: bool,
    required: bool,
    unique: bool,
    external_id: bool,
    to: Option<String>,
    children: Option<String>,
    cascade: bool,
    /// Records below keep the parent from being deleted.
    restrict: bool,
    formula: Option<String>,
    returns: Option<String>,
}

/// A custom field with what the objects file cannot say.
#[derive(Debug, Clone)]
pub(crate) struct CustomField {
    pub(crate) object: String,
    pub(crate) raw: RawField,
    pub(crate) label: String,
    pub(crate) formula: Option<String>,
    pub(crate) restricts_delete: bool,
}

/// A custom object, without its fields.
#[derive(Debug)]
pub(crate) struct CustomObject {
    pub(crate) raw: RawObject,
    pub(crate) label: String,
}

impl Customization {
    /// Loads a shipped org by name (`operating`, `smvue`, `startdeliver`) or a file by path.
    pub fn load(name_or_path: &str) -> Result<Self, CustomizationError> {
        if let Some((name, yaml)) = SHIPPED.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(name, yaml);
        }
        let yaml = std::fs::read_to_string(name_or_path)
            .map_err(|error| CustomizationError::Unreadable(name_or_path.to_owned(), error))?;
        Self::parse(name_or_path, &yaml)
    }

    /// Reads the text of a customization file; `name` stands in messages.
    pub fn parse(name: &str, yaml: &str) -> Result<Self, CustomizationError> {
        let invalid = |reason: String| CustomizationError::Invalid(name.to_owned(), reason);
        let file: File = serde_yaml::from_str(yaml).map_err(|error| invalid(error.to_string()))?;
        let customization = Self { file };
        customization.resolve().map_err(invalid)?;
        Ok(customization)
    }

    /// Names of the shipped orgs.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// The rules as written.
    pub(crate) fn rules(&self) -> RuleSpecs {
        RuleSpecs {
            record_types: self.file.record_types.clone(),
            validation_rules: self.file.validation_rules.clone(),
            duplicate_rules: self.file.duplicate_rules.clone(),
            assignment_rules: self.file.assignment_rules.clone(),
        }
    }

    /// Whether an object has record types of its own here.
    pub(crate) fn has_record_types(&self, object: &str) -> bool {
        self.file.record_types.contains_key(object)
    }

    /// The values of standard picklists, as an administrator has changed them: object, field, values.
    pub(crate) fn picklists(&self) -> impl Iterator<Item = (&str, &str, &[String])> {
        self.file.picklists.iter().flat_map(|(object, fields)| {
            fields.iter().map(move |(field, values)| (object.as_str(), field.as_str(), values.as_slice()))
        })
    }

    /// What this org calls a stage.
    pub(crate) fn stage(&self, name: &str) -> Option<&str> {
        self.file.stages.get(name).map(String::as_str)
    }

    /// The objects and fields, checked; the error says which entry is wrong.
    pub(crate) fn resolve(&self) -> Result<(Vec<CustomObject>, Vec<CustomField>), String> {
        let mut objects = Vec::new();
        let mut fields = Vec::new();
        for (name, spec) in &self.file.objects {
            if !name.ends_with("__c") {
                return Err(format!("{name}: the name of a custom object ends in __c"));
            }
            objects.push(custom_object(name, spec));
            collect_fields(name, &spec.fields, &mut fields)?;
            if spec.setting {
                let owner = FieldSpec { r#type: "text".to_owned(), length: Some(18), ..FieldSpec::default() };
                fields.push(custom_field(name, "SetupOwnerId", &owner)?);
            }
        }
        for (object, specs) in &self.file.fields {
            collect_fields(object, specs, &mut fields)?;
        }
        Ok((objects, fields))
    }
}

fn custom_object(name: &str, spec: &ObjectSpec) -> CustomObject {
    let plural = spec.plural.clone().unwrap_or_else(|| format!("{}s", spec.label));
    let abilities = ["replicate", "undelete", "feed"].map(str::to_owned).to_vec();
    let raw = RawObject {
        name: name.to_owned(),
        prefix: String::new(),
        plural,
        abilities: Abilities::new(abilities),
        fields: Vec::new(),
    };
    CustomObject { raw, label: spec.label.clone() }
}

fn collect_fields(
    object: &str,
    specs: &BTreeMap<String, FieldSpec>,
    fields: &mut Vec<CustomField>,
) -> Result<(), String> {
    for (name, spec) in specs {
        if !name.ends_with("__c") {
            return Err(format!("{object}.{name}: the name of a custom field ends in __c"));
        }
        let field =
            custom_field(object, name, spec).map_err(|reason| format!("{object}.{name}: {reason}"))?;
        fields.push(field);
    }
    Ok(())
}

fn custom_field(object: &str, name: &str, spec: &FieldSpec) -> Result<CustomField, String> {
    let is_formula = matches!(spec.r#type.as_str(), "formula" | "rollup");
    let type_name = if is_formula {
        spec.returns.as_deref().ok_or("a formula needs `returns` with a type")?
    } else {
        spec.r#type.as_str()
    };
    if is_formula != spec.formula.is_some() {
        return Err("`formula` goes with type formula or rollup".to_owned());
    }
    let (kind, length, scale) = shape(type_name, spec)?;
    let lookup = (kind == FieldType::Reference).then_some(&spec.to).and_then(Option::as_ref);
    if kind == FieldType::Reference && lookup.is_none() {
        return Err("a lookup needs `to` with the name of an object".to_owned());
    }
    let base = name.trim_end_matches("__c");
    let children = spec.children.clone().unwrap_or_else(|| format!("{base}s__r"));
    let raw = RawField {
        name: name.to_owned(),
        kind,
        length,
        scale,
        flags: flags(kind, length, spec, is_formula),
        targets: lookup.into_iter().cloned().collect(),
        children: lookup.map(|_| (children, spec.cascade)),
        derived: None,
        feature: None,
        picklist: spec.values.clone(),
    };
    let label = spec.label.clone().unwrap_or_else(|| base.replace('_', " "));
    Ok(CustomField {
        object: object.to_owned(),
        raw,
        label,
        formula: spec.formula.clone(),
        restricts_delete: spec.restrict,
    })
}

fn shape(type_name: &str, spec: &FieldSpec) -> Result<(FieldType, u32, u8), String> {
    let length = |default| spec.length.unwrap_or(default);
    let number = |kind, scale| (kind, spec.precision.unwrap_or(18), spec.scale.unwrap_or(scale));
    Ok(match type_name {
        "text" => (FieldType::Text, length(255), 0),
        "textarea" => (FieldType::TextArea, length(255), 0),
        "number" => number(FieldType::Double, 0),
        "currency" => number(FieldType::Currency, 2),
        "percent" => number(FieldType::Percent, 2),
        "checkbox" => (FieldType::Boolean, 0, 0),
        "date" => (FieldType::Date, 0, 0),
        "datetime" => (FieldType::Datetime, 0, 0),
        "picklist" => (FieldType::Picklist, 255, 0),
        "multipicklist" => (FieldType::MultiPicklist, 4099, 0),
        "lookup" => (FieldType::Reference, 18, 0),
        "email" => (FieldType::Email, 80, 0),
        "phone" => (FieldType::Phone, 40, 0),
        "url" => (FieldType::Url, 255, 0),
        other => return Err(format!("there is no type \"{other}\"")),
    })
}

fn flags(kind: FieldType, length: u32, spec: &FieldSpec, is_formula: bool) -> Flags {
    let mut flags = Flags::default().with(Flags::CUSTOM);
    if !is_formula {
        flags = flags.with(Flags::CREATE | Flags::UPDATE);
    }
    if !(kind == FieldType::TextArea && length > 255) {
        flags = flags.with(Flags::FILTER);
        if kind != FieldType::MultiPicklist {
            flags = flags.with(Flags::SORT);
        }
    }
    let when = |on: bool, flag: u16| if on { flag } else { 0 };
    flags
        .with(when(!spec.required && kind != FieldType::Boolean, Flags::NILLABLE))
        .with(when(kind == FieldType::Boolean, Flags::DEFAULTED))
        .with(when(spec.restricted, Flags::RESTRICTED))
        .with(when(spec.unique, Flags::UNIQUE))
        .with(when(spec.external_id, Flags::EXTERNAL | Flags::LOOKUP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_org_loads() {
        for name in Customization::shipped() {
            let (_, fields) = Customization::load(name).unwrap().resolve().unwrap();
            assert!(!fields.is_empty(), "{name}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (yaml, part) in [
            ("fields: {Account: {Health: {type: text}}}", "Account.Health: the name of a custom field"),
            ("fields: {Account: {Health__c: {type: colour}}}", "there is no type \"colour\""),
            ("fields: {Account: {O__c: {type: lookup}}}", "a lookup needs `to`"),
            ("objects: {Project: {label: Project}}", "Project: the name of a custom object"),
            ("fieldz: {}", "fieldz"),
            ("validation_rules: {Account: {R: {when: \"Name = null\"}}}", "missing field"),
        ] {
            let error = Customization::parse("x.yaml", yaml).unwrap_err().to_string();
            assert!(error.contains(part), "{yaml}: {error}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused() {
        assert!(matches!(Customization::load("no-such-org"), Err(CustomizationError::Unreadable(..))));
    }
}
