//! ORDER BY.
//! May not filter. Read [`OrderKey`] first.

use super::ast::Ordering;
use super::errors::invalid_field;
use super::resolve::{Access, Names};
use crate::org::error::ApiError;
use crate::org::schema::{Field, FieldType, Flags, Object, Source};
use crate::org::store::Reader;
use crate::org::value::{Value, fold};

/// One compiled element of ORDER BY.
#[derive(Debug, Clone)]
pub(crate) struct OrderKey {
    access: Access,
    descending: bool,
    nulls_last: bool,
    /// Picklists sort in the order of their values.
    picklist: Vec<String>,
}

/// A value as ORDER BY compares it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SortValue {
    Number(i128),
    Text(usize, String),
    Id(crate::org::ids::Id),
}

/// Orders in which an index already gives the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Natural {
    /// By change stamp and id, descending or not.
    Stamp { descending: bool },
    /// By id, descending or not.
    Id { descending: bool },
}

/// Compiles ORDER BY.
pub(crate) fn compile(
    names: &Names<'_>,
    object: u16,
    alias: Option<&str>,
    order: &[Ordering],
) -> Result<Vec<OrderKey>, ApiError> {
    let compile_one = |ordering: &Ordering| {
        let resolved = names.path(object, alias, &ordering.path)?;
        let field = resolved.access.sample().map(|at| names.schema.field(at));
        if let Some(field) = field.filter(|field| !can_sort(field)) {
            let message = format!("field '{}' can not be sorted in a query call", field.name);
            return Err(invalid_field(names.soql, ordering.path.at, &message));
        }
        Ok(OrderKey {
            access: resolved.access,
            descending: ordering.descending,
            nulls_last: ordering.nulls_last,
            picklist: field
                .filter(|field| field.kind == FieldType::Picklist)
                .map(|field| field.picklist.iter().map(|value| fold(value).into_owned()).collect())
                .unwrap_or_default(),
        })
    };
    order.iter().map(compile_one).collect()
}

fn can_sort(field: &Field) -> bool {
    field.has(Flags::SORT) && !field.is_long_text()
}

/// The order of an index that equals this ORDER BY.
pub(crate) fn natural(keys: &[OrderKey], object: &Object) -> Option<Natural> {
    let sources: Vec<(&Source, bool)> = keys
        .iter()
        .map(|key| Some((&object.fields[usize::from(key.access.direct()?.field)].source, key.descending)))
        .collect::<Option<_>>()?;
    match sources.as_slice() {
        [(Source::Id, descending)] => Some(Natural::Id { descending: *descending }),
        [(Source::Column(column), descending), rest @ ..]
            if object.system.change_stamp() == Some(*column) =>
        {
            let fits = match rest {
                [] => true,
                [(Source::Id, same)] => same == descending,
                _ => false,
            };
            fits.then_some(Natural::Stamp { descending: *descending })
        }
        _ => None,
    }
}

/// Sorts rows; equal ones keep their order.
pub(crate) fn sort(rows: &mut Vec<u32>, keys: &[OrderKey], reader: Reader<'_>) {
    let mut keyed: Vec<(Vec<Option<SortValue>>, u32)> = rows
        .iter()
        .map(|row| {
            let values =
                keys.iter().map(|key| sort_value(key, &key.access.value(reader, *row), reader)).collect();
            (values, *row)
        })
        .collect();
    keyed.sort_by(|(a, _), (b, _)| {
        keys.iter()
            .zip(a.iter().zip(b))
            .map(|(key, (a, b))| compare(key, a.as_ref(), b.as_ref()))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    *rows = keyed.into_iter().map(|(_, row)| row).collect();
}

/// Nulls stand first in both directions unless NULLS LAST is given.
fn compare(key: &OrderKey, a: Option<&SortValue>, b: Option<&SortValue>) -> std::cmp::Ordering {
    match (a, b) {
        (Some(a), Some(b)) if key.descending => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) if key.nulls_last => a.is_none().cmp(&b.is_none()),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn sort_value(key: &OrderKey, value: &Value<'_>, reader: Reader<'_>) -> Option<SortValue> {
    plain_sort_value(&key.picklist, value, reader)
}

/// The order of a value, with the values of its picklist if it has one.
pub(crate) fn plain_sort_value(
    picklist: &[String],
    value: &Value<'_>,
    reader: Reader<'_>,
) -> Option<SortValue> {
    const DECIMALS: u32 = 18;
    Some(match value {
        Value::Null => return None,
        Value::Bool(on) => SortValue::Number(i128::from(*on)),
        Value::Number(mantissa, scale) => {
            SortValue::Number(i128::from(*mantissa) * 10i128.pow(DECIMALS - u32::from(*scale).min(DECIMALS)))
        }
        Value::Date(days) => SortValue::Number(i128::from(*days)),
        Value::Stamp(seconds) => SortValue::Number(i128::from(*seconds)),
        Value::Text(text) => {
            let folded = fold(text).into_owned();
            let position = picklist.iter().position(|known| *known == folded).unwrap_or(picklist.len());
            SortValue::Text(position, folded)
        }
        Value::Reference(at) => SortValue::Id(reader.store.id_of(*at)),
    })
}
