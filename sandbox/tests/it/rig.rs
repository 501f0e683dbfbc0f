//! A running sandbox with a client that has signed in.

use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Map, Value, json};
use sfsync_sandbox::{OrgConfig, Sandbox, SandboxConfig};

/// The moment at which the clock of every rig stands.
pub(crate) const NOW: &str = "2026-03-11T09:00:00Z";

pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: Client,
    pub(crate) token: String,
}

/// A client that neither follows redirects nor unpacks bodies.
pub(crate) fn client() -> Client {
    // Another test of this process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).no_gzip().build().unwrap()
}

pub(crate) fn config() -> SandboxConfig {
    SandboxConfig {
        org: OrgConfig { now: Some(NOW.parse().unwrap()), ..OrgConfig::default() },
        ..SandboxConfig::default()
    }
}

pub(crate) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is not an object"),
    }
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: SandboxConfig) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let mut rig = Self { sandbox, http: client(), token: String::new() };
        rig.sign_in().await;
        rig
    }

    /// A new token.
    pub(crate) async fn sign_in(&mut self) {
        let answer = self
            .token_request(&[
                ("grant_type", "client_credentials"),
                ("client_id", Sandbox::CLIENT_ID),
                ("client_secret", Sandbox::CLIENT_SECRET),
            ])
            .await;
        answer.1["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    /// Accounts named `Account 0000` and up.
    pub(crate) fn add_accounts(&self, count: usize) {
        for n in 0..count {
            self.sandbox
                .org()
                .insert("Account", fields(json!({ "Name": format!("Account {n:04}") })))
                .unwrap();
        }
    }

    pub(crate) async fn token_request(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let url = format!("{}/services/oauth2/token", self.sandbox.url());
        let response = self.http.post(url).form(form).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// A request with the token; `path` begins behind `/services/data/v66.0/` unless it is absolute.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let prefix = if path.starts_with('/') { "" } else { "/services/data/v66.0/" };
        let url = format!("{}{prefix}{path}", self.sandbox.url());
        self.http.request(method, url).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// Status and JSON body; `Null` for an empty body.
    pub(crate) async fn json(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let (status, body) = self.json(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn query(&self, soql: &str) -> (u16, Value) {
        self.json(Method::GET, &query_path(soql), None).await
    }
}

pub(crate) fn query_path(soql: &str) -> String {
    format!("query?{}", form_urlencoded::Serializer::new(String::new()).append_pair("q", soql).finish())
}

/// The value of a header as text.
pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
