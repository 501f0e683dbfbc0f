//! Conditions compiled against the schema, and their evaluation on a row.
//! May not choose which rows are looked at. Read [`Filter`] first.

use super::ast::{Condition, Literal, Operator, Path, Set};
use super::check::Check;
use super::errors::{invalid_field, malformed, malformed_plain};
use super::literal::Literals;
use super::resolve::{Access, Names};
use super::run::Scope;
use crate::org::error::ApiError;
use crate::org::schema::{Field, FieldType, Flags};
use crate::org::store::Reader;

/// A compiled condition. Logic has two values: what does not hold for null, holds negated.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Test { access: Access, check: Check },
}

impl Filter {
    /// Whether a row of the object in FROM satisfies the condition.
    pub(crate) fn accepts(&self, reader: Reader<'_>, row: u32) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.accepts(reader, row)),
            Self::Or(any) => any.iter().any(|filter| filter.accepts(reader, row)),
            Self::Not(inner) => !inner.accepts(reader, row),
            Self::Test { access, check } => check.accepts(&access.value(reader, row), reader.store),
        }
    }
}

/// Compiles conditions of one query.
pub(crate) struct Compiler<'a> {
    pub(crate) scope: &'a Scope<'a>,
    pub(crate) names: Names<'a>,
    pub(crate) object: u16,
    pub(crate) alias: Option<&'a str>,
    /// Inside a semi-join no further one may stand.
    pub(crate) nested: bool,
}

impl Compiler<'_> {
    pub(crate) fn compile(&self, condition: &Condition) -> Result<Filter, ApiError> {
        match condition {
            Condition::And(all) => Ok(Filter::And(self.compile_all(all)?)),
            Condition::Or(any) => Ok(Filter::Or(self.compile_all(any)?)),
            Condition::Not(inner) => Ok(Filter::Not(Box::new(self.compile(inner)?))),
            Condition::Compare { path, operator, literal, at } => self.compare(path, *operator, literal, *at),
            Condition::In { path, negated, set } => self.member(path, *negated, set),
            Condition::Includes { path, negated, groups, at } => self.includes(path, *negated, groups, *at),
        }
    }

    fn compile_all(&self, conditions: &[Condition]) -> Result<Vec<Filter>, ApiError> {
        conditions.iter().map(|condition| self.compile(condition)).collect()
    }

    fn compare(
        &self,
        path: &Path,
        operator: Operator,
        literal: &Literal,
        at: usize,
    ) -> Result<Filter, ApiError> {
        let target = self.target(path)?;
        let negate = operator == Operator::NotEqual;
        let operator = if negate { Operator::Equal } else { operator };
        let check = self.literals(&target, at).compare(operator, literal)?;
        Ok(test(target.access, check, negate))
    }

    fn member(&self, path: &Path, negated: bool, set: &Set) -> Result<Filter, ApiError> {
        let target = self.target(path)?;
        let check = match set {
            Set::List(list) => {
                let at = list.first().map_or(path.at, |(_, at)| *at);
                self.literals(&target, at).member(list.iter().map(|(literal, _)| literal))?
            }
            Set::Subquery(query, at) => {
                if !matches!(target.kind, FieldType::Id | FieldType::Reference) {
                    let message = format!(
                        "The left operand '{}' in the where expression for a semi join should be an id or reference field",
                        path.text()
                    );
                    return Err(malformed(self.names.soql, *at, &message));
                }
                if self.nested {
                    return Err(malformed_plain("Nesting of semi join sub-selects is not supported"));
                }
                Check::Rows(self.scope.semi_join(self.names.soql, query, *at)?)
            }
        };
        Ok(test(target.access, check, negated))
    }

    fn includes(
        &self,
        path: &Path,
        negated: bool,
        groups: &[Literal],
        at: usize,
    ) -> Result<Filter, ApiError> {
        let target = self.target(path)?;
        if target.kind != FieldType::MultiPicklist {
            let message =
                format!("{} only allowed on multi-select picklist fields", "includes or excludes operator");
            return Err(invalid_field(self.names.soql, at, &message));
        }
        let check = self.literals(&target, at).groups(groups)?;
        Ok(test(target.access, check, negated))
    }

    fn target(&self, path: &Path) -> Result<Target, ApiError> {
        let resolved = self.names.path(self.object, self.alias, path)?;
        let field = resolved.access.sample().map(|at| self.names.schema.field(at));
        if let Some(field) = field.filter(|field| !can_filter(field)) {
            let message = format!("field '{}' can not be filtered in a query call", field.name);
            return Err(invalid_field(self.names.soql, path.at, &message));
        }
        let kind = field.map_or(FieldType::Text, |field| field.kind);
        let name = resolved.names.last().cloned().unwrap_or_default();
        Ok(Target { access: resolved.access, kind, name })
    }

    fn literals<'b>(&'b self, target: &'b Target, at: usize) -> Literals<'b> {
        Literals {
            soql: self.names.soql,
            at,
            field: &target.name,
            kind: target.kind,
            store: self.scope.reader.store,
            now: self.scope.reader.now,
        }
    }
}

struct Target {
    access: Access,
    kind: FieldType,
    name: String,
}

fn test(access: Access, check: Check, negate: bool) -> Filter {
    let test = Filter::Test { access, check };
    if negate { Filter::Not(Box::new(test)) } else { test }
}

fn can_filter(field: &Field) -> bool {
    field.has(Flags::FILTER) && !field.is_long_text() && field.kind != FieldType::Address
}
