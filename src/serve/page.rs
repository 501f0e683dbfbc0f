//! The status page at `/`: the table of `sfsync status` for a browser. Plain HTML, nothing from elsewhere, no script.

use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse};
use jiff::Timestamp;

use super::router::Daemon;
use super::shown;
use crate::runtime::control::Control;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}\
h1{font-size:1.2rem}table{border-collapse:collapse}th,td{padding:.25rem .9rem .25rem 0;text-align:left;vertical-align:top}\
th{font-weight:600;color:#666;font-size:.8rem}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
.running,.loading{color:#0a7a2f}.degraded,.approval,.paused{color:#9a6700}.blocked,.invalid{color:#b3261e}.disabled{color:#888}";
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");

pub(super) async fn status(Daemon(control): Daemon) -> impl IntoResponse {
    let page = render(&*control, Timestamp::now());
    let headers: [(HeaderName, HeaderValue); 1] = [(header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, Html(page))
}

fn render(control: &dyn Control, now: Timestamp) -> String {
    let pipelines = control.pipelines();
    let mut table = String::new();
    for (at, name) in shown::COLUMNS.iter().enumerate() {
        let _ = write!(table, "<th{}>{}</th>", number(at), escaped(name));
    }
    let mut remarks = String::new();
    for status in &pipelines {
        table.push_str("</tr><tr>");
        for (at, cell) in shown::cells(status, now).iter().enumerate() {
            let class =
                if at == 1 { format!(" class=\"{}\"", status.state.name()) } else { number(at).to_owned() };
            let _ = write!(table, "<td{class}>{}</td>", escaped(cell));
        }
        if let Some(remark) = shown::remark(status) {
            let _ = write!(remarks, "<p><b>{}</b> {}</p>", escaped(status.name.as_str()), escaped(&remark));
        }
    }
    for api in control.api_use() {
        let _ = write!(remarks, "<p>API {}</p>", escaped(&shown::api_use(&api)));
    }
    if pipelines.is_empty() {
        remarks.push_str("<p>There is no pipeline yet. Add a file to the configuration folder.</p>");
    }
    let body = format!("<h1>sfsync</h1><table><tr>{table}</tr></table>{remarks}");
    document("<meta http-equiv=\"refresh\" content=\"5\">", &body)
}

/// A page with a heading and a sentence.
pub(super) fn notice(heading: &str, text: &str) -> String {
    document("", &format!("<h1>{}</h1><p>{}</p>", escaped(heading), escaped(text)))
}

fn document(head: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>sfsync</title>{head}<style>{STYLE}</style>\
</head><body>{body}</body></html>\n"
    )
}

/// Columns from QUEUE to FAILED hold numbers.
fn number(column: usize) -> &'static str {
    if (4..=6).contains(&column) { " class=\"n\"" } else { "" }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
