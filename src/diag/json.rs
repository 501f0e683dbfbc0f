//! Diagnostics for machines: `check --json`, the reload endpoint, the status.

use serde_json::{Value, json};

use super::{Diagnostic, Severity, SourceMap, Span};

/// One message as JSON: `code, severity, title, file, line, column, end_column, labels[], notes[], help[], fix`. Lines and
/// columns count from 1, columns in characters; `end_column` is on the line where the place ends.
pub fn to_json(diagnostic: &Diagnostic, map: &SourceMap) -> Value {
    let mut value = json!({
        "code": diagnostic.code.0,
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Failed => "failed",
        },
        "title": diagnostic.title,
    });
    if let Some(primary) = &diagnostic.primary {
        merge(&mut value, place(primary.span, map));
        if !primary.text.is_empty() {
            value["label"] = json!(primary.text);
        }
    }
    let labels = diagnostic.labels.iter().map(|label| {
        let mut entry = place(label.span, map);
        entry["text"] = json!(label.text);
        entry
    });
    value["labels"] = labels.collect();
    value["notes"] = json!(diagnostic.notes);
    value["help"] = json!(diagnostic.help);
    value["fix"] = match &diagnostic.fix {
        None => Value::Null,
        Some(fix) => {
            let mut entry = place(fix.span, map);
            entry["text"] = json!(fix.text);
            entry
        }
    };
    value
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn place(span: Span, map: &SourceMap) -> Value {
    let end = Span { start: span.end, ..span };
    match (map.place(span), map.place(end)) {
        (Some(start), Some(end)) => json!({
            "file": &*start.path,
            "line": start.line,
            "column": start.column,
            "end_line": end.line,
            "end_column": end.column,
        }),
        _ => json!({}),
    }
}
