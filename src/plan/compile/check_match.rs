//! E205: `match` names rows by their app fields.

use super::Checked;
use super::suggest::nearest;
use super::unit::Out;
use crate::diag::Diagnostic;
use crate::model::Side;

pub(super) fn check_match(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    if unit.rows.iter().any(|row| row.spec.incomplete && row.spec.app.is_none()) {
        return;
    }
    let names = || unit.rows.iter().filter_map(|row| row.field(Side::App)).map(|(path, _)| path);
    for field in unit.file.match_fields() {
        let wanted = field.value.as_str();
        if names().any(|name| name == wanted) {
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
