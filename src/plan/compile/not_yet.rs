//! What the language promises and this version cannot run yet: refused by name, never ignored. Each rule goes when what it
//! stands for arrives.

use super::Checked;
use super::unit::{Out, Unit};
use crate::diag::Diagnostic;
use crate::spec::Push;

pub(super) fn check_not_yet(checked: &Checked<'_>, out: &mut Out) {
    push(checked.unit, out);
}

/// Push degrades to polling by the language itself, so this only warns.
fn push(unit: &Unit<'_>, out: &mut Out) {
    let messages = unit.file.salesforce.push().filter(|push| push.value == Push::OutboundMessage);
    for (word, span) in messages.map(|push| (push.value.word(), push.span)) {
        let title = format!("`push: {word}` does not run yet");
        out.push(Diagnostic::warning("W902", title, span, "changes are found by polling (`poll`)"));
    }
}
