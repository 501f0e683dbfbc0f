//! What the language promises and this version cannot run yet: refused by name, never ignored. Each rule goes when what it
//! stands for arrives.

use super::Checked;
use super::unit::{Out, Unit};
use crate::diag::Diagnostic;
use crate::spec::{AppPush, Push};

pub(super) fn check_not_yet(checked: &Checked<'_>, out: &mut Out) {
    push(checked.unit, out);
}

/// Push degrades to polling by the language itself, so this only warns.
fn push(unit: &Unit<'_>, out: &mut Out) {
    let salesforce = unit.file.salesforce.push().filter(|push| push.value != Push::Cdc);
    let salesforce = salesforce.map(|push| (push.value.word(), push.span));
    let app = unit.file.app.push.iter().filter(|push| push.value == AppPush::Webhook);
    let app = app.map(|push| (push.value.word(), push.span));
    for (word, span) in salesforce.chain(app) {
        let title = format!("`push: {word}` does not run yet");
        out.push(Diagnostic::warning("W902", title, span, "changes are found by polling (`poll`)"));
    }
}
