//! A failed record in the form of all messages: the row of the file that wrote it, the other system's words, the record, the way out.

use std::path::{Path, PathBuf};

use super::failures::{reason, record};
use crate::diag::{Diagnostic, Label, Severity, SourceMap, Span, codes, to_text};
use crate::model::{FailureKind, FailureWay, Side};
use crate::runtime::control::FailureView;
use crate::spec::{RowSpec, read_pipeline};

/// The file that a failure names, as it is on this machine: the daemon may print its path from where it stands.
pub(super) fn file_of(view: &FailureView, folder: &Path) -> Option<(String, String)> {
    let (shown, _) = place(view)?;
    let beside = Path::new(shown).file_name().map(|name| folder.join(name));
    let mut paths = [Some(PathBuf::from(shown)), beside].into_iter().flatten();
    let text = paths.find_map(|path| std::fs::read_to_string(path).ok())?;
    Some((shown.to_owned(), text))
}

/// `pipelines/customers.yaml row 3`
fn place(view: &FailureView) -> Option<(&str, usize)> {
    let (file, row) = view.failure.place.as_deref()?.rsplit_once(" row ")?;
    Some((file, row.parse().ok()?))
}

/// The message; `file` is the printed path and the text of the pipeline, where they are known.
pub(super) fn message(view: &FailureView, file: Option<(String, String)>, color: bool) -> String {
    let mut map = SourceMap::default();
    let span = file.zip(place(view)).and_then(|((path, text), (_, number))| {
        let source = map.add(&path, &text);
        let parsed = read_pipeline(source, &map, "pipeline").value?;
        let row = parsed.fields.iter().find(|row| row.number == number)?;
        Some(written(row, view))
    });
    let primary = span.map(|span| Label { span, text: said(view) });
    let code = codes::page(&view.failure.code).map_or("R201", |page| page.code);
    let mut diagnostic = Diagnostic::new(Severity::Failed, code, title(view), primary);
    if diagnostic.primary.is_none() {
        diagnostic.notes.extend(Some(said(view)).filter(|said| !said.is_empty()));
    }
    diagnostic.notes.extend(notes(view));
    diagnostic.help.push(way_out(view));
    to_text(&diagnostic, &map, color)
}

/// The path of the row that the message is about.
fn written(row: &RowSpec, view: &FailureView) -> Span {
    let spans = [&row.salesforce, &row.app].map(|entry| entry.as_ref().map(|entry| entry.span));
    let [salesforce, app] = spans;
    let chosen = if view.failure.way == FailureWay::ToApp { app.or(salesforce) } else { salesforce.or(app) };
    chosen.unwrap_or(row.span)
}

/// Who refused what, in the other system's word; otherwise what happened.
fn title(view: &FailureView) -> String {
    let failure = &view.failure;
    let Some(remote) = &failure.remote else { return reason_alone(view) };
    let system = match failure.way {
        FailureWay::ToSalesforce => "Salesforce",
        FailureWay::ToApp => "the app",
        FailureWay::Both => return reason_alone(view),
    };
    let change = if failure.target.is_some() { "update" } else { "record" };
    format!("{system} refused the {change}: {remote}")
}

/// The reason without the code, which stands before it.
fn reason_alone(view: &FailureView) -> String {
    match view.failure.kind {
        FailureKind::Failed => view.view.message.clone(),
        FailureKind::Held | FailureKind::Waiting { .. } => reason(view),
    }
}

/// `Phone: "Please enter a number in international form"`
fn said(view: &FailureView) -> String {
    let fields = view.view.fields.join(", ");
    let Some(remote) = &view.failure.remote else { return fields };
    let message = view.view.message.as_str();
    let message = message.split_once(remote.as_str()).map_or(message, |(_, rest)| rest);
    let message = message.trim_start_matches([':', ' ']);
    match (fields.is_empty(), message.is_empty()) {
        (_, true) => fields,
        (true, false) => format!("\"{message}\""),
        (false, false) => format!("{fields}: \"{message}\""),
    }
}

fn notes(view: &FailureView) -> Vec<String> {
    let failure = &view.failure;
    let side = match failure.source.0 {
        Side::Salesforce => "Salesforce",
        Side::App => "app",
    };
    let mut notes = vec![format!("{}: {side} record {}", failure.pipeline, record(view))];
    let values = view.view.values.iter();
    notes.extend(
        values.map(|(row, salesforce, app)| format!("{row}: salesforce has {salesforce}, app has {app}")),
    );
    let times = if failure.tries == 1 { "1 time".to_owned() } else { format!("{} times", failure.tries) };
    notes.push(match (&failure.kind, failure.next_try) {
        (FailureKind::Failed, None) => format!("tried {times}; not retried (the answer would be the same)"),
        (_, None) => format!("tried {times}"),
        (_, Some(at)) => format!("tried {times}; next {}", at.strftime("%Y-%m-%d %H:%M UTC")),
    });
    notes
}

fn way_out(view: &FailureView) -> String {
    let id: String = view.failure.id.0.chars().take(4).collect();
    let there = match view.failure.source.0 {
        Side::Salesforce => "Salesforce",
        Side::App => "the app",
    };
    match &view.failure.kind {
        FailureKind::Failed => {
            format!("correct the record in {there} (it syncs by itself), or: sfsync failures retry {id}")
        }
        FailureKind::Held => {
            format!("sfsync failures resolve {id} --take salesforce|app, or edit the record")
        }
        FailureKind::Waiting { pipeline, .. } => {
            format!(
                "it goes on by itself once {pipeline} has the record; sfsync failures retry {id} tries now"
            )
        }
    }
}
