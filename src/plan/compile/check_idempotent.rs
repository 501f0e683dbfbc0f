//! W307: a create in Salesforce that a crash could repeat.

use super::Checked;
use super::salesforce::SalesforceField;
use super::unit::Out;
use crate::diag::Diagnostic;
use crate::model::{Op, Side};

/// Standard objects on which nobody can make a custom field.
fn takes_no_fields(object: &str) -> bool {
    const BARE: [&str; 12] = [
        "AccountContactRole",
        "AccountTeamMember",
        "Attachment",
        "CaseComment",
        "ContentDocumentLink",
        "ContentNote",
        "ContractContactRole",
        "EventRelation",
        "FeedComment",
        "FeedItem",
        "Note",
        "TaskRelation",
    ];
    BARE.iter().any(|name| name.eq_ignore_ascii_case(object))
}

pub(super) fn check_idempotent(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    let Some(span) = unit.ops_entry(Side::Salesforce).and_then(|ops| ops.value.span_of(Op::Create)) else {
        return;
    };
    let Some(object) = unit.salesforce.info() else { return };
    let is_key = |path: &str| match unit.salesforce.field(path) {
        SalesforceField::Field(field, _) => (field.external_id || field.unique) && path != "Id",
        _ => false,
    };
    let fields = unit.file.match_fields();
    let matched = unit.rows.iter().filter(|row| {
        row.field(Side::App).is_some_and(|(path, _)| fields.iter().any(|field| field.value.as_str() == path))
    });
    if matched.filter_map(|row| row.field(Side::Salesforce)).any(|(path, _)| is_key(path)) {
        return;
    }
    let (name, key) = (&object.name, &unit.app.key);
    let title = format!("nothing in Salesforce can tell an existing {name} from a new one");
    let label = format!("after a crash the same {} could be created twice", object.label.to_lowercase());
    let warning = Diagnostic::warning("W307", title, span, label)
        .note(format!("no `match` key of this pipeline is an External ID or unique field on {name}"));
    if takes_no_fields(name) {
        out.push(
            warning
                .note(format!("Salesforce allows no custom fields on {name}"))
                .help(
                    "a lost one is looked for by what it says before it is made again: two that say the same may pass for one",
                ),
        );
        return;
    }
    out.push(
        warning
            .help(format!("create a text field on {name}, marked External ID and Unique, e.g. App_Id__c"))
            .help(format!(
                "then:  match: [{key}]   and   - {{ salesforce: App_Id__c, app: {key}, to_app: false }}"
            )),
    );
}
