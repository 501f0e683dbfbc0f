//! Files that look renamed: one is gone and another with the same two sides came in the same look at the folder.

use crate::diag::Diagnostic;
use crate::model::PipelineName;
use crate::plan::generation::Identity;
use crate::spec::PipelineFile;

/// A pipeline whose file is gone.
#[derive(Clone, Debug)]
pub struct Gone {
    /// Its name.
    pub name: PipelineName,
    /// What its links were made with.
    pub identity: Identity,
}

/// W210 for every new file that looks like a renamed one. The runtime does not start those; `renamed_from`, or a generation
/// that is written out, says which it is.
pub fn check_renames(gone: &[Gone], came: &[&PipelineFile]) -> Vec<(PipelineName, Diagnostic)> {
    let undecided = came.iter().filter(|file| file.renamed_from.is_none() && file.generation.is_none());
    undecided.filter_map(|file| Some((file.name.clone(), suspicion(gone, file)?))).collect()
}

fn suspicion(gone: &[Gone], file: &PipelineFile) -> Option<Diagnostic> {
    let new = Identity::of(file);
    let sides =
        |of: &Identity| (of.org.clone(), of.object.to_lowercase(), of.app.clone(), of.resource.clone());
    let old = gone.iter().find(|old| sides(&old.identity) == sides(&new))?;
    let title = format!("looks like `{}.yaml` was renamed to `{}.yaml`", old.name, file.name);
    let warning = Diagnostic::warning("W210", title, file.salesforce.key, "the same two sides; not started");
    Some(
        warning
            .help(format!("add `renamed_from: {}` to keep its links and cursors", old.name))
            .help("or `generation: 1` to begin anew"),
    )
}
