//! `sfsync new`: begin a pipeline file from both schemas.

use std::fmt::Write as _;

use serde::Serialize;

use super::Context;
use super::bench;
use super::exit::{Exit, Failure};
use super::schema::{aligned, described, field_rows, snake};
use crate::model::{FieldInfo, ObjectInfo, TableInfo};

/// Begin a pipeline file: the rows both schemas suggest, the rest as comments
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the pipeline and of its file
    name: String,
    /// The Salesforce object
    #[arg(long, value_name = "OBJECT")]
    salesforce: String,
    /// The app side: connection.resource
    #[arg(long, value_name = "CONNECTION.RESOURCE")]
    app: String,
    /// Write a row for every field of the object
    #[arg(long)]
    all_fields: bool,
    /// Print the file instead of writing it
    #[arg(long)]
    print: bool,
}

/// The JSON form.
#[derive(Debug, Serialize)]
struct Begun {
    file: String,
    text: String,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Some((connection, resource)) = args.app.split_once('.') else {
        return Err(Failure::new(
            format!("{} is no resource", args.app),
            "write connection.resource, such as warehouse.clients",
        ));
    };
    let fits =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-');
    if args.name.is_empty() || args.name.len() > 60 || !args.name.chars().all(fits) {
        return Err(Failure::new(
            format!("{} is no name for a pipeline", args.name),
            "use a-z 0-9 _ -, at most 60 characters",
        ));
    }
    let file = context.folder().join(format!("{}.yaml", args.name));
    if file.exists() && !args.print {
        return Err(Failure::new(
            format!("{} is there already", file.display()),
            "choose another name, or --print",
        ));
    }
    let workbench = bench::with_state_if_free(context)?;
    let object = workbench.object(None, &args.salesforce).await?;
    // A table that is not there yet is one that create_tables would make.
    let table = workbench.table(connection, resource).await.ok();
    let folder = context.folder();
    let neighbour = line_of_a_neighbour(&folder);
    let line = neighbour.as_deref().unwrap_or("# yaml-language-server: $schema=schemas/pipeline.schema.json");
    let text = format!("{line}\n{}", render(&args, &object, table.as_ref()));
    if !args.print {
        super::write::whole(&file, &text)?;
        if neighbour.is_none() {
            super::write::schemas(&folder)?;
        }
    }
    let begun = Begun { file: file.display().to_string(), text };
    context.screen.show(&begun, || {
        if args.print {
            begun.text.clone()
        } else {
            format!("Wrote {0}. Look at it, then: sfsync check {1}", begun.file, args.name)
        }
    });
    Ok(Exit::Done)
}

/// The line with which another pipeline of the folder tells editors its schema.
fn line_of_a_neighbour(folder: &std::path::Path) -> Option<String> {
    let files = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let yaml = files.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let lines = yaml.filter_map(|path| Some(std::fs::read_to_string(path).ok()?.lines().next()?.to_owned()));
    let names = |line: &String| {
        let schema = line.strip_prefix("# yaml-language-server: $schema=");
        schema.is_some_and(|schema| schema.ends_with("pipeline.schema.json") && folder.join(schema).is_file())
    };
    lines.filter(names).min()
}

fn render(args: &Args, object: &ObjectInfo, table: Option<&TableInfo>) -> String {
    let mut text = format!(
        "salesforce: {}\napp: {}\nto_app: [create, update]\nmatch: [salesforce_id]\nfields:\n",
        object.name, args.app
    );
    match table {
        _ if args.all_fields => {
            text.push_str(&field_rows(object).replacen("app: id }", "app: salesforce_id }", 1));
        }
        Some(table) => text.push_str(&shared(object, table)),
        None => text.push_str(&usual(object)),
    }
    let _ = writeln!(text, "# more fields: sfsync schema {} --rows", object.name);
    text
}

fn row(field: &FieldInfo, app: &str) -> (String, String, String) {
    (format!("salesforce: {},", field.name), format!("app: {app} }}"), described(field))
}

fn id() -> (String, String, String) {
    ("salesforce: Id,".to_owned(), "app: salesforce_id }".to_owned(), String::new())
}

/// Fields and columns with the same name.
fn shared(object: &ObjectInfo, table: &TableInfo) -> String {
    let pairs = object.fields.iter().filter(|field| field.name != "Id");
    let pairs =
        pairs.filter_map(|field| table.column(&snake(&field.name)).map(|column| row(field, &column.name)));
    aligned(std::iter::once(id()).chain(pairs))
}

/// What nearly everybody wants, for a table that does not exist yet: the name and what is required.
fn usual(object: &ObjectInfo) -> String {
    let wanted = |field: &&FieldInfo| {
        field.name == "Name"
            || (!field.nillable
                && !field.defaulted_on_create
                && field.createable
                && field.wire != "reference")
    };
    let rows = object.fields.iter().filter(wanted).map(|field| row(field, &snake(&field.name)));
    aligned(std::iter::once(id()).chain(rows))
}
