//! The SELECT list compiled: what is written for each row, and in which nesting.
//! May not write anything itself. Read [`Selection`] first.

use super::ast::{FieldSet, Path, Query, Selected};
use super::errors::{invalid_field, malformed, malformed_plain};
use super::filter::Filter;
use super::order::OrderKey;
use super::resolve::{Access, End, Names, Resolved};
use super::run::{Scope, compile_parts};
use crate::org::error::ApiError;
use crate::org::schema::{Field, FieldRef, FieldType, Flags, Schema};

/// Most child subqueries and lookups of one query.
const MAX_SUBQUERIES: usize = 20;
const MAX_RELATIONSHIPS: usize = 55;
/// Rows up to which FIELDS(ALL) and FIELDS(CUSTOM) are allowed.
const MAX_FIELDS_ROWS: u64 = 200;

/// What a query selects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// For JSON: fields, parents and child sets in the order of their first mention.
    pub(crate) nodes: Vec<Node>,
    /// For CSV: one flat column for each path.
    pub(crate) columns: Vec<Column>,
}

impl Selection {
    /// Columns of the table itself that are selected.
    pub(crate) fn stored(&self, schema: &Schema) -> Vec<u16> {
        let direct = self.columns.iter().filter_map(|column| column.access.direct());
        direct.filter_map(|at| schema.field(at).column()).collect()
    }
}

/// A flat column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) access: Access,
}

/// One key of a record in JSON.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Field { key: String, end: End },
    Parent { key: String, hop: FieldRef, polymorphic: bool, nodes: Vec<Node> },
    Children { key: String, set: Box<ChildSet> },
}

/// A compiled child subquery.
#[derive(Debug, Clone)]
pub(crate) struct ChildSet {
    pub(crate) object: u16,
    pub(crate) lookup: u16,
    pub(crate) nodes: Vec<Node>,
    pub(crate) filter: Option<Filter>,
    pub(crate) order: Vec<OrderKey>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
}

/// Compiles the SELECT list of `query` over `object`.
pub(crate) fn compile(
    scope: &Scope<'_>,
    names: Names<'_>,
    object: u16,
    query: &Query,
) -> Result<Selection, ApiError> {
    let mut builder = Builder { scope, names, object, query, selection: Selection::default() };
    for selected in &query.select {
        builder.add(selected)?;
    }
    builder.check_limits()?;
    Ok(builder.selection)
}

/// All fields of an object that are visible, in their order; used by single-record reads too.
pub(crate) fn all_fields(names: &Names<'_>, object: u16) -> Vec<FieldRef> {
    (0u16..)
        .zip(&names.schema.object(object).fields)
        .map(|(field, _)| FieldRef { object, field })
        .filter(|at| names.visibility.sees(*at))
        .collect()
}

struct Builder<'a> {
    scope: &'a Scope<'a>,
    names: Names<'a>,
    object: u16,
    query: &'a Query,
    selection: Selection,
}

impl Builder<'_> {
    fn add(&mut self, selected: &Selected) -> Result<(), ApiError> {
        match selected {
            Selected::Field(path) => self.add_path(path),
            Selected::Fields { which, at } => self.add_field_set(*which, *at),
            Selected::Subquery { query, at } => self.add_subquery(query, *at),
            Selected::CountAll => Err(malformed_plain("count() must be the only element in the select list")),
            Selected::Aggregate { at, .. } => {
                Err(malformed(self.names.soql, *at, "aggregate functions need a query of their own"))
            }
        }
    }

    fn add_path(&mut self, path: &Path) -> Result<(), ApiError> {
        let resolved = self.names.path(self.object, self.query.alias.as_deref(), path)?;
        let field = resolved.access.sample().map(|at| self.names.schema.field(at));
        if let Some(field) = field.filter(|_| self.scope.bulk) {
            refuse_in_bulk(field)?;
        }
        self.add_resolved(resolved, path.at)
    }

    fn add_resolved(&mut self, resolved: Resolved, at: usize) -> Result<(), ApiError> {
        let name = resolved.names.join(".");
        if self.selection.columns.iter().any(|column| column.name == name) {
            return Err(invalid_field(self.names.soql, at, &format!("duplicate field selected: {name}")));
        }
        insert(&mut self.selection.nodes, &resolved.names, &resolved.access, 0, &self.names);
        self.selection.columns.push(Column { name, access: resolved.access });
        Ok(())
    }

    fn add_field_set(&mut self, which: FieldSet, at: usize) -> Result<(), ApiError> {
        if self.scope.bulk && which != FieldSet::Standard {
            return Err(malformed_plain("FIELDS(ALL) and FIELDS(CUSTOM) are not supported in Bulk Query"));
        }
        let bounded = self.query.limit.is_some_and(|limit| limit <= MAX_FIELDS_ROWS);
        if which != FieldSet::Standard && !bounded {
            return Err(malformed_plain("The SOQL FIELDS function must have a LIMIT of at most 200"));
        }
        for field in all_fields(&self.names, self.object) {
            let definition = self.names.schema.field(field);
            let custom = definition.has(Flags::CUSTOM);
            let wanted = match which {
                FieldSet::All => true,
                FieldSet::Standard => !custom,
                FieldSet::Custom => custom,
            };
            if wanted && !(self.scope.bulk && refuse_in_bulk(definition).is_err()) {
                let names = vec![definition.name.clone()];
                let access = Access { hops: Vec::new(), end: End::One(field) };
                self.add_resolved(Resolved { names, access }, at)?;
            }
        }
        Ok(())
    }

    fn add_subquery(&mut self, query: &Query, at: usize) -> Result<(), ApiError> {
        if self.scope.bulk {
            return Err(super::run::bulk_refusal("Nested queries"));
        }
        let set = self.child_set(query, at)?;
        self.selection.nodes.push(set);
        Ok(())
    }

    fn child_set(&self, query: &Query, at: usize) -> Result<Node, ApiError> {
        let relation = query.from.text();
        let child = self
            .names
            .schema
            .children_of(self.object)
            .into_iter()
            .filter(|child| {
                self.names.visibility.sees_object(child.lookup.object)
                    && self.names.visibility.sees(child.lookup)
            })
            .find(|child| child.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&relation)));
        let Some(child) = child else {
            let message = format!(
                "Didn't understand relationship '{relation}' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
            );
            return Err(invalid_type(self.names.soql, query.from.at, &message));
        };
        if query.select.iter().any(|s| !matches!(s, Selected::Field(_) | Selected::Fields { .. })) {
            return Err(malformed(self.names.soql, at, "only fields can be selected in a child query"));
        }
        let parts = compile_parts(self.scope, self.names, child.lookup.object, query, false)?;
        let set = ChildSet {
            object: child.lookup.object,
            lookup: child.lookup.field,
            nodes: compile(self.scope, self.names, child.lookup.object, query)?.nodes,
            filter: parts.filter,
            order: parts.order,
            limit: query.limit,
            offset: query.offset.map_or(0, |(offset, _)| offset),
        };
        Ok(Node::Children { key: child.name.unwrap_or(relation), set: Box::new(set) })
    }

    fn check_limits(&self) -> Result<(), ApiError> {
        let count = |matching: fn(&Node) -> bool| self.selection.nodes.iter().filter(|n| matching(n)).count();
        if count(|node| matches!(node, Node::Children { .. })) > MAX_SUBQUERIES {
            return Err(malformed_plain("maximum 20 child relationships allowed in a query"));
        }
        if count_parents(&self.selection.nodes) > MAX_RELATIONSHIPS {
            return Err(malformed_plain("maximum 55 parent relationships allowed in a query"));
        }
        Ok(())
    }
}

fn invalid_type(soql: &str, at: usize, message: &str) -> ApiError {
    ApiError::request("INVALID_TYPE", super::errors::at_position(soql, at, message))
}

fn count_parents(nodes: &[Node]) -> usize {
    nodes
        .iter()
        .map(|node| match node {
            Node::Parent { nodes, .. } => 1 + count_parents(nodes),
            _ => 0,
        })
        .sum()
}

/// What the Bulk API does not return (section 7.6).
fn refuse_in_bulk(field: &Field) -> Result<(), ApiError> {
    match field.kind {
        FieldType::Address => Err(ApiError::request(
            "FUNCTIONALITY_NOT_ENABLED",
            "Selecting compound data not supported in Bulk Query",
        )),
        FieldType::Base64 => {
            Err(ApiError::request("API_ERROR", "Selecting binary data not supported in Bulk Query"))
        }
        _ => Ok(()),
    }
}

/// Puts a path into the nesting; parents that are named again get one more field.
fn insert(nodes: &mut Vec<Node>, names: &[String], access: &Access, depth: usize, schema: &Names<'_>) {
    let Some(hop) = access.hops.get(depth) else {
        nodes.push(Node::Field { key: names[depth].clone(), end: access.end.clone() });
        return;
    };
    let existing = nodes.iter_mut().find_map(|node| match node {
        Node::Parent { hop: known, nodes, .. } if known == hop => Some(nodes),
        _ => None,
    });
    if let Some(children) = existing {
        insert(children, names, access, depth + 1, schema);
        return;
    }
    let mut children = Vec::new();
    insert(&mut children, names, access, depth + 1, schema);
    let polymorphic = schema.schema.field(*hop).is_polymorphic();
    nodes.push(Node::Parent { key: names[depth].clone(), hop: *hop, polymorphic, nodes: children });
}
