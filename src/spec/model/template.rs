//! Texts of connections and settings, in which `${env:NAME}` and `${file:/path}` stand for secrets.

use std::fmt;

use crate::diag::Span;
use crate::spec::Scalar;
use crate::spec::spanned::says_the_same;

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// `${env:NAME}`
    Env(String),
    /// `${file:/run/secrets/x}`
    File(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "${{env:{name}}}"),
            Self::File(path) => write!(f, "${{file:{path}}}"),
        }
    }
}

/// A secret that a file refers to. Holds its name, never its value.
#[derive(Clone, Debug)]
pub struct SecretRef {
    /// Where it comes from.
    pub source: SecretSource,
    /// The `${…}` in the file.
    pub span: Span,
}

says_the_same!(SecretRef { span } { source });

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq)]
pub enum TemplatePart {
    /// As it is; `$${` is already `${`.
    Text(String),
    /// To be filled in when the connection is opened.
    Secret(SecretRef),
}

/// A text with places for secrets. Only `resolve` makes a text of it, and only inside a `SecretString`.
#[derive(Clone, PartialEq)]
pub struct Template {
    /// As written.
    pub scalar: Scalar,
    /// Its pieces in order.
    pub parts: Vec<TemplatePart>,
}

impl Template {
    /// The whole text, where no secret is in it.
    pub fn plain(&self) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                TemplatePart::Text(piece) => text.push_str(piece),
                TemplatePart::Secret(_) => return None,
            }
        }
        Some(text)
    }

    /// The secrets it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Text(_) => None,
            TemplatePart::Secret(secret) => Some(secret),
        })
    }
}

/// Debug output shows the names of secrets and masks literal text, which may be a secret that somebody wrote in the file.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                TemplatePart::Text(_) => f.write_str("…")?,
                TemplatePart::Secret(secret) => write!(f, "{}", secret.source)?,
            }
        }
        Ok(())
    }
}
