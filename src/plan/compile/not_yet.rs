//! What the language promises and this version cannot run yet: refused by name, never ignored. Each rule goes when what it
//! stands for arrives.

use super::Checked;
use super::app::AppKind;
use super::unit::{Out, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::Side;

pub(super) fn check_not_yet(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    http(unit, out);
}

fn cannot(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error("E901", format!("{what} cannot run yet"), span, "not in this version of sfsync")
}

fn http(unit: &Unit<'_>, out: &mut Out) {
    if unit.app.kind == Some(AppKind::Http) {
        let verb = if unit.file.ops_to(Side::App).any() { "writing to" } else { "reading" };
        let what = format!("{verb} the HTTP app `{}`", unit.side_name(Side::App));
        out.push(
            cannot(&what, unit.file.app.resource.connection.span).help("use a postgres or sqlite connection"),
        );
    }
}
