//! Aggregate queries: functions and GROUP BY.
//! May not find rows. Read [`Groups`] first.

use std::collections::BTreeMap;
use std::collections::HashSet;

use super::ast::{Function, Path, Query, Selected};
use super::errors::{invalid_field, malformed};
use super::order::{SortValue, plain_sort_value};
use super::resolve::{Access, Names};
use crate::org::error::ApiError;
use crate::org::schema::FieldType;
use crate::org::store::Reader;
use crate::org::value::Value;

/// Most groups of one answer; there are no further pages.
const MAX_GROUPS: usize = 2_000;

/// The rows of an aggregate answer.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    pub(crate) keys: Vec<String>,
    pub(crate) rows: Vec<Vec<Value<'static>>>,
}

/// One element of the SELECT list.
#[derive(Debug)]
enum Element {
    Grouped(usize),
    Computed(Function, Access),
    CountRows,
}

/// A compiled aggregate query.
#[derive(Debug)]
pub(crate) struct Compiled {
    keys: Vec<String>,
    elements: Vec<Element>,
    group: Vec<Access>,
    /// Position in SELECT and direction.
    order: Vec<(usize, bool)>,
}

/// Whether the query groups or aggregates.
pub(crate) fn is_aggregate(query: &Query) -> bool {
    !query.group.is_empty() || query.select.iter().any(|s| matches!(s, Selected::Aggregate { .. }))
}

/// Checks and compiles SELECT, GROUP BY and ORDER BY.
pub(crate) fn compile(names: &Names<'_>, object: u16, query: &Query) -> Result<Compiled, ApiError> {
    let alias = query.alias.as_deref();
    let mut group = Vec::new();
    for path in &query.group {
        let resolved = names.path(object, alias, path)?;
        let field = resolved.access.sample().map(|at| names.schema.field(at));
        if field.is_some_and(|field| !can_group(field.kind) || field.is_long_text()) {
            let message = format!("field '{}' can not be grouped in a query call", path.text());
            return Err(invalid_field(names.soql, path.at, &message));
        }
        group.push(resolved.access);
    }
    let mut compiled = Compiled { keys: Vec::new(), elements: Vec::new(), group, order: Vec::new() };
    let mut unnamed = 0;
    for selected in &query.select {
        let (key, element) = element(names, object, query, selected)?;
        let key = key.unwrap_or_else(|| {
            unnamed += 1;
            format!("expr{}", unnamed - 1)
        });
        compiled.keys.push(key);
        compiled.elements.push(element);
    }
    for ordering in &query.order {
        let position = order_position(query, &compiled, &ordering.path).ok_or_else(|| {
            let message = format!("Ordered field must be grouped or aggregated: {}", ordering.path.text());
            malformed(names.soql, ordering.path.at, &message)
        })?;
        compiled.order.push((position, ordering.descending));
    }
    Ok(compiled)
}

fn can_group(kind: FieldType) -> bool {
    !matches!(
        kind,
        FieldType::Datetime
            | FieldType::MultiPicklist
            | FieldType::Double
            | FieldType::Currency
            | FieldType::Percent
            | FieldType::Address
            | FieldType::Base64
    )
}

fn element(
    names: &Names<'_>,
    object: u16,
    query: &Query,
    selected: &Selected,
) -> Result<(Option<String>, Element), ApiError> {
    match selected {
        Selected::Field(path) => {
            let position = query.group.iter().position(|group| same(group, path)).ok_or_else(|| {
                let message = format!("Field must be grouped or aggregated: {}", path.text());
                malformed(names.soql, path.at, &message)
            })?;
            let resolved = names.path(object, query.alias.as_deref(), path)?;
            Ok((resolved.names.last().cloned(), Element::Grouped(position)))
        }
        Selected::Aggregate { function, argument, alias, .. } => {
            let resolved = names.path(object, query.alias.as_deref(), argument)?;
            let kind = resolved.access.sample().map(|at| names.schema.field(at).kind);
            let numeric = kind.is_some_and(FieldType::is_number);
            if matches!(function, Function::Sum | Function::Avg) && !numeric {
                let message = format!("field {} does not support aggregate operator", argument.text());
                return Err(malformed(names.soql, argument.at, &message));
            }
            Ok((alias.clone(), Element::Computed(*function, resolved.access)))
        }
        Selected::CountAll => Ok((None, Element::CountRows)),
        Selected::Fields { at, .. } | Selected::Subquery { at, .. } => {
            Err(malformed(names.soql, *at, "only fields and functions can be selected with GROUP BY"))
        }
    }
}

fn same(a: &Path, b: &Path) -> bool {
    a.text().eq_ignore_ascii_case(&b.text())
}

fn order_position(query: &Query, compiled: &Compiled, path: &Path) -> Option<usize> {
    let by_alias = compiled.keys.iter().position(|key| key.eq_ignore_ascii_case(&path.text()));
    by_alias.or_else(|| {
        query.select.iter().position(|selected| matches!(selected, Selected::Field(p) if same(p, path)))
    })
}

/// Groups the rows and computes the functions.
pub(crate) fn run(
    compiled: &Compiled,
    rows: &[u32],
    query: &Query,
    reader: Reader<'_>,
) -> Result<Groups, ApiError> {
    let mut groups: BTreeMap<Vec<Option<SortValue>>, Vec<u32>> = BTreeMap::new();
    for row in rows {
        let key = compiled
            .group
            .iter()
            .map(|access| plain_sort_value(&[], &access.value(reader, *row), reader))
            .collect();
        groups.entry(key).or_default().push(*row);
    }
    if compiled.group.is_empty() {
        groups.entry(Vec::new()).or_default();
    }
    let mut found: Vec<Vec<Value<'static>>> = groups
        .values()
        .map(|rows| compiled.elements.iter().map(|e| compute(e, compiled, rows, reader)).collect())
        .collect();
    sort(&mut found, &compiled.order, reader);
    let offset = query.offset.map_or(0, |(offset, _)| offset);
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let limit = query.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let found: Vec<_> = found.into_iter().skip(skip).take(limit).collect();
    if found.len() > MAX_GROUPS {
        return Err(ApiError::request(
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
        ));
    }
    Ok(Groups { keys: compiled.keys.clone(), rows: found })
}

fn sort(rows: &mut [Vec<Value<'static>>], order: &[(usize, bool)], reader: Reader<'_>) {
    rows.sort_by(|a, b| {
        order
            .iter()
            .map(|(position, descending)| {
                let of = |row: &[Value<'static>]| plain_sort_value(&[], &row[*position], reader);
                let order = of(a).cmp(&of(b));
                if *descending { order.reverse() } else { order }
            })
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
}

fn compute(element: &Element, compiled: &Compiled, rows: &[u32], reader: Reader<'_>) -> Value<'static> {
    match element {
        Element::Grouped(position) => {
            rows.first().map_or(Value::Null, |row| compiled.group[*position].value(reader, *row).into_owned())
        }
        Element::CountRows => count(rows.len()),
        Element::Computed(function, access) => {
            let values = rows.iter().map(|row| access.value(reader, *row)).filter(|value| !value.is_null());
            apply(*function, values, reader)
        }
    }
}

fn apply<'a>(
    function: Function,
    values: impl Iterator<Item = Value<'a>>,
    reader: Reader<'a>,
) -> Value<'static> {
    let key = |value: &Value<'a>| plain_sort_value(&[], value, reader);
    match function {
        Function::Count => count(values.count()),
        Function::CountDistinct => {
            count(values.map(|value| format!("{:?}", key(&value))).collect::<HashSet<_>>().len())
        }
        Function::Sum | Function::Avg => mean_or_sum(function, values),
        Function::Min => values.min_by_key(key).map_or(Value::Null, Value::into_owned),
        Function::Max => values.max_by_key(key).map_or(Value::Null, Value::into_owned),
    }
}

fn count(count: usize) -> Value<'static> {
    Value::Number(i64::try_from(count).unwrap_or(i64::MAX), 0)
}

/// Averages keep four decimals more than the field.
fn mean_or_sum<'a>(function: Function, values: impl Iterator<Item = Value<'a>>) -> Value<'static> {
    let (mut sum, mut scale, mut number) = (0i128, 0u8, 0i128);
    for value in values {
        if let Value::Number(mantissa, decimals) = value {
            (sum, scale, number) = (sum + i128::from(mantissa), decimals, number + 1);
        }
    }
    if number == 0 {
        return Value::Null;
    }
    let (total, scale) =
        if function == Function::Avg { (sum * 10_000 / number, scale + 4) } else { (sum, scale) };
    i64::try_from(total).map_or(Value::Null, |mantissa| Value::Number(mantissa, scale))
}
