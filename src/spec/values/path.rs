//! Paths to fields: `Name`, `Account.Name`, `address.city`, or a JSONPath beginning with `$`.

use std::fmt;
use std::sync::Arc;

use super::ValueError;

/// What a [`Path`] is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathKind {
    /// One field.
    Field,
    /// A field of a parent record or of a nested object.
    Nested,
    /// A JSONPath (RFC 9535); read-only.
    JsonPath,
}

/// A path to a field, as a file writes it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(Arc<str>);

impl Path {
    /// Reads a path. Field names may hold anything but dots, quotes and line breaks; whether they exist is the plan's question.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let wrong = |why: &str| Err(ValueError::Other(why.to_owned()));
        if text.starts_with('$') {
            return match jsonpath_rust::parser::parse_json_path(text) {
                Ok(_) if text.len() <= 1000 => Ok(Self(Arc::from(text))),
                _ => wrong("not a JSONPath (RFC 9535)"),
            };
        }
        if text.is_empty() {
            return wrong("no field is named");
        }
        if text.split('.').any(|step| step.trim() != step || step.is_empty()) {
            return wrong("an empty step between two dots");
        }
        if text.chars().any(|c| c.is_control() || matches!(c, '"' | '`' | '{' | '}')) {
            return wrong("not a field name");
        }
        Ok(Self(Arc::from(text)))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared text, for schemas.
    pub fn to_arc(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Which of the three kinds.
    pub fn kind(&self) -> PathKind {
        if self.0.starts_with('$') {
            PathKind::JsonPath
        } else if self.0.contains('.') {
            PathKind::Nested
        } else {
            PathKind::Field
        }
    }

    /// The steps of a field path; a JSONPath is one step.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        let whole = self.kind() == PathKind::JsonPath;
        self.0.split(move |c| c == '.' && !whole)
    }

    /// The last step: the field itself.
    pub fn last(&self) -> &str {
        self.steps().last().unwrap_or_default()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_steps() {
        let steps = |text: &str| Path::parse(text).unwrap().steps().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(steps("Name"), ["Name"]);
        assert_eq!(steps("Account.Owner.Name"), ["Account", "Owner", "Name"]);
        assert_eq!(steps("$.a.b"), ["$.a.b"]);
        assert_eq!(Path::parse("Account.Name").unwrap().kind(), PathKind::Nested);
        assert_eq!(Path::parse("$.a[0].b").unwrap().kind(), PathKind::JsonPath);
        assert_eq!(Path::parse("My Field").unwrap().last(), "My Field");
    }

    #[test]
    fn what_is_refused() {
        for text in ["", ".", "a.", ".a", "a..b", " a", "$.[", "$..[?(", "a\"b", "`a`"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
