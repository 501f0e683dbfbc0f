//! Reading the bodies of refusals in all the shapes they come in (section 10.1).

use serde::Deserialize;

/// One error as Salesforce tells it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Fault {
    /// Its code.
    pub code: String,
    /// Its text, in the user's language; may quote values.
    pub message: String,
    /// Fields it names.
    pub fields: Vec<String>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(alias = "statusCode", alias = "exceptionCode", rename = "errorCode")]
    code: Option<String>,
    #[serde(alias = "exceptionMessage", default)]
    message: Option<String>,
    #[serde(default)]
    fields: Option<Vec<String>>,
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
        Self { code: code.to_owned(), message: message.to_owned(), fields: Vec::new() }
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
        Some(b'[') => serde_json::from_str::<Vec<Wire>>(text)
            .map_or_else(|_| Vec::new(), |all| all.into_iter().filter_map(fault).collect()),
        Some(b'{') => object(text),
        _ if text.len() < 40 && text.contains("_OAuth_Token") => vec![Fault::new("INVALID_SESSION_ID", text)],
        _ => Vec::new(),
    }
}

fn object(text: &str) -> Vec<Fault> {
    if let Ok(Oauth { error, error_description }) = serde_json::from_str(text) {
        return vec![Fault { code: error, message: error_description, fields: Vec::new() }];
    }
    serde_json::from_str::<Wire>(text).ok().and_then(fault).into_iter().collect()
}

fn fault(wire: Wire) -> Option<Fault> {
    Some(Fault {
        code: wire.code?,
        message: wire.message.unwrap_or_default(),
        fields: wire.fields.unwrap_or_default(),
    })
}
