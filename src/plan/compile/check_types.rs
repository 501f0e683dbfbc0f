//! E303: what is copied as it is must fit without being asked (language, 3.7).

use super::Checked;
use super::app::AppField;
use super::suggest::{list, nearest, snake_case};
use super::unit::{Out, RowView, Unit};
use crate::diag::Diagnostic;
use crate::expr::convertible;
use crate::model::{ColumnInfo, Kind, Side};

pub(super) fn check_types(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    for row in &unit.rows {
        for side in [Side::App, Side::Salesforce] {
            if is_plain_copy(row, side) {
                check_row(unit, row, side, out);
            }
        }
    }
}

fn is_plain_copy(row: &RowView<'_>, side: Side) -> bool {
    let spec = row.spec;
    row.writes(side)
        && spec.constant.is_none()
        && spec.expression_to(side).is_none()
        && spec.lookup.is_none()
        && spec.values.is_none()
}

fn check_row(unit: &Unit<'_>, row: &RowView<'_>, side: Side, out: &mut Out) {
    let (Some((from, _)), Some((to, span))) = (row.field(side.other()), row.field(side)) else { return };
    let source = unit.kind_of(side.other(), from);
    let target = unit.kind_of(side, to);
    // A normal form makes text of whatever comes, and only towards the app.
    let source = if row.spec.normal_form.is_some() && side == Side::App { Kind::Text } else { source };
    if convertible(source, target) {
        return;
    }
    let title = format!("`{from}` is {}, `{to}` is {}", noun(source), noun(target));
    let error = Diagnostic::error("E303", title, span, target.name());
    out.push(error.help(way_out(unit, side, (from, source), target)));
}

/// `map it to `employees` (integer), or turn it into text:  to_app: 'to_text(value)'`
fn way_out(unit: &Unit<'_>, side: Side, source: (&str, Kind), target: Kind) -> String {
    let turn = match target {
        Kind::Text | Kind::Id => Some(("text", "to_text(value)")),
        Kind::Int => Some(("an integer", "to_integer(value)")),
        Kind::Decimal => Some(("a decimal", "to_decimal(value)")),
        Kind::Date => Some(("a date", "date(value)")),
        Kind::DateTime => Some(("a date-time", "datetime(value)")),
        _ => None,
    };
    let turn = turn.map(|(into, with)| format!("turn it into {into}:  to_{side}: '{with}'"));
    let other = (side == Side::App).then(|| fitting(unit, source)).flatten();
    let other = other.map(|column| format!("map it to `{}` ({})", column.name, column.native));
    match (other, turn) {
        (Some(other), Some(turn)) => format!("{other}, or {turn}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => format!("compute it:  to_{side}: 'an expression that gives {}'", noun(target)),
    }
}

/// An unused field of the app that takes the value, if its name is like that of the source.
fn fitting<'a>(unit: &'a Unit<'_>, (from, kind): (&str, Kind)) -> Option<&'a ColumnInfo> {
    let table = unit.app.table.as_ref()?;
    let used = |column: &ColumnInfo| {
        unit.rows.iter().any(|row| row.field(Side::App).is_some_and(|(path, _)| path == column.name))
    };
    let free = || table.columns.iter().filter(|column| convertible(kind, column.kind) && !used(column));
    let wanted = snake_case(from);
    let words: Vec<&str> = wanted.split(['_', '.']).filter(|word| word.len() > 2).collect();
    let near = nearest(&wanted, free().map(|column| column.name.as_str()));
    let like = || {
        free().find(|column| words.iter().any(|word| column.name.contains(word))).map(|column| &*column.name)
    };
    let name = near.or_else(like)?;
    match unit.app.field(name) {
        AppField::Column(column) => Some(column),
        _ => None,
    }
}

/// What a field is, in a sentence.
pub(super) fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Int | Kind::Decimal => "a number",
        kind => super::literals::article(kind),
    }
}

/// E303 for values outside `one_of` of a declared field: constants, defaults and `values` towards the app.
pub(super) fn check_one_of(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    for row in unit.rows.iter().filter(|row| row.writes(Side::App)) {
        let Some((path, _)) = row.field(Side::App) else { continue };
        let AppField::Column(column) = unit.app.field(path) else { continue };
        if column.one_of.is_empty() {
            continue;
        }
        for (text, span) in super::check_picklists::written(row, Side::App) {
            if !column.one_of.contains(&text) {
                let names = || column.one_of.iter().map(String::as_str);
                let title = format!("`{text}` is not a value of `{path}`");
                let error = Diagnostic::error("E306", title, span, "");
                out.push(match nearest(&text, names()) {
                    Some(near) => error.help(format!("did you mean `{near}`?  ({})", list(names(), 12))),
                    None => error.help(format!("one of: {}", list(names(), 12))),
                });
            }
        }
    }
}
