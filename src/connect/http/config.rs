//! How an app is reached and signed in to: the connection file with its secrets filled in.

use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use crate::connect::ConnectError;
use crate::model::{Class, ConnectionName};
use crate::spec::values::Rate;

/// Names and values of headers or query parameters. Values may be secrets.
pub type Pairs = Vec<(String, SecretString)>;

/// How requests prove themselves.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer …`
    Bearer(SecretString),
    /// `Authorization: Basic …`
    Basic {
        /// User.
        user: String,
        /// Password; may be empty.
        password: SecretString,
    },
    /// A key in a header.
    Header {
        /// Name of the header.
        name: String,
        /// The key.
        key: SecretString,
    },
    /// A key in a query parameter.
    Param {
        /// Name of the parameter.
        name: String,
        /// The key.
        key: SecretString,
    },
    /// Access tokens from a token address.
    Oauth(Oauth),
}

/// How access tokens are asked for.
#[derive(Clone, Debug)]
pub struct Oauth {
    /// Where.
    pub token_url: String,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: Option<SecretString>,
    /// The refresh token; without one, id and secret are enough (`client_credentials`).
    pub refresh_token: Option<SecretString>,
    /// Scopes to ask for.
    pub scopes: Vec<String>,
}

/// A connection of type http.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name, for messages.
    pub name: ConnectionName,
    /// What every path is added to.
    pub base_url: String,
    /// How requests prove themselves.
    pub auth: Auth,
    /// Sent with every request.
    pub headers: Pairs,
    /// Sent with every request.
    pub params: Pairs,
    /// The secrets that the connection file names, by their names. They are never shown or kept, wherever the app repeats them.
    pub secrets: Pairs,
    /// At most so many requests.
    pub rate_limit: Option<Rate>,
    /// Requests at once.
    pub concurrency: usize,
    /// How long one request may take.
    pub timeout: Duration,
    /// Header of creates that names the attempt, where the app knows one.
    pub idempotency_header: Option<String>,
    /// Nothing may be written.
    pub read_only: bool,
    /// Fields that nothing may write: resource and field.
    pub protect: Vec<(String, String)>,
}

impl Config {
    /// A connection with the defaults of the language.
    pub fn new(name: ConnectionName, base_url: impl Into<String>) -> Self {
        Self {
            name,
            base_url: base_url.into(),
            auth: Auth::None,
            headers: Pairs::new(),
            params: Pairs::new(),
            secrets: Pairs::new(),
            rate_limit: None,
            concurrency: 4,
            timeout: Duration::from_secs(30),
            idempotency_header: None,
            read_only: false,
            protect: Vec::new(),
        }
    }

    /// The address that paths are added to, without a slash at its end.
    pub(super) fn base(&self) -> Result<Url, ConnectError> {
        let url = Url::parse(self.base_url.trim_end_matches('/'));
        let usable = url.ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let wrong = |what: &str| {
            ConnectError::new("R125", Class::Pipeline, format!("`base_url` of {} {what}", self.name))
                .help("base_url: https://api.example.com/v1")
        };
        let url = usable.ok_or_else(|| wrong("is no address"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("ends with a query, to which no path can be added: move it to `params`"));
        }
        Ok(url)
    }
}

/// Keeps a refresh token that the app has replaced by a new one.
pub trait TokenKeeper: Send + Sync {
    /// The token that was kept last.
    fn load(&self) -> Option<String>;
    /// Keeps a token.
    fn save(&self, token: &str);
}

/// Keeps it as long as the process lives.
#[derive(Debug, Default)]
pub struct NoKeeper;

impl TokenKeeper for NoKeeper {
    fn load(&self) -> Option<String> {
        None
    }

    fn save(&self, _: &str) {}
}
