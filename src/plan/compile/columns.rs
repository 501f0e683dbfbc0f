//! The schemas of both sides: what rows, filters and expressions name, then the keys and stamps that the engine needs.

use std::collections::HashMap;
use std::sync::Arc;

use super::app::AppField;
use super::mentions::{Mention, Role};
use super::salesforce::SalesforceField;
use super::unit::Unit;
use crate::model::{BECAME, CONVERTED, Field, Kind, Schema, Side};
use crate::spec::{Conflict, Links};

/// Columns of one side while they are collected.
#[derive(Default)]
struct Columns {
    fields: Vec<Field>,
    positions: HashMap<Arc<str>, usize>,
}

impl Columns {
    fn add(&mut self, path: &str, kind: Kind) -> usize {
        if let Some(position) = self.positions.get(path) {
            return *position;
        }
        let name: Arc<str> = Arc::from(path);
        self.fields.push(Field { name: Arc::clone(&name), kind });
        self.positions.insert(name, self.fields.len() - 1);
        self.fields.len() - 1
    }

    fn schema(self) -> Arc<Schema> {
        Arc::new(Schema::new(self.fields))
    }
}

/// The schemas, and the positions of what has a meaning of its own.
pub(super) struct Layout {
    pub(super) salesforce: Arc<Schema>,
    pub(super) id: usize,
    pub(super) stamp: Option<usize>,
    pub(super) salesforce_modified: Option<usize>,
    pub(super) app: Arc<Schema>,
    pub(super) key: usize,
    pub(super) app_modified: Option<usize>,
}

impl Layout {
    /// Lays out what the file names. `app_key` is the key column, which depends on the lane.
    pub(super) fn new(unit: &Unit<'_>, mentions: &[Mention], app_key: &str) -> Self {
        let (mut salesforce, mut app) = (Columns::default(), Columns::default());
        for mention in mentions.iter().filter(|mention| is_column(unit, mention)) {
            let kind = unit.kind_of(mention.side, &mention.path);
            match mention.side {
                Side::Salesforce => salesforce.add(&mention.path, kind),
                Side::App => app.add(&mention.path, kind),
            };
        }
        let id = salesforce.add("Id", Kind::Id);
        let salesforce_modified = modified_field(unit).map(|name| salesforce.add(name, Kind::DateTime));
        let stamp = unit.salesforce.info().and_then(|object| object.stamp_field());
        let stamp = stamp.map(|field| salesforce.add(&field.name, Kind::DateTime));
        for name in conversion_fields(unit) {
            salesforce.add(name, unit.kind_of(Side::Salesforce, name));
        }
        let key = app.add(app_key, unit.app.kind_of(app_key));
        // A time, however the column keeps it: SQLite has no type of its own for times.
        let app_modified = unit.app.updated_at.as_ref().map(|path| app.add(path, Kind::DateTime));
        Self {
            salesforce: salesforce.schema(),
            id,
            stamp,
            salesforce_modified,
            app: app.schema(),
            key,
            app_modified,
        }
    }

    /// The schema of a side.
    pub(super) fn schema(&self, side: Side) -> &Arc<Schema> {
        match side {
            Side::Salesforce => &self.salesforce,
            Side::App => &self.app,
        }
    }

    /// Position of a field of a side.
    pub(super) fn position(&self, side: Side, path: &str) -> Option<usize> {
        self.schema(side).position(path)
    }
}

/// A query that names a field that is not there brings nothing at all, so what an expression can do without is only selected
/// where it is, or where nobody knows.
fn is_column(unit: &Unit<'_>, mention: &Mention) -> bool {
    let missing = match mention.side {
        Side::Salesforce => {
            matches!(
                unit.salesforce.field(&mention.path),
                SalesforceField::Missing { .. } | SalesforceField::TooDeep
            )
        }
        Side::App => matches!(unit.app.field(&mention.path), AppField::Missing),
    };
    mention.role.is_read() && !(missing && mention.role == Role::Optional)
}

/// What tells that a lead was converted, and into what: its links move.
fn conversion_fields(unit: &Unit<'_>) -> Vec<&'static str> {
    let fields = std::iter::once(CONVERTED).chain(BECAME.iter().map(|(_, field)| *field));
    let there = |name: &&str| matches!(unit.salesforce.field(name), SalesforceField::Field(..));
    let is_lead = unit.salesforce.object_name.eq_ignore_ascii_case("Lead");
    fields.filter(|_| is_lead).filter(there).collect()
}

/// `LastModifiedDate`, where somebody asks which side or record changed last and the object has it.
fn modified_field(unit: &Unit<'_>) -> Option<&'static str> {
    let file = unit.file;
    let newest = file.conflict() == Conflict::Newest
        || file.links() == Links::ManyToOne
        || unit
            .rows
            .iter()
            .any(|row| row.spec.conflict.as_ref().is_some_and(|rule| rule.value == Conflict::Newest));
    let there = !matches!(unit.salesforce.field("LastModifiedDate"), SalesforceField::Missing { .. });
    ((newest || file.is_two_way()) && there).then_some("LastModifiedDate")
}
