//! Keys of records: Salesforce ids, which compare equal in 15 and 18 characters, and the keys of app records.

use std::fmt;

use super::{Text, Value};

/// The key of a record on either side, in its canonical text form: 18 characters for Salesforce,
/// the text of the primary key for an app.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Key(Text);

impl Key {
    /// An app key from its text.
    pub fn app(text: impl AsRef<str>) -> Self {
        Self(Text::new(text.as_ref()))
    }

    /// A Salesforce key, brought to 18 characters. Anything that is no id is kept as written (inline tests use short ids).
    pub fn salesforce(id: &str) -> Self {
        match SalesforceId::parse(id) {
            Some(id) => Self(Text::new(id.as_str())),
            None => Self(Text::new(id)),
        }
    }

    /// An app key from a value of the key column. `None` for nothing.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Absent | Value::Null => None,
            Value::Text(text) => Some(Self(text.clone())),
            other => Some(Self(Text::new(other.to_string()))),
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A well-formed Salesforce id in its 18-character form (15 characters base-62 and a checksum that tells their case).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SalesforceId([u8; 18]);

impl SalesforceId {
    /// Reads 15 or 18 characters. `None` for anything else and for a wrong checksum.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !(bytes.len() == 15 || bytes.len() == 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut id = [0; 18];
        id[..15].copy_from_slice(&bytes[..15]);
        for group in 0..3 {
            id[15 + group] = checksum(&bytes[group * 5..group * 5 + 5]);
        }
        (bytes.len() == 15 || id[15..] == bytes[15..]).then_some(Self(id))
    }

    /// All 18 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The first three characters, which name the object in most orgs.
    pub fn prefix(&self) -> &str {
        &self.as_str()[..3]
    }
}

fn checksum(group: &[u8]) -> u8 {
    let bits = group
        .iter()
        .enumerate()
        .fold(0, |bits, (at, byte)| bits | (usize::from(byte.is_ascii_uppercase()) << at));
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits]
}

impl fmt::Display for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors() {
        for (short, long) in [
            ("a01M00000062mPg", "a01M00000062mPgIAI"),
            ("001M000000qfPyS", "001M000000qfPySIAU"),
            ("a0RE000000IJmcN", "a0RE000000IJmcNMAT"),
            ("AbCdEfGhIjKlMnO", "AbCdEfGhIjKlMnOVKV"),
            ("012000000000000", "012000000000000AAA"),
        ] {
            assert_eq!(Key::salesforce(short), Key::salesforce(long));
            assert_eq!(Key::salesforce(short).as_str(), long);
        }
    }

    #[test]
    fn a_wrong_checksum_is_no_id() {
        assert_eq!(SalesforceId::parse("001M000000qfPySIAA"), None);
        assert_eq!(SalesforceId::parse("001M000000qfPyé"), None);
    }
}
