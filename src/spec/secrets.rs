//! Secrets: `${env:NAME}` and `${file:/path}` inside texts of connections and settings. They are found after parsing, so
//! they can only ever fill a value, and their values exist only inside a [`SecretString`].
//!
//! Read [`Template`] first. This module does not read the environment or files: a closure does.

use secrecy::{ExposeSecret, SecretString};

use super::yaml::{Data, Node};
use super::{Scalar, SecretRef, SecretSource, Template, TemplatePart};
use crate::diag::{Diagnostic, Span};
use crate::model::PipelineName;

/// Why a secret cannot be had. The messages name it, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No such environment variable, no such file.
    #[error("{0} is not set")]
    NotSet(SecretSource),
    /// It is there and cannot be read: permissions, not UTF-8.
    #[error("{place} cannot be read: {why}")]
    Unreadable {
        /// Which one.
        place: SecretSource,
        /// Why, in a few words of the system.
        why: String,
    },
}

/// How secrets are found: the environment and files of the daemon, or fixed ones in tests.
pub type Resolver<'r> = dyn Fn(&SecretSource) -> Result<SecretString, SecretError> + 'r;

impl Template {
    /// The text with its secrets filled in. Called when a connection is opened, and again when it is opened again, so that
    /// a rotated secret is picked up. One line break at the end of a secret file is not part of the secret.
    pub fn resolve(&self, resolver: &Resolver<'_>) -> Result<SecretString, SecretError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                TemplatePart::Text(piece) => text.push_str(piece),
                TemplatePart::Secret(secret) => {
                    let value = resolver(&secret.source)?;
                    let value = value.expose_secret();
                    let value = match secret.source {
                        SecretSource::File(_) => value.strip_suffix('\n').unwrap_or(value),
                        SecretSource::Env(_) => value,
                    };
                    text.push_str(value.strip_suffix('\r').unwrap_or(value));
                }
            }
        }
        Ok(SecretString::from(text))
    }
}

/// E601 for every secret that cannot be had. `waiting` are the pipelines that need the connection.
pub fn check_secrets(
    secrets: &[SecretRef],
    resolver: &Resolver<'_>,
    waiting: &[PipelineName],
) -> Vec<Diagnostic> {
    let failed =
        secrets.iter().filter_map(|secret| resolver(&secret.source).err().map(|error| (secret, error)));
    failed.map(|(secret, error)| missing(secret, &error, waiting)).collect()
}

fn missing(secret: &SecretRef, error: &SecretError, waiting: &[PipelineName]) -> Diagnostic {
    let (title, label) = match (&secret.source, error) {
        (SecretSource::Env(name), SecretError::NotSet(_)) => {
            (format!("secret {name} is not set"), "no such environment variable in the daemon".to_owned())
        }
        (SecretSource::File(path), SecretError::NotSet(_)) => {
            (format!("secret file {path} is not there"), "no such file for the daemon".to_owned())
        }
        (SecretSource::Env(name), SecretError::Unreadable { why, .. }) => {
            (format!("secret {name} cannot be read"), why.clone())
        }
        (SecretSource::File(path), SecretError::Unreadable { why, .. }) => {
            (format!("secret file {path} cannot be read"), why.clone())
        }
    };
    let mut diagnostic = Diagnostic::error("E601", title, secret.span, label);
    if !waiting.is_empty() {
        let names: Vec<&str> = waiting.iter().map(PipelineName::as_str).collect();
        let (noun, verb) = if names.len() == 1 { ("pipeline", "waits") } else { ("pipelines", "wait") };
        diagnostic = diagnostic.note(format!("{noun} {} {verb} for it", names.join(", ")));
    }
    match &secret.source {
        SecretSource::Env(name) => diagnostic.help(format!(
            "set it for the service (systemd: EnvironmentFile=), then: sfsync reload.  Or use ${{file:/run/secrets/{}}}",
            name.to_lowercase()
        )),
        SecretSource::File(_) => {
            diagnostic.help("create it, readable by the user of the service, then: sfsync reload")
        }
    }
}

/// Splits a text into its pieces; problems (E605) go to `out`.
pub(crate) fn template(scalar: &Scalar, out: &mut Vec<Diagnostic>) -> Template {
    let text = &*scalar.text;
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        if start > at && text.as_bytes()[start - 1] == b'$' {
            literal.push_str(&text[at..start - 1]);
            literal.push_str("${");
            at = start + 2;
            continue;
        }
        literal.push_str(&text[at..start]);
        let end = text[start..].find('}').map_or(text.len(), |close| start + close + 1);
        match source(&text[start..end]) {
            Some(found) => {
                if !literal.is_empty() {
                    parts.push(TemplatePart::Text(std::mem::take(&mut literal)));
                }
                parts.push(TemplatePart::Secret(SecretRef {
                    source: found,
                    span: scalar.span_in(start, end),
                }));
            }
            None => out.push(unknown(scalar.span_in(start, end), &text[start..end])),
        }
        at = end;
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() {
        parts.push(TemplatePart::Text(literal));
    }
    Template { scalar: scalar.clone(), parts }
}

fn source(text: &str) -> Option<SecretSource> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    if let Some(name) = inner.strip_prefix("env:") {
        let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return word.then(|| SecretSource::Env(name.to_owned()));
    }
    let path = inner.strip_prefix("file:")?;
    path.starts_with('/').then(|| SecretSource::File(path.to_owned()))
}

fn unknown(span: Span, written: &str) -> Diagnostic {
    let name = written.trim_start_matches("${").trim_end_matches('}');
    let diagnostic =
        Diagnostic::error("E605", "this is neither an environment variable nor a file", span, "");
    let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let diagnostic =
        if word { diagnostic.help(format!("did you mean ${{env:{name}}}?")) } else { diagnostic };
    diagnostic.help("${env:NAME} · ${file:/run/secrets/name} · $${ for a literal ${")
}

/// W602: a secret that is written out. Its place is masked wherever it is shown.
pub(crate) fn written_out(owner: &str, key: &str, scalar: &Scalar) -> Diagnostic {
    let name = format!("{owner}_{key}").to_ascii_uppercase();
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let reference = format!("{key}: ${{env:{name}}}");
    Diagnostic::warning(
        "W602",
        "a secret is written in the file",
        scalar.span,
        "readable by everyone with access to the file (masked here)",
    )
    .help(reference)
}

/// E604 for every secret that a pipeline tries to read; the values are marked so that nothing else is said about them.
pub(crate) fn refuse_in_pipeline(root: &mut Node, connection: Option<&str>, out: &mut Vec<Diagnostic>) {
    match &mut root.data {
        Data::Scalar(scalar) => {
            if let Some(diagnostic) = secret_in_pipeline(scalar, connection) {
                out.push(diagnostic);
                root.data = Data::Bad;
            }
        }
        Data::List(items) => {
            for item in items {
                refuse_in_pipeline(item, connection, out);
            }
        }
        Data::Map(entries) => {
            for (_, value) in entries {
                refuse_in_pipeline(value, connection, out);
            }
        }
        Data::Bad => {}
    }
}

fn secret_in_pipeline(scalar: &Scalar, connection: Option<&str>) -> Option<Diagnostic> {
    let text = &*scalar.text;
    let start = text.find("${env:").or_else(|| text.find("${file:"))?;
    let end = text[start..].find('}').map_or(text.len(), |close| start + close + 1);
    let place = connection
        .map_or_else(|| "a file in connections/".to_owned(), |name| format!("connections/{name}.yaml"));
    Some(
        Diagnostic::error(
            "E604",
            "secrets belong in connections/, not in a pipeline",
            scalar.span_in(start, end),
            "",
        )
        .help(format!("pipelines cannot read secrets; put the header or parameter in {place}")),
    )
}
