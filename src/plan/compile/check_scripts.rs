//! E407: fields whose names an expression computes have to be selected by hand (language, 5.4).

use super::Checked;
use super::unit::Out;
use crate::diag::Diagnostic;

pub(super) fn check_scripts(checked: &Checked<'_>, out: &mut Out) {
    if checked.unit.file.salesforce.select.is_some() {
        return;
    }
    for (at, script, scalar) in checked.scripts.iter() {
        for var in at.salesforce_vars() {
            for place in script.computed(var) {
                let span = scalar.span_in(place.start, place.end);
                let title = "which field this is can only be known when it runs";
                let error = Diagnostic::error("E407", title, span, "the name is computed");
                out.push(error.help("name the fields it may be, so that they are read:").help(format!(
                    "  salesforce: {{ object: {}, select: [Field_A__c, Field_B__c] }}",
                    checked.unit.salesforce.object_name
                )));
            }
        }
    }
}
