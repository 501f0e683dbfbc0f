//! `sfsync links`: remembered pairs.

use super::exit::{Exit, Failure};
use super::{Context, table};
use crate::runtime::control::LinkView;
use crate::serve::{Forgotten, LinkList, LinkQuery};

/// Show or forget remembered pairs of a Salesforce record and an app record
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List pairs in the order of Salesforce ids
    List {
        /// The pipeline
        pipeline: String,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Only after this Salesforce id
        #[arg(long, value_name = "ID")]
        after: Option<String>,
    },
    /// Show the pair of a record
    Show {
        /// The pipeline
        pipeline: String,
        /// A Salesforce id, or with --app the key of an app record
        id: String,
        /// The id is one of the app
        #[arg(long)]
        app: bool,
    },
    /// Forget a pair; no record is deleted. The next sync matches the record afresh
    Unlink {
        /// The pipeline
        pipeline: String,
        /// The Salesforce id
        id: String,
    },
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let daemon = context.daemon();
    match args.what {
        What::List { pipeline, limit, after } => {
            let query = LinkQuery { after, limit: Some(limit) };
            let list: LinkList = daemon.get(&["api", "links", &pipeline], &query).await?;
            context.screen.show(&list, || listed(&pipeline, &list));
        }
        What::Show { pipeline, id, app } => {
            let side = if app { "app" } else { "salesforce" };
            let link: LinkView = daemon.get(&["api", "links", &pipeline, side, &id], &()).await?;
            context.screen.show(&link, || render(std::slice::from_ref(&link)));
        }
        What::Unlink { pipeline, id } => {
            let gone: Forgotten = daemon.delete(&["api", "links", &pipeline, "salesforce", &id]).await?;
            context
                .screen
                .show(&gone, || format!("{pipeline} no longer remembers the pair of {}.", gone.forgotten));
        }
    }
    Ok(Exit::Done)
}

fn listed(pipeline: &str, list: &LinkList) -> String {
    if list.links.is_empty() {
        return "No links.".to_owned();
    }
    let more =
        list.after.as_ref().map(|after| format!("more: sfsync links list {pipeline} --after {after}\n"));
    [render(&list.links), more.unwrap_or_default()].concat()
}

fn render(links: &[LinkView]) -> String {
    let columns = [
        table::text("SALESFORCE", 18),
        table::text("APP", 0),
        table::text("STATE", 0),
        table::text("AS OF", 0),
    ];
    let rows = links.iter().map(|link| {
        let settled = link.settled.map_or_else(|| "–".to_owned(), |at| at.to_string());
        vec![link.salesforce.to_string(), link.app.to_string(), link.state.clone(), settled]
    });
    table::render(&columns, &rows.collect::<Vec<_>>(), table::plain)
}
