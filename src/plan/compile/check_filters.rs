//! E314, E317: fields that stand in a query.

use super::Checked;
use super::mentions::{Mention, Role};
use super::salesforce::SalesforceField;
use super::unit::Out;
use crate::diag::Diagnostic;
use crate::model::{Kind, Side};

pub(super) fn check_filters(checked: &Checked<'_>, out: &mut Out) {
    for mention in &checked.mentions {
        if mention.side == Side::Salesforce
            && matches!(mention.role, Role::Filter | Role::Where | Role::BackfillBy)
        {
            check_filterable(checked, mention, out);
        }
        if mention.role == Role::BackfillBy {
            check_date(checked, mention, out);
        }
    }
}

fn check_filterable(checked: &Checked<'_>, mention: &Mention, out: &mut Out) {
    let refused = match checked.unit.salesforce.field(&mention.path) {
        SalesforceField::Field(field, _) => !field.filterable,
        SalesforceField::Virtual(_) => mention.path != "RecordType",
        _ => false,
    };
    if refused {
        let title = format!("`{}` cannot stand in a query condition", mention.path);
        let error = Diagnostic::error("E317", title, mention.span, "not filterable in Salesforce");
        out.push(error.help("use `filter` with an expression; it is evaluated on each record that was read"));
    }
}

fn check_date(checked: &Checked<'_>, mention: &Mention, out: &mut Out) {
    let kind = checked.unit.kind_of(mention.side, &mention.path);
    if !matches!(kind, Kind::Date | Kind::DateTime | Kind::Any) {
        let is = super::check_types::noun(kind);
        let title = format!("`backfill.by` needs a date, `{}` is {is}", mention.path);
        let error = Diagnostic::error("E314", title, mention.span, kind.name());
        out.push(error.help("CreatedDate, LastModifiedDate, or a date field of the object"));
    }
}
