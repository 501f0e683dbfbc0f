//! The rules of an org, resolved: validation, duplicates, assignment.
//! May not apply them: that is [`super::dml`]. Read [`Rules`] first.

use super::config::OrgConfig;
use super::ids::Id;
use super::rules_file::{AssignmentSpec, DuplicateAction, DuplicateSpec, Named, ValidationSpec, When};
use super::schema::{FieldRef, Object, Schema};
use super::soql::ast::Condition;
use super::soql::filter::{Compiler, Filter};
use super::soql::parser::parse_condition;
use super::soql::resolve::Names;
use super::soql::run::Scope;
use super::store::{Reader, Store};
use super::value::RowRef;
use super::visibility::Visibility;

/// All rules, in the order of the customizations, then by object and name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) validation: Vec<Validation>,
    pub(crate) duplicate: Vec<Duplicate>,
    pub(crate) assignment: Vec<AssignmentRule>,
}

/// A validation rule.
#[derive(Debug, Clone)]
pub(crate) struct Validation {
    pub(crate) object: u16,
    pub(crate) condition: Condition,
    pub(crate) message: String,
    pub(crate) field: Option<String>,
    pub(crate) on: When,
    pub(crate) changed: Vec<u16>,
}

/// A duplicate rule with its matching rule.
#[derive(Debug, Clone)]
pub(crate) struct Duplicate {
    pub(crate) object: u16,
    pub(crate) against: u16,
    pub(crate) name: String,
    pub(crate) matching: String,
    /// Fields of the saved record and of those that are searched.
    pub(crate) fields: Vec<(u16, u16)>,
    pub(crate) blocks: bool,
    pub(crate) message: String,
    pub(crate) on: When,
}

/// An assignment rule.
#[derive(Debug, Clone)]
pub(crate) struct AssignmentRule {
    pub(crate) id: Id,
    pub(crate) object: u16,
    pub(crate) owner: RowRef,
    pub(crate) condition: Option<Condition>,
}

/// Resolves the rules of all customizations; the error says which rule is wrong.
pub(crate) fn build(store: &Store, config: &OrgConfig) -> Result<Rules, String> {
    let mut rules = Rules::default();
    for customization in &config.customizations {
        let specs = customization.rules();
        each(&specs.validation_rules, |object, name, spec| {
            rules.validation.push(validation(store, object, spec).map_err(|why| at(object, name, &why))?);
            Ok(())
        })?;
        each(&specs.duplicate_rules, |object, name, spec| {
            rules
                .duplicate
                .push(duplicate(&store.schema, object, name, spec).map_err(|why| at(object, name, &why))?);
            Ok(())
        })?;
        each(&specs.assignment_rules, |object, name, spec| {
            let number = rules.assignment.len() as u64 + 1;
            let rule = assignment(store, object, spec, number).map_err(|why| at(object, name, &why))?;
            rules.assignment.push(rule);
            Ok(())
        })?;
    }
    Ok(rules)
}

fn at(object: &str, name: &str, why: &str) -> String {
    format!("{object}.{name}: {why}")
}

fn each<T>(
    specs: &Named<T>,
    mut take: impl FnMut(&str, &str, &T) -> Result<(), String>,
) -> Result<(), String> {
    specs
        .iter()
        .try_for_each(|(object, named)| named.iter().try_for_each(|(name, spec)| take(object, name, spec)))
}

fn object_of(schema: &Schema, name: &str) -> Result<u16, String> {
    schema.find(name).ok_or_else(|| format!("there is no object \"{name}\""))
}

fn field_of(object: &Object, name: &str) -> Result<u16, String> {
    object.field_index(name).ok_or_else(|| format!("{} has no field \"{name}\"", object.name))
}

fn validation(store: &Store, object: &str, spec: &ValidationSpec) -> Result<Validation, String> {
    let index = object_of(&store.schema, object)?;
    let definition = store.schema.object(index);
    let condition = checked_condition(store, index, &spec.when)?;
    if let Some(field) = &spec.field {
        field_of(definition, field)?;
    }
    let changed = spec.changed.iter().map(|name| field_of(definition, name)).collect::<Result<_, _>>()?;
    let (message, field, on) = (spec.message.clone(), spec.field.clone(), spec.on);
    Ok(Validation { object: index, condition, message, field, on, changed })
}

fn duplicate(schema: &Schema, object: &str, name: &str, spec: &DuplicateSpec) -> Result<Duplicate, String> {
    let index = object_of(schema, object)?;
    let against = spec.against.as_deref().map_or(Ok(index), |name| object_of(schema, name))?;
    if spec.r#match.is_empty() {
        return Err("`match` needs at least one field".to_owned());
    }
    let pair = |field: &String| {
        Ok::<_, String>((field_of(schema.object(index), field)?, field_of(schema.object(against), field)?))
    };
    let matching = || format!("{}_Match_Rule", schema.object(against).name);
    Ok(Duplicate {
        object: index,
        against,
        name: name.to_owned(),
        matching: spec.matching_rule.clone().unwrap_or_else(matching),
        fields: spec.r#match.iter().map(pair).collect::<Result<_, _>>()?,
        blocks: spec.action == DuplicateAction::Block,
        message: spec.message.clone(),
        on: spec.on,
    })
}

fn assignment(
    store: &Store,
    object: &str,
    spec: &AssignmentSpec,
    number: u64,
) -> Result<AssignmentRule, String> {
    let index = object_of(&store.schema, object)?;
    let condition = spec.when.as_deref().map(|when| checked_condition(store, index, when)).transpose()?;
    let owner = owner(store, &spec.owner).ok_or_else(|| format!("nobody is called \"{}\"", spec.owner))?;
    let id = Id::assemble(*b"01Q", *b"Hq", 0, number);
    Ok(AssignmentRule { id, object: index, owner, condition })
}

fn owner(store: &Store, name: &str) -> Option<RowRef> {
    [("User", "Username"), ("Group", "Name"), ("User", "Name")].iter().find_map(|(object, field)| {
        let object = store.schema.named(object)?;
        store.reader(0).holders(object, object.field(field)?, name).first().copied()
    })
}

fn checked_condition(store: &Store, object: u16, text: &str) -> Result<Condition, String> {
    let condition = parse_condition(text).map_err(|error| error.message)?;
    compile(store.reader(0), object, &condition).map_err(|error| error.message)?;
    Ok(condition)
}

/// Whether a record is in a condition, as it stands now. Rules see all fields.
pub(crate) fn holds(reader: Reader<'_>, object: u16, condition: &Condition, row: u32) -> bool {
    compile(reader, object, condition).is_ok_and(|filter| filter.accepts(reader, row))
}

fn compile(reader: Reader<'_>, object: u16, condition: &Condition) -> Result<Filter, super::ApiError> {
    let visibility = Visibility::default();
    let scope = Scope { reader, visibility: &visibility, include_deleted: true, bulk: false, indexed: false };
    let names = Names { soql: "", schema: &reader.store.schema, visibility: &visibility };
    Compiler { scope: &scope, names, object, alias: None, nested: true }.compile(condition)
}

impl Duplicate {
    /// The fields of the saved record that are compared.
    pub(crate) fn own(&self) -> impl Iterator<Item = FieldRef> + '_ {
        self.fields.iter().map(|(own, _)| FieldRef { object: self.object, field: *own })
    }
}
