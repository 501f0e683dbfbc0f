//! Reading the bodies of refusals in all the shapes they come in (section 10.1).

use serde::Deserialize;

use crate::model::{Key, SalesforceId};

/// One error as Salesforce tells it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Fault {
    /// Its code.
    pub code: String,
    /// Its text, in the user's language; may quote values.
    pub message: String,
    /// Fields it names.
    pub fields: Vec<String>,
    /// Records that are there already, which it names.
    pub existing: Vec<Key>,
}

/// One error on the wire, in any of its shapes.
#[derive(Deserialize)]
pub struct WireFault {
    #[serde(alias = "statusCode", alias = "exceptionCode", rename = "errorCode")]
    code: Option<String>,
    #[serde(alias = "exceptionMessage", default)]
    message: Option<String>,
    #[serde(default)]
    fields: Option<Vec<String>>,
    /// Misspelt in most versions, correct in some (section 5.8).
    #[serde(default, rename = "duplicateResult", alias = "duplicateResut")]
    duplicates: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Oauth {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Fault {
    /// A fault from a code and a text.
    pub fn new(code: &str, message: &str) -> Self {
        let existing = named_records(code, message);
        Self { code: code.to_owned(), message: message.to_owned(), fields: Vec::new(), existing }
    }

    /// The last line of the message, cut: query errors quote the query in the lines before.
    pub(super) fn last_line(&self) -> String {
        let line = self.message.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        line.trim().chars().take(240).collect()
    }
}

/// Reads a refusal: an array of errors, one bare error, OAuth's object, or one of the plain words of the identity service.
/// HTML and everything else gives nothing, and the status decides.
pub fn parse_body(body: &[u8]) -> Vec<Fault> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    match text.as_bytes().first() {
        Some(b'[') => serde_json::from_str::<Vec<WireFault>>(text)
            .map_or_else(|_| Vec::new(), |all| all.into_iter().filter_map(WireFault::into_fault).collect()),
        Some(b'{') => object(text),
        _ if text.len() < 40 && text.contains("_OAuth_Token") => vec![Fault::new("INVALID_SESSION_ID", text)],
        _ => Vec::new(),
    }
}

fn object(text: &str) -> Vec<Fault> {
    if let Ok(Oauth { error, error_description }) = serde_json::from_str(text) {
        return vec![Fault { code: error, message: error_description, ..Fault::default() }];
    }
    serde_json::from_str::<WireFault>(text).ok().and_then(WireFault::into_fault).into_iter().collect()
}

impl WireFault {
    /// The fault, if it has a code.
    pub fn into_fault(self) -> Option<Fault> {
        let code = self.code?;
        let message = self.message.unwrap_or_default();
        let existing = match &self.duplicates {
            Some(found) => matched(found),
            None => named_records(&code, &message),
        };
        Some(Fault { code, message, fields: self.fields.unwrap_or_default(), existing })
    }
}

/// The records that a duplicate rule found.
fn matched(found: &serde_json::Value) -> Vec<Key> {
    let list = |value: &serde_json::Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let records = list(found, "matchResults").into_iter().flat_map(|result| list(&result, "matchRecords"));
    records.filter_map(|record| record["record"]["Id"].as_str().map(Key::salesforce)).collect()
}

/// The record that holds a unique value already: the one id that the message of `DUPLICATE_VALUE` has, in any language.
fn named_records(code: &str, message: &str) -> Vec<Key> {
    if code != "DUPLICATE_VALUE" {
        return Vec::new();
    }
    let words = message.rsplit(|c: char| !c.is_ascii_alphanumeric());
    let is_id =
        |word: &&str| word.bytes().any(|byte| byte.is_ascii_digit()) && SalesforceId::parse(word).is_some();
    words.filter(is_id).take(1).map(Key::salesforce).collect()
}
