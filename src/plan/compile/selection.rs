//! `include`, `exclude`, `where` and `filter` of a side: as values for records that are at hand, and as a condition of the
//! query.

use super::columns::Layout;
use super::literals::literal_for;
use super::scripts::{At, Scripts};
use super::unit::{Out, Unit};
use super::{soql, sql};
use crate::model::{Side, Value};
use crate::plan::Selection;
use crate::spec::soql::SoqlCondition;
use crate::spec::{Backfill, Condition, Entry, Filter, SalesforceSide, Where};

/// One `field: values` of a filter, with its values brought to the kind of the field.
pub(super) struct Choice<'a> {
    pub(super) condition: &'a Condition,
    pub(super) values: Vec<Value>,
}

/// The maps of `include` and `exclude`, with values.
pub(super) struct Choices<'a> {
    pub(super) include: Vec<Vec<Choice<'a>>>,
    pub(super) exclude: Vec<Vec<Choice<'a>>>,
}

/// Converts the values of both lists; those that do not fit are reported.
pub(super) fn choices<'a>(unit: &Unit<'a>, side: Side, out: &mut Out) -> Choices<'a> {
    let (include, exclude) = lists(unit, side);
    let mut convert = |list: Option<&'a Entry<Vec<Filter>>>| -> Vec<Vec<Choice<'a>>> {
        let maps = list.into_iter().flat_map(|entry| &entry.value);
        maps.map(|map| map.conditions.iter().map(|condition| choice(unit, side, condition, out)).collect())
            .collect()
    };
    let include = convert(include);
    // A map with an empty list fits no record: as if it were not there.
    let mut exclude = convert(exclude);
    exclude.retain(|map| !map.is_empty() && map.iter().all(|choice| !choice.values.is_empty()));
    Choices { include, exclude }
}

fn choice<'a>(unit: &Unit<'a>, side: Side, condition: &'a Condition, out: &mut Out) -> Choice<'a> {
    let path = condition.field.value.as_str();
    let values = condition.values.iter();
    let values = values.map(|literal| literal_for(unit, side, path, (&literal.value, literal.span), out));
    Choice { condition, values: values.collect() }
}

type List<'a> = Option<&'a Entry<Vec<Filter>>>;

fn lists<'a>(unit: &Unit<'a>, side: Side) -> (List<'a>, List<'a>) {
    match side {
        Side::Salesforce => (unit.file.salesforce.include.as_ref(), unit.file.salesforce.exclude.as_ref()),
        Side::App => (unit.file.app.include.as_ref(), unit.file.app.exclude.as_ref()),
    }
}

/// For records that are at hand.
pub(super) fn selection(
    unit: &Unit<'_>,
    side: Side,
    choices: &Choices<'_>,
    scripts: &Scripts,
    layout: &Layout,
) -> Selection {
    let positioned = |maps: &[Vec<Choice<'_>>]| -> Vec<Vec<(usize, Vec<Value>)>> {
        maps.iter().map(|map| map.iter().filter_map(|choice| place(side, choice, layout)).collect()).collect()
    };
    let (include, exclude) = lists(unit, side);
    let filter = match side {
        Side::Salesforce => unit.file.salesforce.filter.as_ref(),
        Side::App => unit.file.app.filter.as_ref(),
    };
    let places =
        [include.map(|entry| entry.span), exclude.map(|entry| entry.span), filter.map(|entry| entry.span)];
    Selection {
        include: positioned(&choices.include),
        exclude: positioned(&choices.exclude),
        filter: scripts.bound(At::Filter(side), layout),
        places: places.into_iter().flatten().collect(),
    }
}

fn place(side: Side, choice: &Choice<'_>, layout: &Layout) -> Option<(usize, Vec<Value>)> {
    let position = layout.position(side, choice.condition.field.value.as_str())?;
    Some((position, choice.values.clone()))
}

/// `include`, `exclude` and `where` of the Salesforce side as one SOQL condition.
pub(super) fn salesforce_condition(unit: &Unit<'_>, choices: &Choices<'_>) -> String {
    let written = unit.file.salesforce.condition.as_ref().and_then(|entry| entry.value.soql.as_ref());
    soql::all(soql::filters(unit, choices).into_iter().chain(written.map(|soql| soql.text.clone())))
}

/// The same for the app side of a database.
pub(super) fn app_condition(unit: &Unit<'_>, choices: &Choices<'_>) -> Option<String> {
    if !unit.app.is_sql() {
        return None;
    }
    let written = unit.file.app.condition.as_ref().map(|entry| sql_text(&entry.value));
    let all = sql::all([sql::filters(unit, choices), written].into_iter().flatten());
    (!all.is_empty()).then_some(all)
}

/// SQL as written, on one line.
pub(super) fn sql_text(condition: &Where) -> String {
    condition.scalar.text.trim().to_owned()
}

/// The conditions of a Salesforce side that were read: `where`, and that of `backfill`.
pub(super) fn soql_conditions(side: &SalesforceSide) -> impl Iterator<Item = &SoqlCondition> {
    let backfill = match side.backfill.as_ref().map(|entry| &entry.value) {
        Some(Backfill::Window(window)) => window.condition.as_ref(),
        _ => None,
    };
    [side.condition.as_ref(), backfill].into_iter().flatten().filter_map(|entry| entry.value.soql.as_ref())
}
