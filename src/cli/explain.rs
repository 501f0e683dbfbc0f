//! `sfsync explain`: the page of a code or of a key.

use serde::Serialize;

use super::Context;
use super::exit::{Exit, Failure};
use crate::diag::codes::{self, Page};
use crate::spec::grammar::explain_key;

/// Explain the code of a message (E306) or a key of the files (on_leave)
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A code such as E306, or a key such as on_leave; without it all codes are listed
    what: Option<String>,
}

/// The JSON form.
#[derive(Debug, Serialize)]
struct Explained {
    name: String,
    title: String,
    text: String,
    example: String,
}

pub(super) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Some(what) = args.what else {
        let pages: Vec<Explained> = codes::pages().into_iter().map(explained).collect();
        context.screen.show(&pages, list);
        return Ok(Exit::Done);
    };
    if let Some(page) = codes::page(&what) {
        context.screen.show(&explained(page), || words(page));
        return Ok(Exit::Done);
    }
    if let Some(text) = explain_key(&what) {
        let value = Explained {
            name: what.clone(),
            title: format!("the key {what}"),
            text: text.clone(),
            example: String::new(),
        };
        context.screen.show(&value, || text);
        return Ok(Exit::Done);
    }
    let closest = codes::pages()
        .into_iter()
        .map(|page| page.code)
        .min_by_key(|code| strsim::levenshtein(code, &what.to_uppercase()));
    let near = closest.filter(|code| strsim::levenshtein(code, &what.to_uppercase()) <= 1);
    let near = near.map(|code| format!("did you mean {code}? ")).unwrap_or_default();
    Err(Failure::new(
        format!("{what} is neither a code nor a key"),
        format!("{near}sfsync explain lists the codes"),
    ))
}

fn explained(page: &Page) -> Explained {
    let (title, text, example) = (page.title.to_owned(), page.text.to_owned(), page.example.to_owned());
    Explained { name: page.code.to_owned(), title, text, example }
}

fn words(page: &Page) -> String {
    let example =
        if page.example.is_empty() { String::new() } else { format!("\n{}\n", indented(page.example)) };
    format!("{}: {}\n\n{}\n{example}", page.code, page.title, page.text)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn list() -> String {
    let lines = codes::pages().into_iter().map(|page| format!("{}  {}\n", page.code, page.title));
    lines.collect()
}
