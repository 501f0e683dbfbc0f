//! Finds the fields that paths of a query name.
//! May not evaluate anything. Read [`Names`] first.

use super::ast::Path;
use super::errors::{malformed_plain, no_such_column, no_such_object, no_such_relation};
use crate::org::error::ApiError;
use crate::org::schema::{Field, FieldRef, Schema};
use crate::org::store::Reader;
use crate::org::value::Value;
use crate::org::visibility::Visibility;

/// Deepest path of lookups.
const MAX_LEVELS: usize = 5;
/// Fields that every polymorphic parent offers.
const NAME_FIELDS: [&str; 13] = [
    "Id",
    "Name",
    "Type",
    "FirstName",
    "LastName",
    "Email",
    "Phone",
    "Title",
    "Username",
    "Alias",
    "IsActive",
    "ProfileId",
    "UserRoleId",
];

/// The field at the end of a path.
#[derive(Debug, Clone)]
pub(crate) enum End {
    One(FieldRef),
    /// A polymorphic parent: the field of each table.
    ByTable(Vec<(u16, FieldRef)>),
    /// `Owner.Type`: the name of the parent's object.
    ObjectName,
}

/// A field reached over lookups from the object in FROM.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) hops: Vec<FieldRef>,
    pub(crate) end: End,
}

/// A path with its names in canonical case.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    /// Relationship names, then the field name.
    pub(crate) names: Vec<String>,
    pub(crate) access: Access,
}

impl Access {
    /// The field itself when no lookup is followed.
    pub(crate) fn direct(&self) -> Option<FieldRef> {
        match (&self.end, self.hops.is_empty()) {
            (End::One(at), true) => Some(*at),
            _ => None,
        }
    }

    /// A field that tells the type of the value; for polymorphic ends, that of the first target.
    pub(crate) fn sample(&self) -> Option<FieldRef> {
        match &self.end {
            End::One(at) => Some(*at),
            End::ByTable(ends) => ends.first().map(|(_, at)| *at),
            End::ObjectName => None,
        }
    }

    /// Reads the value for a row of the object in FROM.
    pub(crate) fn value<'a>(&self, reader: Reader<'a>, row: u32) -> Value<'a> {
        let mut at = (None, row);
        for hop in &self.hops {
            match reader.field(*hop, at.1) {
                Value::Reference(target) => at = (Some(target.table), target.row),
                _ => return Value::Null,
            }
        }
        self.end.value(reader, at.0, at.1)
    }
}

impl End {
    /// Reads the value; `table` is that of the parent, if there is one.
    pub(crate) fn value<'a>(&self, reader: Reader<'a>, table: Option<u16>, row: u32) -> Value<'a> {
        match self {
            Self::One(at) => reader.field(*at, row),
            Self::ByTable(ends) => ends
                .iter()
                .find(|(of, _)| Some(*of) == table)
                .map_or(Value::Null, |(_, at)| reader.field(*at, row)),
            Self::ObjectName => table.map_or(Value::Null, |table| {
                Value::Text(reader.store.schema.table_object(table).name.as_str().into())
            }),
        }
    }
}

/// Resolves names of one query.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) soql: &'a str,
    pub(crate) schema: &'a Schema,
    pub(crate) visibility: &'a Visibility,
}

impl<'a> Names<'a> {
    /// The object of FROM.
    pub(crate) fn object(&self, from: &Path) -> Result<u16, ApiError> {
        let name = from.text();
        self.schema
            .find(&name)
            .filter(|object| self.visibility.sees_object(*object))
            .ok_or_else(|| no_such_object(self.soql, from.at, &name))
    }

    /// A path from `object`; a leading alias or object name is taken off.
    pub(crate) fn path(&self, object: u16, alias: Option<&str>, path: &Path) -> Result<Resolved, ApiError> {
        let own_name = &self.schema.object(object).name;
        let is_own = |part: &String| {
            alias.is_some_and(|alias| part.eq_ignore_ascii_case(alias)) || part.eq_ignore_ascii_case(own_name)
        };
        let strip = path.parts.len() > 1
            && path.parts.first().is_some_and(is_own)
            && self.schema.object(object).relationship(&path.parts[0]).is_none();
        let parts = &path.parts[usize::from(strip)..];
        let Some((last, parents)) = parts.split_last() else {
            return Err(no_such_column(self.soql, path.at, "", own_name));
        };
        if parents.len() > MAX_LEVELS {
            return Err(malformed_plain("SOQL relationship depth can not be more than 5"));
        }
        let mut walk = Walk { object, hops: Vec::new(), names: Vec::new(), targets: None };
        for parent in parents {
            self.step(&mut walk, parent, path.at)?;
        }
        let (end, name) = self.end(&walk, last, path.at)?;
        walk.names.push(name);
        Ok(Resolved { names: walk.names, access: Access { hops: walk.hops, end } })
    }

    fn step(&self, walk: &mut Walk<'a>, relation: &str, at: usize) -> Result<(), ApiError> {
        let unknown = || no_such_relation(self.soql, at, relation);
        if walk.targets.is_some() {
            return Err(unknown());
        }
        let object = self.schema.object(walk.object);
        let field = object.relationship(relation).ok_or_else(unknown)?;
        let hop = FieldRef { object: walk.object, field };
        let lookup = self.schema.field(hop);
        if !self.visibility.sees(hop) {
            return Err(unknown());
        }
        walk.hops.push(hop);
        walk.names.extend(lookup.relationship.clone());
        if lookup.is_polymorphic() {
            walk.targets = Some(lookup);
            return Ok(());
        }
        let target = lookup.targets.first().and_then(|name| self.schema.find(name));
        walk.object = target.filter(|target| self.visibility.sees_object(*target)).ok_or_else(unknown)?;
        Ok(())
    }

    fn end(&self, walk: &Walk<'a>, name: &str, at: usize) -> Result<(End, String), ApiError> {
        if let Some(lookup) = walk.targets {
            return self.polymorphic_end(lookup, name, at);
        }
        let object = self.schema.object(walk.object);
        let unknown = || no_such_column(self.soql, at, name, &object.name);
        let field = object.field_index(name).ok_or_else(unknown)?;
        let end = FieldRef { object: walk.object, field };
        if !self.visibility.sees(end) {
            return Err(unknown());
        }
        Ok((End::One(end), object.fields[usize::from(field)].name.clone()))
    }

    fn polymorphic_end(&self, lookup: &Field, name: &str, at: usize) -> Result<(End, String), ApiError> {
        let canonical = NAME_FIELDS.iter().find(|known| known.eq_ignore_ascii_case(name));
        let Some(canonical) = canonical else { return Err(no_such_column(self.soql, at, name, "Name")) };
        if *canonical == "Type" {
            return Ok((End::ObjectName, (*canonical).to_owned()));
        }
        let ends = lookup.targets.iter().filter_map(|target| {
            let target = self.schema.find(target)?;
            let object = self.schema.object(target);
            let field = if *canonical == "Name" { object.name_field } else { object.field_index(canonical) }?;
            Some((object.table, FieldRef { object: target, field }))
        });
        Ok((End::ByTable(ends.collect()), (*canonical).to_owned()))
    }
}

struct Walk<'a> {
    object: u16,
    hops: Vec<FieldRef>,
    names: Vec<String>,
    /// Set after a polymorphic lookup: only the common fields are left.
    targets: Option<&'a Field>,
}
