//! HTTP itself: how requests are built, how long they may take, how much of an answer is read, and what its headers say.
//! Nothing here signs in, retries or counts. Read [`Opened`] first.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED,
};
use reqwest::redirect::Policy;
use secrecy::ExposeSecret;

use super::Config;
use super::api::error::{parse_body, request_error};
use super::api::limits::{Usage, parse_limit_info};
use super::client::{Answer, Call};
use super::config::is_loopback;
use super::session::Live;
use crate::connect::ConnectError;
use crate::model::Class;

/// How much of a refusal is read.
const MAX_REFUSAL: usize = 64 << 10;

/// The transport of a connection: one TLS provider, no redirects, plain http only where the addresses were checked.
pub(super) fn build(config: &Config) -> Result<reqwest::Client, ConnectError> {
    // The first caller in the process wins; all ask for the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let loopback = is_loopback(&config.login_base()?);
    reqwest::Client::builder()
        .redirect(Policy::none())
        .gzip(config.wants_gzip())
        .https_only(!loopback)
        .connect_timeout(config.transport.connect)
        .pool_idle_timeout(Duration::from_secs(50))
        .user_agent(concat!("sfsync/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|cause| {
            ConnectError::new("R105", Class::Pipeline, "no https client can be made on this machine")
                .caused_by(cause)
        })
}

/// A request with the headers of every call.
pub(super) fn request(
    http: &reqwest::Client,
    live: &Live,
    call: &Call,
) -> Result<reqwest::RequestBuilder, ConnectError> {
    if !call.path.starts_with("/services/") {
        return Err(ConnectError::new("R125", Class::Pipeline, "the org named an address outside its API"));
    }
    let url = live.base.join(&call.path).map_err(|cause| {
        ConnectError::new("R125", Class::Pipeline, "the org named an unreadable address").caused_by(cause)
    })?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", live.access_token.expose_secret()))
        .map_err(|_| {
            ConnectError::new("R104", Class::Session, "the access token holds bytes that no header may have")
        })?;
    bearer.set_sensitive(true);
    let mut request = http
        .request(call.method.clone(), url)
        .header(AUTHORIZATION, bearer)
        .header(ACCEPT, call.accept)
        .header("Sforce-Call-Options", "client=sfsync");
    if let Some(since) = call.since {
        request = request.header(IF_MODIFIED_SINCE, http_date(since));
    }
    if let Some(since) = call.unmodified_since {
        request = request.header(IF_UNMODIFIED_SINCE, http_date(since));
    }
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    if let Some(body) = &call.body {
        request = request.header(CONTENT_TYPE, call.content_type).body(body.clone());
    }
    Ok(request)
}

/// An answer whose body has not been read yet.
#[derive(Debug)]
pub struct Opened {
    response: reqwest::Response,
    /// Server time by the `Date` header.
    pub date: Option<Timestamp>,
    /// Server time when the request was sent, at the latest.
    pub asked_at: Option<Timestamp>,
    /// Usage of the org.
    pub usage: Option<Usage>,
}

/// Sends and waits for the headers.
pub(super) async fn answer(request: reqwest::RequestBuilder, wait: Duration) -> Result<Opened, ConnectError> {
    let response = within(wait, request.send()).await?;
    let headers = response.headers();
    let date = time(headers, DATE.as_str());
    let usage = header(headers, "sforce-limit-info").and_then(parse_limit_info);
    Ok(Opened { date, usage, asked_at: None, response })
}

impl Opened {
    /// A good answer: 2xx, or 304 to a conditional request.
    pub fn is_good(&self) -> bool {
        self.response.status().is_success() || self.response.status().as_u16() == 304
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.response.headers(), name)
    }

    /// The next bytes of the body; `None` at its end. Fails when the transfer breaks, is cut or is silent too long.
    pub async fn chunk(&mut self, silence: Duration) -> Result<Option<Bytes>, ConnectError> {
        within(silence, self.response.chunk()).await
    }

    /// The whole body, at most `limit` bytes, within `wait`. HTML in the place of data is an error that is tried again.
    pub(super) async fn whole(mut self, limit: usize, wait: Duration) -> Result<Answer, ConnectError> {
        let status = self.response.status().as_u16();
        if self.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            return Err(request_error(status, &[]));
        }
        let body = tokio::time::timeout(wait, self.collect(limit)).await.map_err(|_| timeout())??;
        Ok(Answer {
            status,
            body,
            asked_at: self.asked_at,
            last_modified: time(self.response.headers(), LAST_MODIFIED.as_str()),
        })
    }

    async fn collect(&mut self, limit: usize) -> Result<Bytes, ConnectError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.response.chunk().await.map_err(|cause| broken(&cause))? {
            if body.len() + chunk.len() > limit {
                return Err(ConnectError::new(
                    "R106",
                    Class::Pipeline,
                    format!("an answer is larger than {limit} bytes"),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// What a bad answer says. A body that cannot be read leaves the status to decide.
    pub(super) async fn refusal(mut self) -> ConnectError {
        let status = self.response.status().as_u16();
        let retry_after =
            self.header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let body = tokio::time::timeout(Duration::from_secs(10), self.collect(MAX_REFUSAL)).await;
        let faults = match body {
            Ok(Ok(body)) => parse_body(&body),
            _ => Vec::new(),
        };
        let mut error = request_error(status, &faults);
        if error.class == Class::TRANSIENT {
            error.class = Class::Transient { retry_after };
        }
        error
    }
}

/// Waits for something of the transport.
async fn within<T>(
    wait: Duration,
    what: impl Future<Output = reqwest::Result<T>>,
) -> Result<T, ConnectError> {
    match tokio::time::timeout(wait, what).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(cause)) => Err(broken(&cause)),
        Err(_) => Err(timeout()),
    }
}

fn timeout() -> ConnectError {
    ConnectError::new("R101", Class::TRANSIENT, "salesforce did not answer in time").help("it is tried again")
}

/// Says what broke without the address, which holds the query.
pub(super) fn broken(cause: &reqwest::Error) -> ConnectError {
    if cause.is_timeout() {
        return timeout();
    }
    let (code, text) = if cause.is_connect() {
        ("R105", "salesforce cannot be reached")
    } else if cause.is_body() || cause.is_decode() {
        ("R106", "the transfer broke off")
    } else {
        ("R106", "the connection broke")
    };
    let mut deepest: &dyn std::error::Error = cause;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    ConnectError::new(code, Class::TRANSIENT, format!("{text}: {deepest}"))
        .help("check the network; it is tried again")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn time(headers: &HeaderMap, name: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(header(headers, name)?).ok()
}
