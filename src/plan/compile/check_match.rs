//! E205: `match` names rows by their app fields. W323: a row of `match` that cannot be looked for in all its spellings.

use super::Checked;
use super::suggest::nearest;
use super::unit::{Out, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::Side;
use crate::spec::{self, NormalForm};

pub(super) fn check_match(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    if unit.rows.iter().any(|row| row.spec.incomplete && row.spec.app.is_none()) {
        return;
    }
    let names = || unit.rows.iter().filter_map(|row| row.field(Side::App)).map(|(path, _)| path);
    for field in unit.file.match_fields() {
        let wanted = field.value.as_str();
        if names().any(|name| name == wanted) {
            check_spelling(unit, (wanted, field.span), out);
            continue;
        }
        let title = format!("`match` names `{wanted}`, but no row has `app: {wanted}`");
        let mut error = Diagnostic::error("E205", title, field.span, "");
        if let Some(near) = nearest(wanted, names()) {
            error = error.help(format!("did you mean `{near}`?"));
        }
        out.push(
            error
                .help("add the row it should match on:")
                .help(format!("  - {{ salesforce: Id, app: {wanted} }}")),
        );
    }
}

/// Rich text has no part that is the same in all of its spellings.
fn check_spelling(unit: &Unit<'_>, (wanted, span): (&str, Span), out: &mut Out) {
    let is_text = |form: &spec::Entry<NormalForm>| form.value == NormalForm::PlainText;
    let row = unit.rows.iter().find(|row| row.field(Side::App).is_some_and(|(path, _)| path == wanted));
    let Some((row, true)) = row.map(|row| (row, unit.file.ops_to(Side::Salesforce).any())) else { return };
    if !row.spec.normal_form.as_ref().is_some_and(is_text) {
        return;
    }
    let title = format!("`match: {wanted}` finds only text that Salesforce stores as it is written");
    let warning = Diagnostic::warning("W323", title, span, "rich text has many spellings");
    out.push(warning.help("match on another field, or leave `as: plain_text` to rows that identify nothing"));
}
