//! What links mean: the parts of a file that may not change under them. Changing one needs a higher `generation` (E504).

use serde::{Deserialize, Serialize};

use crate::diag::{Diagnostic, Span};
use crate::model::{ConnectionName, ResourceName};
use crate::plan::words::grouped;
use crate::spec::{Links, PipelineFile};

/// What the links of a generation were made with. Kept in the state beside the links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `generation`
    pub generation: u32,
    /// Connection of the Salesforce side.
    pub org: ConnectionName,
    /// Object.
    pub object: String,
    /// Connection of the app side.
    pub app: ConnectionName,
    /// Resource or table.
    pub resource: ResourceName,
    /// `match`
    pub matched: Vec<String>,
    /// `links: many_to_one`
    pub many_to_one: bool,
}

impl Identity {
    /// What a file says.
    pub fn of(file: &PipelineFile) -> Self {
        Self {
            generation: file.generation(),
            org: file.salesforce.connection_name(),
            object: file.salesforce.object.value.clone(),
            app: file.app.resource.connection.value.clone(),
            resource: file.app.resource.resource.value.clone(),
            matched: file.match_fields().iter().map(|field| field.value.to_string()).collect(),
            many_to_one: file.links() == Links::ManyToOne,
        }
    }
}

/// The links that would be lost, and the version that goes on until somebody says so.
#[derive(Clone, Copy, Debug)]
pub struct Running<'a> {
    /// What they were made with.
    pub identity: &'a Identity,
    /// How many there are.
    pub links: u64,
    /// When the running version was loaded, as messages print it (`09:12`).
    pub loaded: Option<&'a str>,
}

/// E504, if a file changes what links mean without a new generation. Without links there is nothing to lose.
pub fn check_generation(running: Running<'_>, new: &PipelineFile) -> Option<Diagnostic> {
    let (old, next) = (running.identity, Identity::of(new));
    if running.links == 0 || next.generation != old.generation {
        return None;
    }
    let mut changes = changes(old, &next, new).into_iter();
    let first = changes.next()?;
    let links = grouped(running.links);
    let made = if running.links == 1 { "1 link was".to_owned() } else { format!("{links} links were") };
    let title = format!("changing {} needs a new generation", first.what);
    let label = format!("was {}; {made} made with it", first.was);
    let mut error = Diagnostic::error("E504", title, first.span, label);
    for change in changes {
        error = error.also(change.span, format!("was {}", change.was));
    }
    if let Some(loaded) = running.loaded {
        error = error.note(format!("the version of {loaded} keeps running"));
    }
    let several = if running.links == 1 { "link".to_owned() } else { format!("{links} links") };
    let generation = next.generation.saturating_add(1);
    Some(
        error
            .help(format!(
                "`generation: {generation}`  drops the {several} and links every record again; nothing is deleted"
            ))
            .help(format!("sfsync plan {}  shows what that would do", new.name)),
    )
}

struct Changed {
    what: &'static str,
    was: String,
    span: Span,
}

fn changes(old: &Identity, next: &Identity, file: &PipelineFile) -> Vec<Changed> {
    let mut all = Vec::new();
    let side = &file.salesforce;
    if !old.object.eq_ignore_ascii_case(&next.object) {
        all.push(Changed { what: "the object", was: old.object.clone(), span: side.object.span });
    }
    if old.org != next.org {
        let span = side.connection.as_ref().map_or(side.object.span, |entry| entry.span);
        all.push(Changed { what: "the Salesforce connection", was: old.org.to_string(), span });
    }
    let resource = &file.app.resource;
    if (&old.app, &old.resource) != (&next.app, &next.resource) {
        let span = Span { end: resource.resource.span.end, ..resource.connection.span };
        all.push(Changed { what: "`app`", was: format!("{}.{}", old.app, old.resource), span });
    }
    if old.matched != next.matched {
        all.push(Changed {
            what: "`match`",
            was: format!("[{}]", old.matched.join(", ")),
            span: match_span(file),
        });
    }
    if old.many_to_one != next.many_to_one {
        let was = if old.many_to_one { Links::ManyToOne } else { Links::OneToOne };
        let span = file.links.as_ref().map_or(side.key, |entry| entry.span);
        all.push(Changed { what: "`links`", was: was.to_string(), span });
    }
    all
}

/// The names in `match`; where the key is gone, the rows that it named stood under `fields`.
fn match_span(file: &PipelineFile) -> Span {
    let fields = file.match_fields();
    match (fields.first(), fields.last()) {
        (Some(first), Some(last)) => Span { end: last.span.end, ..first.span },
        _ => file.match_fields.as_ref().map_or(file.fields_key, |entry| entry.span),
    }
}
