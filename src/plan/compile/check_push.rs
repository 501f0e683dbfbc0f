//! E308: news that can never arrive. What may be missing only now (a slot, an edition) degrades at run time instead.

use super::Checked;
use super::unit::{Out, Unit};
use crate::diag::Diagnostic;
use crate::spec::{AppPush, ConnectionKind, Poll, Push};

pub(super) fn check_push(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    for push in unit.file.salesforce.push() {
        let error = match push.value {
            Push::Cdc => no_events(unit).map(|why| {
                let title = format!("{} has no change events", unit.salesforce.object_name);
                Diagnostic::error(
                    "E308",
                    title,
                    push.span,
                    format!("Salesforce does not publish them for {why}"),
                )
                .help(format!("remove the line; new rows are found {} (`poll`)", rhythm(unit)))
            }),
            Push::Webhook | Push::OutboundMessage => no_token(unit).then(|| {
                let title =
                    format!("connection `{}` has no token for `push: {}`", connection(unit), push.value);
                Diagnostic::error("E308", title, push.span, "nobody could call in").help(format!(
                    "add to connections/{}.yaml:  webhook: {{ token: ${{env:SF_WEBHOOK_TOKEN}} }}",
                    connection(unit)
                ))
            }),
            Push::None => None,
        };
        out.extend(error);
    }
    check_app(unit, out);
}

fn check_app(unit: &Unit<'_>, out: &mut Out) {
    let Some(push) = unit.file.app.push.as_ref().filter(|push| push.value != AppPush::None) else { return };
    let Some(connection) = unit.app_connection else { return };
    let (resource, span) = (unit.resource_name(), push.span);
    let fits = matches!(
        (push.value, &connection.kind),
        (AppPush::Webhook, _) | (AppPush::Listen, ConnectionKind::Postgres(_))
    );
    let called = match &connection.kind {
        ConnectionKind::Postgres(database) => database.webhook.is_some(),
        ConnectionKind::Sqlite(database) => database.webhook.is_some(),
        _ => unit.app.push_ready,
    };
    let ready = if push.value == AppPush::Webhook { called } else { unit.app.push_ready };
    if !fits {
        let title =
            format!("`push: {}` does not exist for {} connections", push.value, connection.kind.word());
        let error = Diagnostic::error("E308", title, span, "");
        let other = match connection.kind {
            ConnectionKind::Http(_) => "use `push: webhook`",
            ConnectionKind::Postgres(_) => "use `push: listen`",
            _ => "use `push: webhook`, or remove the line; changes are found by `poll`",
        };
        out.push(error.help(other));
    } else if !ready {
        let title = format!("{resource} cannot push: its connection does not say how");
        let error = Diagnostic::error("E308", title, span, "");
        out.push(match push.value {
            AppPush::Listen => error.help("add `listen: <channel>` to the resource"),
            _ if unit.app.is_sql() => {
                let name = &unit.file.app.resource.connection.value;
                error.help(format!(
                    "add to connections/{name}.yaml:  webhook: {{ token: ${{env:HOOK_TOKEN}} }}"
                ))
            }
            _ => error
                .help("add `webhook:` to the connection (token or secret) and to the resource (id, event)"),
        });
    }
}

/// Why an object has no change events (Object Reference, "StandardObjectNameChangeEvent"); `None` if it may have some. Not
/// every object without events is known here: the run time says so then.
fn no_events(unit: &Unit<'_>) -> Option<&'static str> {
    const SETUP: [&str; 9] = [
        "RecordType",
        "OpportunityStage",
        "UserRole",
        "Group",
        "Profile",
        "AccountTeamMember",
        "OpportunityTeamMember",
        "CaseComment",
        "ContentNote",
    ];
    let name = unit.salesforce.object_name;
    match name {
        _ if name.ends_with("History") => Some("history objects"),
        _ if name.ends_with("Share") => Some("sharing objects"),
        "FeedItem" | "FeedComment" => Some("feeds"),
        _ if name.ends_with("Feed") => Some("feeds"),
        _ if name.ends_with("__mdt") => Some("custom metadata"),
        _ if SETUP.contains(&name) => Some("this object"),
        _ => None,
    }
}

fn rhythm(unit: &Unit<'_>) -> String {
    match unit.file.salesforce.poll() {
        Poll::Every(period) => format!("every {period}"),
        Poll::Off => "by reconciliation; add `poll: 15 minutes`".to_owned(),
    }
}

fn connection(unit: &Unit<'_>) -> String {
    unit.file.salesforce.connection_name().to_string()
}

fn no_token(unit: &Unit<'_>) -> bool {
    match unit.salesforce_connection.map(|connection| &connection.kind) {
        Some(ConnectionKind::Salesforce(org)) => org.webhook.token.is_none(),
        _ => false,
    }
}
