//! What several keys of one pipeline file say together.

use crate::diag::{Diagnostic, SourceMap, Span};
use crate::model::{Op, Side};
use crate::spec::yaml::Node;
use crate::spec::{Backfill, Entry, Flow, OpList, PipelineFile, RowSpec, grammar};

/// Adds what is wrong to `out`. The raw tree tells a key that is missing from one that was reported.
pub(super) fn check(file: &mut PipelineFile, root: &Node, map: &SourceMap, out: &mut Vec<Diagnostic>) {
    let has = |key: &str| root.get(key).is_some();
    if !has("to_app")
        && !has("to_salesforce")
        && !was_meant("to_app", out)
        && !was_meant("to_salesforce", out)
    {
        let title = "neither `to_app` nor `to_salesforce` is there";
        out.push(
            Diagnostic::error("E109", title, file.app.key, "nothing would flow")
                .help("to_app: [create, update]          from Salesforce to the app")
                .help("to_salesforce: [create, update]   from the app to Salesforce"),
        );
    }
    check_ops(file, has("max_deletes"), out);
    check_backfills(file, out);
    if root.get("fields").and_then(Node::items).is_some_and(<[_]>::is_empty) {
        let title = "`fields` has no rows";
        out.push(
            Diagnostic::error("E110", title, file.fields_key, "").help("  - { salesforce: Name, app: name }"),
        );
    }
    let path = map.get(file.source).map_or("", |source| &source.path);
    let file_name = path.rsplit('/').next().unwrap_or(path);
    for row in file.fields.iter().filter(|row| !row.incomplete) {
        check_row(row, out);
        if file.is_two_way() {
            check_both_ways(row, file_name, out);
        }
    }
    check_groups(file, has("groups"), out);
    check_match(file, out);
    check_tests(file, out);
}

/// Whether an unknown key was probably meant to be this one.
fn was_meant(key: &str, out: &[Diagnostic]) -> bool {
    out.iter().any(|diagnostic| {
        diagnostic.code.0 == "E101" && diagnostic.fix.as_ref().is_some_and(|fix| fix.text == key)
    })
}

fn check_ops(file: &PipelineFile, limited: bool, out: &mut Vec<Diagnostic>) {
    let limited = limited || was_meant("max_deletes", out);
    for (side, list) in [(Side::App, &file.to_app), (Side::Salesforce, &file.to_salesforce)] {
        let Some(list) = list else { continue };
        check_op_list(side, list, out);
        if let Some(span) = list.value.span_of(Op::Delete).filter(|_| !limited) {
            out.push(delete_limit(file, side, span));
        }
    }
}

fn check_op_list(side: Side, list: &Entry<OpList>, out: &mut Vec<Diagnostic>) {
    let items = &list.value.items;
    let key = format!("to_{side}");
    if items.is_empty() {
        let title = format!("`{key}` is empty");
        out.push(
            Diagnostic::error("E110", title, list.span, "").help("name an operation, or remove the key"),
        );
    }
    for (at, item) in items.iter().enumerate() {
        if let Some(first) = items[..at].iter().find(|other| other.value == item.value) {
            let title = format!("`{}` is listed twice", item.value.name());
            out.push(
                Diagnostic::error("E111", title, item.span, "again here").also(first.span, "first here"),
            );
        }
    }
    if let Some(span) = list.value.span_of(Op::Link).filter(|_| items.len() > 1) {
        let title = "`link` stands alone";
        out.push(
            Diagnostic::error("E112", title, span, "it means: remember pairs, write nothing")
                .help(format!("{key}: [link]   or without it")),
        );
    }
}

/// E501.
fn delete_limit(file: &PipelineFile, side: Side, span: Span) -> Diagnostic {
    let what = match side {
        Side::Salesforce => format!("Salesforce {}", plural(&file.salesforce.object)),
        Side::App => {
            format!("records of {}.{}", file.app.resource.connection.value, file.app.resource.resource.value)
        }
    };
    Diagnostic::error("E501", "deletes need an upper limit", span, format!("may delete {what}"))
        .help(
            "max_deletes: 50      the most one run may delete; a run that wants more stops before the first",
        )
        .help("or `archive` instead of `delete`, if the records should only be marked")
}

fn plural(object: &str) -> String {
    if object.contains("__") {
        return format!("records of {object}");
    }
    let lower = object.to_lowercase();
    match lower.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if lower.ends_with('s') => format!("{lower}es"),
        None => format!("{lower}s"),
    }
}

fn check_backfills(file: &PipelineFile, out: &mut Vec<Diagnostic>) {
    for backfill in [&file.salesforce.backfill, &file.app.backfill].into_iter().flatten() {
        let Backfill::Window(window) = &backfill.value else { continue };
        match (&window.last, &window.by, &window.condition) {
            (Some(last), _, Some(condition)) => out.push(
                Diagnostic::error("E105", "`last` and `where` exclude each other", condition.key, "")
                    .also(last.key, "says it already")
                    .help("keep one of them"),
            ),
            (Some(last), None, None) => out.push(
                Diagnostic::error("E102", "`by` is missing", last.key, "counted from which date field?")
                    .help("by: LastModifiedDate    (or CreatedDate, ActivityDate, …)"),
            ),
            (None, Some(by), _) => {
                out.push(Diagnostic::error("E106", "`by` needs `last`", by.key, "").help("last: 6 months"));
            }
            _ => {}
        }
    }
}

/// E107.
fn check_both_ways(row: &RowSpec, file_name: &str, out: &mut Vec<Diagnostic>) {
    if row.salesforce.is_none() || row.app.is_none() {
        return;
    }
    for (side, name, other_name) in
        [(Side::Salesforce, "Salesforce", "the app"), (Side::App, "the app", "Salesforce")]
    {
        let computed = row.flow_to(side).filter(|flow| matches!(flow.value, Flow::Expression(_)));
        let Some(flow) = computed.filter(|_| row.flow_to(side.other()).is_none()) else { continue };
        let title = format!("this row says what goes to {name}, but not what goes to {other_name}");
        let key = format!("to_{}", side.other());
        out.push(
            Diagnostic::error("E107", title, flow.key, "only this way is described")
                .note(format!("{file_name} syncs both ways"))
                .help(format!(
                    "add `{key}: true` (copy as it is), `{key}: false` (one way only), or an expression"
                )),
        );
    }
}

/// E106: keys of one row that contradict or need one another.
fn check_row(row: &RowSpec, out: &mut Vec<Diagnostic>) {
    match (&row.salesforce, &row.app) {
        (None, None) => {
            let help = "  - { salesforce: Name, app: name }";
            let title = "this row names neither side";
            out.push(Diagnostic::error("E106", title, shorten(row.span), "").help(help));
            return;
        }
        (Some(_), Some(app)) => {
            if let Some(constant) = &row.constant {
                let title = "`const` fills one side, but this row names both";
                out.push(
                    Diagnostic::error("E106", title, constant.key, "")
                        .also(app.key, "this side, or the other one?")
                        .help("keep the side that gets the value; or use `default:` for empty values"),
                );
            }
        }
        (Some(field), None) | (None, Some(field)) => check_one_side(row, field.key, out),
    }
    if let (Some(constant), Some(side)) = (&row.constant, computed_side(row)) {
        let title = format!("`const` and `to_{side}` exclude each other");
        out.push(Diagnostic::error("E106", title, constant.key, "").help("keep one of them"));
    }
    if let (Some(missing), None) = (&row.missing, &row.lookup) {
        let title = "`missing` needs `lookup`";
        out.push(
            Diagnostic::error("E106", title, missing.key, "it speaks of a record in another pipeline")
                .help("add `lookup: <pipeline>`, or remove it; for empty values there is `default:`"),
        );
    }
}

fn computed_side(row: &RowSpec) -> Option<Side> {
    [Side::App, Side::Salesforce].into_iter().find(|side| row.expression_to(*side).is_some())
}

/// A row that names one side needs something that fills it.
fn check_one_side(row: &RowSpec, key: Span, out: &mut Vec<Diagnostic>) {
    let side = if row.app.is_some() { Side::App } else { Side::Salesforce };
    if let Some(flow) = row.flow_to(side.other()).filter(|flow| matches!(flow.value, Flow::Expression(_))) {
        let title = format!("this row computes a value for `{0}`, but names no field there", side.other());
        out.push(
            Diagnostic::error("E106", title, flow.key, "").help(format!("add `{}: <field>`", side.other())),
        );
        return;
    }
    if row.constant.is_some() || row.expression_to(side).is_some() {
        return;
    }
    let other = side.other();
    out.push(
        Diagnostic::error("E106", format!("this row names only `{side}`"), key, "filled with what?")
            .help(format!("add `{other}: <field>`, `const: <value>`, or `to_{side}: '<expression>'`")),
    );
}

fn shorten(span: Span) -> Span {
    span.part(0, 1)
}

/// E209, once per name.
fn check_groups(file: &PipelineFile, has_groups: bool, out: &mut Vec<Diagnostic>) {
    if !has_groups && was_meant("groups", out) {
        return;
    }
    let mut told: Vec<&str> = Vec::new();
    for row in &file.fields {
        let Some(group) = &row.group else { continue };
        if file.group(&group.value).is_some() || told.contains(&group.value.as_str()) {
            continue;
        }
        told.push(&group.value);
        let names = || file.groups.iter().map(|group| group.name.value.as_str());
        let title = format!("`groups` has no `{}`", grammar::clip(&group.value));
        let diagnostic = Diagnostic::error("E209", title, group.span, "");
        out.push(match grammar::closest(&group.value, names()) {
            Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
            None => diagnostic.help(format!("groups: {{ {}: always }}", group.value)),
        });
    }
}

/// E111: a match field named twice.
fn check_match(file: &PipelineFile, out: &mut Vec<Diagnostic>) {
    let fields = file.match_fields();
    for (at, field) in fields.iter().enumerate() {
        if let Some(first) = fields[..at].iter().find(|other| other.value == field.value) {
            let title = format!("`match` names `{}` twice", field.value);
            out.push(
                Diagnostic::error("E111", title, field.span, "again here").also(first.span, "first here"),
            );
        }
    }
}

/// E113.
fn check_tests(file: &PipelineFile, out: &mut Vec<Diagnostic>) {
    for (at, test) in file.tests.iter().enumerate() {
        if let Some(first) = file.tests[..at].iter().find(|other| other.name.value == test.name.value) {
            let title = "two tests have the same name";
            out.push(
                Diagnostic::error("E113", title, test.name.span, "again here")
                    .also(first.name.span, "first here"),
            );
        }
        let nothing =
            test.change.as_ref().filter(|change| change.salesforce.is_none() && change.app.is_none());
        if let Some(change) = nothing {
            let title = "nothing changes in this test";
            out.push(
                Diagnostic::error("E113", title, change.key, "")
                    .help("change: { salesforce: { Name: Acme } }    or { app: … }, or `deleted`"),
            );
        }
    }
}
