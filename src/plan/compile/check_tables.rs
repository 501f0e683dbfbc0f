//! E309, E310, E311: the table a pipeline writes to, its columns and its key, with the statements that make it fit.

use super::Checked;
use super::TableWriter;
use super::app::AppField;
use super::check_fields::app_note;
use super::suggest::nearest;
use super::unit::{Out, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::Side;
use crate::plan::Pipeline;
use crate::plan::required::{RequiredTable, required};

pub(super) fn check_tables(
    checked: &Checked<'_>,
    plan: &Pipeline,
    writer: Option<&dyn TableWriter>,
    (out, notes): (&mut Out, &mut Vec<String>),
) {
    let unit = checked.unit;
    let Some(connection) = unit.app_connection.filter(|_| unit.app.is_sql()) else { return };
    let Some(wanted) = required(plan, connection, unit.salesforce.info(), unit.app.table.as_deref()) else {
        return;
    };
    let statements = || writer.and_then(|writer| writer.statements(&wanted, unit.app.table.as_deref()));
    if unit.app.table_missing {
        if unit.app.create_tables {
            notes.push(format!("{}: table {} will be created", connection.name, wanted.table));
        } else {
            out.push(no_table(unit, &wanted, statements()));
        }
        return;
    }
    let Some(table) = &unit.app.table else { return };
    columns(checked, &wanted, (out, notes), statements);
    let span = unit.file.app.resource.resource.span;
    if table.column(&unit.app.key).is_none() && table.column(&wanted.key.column).is_none() {
        out.push(no_key(unit, &wanted.table, span));
    } else if !unit.app.is_unique(&wanted.key.column) {
        let title = format!("`{}` does not identify a row of {}", wanted.key.column, wanted.table);
        let error = Diagnostic::error("E311", title, span, "the key column is not unique");
        out.push(error.help(key_help(unit, "<a unique column>")));
    }
}

fn no_table(unit: &Unit<'_>, wanted: &RequiredTable, statements: Option<String>) -> Diagnostic {
    let title = format!("{} has no table `{}`", unit.side_name(Side::App), wanted.table);
    let error = Diagnostic::error("E309", title, unit.file.app.resource.resource.span, "");
    let error = error.help(format!(
        "let sfsync make it:  create_tables: true  in connections/{}.yaml",
        unit.side_name(Side::App)
    ));
    with_statements(error, statements)
}

fn columns(
    checked: &Checked<'_>,
    wanted: &RequiredTable,
    (out, notes): (&mut Out, &mut Vec<String>),
    statements: impl Fn() -> Option<String>,
) {
    let unit = checked.unit;
    let mut missing: Vec<(&str, Span)> = Vec::new();
    for mention in checked.mentions.iter().filter(|mention| mention.side == Side::App) {
        let is_missing = matches!(unit.app.field(&mention.path), AppField::Missing);
        if is_missing && !missing.iter().any(|(path, _)| *path == mention.path) {
            missing.push((&mention.path, mention.span));
        }
    }
    // One statement repairs them all; it stands beside the first.
    let mut statements = Some(statements);
    for (path, span) in missing {
        let made = wanted.columns.iter().any(|column| &*column.path == path && column.policy.is_some());
        if made && unit.app.create_tables {
            notes.push(format!(
                "{}: column {}.{path} will be created",
                unit.side_name(Side::App),
                wanted.table
            ));
        } else {
            let all = if made { statements.take().and_then(|write| write()) } else { None };
            out.push(no_column(unit, wanted, (path, span), all));
        }
    }
}

fn no_column(
    unit: &Unit<'_>,
    wanted: &RequiredTable,
    (path, span): (&str, Span),
    statements: Option<String>,
) -> Diagnostic {
    let title = format!("{} has no column `{path}`", wanted.table);
    let error = Diagnostic::error("E310", title, span, "").note(app_note(unit));
    let table = unit.app.table.as_ref();
    let names = table.iter().flat_map(|table| &table.columns).map(|column| column.name.as_str());
    let near = nearest(path, names).and_then(|name| table.and_then(|table| table.column(name)));
    let error = match near {
        Some(column) => error.help(format!("did you mean `{}` ({})?", column.name, column.native)),
        None => error,
    };
    with_statements(error, statements)
}

fn with_statements(mut error: Diagnostic, statements: Option<String>) -> Diagnostic {
    if let Some(statements) = statements {
        error = error.help("or run this in the database:");
        for line in statements.lines() {
            error = error.help(line);
        }
    }
    error
}

fn no_key(unit: &Unit<'_>, table: &str, span: Span) -> Diagnostic {
    let title = format!("nothing identifies a row of {table}");
    let label =
        if unit.app.key_given { "the `key` column is not there" } else { "no primary key of one column" };
    Diagnostic::error("E311", title, span, label).help(key_help(unit, "<a unique column>"))
}

fn key_help(unit: &Unit<'_>, column: &str) -> String {
    let resource = &unit.file.app.resource;
    format!(
        "name a unique column in connections/{}.yaml:  resources: {{ {}: {{ key: {column} }} }}",
        resource.connection.value, resource.resource.value
    )
}
