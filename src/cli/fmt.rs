//! `sfsync fmt`: small edits of the files, comments and layout stay.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Context;
use super::exit::{Exit, Failure};
use crate::spec;

/// Format files: quotes around expressions, no tabs, no trailing spaces; comments and layout stay
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files; without any, all of the configuration folder
    files: Vec<PathBuf>,
    /// Write nothing; exit code 1 if a file would change
    #[arg(long)]
    check: bool,
}

/// The JSON form.
#[derive(Debug, Serialize)]
struct Formatted {
    changed: Vec<String>,
    unchanged: usize,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let files = if args.files.is_empty() { all(&context.folder())? } else { args.files.clone() };
    let mut formatted = Formatted { changed: Vec::new(), unchanged: 0 };
    for file in files {
        let failed = |error| {
            let help = "name files by their path, or none to format the whole folder";
            Failure::new(format!("{} cannot be read: {error}", file.display()), help)
        };
        let text = std::fs::read_to_string(&file).map_err(failed)?;
        match spec::format(&text) {
            None => formatted.unchanged += 1,
            Some(better) => {
                if !args.check {
                    super::write::whole(&file, &better)?;
                }
                formatted.changed.push(file.display().to_string());
            }
        }
    }
    let verb = if args.check { "would change" } else { "formatted" };
    context.screen.show(&formatted, || {
        let lines = formatted.changed.iter().map(|file| format!("{verb}  {file}\n"));
        format!(
            "{}{} unchanged",
            lines.collect::<String>(),
            super::check::plural(formatted.unchanged, "file")
        )
    });
    Ok(if args.check && !formatted.changed.is_empty() { Exit::Errors } else { Exit::Done })
}

/// The YAML files of the folder and of its connections, as the daemon would read them.
fn all(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| {
        Failure::new(format!("{} cannot be read: {error}", folder.display()), "name the folder with --config")
    };
    let texts = crate::runtime::folder::read(folder).map_err(failed)?;
    let files = texts
        .settings
        .into_iter()
        .chain(texts.connections.into_values())
        .chain(texts.pipelines.into_values());
    Ok(files.map(|file| PathBuf::from(file.path)).collect())
}
