//! Runs queries.
//! May not write answers. Read [`run`] first.

use std::collections::HashSet;
use std::sync::Arc;

use super::aggregate::{self, Groups};
use super::ast::{Query, Selected};
use super::check::row_set;
use super::errors::malformed_plain;
use super::filter::{Compiler, Filter};
use super::order::{self, Natural, OrderKey};
use super::parser::parse;
use super::plan::Bounds;
use super::resolve::Names;
use super::select::{self, Selection};
use crate::org::error::ApiError;
use crate::org::schema::{FieldType, Object};
use crate::org::store::Reader;
use crate::org::table::{Table, rank, row_of};
use crate::org::value::Value;
use crate::org::visibility::Visibility;

/// A range of stamps with fewer rows than this is always worth reading by its index.
const NARROW: usize = 20_000;
/// Highest OFFSET.
const MAX_OFFSET: u64 = 2_000;

/// How a query is run.
#[derive(Debug, Clone, Default)]
pub struct QueryOptions {
    /// queryAll: also rows in the recycle bin and archived activities.
    pub include_deleted: bool,
    /// Refuse what the Bulk API 2.0 refuses (section 7.6).
    pub bulk: bool,
}

/// The rows that a query found, as handles: values are rendered when a page is asked for, so a page
/// that is rendered later shows later values. The rows and their order stay.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// Name of the object in FROM.
    pub object: String,
    /// Column names in SELECT order, canonical case, `Owner.Name` for parents.
    pub columns: Vec<String>,
    /// `totalSize` of the answer (for `COUNT()` the count).
    pub total_size: usize,
    pub(crate) object_index: u16,
    pub(crate) include_deleted: bool,
    pub(crate) rows: Rows,
}

/// What can be rendered.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    Records {
        rows: Vec<u32>,
        selection: Arc<Selection>,
    },
    Groups(Arc<Groups>),
    /// `COUNT()`: a number, no elements.
    Nothing,
}

impl QueryResult {
    /// Number of elements that can be rendered; 0 for `COUNT()`.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Records { rows, .. } => rows.len(),
            Rows::Groups(groups) => groups.rows.len(),
            Rows::Nothing => 0,
        }
    }

    /// Whether there is nothing to render.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What one query may see.
pub(crate) struct Scope<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) visibility: &'a Visibility,
    pub(crate) include_deleted: bool,
    pub(crate) bulk: bool,
    /// Use indexes; off, every row is looked at.
    pub(crate) indexed: bool,
}

/// The compiled parts that queries and child queries share.
pub(crate) struct Parts {
    pub(crate) filter: Option<Filter>,
    pub(crate) order: Vec<OrderKey>,
}

/// The refusal of something that the Bulk API does not run.
pub(crate) fn bulk_refusal(what: &str) -> ApiError {
    ApiError::request("API_ERROR", format!("{what} not supported in Bulk Query"))
}

/// Parses, checks and runs a query.
pub(crate) fn run(scope: &Scope<'_>, soql: &str) -> Result<QueryResult, ApiError> {
    let query = parse(soql)?;
    let schema = &scope.reader.store.schema;
    let names = Names { soql, schema, visibility: scope.visibility };
    let object_index = names.object(&query.from)?;
    let object = schema.object(object_index);
    check_whole(scope, &query, object)?;
    let parts = compile_parts(scope, names, object_index, &query, false)?;
    let result = |rows, columns, total_size| QueryResult {
        object: object.name.clone(),
        columns,
        total_size,
        object_index,
        include_deleted: scope.include_deleted,
        rows,
    };
    if query.select == [Selected::CountAll] {
        let count = scope.rows(object, &parts, &query).len();
        return Ok(result(Rows::Nothing, Vec::new(), count));
    }
    if aggregate::is_aggregate(&query) {
        let compiled = aggregate::compile(&names, object_index, &query)?;
        let rows = scope.matching(object, &parts, None);
        let groups = aggregate::run(&compiled, &rows, &query, scope.reader)?;
        let (columns, total) = (groups.keys.clone(), groups.rows.len());
        return Ok(result(Rows::Groups(Arc::new(groups)), columns, total));
    }
    let selection = select::compile(scope, names, object_index, &query)?;
    let columns = selection.columns.iter().map(|column| column.name.clone()).collect();
    let rows = scope.rows(object, &parts, &query);
    let total = rows.len();
    Ok(result(Rows::Records { rows, selection: Arc::new(selection) }, columns, total))
}

fn check_whole(scope: &Scope<'_>, query: &Query, object: &Object) -> Result<(), ApiError> {
    let offset = query.offset.map_or(0, |(offset, _)| offset);
    if scope.bulk {
        if object.abilities.has("nobulk") {
            let message = format!("Entity '{}' is not supported by the Bulk API.", object.name);
            return Err(ApiError::request("INVALIDENTITY", message));
        }
        if aggregate::is_aggregate(query) || query.select.contains(&Selected::CountAll) {
            return Err(bulk_refusal("Aggregate Relationships"));
        }
        if query.offset.is_some() {
            return Err(bulk_refusal("OFFSET"));
        }
    }
    if offset > MAX_OFFSET {
        return Err(ApiError::request("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"));
    }
    Ok(())
}

/// Compiles WHERE and ORDER BY.
pub(crate) fn compile_parts(
    scope: &Scope<'_>,
    names: Names<'_>,
    object: u16,
    query: &Query,
    nested: bool,
) -> Result<Parts, ApiError> {
    let alias = query.alias.as_deref();
    let compiler = Compiler { scope, names, object, alias, nested };
    let filter = query.condition.as_ref().map(|condition| compiler.compile(condition)).transpose()?;
    let definition = names.schema.object(object);
    if definition.abilities.has("restricted") && !filter.as_ref().is_some_and(|f| is_restricting(f, names)) {
        return Err(malformed_plain(format!(
            "Implementation restriction: {0} requires a filter by a single Id on ContentDocumentId or LinkedEntityId using the equals operator or multiple Id's using the IN operator.",
            definition.name
        )));
    }
    let order = if aggregate::is_aggregate(query) {
        Vec::new()
    } else {
        order::compile(&names, object, alias, &query.order)?
    };
    Ok(Parts { filter, order })
}

/// Whether a filter on ids or links holds for every row.
fn is_restricting(filter: &Filter, names: Names<'_>) -> bool {
    match filter {
        Filter::And(all) => all.iter().any(|filter| is_restricting(filter, names)),
        Filter::Test { access, check: super::check::Check::Rows(_) } => access.direct().is_some_and(|at| {
            matches!(names.schema.field(at).name.as_str(), "Id" | "ContentDocumentId" | "LinkedEntityId")
        }),
        _ => false,
    }
}

impl Scope<'_> {
    /// The rows of a query in its order, cut by LIMIT and OFFSET.
    fn rows(&self, object: &Object, parts: &Parts, query: &Query) -> Vec<u32> {
        let offset = query.offset.map_or(0, |(offset, _)| offset);
        let wanted = query.limit.map(|limit| capped(limit.saturating_add(offset)));
        let mut rows = self.matching(object, parts, wanted);
        rows.drain(..capped(offset).min(rows.len()));
        rows
    }

    /// The rows that match, in order, at most `wanted`.
    fn matching(&self, object: &Object, parts: &Parts, wanted: Option<usize>) -> Vec<u32> {
        let natural = order::natural(&parts.order, object);
        let sorted = parts.order.is_empty() || natural.is_some();
        let bounds = parts.filter.as_ref().map(|filter| Bounds::of(filter, object, self.reader.store));
        let bounds = bounds.filter(|_| self.indexed);
        let (candidates, in_order) = self.candidates(object, bounds.as_ref(), natural, &parts.order);
        let accepts = |row: &u32| self.sees_row(object, *row) && self.accepts(parts, *row);
        let matching = candidates.filter(accepts);
        let mut rows: Vec<u32> = match wanted {
            Some(wanted) if sorted && in_order => return matching.take(wanted).collect(),
            _ => matching.collect(),
        };
        if parts.order.is_empty() {
            rows.sort_unstable();
        } else if !in_order {
            rows.sort_unstable();
            order::sort(&mut rows, &parts.order, self.reader);
        }
        rows.truncate(wanted.unwrap_or(usize::MAX));
        rows
    }

    fn accepts(&self, parts: &Parts, row: u32) -> bool {
        parts.filter.as_ref().is_none_or(|filter| filter.accepts(self.reader, row))
    }

    /// Rows to look at, and whether they come in the order that is asked for.
    fn candidates(
        &self,
        object: &Object,
        bounds: Option<&Bounds>,
        natural: Option<Natural>,
        ordered: &[OrderKey],
    ) -> (Box<dyn Iterator<Item = u32> + '_>, bool) {
        let table = self.reader.store.table(object.table);
        let unordered = ordered.is_empty();
        if let Some(rows) = bounds.and_then(|bounds| bounds.rows.clone()) {
            let mut rows = rows;
            rows.sort_unstable();
            rows.dedup();
            return (Box::new(rows.into_iter()), false);
        }
        if let Some((column, cells)) = bounds.and_then(|bounds| bounds.references.clone()) {
            let mut rows: Vec<u32> = cells.iter().flat_map(|cell| table.referring(column, *cell)).collect();
            rows.sort_unstable();
            return (Box::new(rows.into_iter()), false);
        }
        let stamps = bounds.map_or((i64::MIN, i64::MAX), |bounds| bounds.stamps);
        let wants_stamps = matches!(natural, Some(Natural::Stamp { .. }));
        if let (true, Some(column)) = (self.indexed, object.system.change_stamp()) {
            let narrow = bounds.is_some_and(Bounds::has_stamps)
                && stamp_rows(table, column, stamps, false).take(NARROW).count() < NARROW;
            if wants_stamps || narrow {
                let descending = natural == Some(Natural::Stamp { descending: true });
                return (stamp_rows(table, column, stamps, descending), wants_stamps || unordered);
            }
        }
        let by_id = matches!(natural, Some(Natural::Id { .. })) || bounds.is_some_and(Bounds::has_ranks);
        if by_id && self.indexed {
            let ranks = bounds.map_or((0, u32::MAX), |bounds| bounds.ranks);
            let descending = natural == Some(Natural::Id { descending: true });
            let in_order = matches!(natural, Some(Natural::Id { .. })) || unordered;
            return (id_rows(table.rows(), ranks, descending), in_order);
        }
        (Box::new(0..table.rows()), unordered)
    }

    /// Whether the row is there for this query: not purged, not in the bin, not archived.
    pub(crate) fn sees_row(&self, object: &Object, row: u32) -> bool {
        let table = self.reader.store.table(object.table);
        table.is_visible(row, self.include_deleted, self.reader.now)
            && self.reader.store.in_view(object, row)
            && (self.include_deleted || !self.is_archived(object, row))
    }

    fn is_archived(&self, object: &Object, row: u32) -> bool {
        matches!(object.name.as_str(), "Task" | "Event")
            && object
                .column("IsArchived")
                .is_some_and(|column| self.reader.column(object.table, column, row) == Value::Bool(true))
    }

    /// The references that a subquery behind IN gives.
    pub(crate) fn semi_join(&self, soql: &str, query: &Query, at: usize) -> Result<HashSet<u64>, ApiError> {
        let names = Names { soql, schema: &self.reader.store.schema, visibility: self.visibility };
        let object = names.object(&query.from)?;
        let [Selected::Field(path)] = query.select.as_slice() else {
            return Err(super::errors::malformed(
                soql,
                at,
                "The inner select of a semi join must select exactly one id or reference field",
            ));
        };
        let resolved = names.path(object, query.alias.as_deref(), path)?;
        let kind = resolved.access.sample().map(|at| names.schema.field(at).kind);
        if !matches!(kind, Some(FieldType::Id | FieldType::Reference)) {
            let message = format!(
                "The selected field '{}' in the inner select of a semi join should be an id or reference field",
                path.text()
            );
            return Err(super::errors::malformed(soql, path.at, &message));
        }
        let parts = compile_parts(self, names, object, query, true)?;
        let rows = self.rows(names.schema.object(object), &parts, query);
        Ok(row_set(rows.iter().filter_map(|row| match resolved.access.value(self.reader, *row) {
            Value::Reference(at) => Some(at),
            _ => None,
        })))
    }
}

fn stamp_rows<'a>(
    table: &'a Table,
    column: u16,
    (from, to): (i64, i64),
    descending: bool,
) -> Box<dyn Iterator<Item = u32> + 'a> {
    if from >= to {
        return Box::new(std::iter::empty());
    }
    let range = table.index(column).range((from, 0)..(to, 0)).map(|(_, rank)| row_of(*rank));
    if descending { Box::new(range.rev()) } else { Box::new(range) }
}

/// Rows in id order within a range of positions.
fn id_rows(rows: u32, (from, to): (u32, u32), descending: bool) -> Box<dyn Iterator<Item = u32>> {
    const BLOCK: u32 = 256;
    let blocks = rows.div_ceil(BLOCK);
    let lane = move |first: u32| (first..blocks).step_by(2);
    let in_block = move |block: u32| (block * BLOCK)..rows.min(block.saturating_add(1).saturating_mul(BLOCK));
    let inside = move |row: &u32| (from..=to).contains(&rank(*row));
    let overlaps = move |block: &u32| {
        let range = in_block(*block);
        rank(range.start) <= to && rank(range.end - 1) >= from
    };
    let ordered = lane(0).chain(lane(1)).filter(overlaps).flat_map(in_block).filter(inside);
    if !descending {
        return Box::new(ordered);
    }
    let mut all: Vec<u32> = ordered.collect();
    all.reverse();
    Box::new(all.into_iter())
}

fn capped(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
