//! `sfsync schema`: fields and types of an object or a table, as a table, as rows to paste, or the JSON schemas of the files.

use super::bench;
use super::exit::{Exit, Failure};
use super::{Context, table};
use crate::model::{ColumnInfo, FieldInfo, ObjectInfo, TableInfo};
use crate::runtime::workbench::Workbench;
use crate::spec::grammar::{SCHEMAS, render_schema};

/// Choices of a picklist that are shown before `…`.
const CHOICES: usize = 6;

/// Show the fields of a Salesforce object or an app resource
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An object such as Opportunity, or connection.resource such as warehouse.clients; with --json-schema: pipeline, connection or
    /// settings
    what: String,
    /// Ask the system again even if the schema is known
    #[arg(long)]
    refresh: bool,
    /// Print rows to paste into a pipeline file
    #[arg(long)]
    rows: bool,
    /// Print the JSON schema of a kind of file, for editors
    #[arg(long, conflicts_with_all = ["rows", "refresh"])]
    json_schema: bool,
    /// The Salesforce connection to ask, where there are several
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    if args.json_schema {
        let unknown = || {
            Failure::new(
                format!("{} is no kind of file", args.what),
                format!("one of {}", SCHEMAS.join(", ")),
            )
        };
        let schema = render_schema(&args.what).ok_or_else(unknown)?;
        context.screen.say(&schema);
        return Ok(Exit::Done);
    }
    let workbench = bench::with_state_if_free(context)?;
    if let Some((connection, resource)) = args.what.split_once('.') {
        let table = resource_of(&workbench, connection, resource).await?;
        context.screen.show(&table, || if args.rows { column_rows(&table) } else { columns(&table) });
    } else {
        let object = object(&workbench, &args).await?;
        context.screen.show(&object, || if args.rows { field_rows(&object) } else { fields(&object) });
    }
    Ok(Exit::Done)
}

async fn resource_of(workbench: &Workbench, connection: &str, resource: &str) -> Result<TableInfo, Failure> {
    Ok(workbench.table(connection, resource).await?)
}

/// From the state, or from the org.
async fn object(workbench: &Workbench, args: &Args) -> Result<ObjectInfo, Failure> {
    let orgs = workbench.catalog().orgs.iter();
    let mut orgs =
        orgs.filter(|(name, _)| args.connection.as_ref().is_none_or(|wanted| name.as_str() == wanted));
    let known = orgs.find_map(|(_, org)| org.object(&args.what).known()).filter(|_| !args.refresh);
    match known {
        Some(object) => Ok(object.clone()),
        None => Ok(workbench.object(args.connection.as_deref(), &args.what).await?),
    }
}

/// `text(120), required`
pub(super) fn described(field: &FieldInfo) -> String {
    let mut words = vec![match field.wire.as_str() {
        "string" | "textarea" | "email" | "url" | "phone" => {
            format!("{}({})", if field.wire == "string" { "text" } else { &field.wire }, field.length)
        }
        "currency" | "double" | "percent" => format!("{}({},{})", field.wire, field.precision, field.scale),
        "picklist" | "multipicklist" => format!("{}: {}", field.wire, choices(field)),
        "reference" => format!("reference to {}", field.reference_to.join(", ")),
        other => other.to_owned(),
    }];
    if field.calculated {
        words.push("formula".to_owned());
    }
    if !field.nillable && !field.defaulted_on_create && field.createable {
        words.push("required".to_owned());
    }
    if field.external_id {
        words.push("External ID".to_owned());
    }
    if !field.createable && !field.updateable && !field.calculated {
        words.push("read-only".to_owned());
    }
    words.join(", ")
}

fn choices(field: &FieldInfo) -> String {
    let active: Vec<&str> =
        field.picklist.iter().filter(|choice| choice.active).map(|choice| choice.value.as_str()).collect();
    let more = if active.len() > CHOICES { ", …" } else { "" };
    format!("{}{more}", active[..active.len().min(CHOICES)].join(", "))
}

fn fields(object: &ObjectInfo) -> String {
    let rows =
        object.fields.iter().map(|field| vec![field.name.clone(), field.label.clone(), described(field)]);
    table::render(
        &[table::text("FIELD", 0), table::text("LABEL", 0), table::text("TYPE", 0)],
        &rows.collect::<Vec<_>>(),
        table::plain,
    )
}

fn columns(table: &TableInfo) -> String {
    let rows = table.columns.iter().map(|column| vec![column.name.clone(), column_words(table, column)]);
    table::render(&[table::text("FIELD", 0), table::text("TYPE", 0)], &rows.collect::<Vec<_>>(), table::plain)
}

fn column_words(table: &TableInfo, column: &ColumnInfo) -> String {
    let mut words = vec![column.native.clone()];
    let facts = [
        (table.primary_key.contains(&column.name), "primary key"),
        (!column.nullable && !column.has_default, "required"),
        (column.read_only, "read-only"),
    ];
    words.extend(facts.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word.to_owned()));
    words.join(", ")
}

/// Rows for each field that Salesforce gives as one value.
pub(super) fn field_rows(object: &ObjectInfo) -> String {
    let plain: Vec<&FieldInfo> =
        object.fields.iter().filter(|field| !matches!(field.wire.as_str(), "address" | "location")).collect();
    aligned(plain.into_iter().map(|field| {
        let read_only = field.calculated || (!field.createable && !field.updateable);
        let name = snake(&field.name);
        let (side, more) = (
            format!("salesforce: {},", field.name),
            if read_only && field.name != "Id" { ", to_salesforce: false" } else { "" },
        );
        (side, format!("app: {name}{more} }}"), described(field))
    }))
}

fn column_rows(table: &TableInfo) -> String {
    aligned(table.columns.iter().map(|column| {
        ("salesforce: ,".to_owned(), format!("app: {} }}", column.name), column_words(table, column))
    }))
}

/// The two sides and the remark under each other.
pub(super) fn aligned(rows: impl Iterator<Item = (String, String, String)>) -> String {
    let rows: Vec<_> = rows.collect();
    let widest =
        |width: fn(&(String, String, String)) -> usize| rows.iter().map(width).max().unwrap_or_default();
    let (left, right) = (widest(|row| row.0.chars().count()), widest(|row| row.1.chars().count()));
    let line = |(side, app, remark): &(String, String, String)| {
        let line = format!("  - {{ {side:<left$} {app:<right$}   # {remark}");
        if remark.is_empty() { line.trim_end_matches(['#', ' ']).to_owned() + "\n" } else { line + "\n" }
    };
    rows.iter().map(line).collect()
}

/// `StageName` → `stage_name`, `Url__c` → `url`
pub(super) fn snake(name: &str) -> String {
    let name = name.strip_suffix("__c").unwrap_or(name);
    let mut text = String::new();
    let mut small_before = false;
    for letter in name.chars() {
        if letter.is_uppercase() && small_before {
            text.push('_');
        }
        small_before = letter.is_lowercase() || letter.is_ascii_digit();
        if !(letter == '_' && text.ends_with('_')) {
            text.push(letter.to_ascii_lowercase());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_manner_of_databases() {
        for (name, column) in [
            ("StageName", "stage_name"),
            ("Url__c", "url"),
            ("IsClosed", "is_closed"),
            ("Id", "id"),
            ("Annual_Revenue__c", "annual_revenue"),
        ] {
            assert_eq!(snake(name), column);
        }
    }
}
