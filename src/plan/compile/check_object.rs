//! E301, E312, E313, E315, E318: the object itself, and what the integration user may do with it.

use super::Checked;
use super::suggest::nearest;
use super::unit::{Out, Unit};
use crate::diag::Diagnostic;
use crate::model::{ObjectInfo, Op, Side};
use crate::plan::catalog::Knowledge;
use crate::spec::Poll;

pub(super) fn check_object(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    match unit.salesforce.object {
        Knowledge::Missing => out.push(unknown(unit)),
        Knowledge::Unknown => {}
        Knowledge::Known(object) => {
            queryable(unit, object, out);
            permissions(unit, object, out);
        }
    }
    linked_entity(unit, out);
}

fn unknown(unit: &Unit<'_>) -> Diagnostic {
    let object = &unit.file.salesforce.object;
    let connection = unit.file.salesforce.connection_name();
    let title = format!("unknown object `{}`", object.value);
    let error = Diagnostic::error("E301", title, object.span, "").note(format!(
        "objects as connection `{connection}` sees them; the integration user may not see all"
    ));
    unit.is_of_the_moment();
    match nearest(&object.value, unit.salesforce.names()) {
        Some(near) => error.help(format!("did you mean `{near}`?")).fix(object.span, near),
        None => error.help("sfsync schema <object> --refresh  after the object or the permission was made"),
    }
}

fn queryable(unit: &Unit<'_>, object: &ObjectInfo, out: &mut Out) {
    let span = unit.file.salesforce.object.span;
    if !object.queryable {
        let title = format!("{} cannot be queried", object.name);
        out.push(Diagnostic::error("E312", title, span, "the API does not offer it for queries"));
    } else if object.stamp_field().is_none() && unit.file.salesforce.poll() != Poll::Off {
        let title = format!("{} has no date of change", object.name);
        let error =
            Diagnostic::error("E315", title, span, "no SystemModstamp, LastModifiedDate or CreatedDate");
        out.push(error.help("add `poll: off`; its records are then compared by `reconcile` only"));
    }
}

fn permissions(unit: &Unit<'_>, object: &ObjectInfo, out: &mut Out) {
    let Some(ops) = unit.ops_entry(Side::Salesforce) else { return };
    for (op, allowed, verb) in [
        (Op::Create, object.createable, "create"),
        (Op::Update, object.updateable, "change"),
        (Op::Archive, object.updateable, "change"),
        (Op::Delete, object.deletable, "delete"),
    ] {
        if let (Some(span), false) = (ops.value.span_of(op), allowed) {
            let title = format!("the integration user may not {verb} records of {}", object.name);
            let error = Diagnostic::error(
                "E313",
                title,
                span,
                format!("every {op} would be refused by Salesforce", op = op.name()),
            );
            out.push(
                error.help("give the user's permission set that right on the object, or remove the word"),
            );
        }
    }
}

/// A ContentNote is found through the record it hangs on, so the row has to say where to look.
fn linked_entity(unit: &Unit<'_>, out: &mut Out) {
    if unit.salesforce.object_name != "ContentNote" {
        return;
    }
    for row in &unit.rows {
        let Some(("LinkedEntityId", span)) = row.field(Side::Salesforce) else { continue };
        if row.spec.lookup.is_none() {
            let title = "`LinkedEntityId` needs a `lookup`";
            let error = Diagnostic::error("E318", title, span, "it says on which records notes are searched");
            out.push(error.help("add  lookup: <pipeline of the records that carry the notes>"));
        }
    }
}
