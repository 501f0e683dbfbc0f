//! What a connection of `type: salesforce` says, resolved: secrets are values, defaults are filled in.
//! Holds no state and does no I/O. Read [`Config`] first.

use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use crate::connect::ConnectError;
use crate::model::{Class, ConnectionName};

/// Which kind of org the connection must reach; compared with `Organization.IsSandbox` after sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// `login.salesforce.com`; `IsSandbox` is false.
    Production,
    /// `test.salesforce.com`; `IsSandbox` is true.
    Sandbox,
}

impl Environment {
    /// The word of the files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Sandbox => "sandbox",
        }
    }

    /// The general sign-in address, which is also the audience of a JWT.
    pub fn login_host(self) -> &'static str {
        match self {
            Self::Production => "https://login.salesforce.com",
            Self::Sandbox => "https://test.salesforce.com",
        }
    }
}

/// How the connection signs in (sections 1.3, 1.6 and 1.7).
#[derive(Clone, Debug)]
pub enum Auth {
    /// A person approved once in a browser; the refresh token is in the [`super::TokenStore`].
    AuthorizationCode {
        /// Consumer key.
        client_id: String,
        /// Consumer secret; public clients have none.
        client_secret: Option<SecretString>,
    },
    /// The app's run-as user; works only at the org's own domain.
    ClientCredentials {
        /// Consumer key.
        client_id: String,
        /// Consumer secret.
        client_secret: SecretString,
    },
    /// A certificate that the app knows.
    JwtBearer {
        /// Consumer key.
        client_id: String,
        /// User to act as.
        username: String,
        /// RSA private key, PEM.
        private_key: SecretString,
    },
}

impl Auth {
    /// Consumer key of whichever flow.
    pub fn client_id(&self) -> &str {
        match self {
            Self::AuthorizationCode { client_id, .. }
            | Self::ClientCredentials { client_id, .. }
            | Self::JwtBearer { client_id, .. } => client_id,
        }
    }
}

/// How many API calls of the org's rolling day this connection may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiBudget {
    /// Thousandths of what the org has.
    PerMille(u16),
    /// A number of calls in 24 hours.
    Calls(u64),
}

/// One connection, as [`super::Client::new`] needs it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the connection, for messages.
    pub name: ConnectionName,
    /// Which kind of org it must be.
    pub environment: Environment,
    /// My Domain, a host without scheme.
    pub domain: Option<String>,
    /// Another address to sign in at; plain `http` only to loopback.
    pub login_url: Option<String>,
    /// Where change events come from; `None`: Salesforce's global address. Plain `http` only to loopback.
    pub pubsub_url: Option<String>,
    /// How to sign in.
    pub auth: Auth,
    /// `66.0`; `None`: the newest that both know.
    pub api_version: Option<String>,
    /// Share of the org's calls.
    pub api_budget: ApiBudget,
    /// Requests at once, at least 1.
    pub concurrency: usize,
    /// Refuse every write.
    pub read_only: bool,
    /// Fields no pipeline may write, `Account.OwnerId`.
    pub protect: Vec<String>,
    /// What duplicate rules that only warn do: `true` saves all the same (`duplicates: allow`).
    pub allow_duplicates: bool,
    /// Whether active assignment rules choose the owner of what is written.
    pub assignment_rules: bool,
    /// Ask for compressed answers; `None`: everywhere but on loopback, where it only costs time.
    pub gzip: Option<bool>,
    /// Times and tries of the transport.
    pub transport: Transport,
}

/// Times and tries of the transport; the defaults fit Salesforce, tests make them short.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// For a connection to be made.
    pub connect: Duration,
    /// For a whole answer that is not streamed; a query may run two minutes.
    pub answer: Duration,
    /// Without a byte, in a streamed answer.
    pub silence: Duration,
    /// Tries after the first for what may work in a moment.
    pub tries: usize,
    /// Pause before the second try; doubles, with jitter.
    pub pause: Duration,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(180),
            silence: Duration::from_secs(90),
            tries: 4,
            pause: Duration::from_millis(500),
        }
    }
}

impl Config {
    /// A connection with all defaults of the language.
    pub fn new(name: &str, environment: Environment, auth: Auth) -> Self {
        Self {
            name: ConnectionName::from(name),
            environment,
            domain: None,
            login_url: None,
            pubsub_url: None,
            auth,
            api_version: None,
            api_budget: ApiBudget::PerMille(500),
            concurrency: 4,
            read_only: false,
            protect: Vec::new(),
            allow_duplicates: false,
            assignment_rules: false,
            gzip: None,
            transport: Transport::default(),
        }
    }

    /// Where tokens come from: `login_url`, else the own domain, else the general host of the environment.
    pub fn login_base(&self) -> Result<Url, ConnectError> {
        match (&self.login_url, &self.domain) {
            (Some(url), _) => checked_base(url),
            (None, Some(domain)) => checked_base(&format!("https://{domain}")),
            (None, None) => checked_base(self.environment.login_host()),
        }
    }

    /// Where change events come from.
    pub fn pubsub_base(&self) -> Result<Url, ConnectError> {
        checked_base(self.pubsub_url.as_deref().unwrap_or("https://api.pubsub.salesforce.com"))
    }

    /// Whether answers are asked for in compressed form.
    pub(crate) fn wants_gzip(&self) -> bool {
        self.gzip.unwrap_or_else(|| !self.login_base().is_ok_and(|url| is_loopback(&url)))
    }
}

/// Reads an address of an org: `https`, or plain `http` to loopback; never with credentials in it.
pub(crate) fn checked_base(text: &str) -> Result<Url, ConnectError> {
    let url = Url::parse(text).map_err(|cause| {
        ConnectError::new("R125", Class::Pipeline, format!("`{text}` is no address")).caused_by(cause)
    })?;
    let plain = url.scheme() == "http" && is_loopback(&url);
    if (url.scheme() != "https" && !plain) || url.host_str().is_none() {
        return Err(ConnectError::new("R125", Class::Pipeline, format!("`{text}` is not an https address"))
            .help("plain http is allowed to this machine only, such as http://127.0.0.1:8090"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConnectError::new(
            "R125",
            Class::Pipeline,
            "an address must not hold a user or password",
        ));
    }
    Ok(url)
}

/// Whether an address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let auth = Auth::ClientCredentials { client_id: "id".into(), client_secret: "secret".into() };
        Config::new("salesforce", Environment::Sandbox, auth)
    }

    #[test]
    fn the_login_address_follows_the_file() {
        let mut config = config();
        assert_eq!(config.login_base().unwrap().as_str(), "https://test.salesforce.com/");
        config.domain = Some("acme--uat.sandbox.my.salesforce.com".into());
        assert_eq!(config.login_base().unwrap().host_str(), Some("acme--uat.sandbox.my.salesforce.com"));
        config.login_url = Some("http://127.0.0.1:8090".into());
        assert_eq!(config.login_base().unwrap().port(), Some(8090));
        assert!(!config.wants_gzip());
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for good in
            ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://acme.my.salesforce.com"]
        {
            assert!(checked_base(good).is_ok(), "{good}");
        }
        for bad in [
            "http://acme.my.salesforce.com",
            "ftp://127.0.0.1",
            "https://u:p@acme.example",
            "acme",
            "http://127.0.0.1.evil.example",
        ] {
            assert_eq!(checked_base(bad).unwrap_err().code, "R125", "{bad}");
        }
    }
}
