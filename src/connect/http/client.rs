//! One client per connection: signs in, keeps the rate and the number of requests at once, waits when the app says 429, reads bounded
//! bodies, and never follows a redirect to another host. It tells whether a request may have reached the app, which is what a lost
//! answer of a create turns on.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::header::{ACCEPT, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Url};
use secrecy::ExposeSecret;
use serde_json::Value as Json;
use tokio::sync::Semaphore;

use super::auth::{Proof, header_name, sensitive};
use super::config::{Config, TokenKeeper};
use super::hidden::{self, Hidden};
use super::kept::Kept;
use super::pace::Pace;
use super::{fault, links};
use crate::connect::ConnectError;
use crate::model::Class;

/// The largest answer that is read.
const MAX_BODY: usize = 64 << 20;
/// A longer pause that an app asks for is not waited for inside of a call.
const PATIENCE: Duration = Duration::from_secs(60);
/// An app that asks to be left alone for longer is looked at after a day.
const LONGEST: Duration = Duration::from_secs(86_400);
/// How often a request is sent that is answered with 429.
const TURNS: u32 = 5;
/// Pauses before a read is repeated that the app could not answer.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// Redirects that are followed within the app.
const REDIRECTS: usize = 5;

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Json>,
    /// Names the attempt to an app that knows such a header.
    pub(super) attempt: Option<String>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What no message may repeat.
    pub(super) hidden: Hidden,
}

impl Answer {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// There surely is no such record.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.status, 404 | 410)
    }

    /// The app's clock.
    pub(super) fn date(&self) -> Option<Timestamp> {
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(self.header(DATE.as_str())?).ok()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `Link: <…>; rel="next"`
    pub(super) fn next_link(&self) -> Option<&str> {
        links::next(&self.headers)
    }

    /// How long the app wants to be left alone, a day at most.
    pub(super) fn pause(&self) -> Option<Duration> {
        let text = self.header(RETRY_AFTER.as_str())?;
        if let Ok(seconds) = text.trim().parse() {
            return Some(Duration::from_secs(seconds).min(LONGEST));
        }
        let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        let from = self.date().unwrap_or_else(Timestamp::now);
        Some(Duration::try_from(until.duration_since(from)).unwrap_or_default().min(LONGEST))
    }

    /// Whether it is useless to ask again within seconds.
    fn asks_to_wait(&self) -> bool {
        self.status == 503 && self.pause().is_some_and(|pause| pause > PAUSES[1])
    }

    /// Whether it is a page for people.
    pub(super) fn is_page(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.contains("html"))
    }

    /// Whether the app itself says so, or at least nobody else does: gateways put texts and pages of their own in its place.
    pub(super) fn is_of_the_app(&self) -> bool {
        !self.is_page()
            && (self.body.is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok())
    }

    /// What it says without the secrets that the request carried.
    pub(super) fn without_secrets(&self, text: String) -> String {
        self.hidden.out_of(text)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) error: Box<ConnectError>,
    /// The request may have reached the app.
    pub(super) sent: bool,
}

impl Trouble {
    pub(super) fn unsent(error: ConnectError) -> Self {
        Self { error: Box::new(error), sent: false }
    }
}

impl From<Trouble> for ConnectError {
    fn from(trouble: Trouble) -> Self {
        *trouble.error
    }
}

/// Requests without signing in, pace and repetition.
pub(super) struct Transport {
    pub(super) http: reqwest::Client,
    pub(super) name: String,
    timeout: Duration,
    hidden: Hidden,
}

impl Transport {
    /// Sends once.
    pub(super) async fn once(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let work = async {
            let mut response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await? {
                if body.len() + chunk.len() > MAX_BODY {
                    return Ok(None);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Some(Answer { status, headers, body: body.freeze(), hidden: self.hidden.clone() }))
        };
        match tokio::time::timeout(self.timeout, work).await {
            Ok(Ok(Some(answer))) => Ok(answer),
            Ok(Ok(None)) => {
                Err(Trouble { error: Box::new(fault::too_large(&self.name, MAX_BODY)), sent: true })
            }
            Ok(Err(cause)) => Err(self.broken(&cause)),
            Err(_) => Err(Trouble { error: Box::new(fault::late(&self.name, self.timeout)), sent: true }),
        }
    }

    /// Says what broke without the address, which may hold a key.
    fn broken(&self, cause: &reqwest::Error) -> Trouble {
        let mut deepest: &dyn std::error::Error = cause;
        while let Some(next) = deepest.source() {
            deepest = next;
        }
        let sent = !(cause.is_connect() || cause.is_builder());
        let what = if sent { "the connection broke" } else { "cannot be reached" };
        let message = format!("{}: {what}: {deepest}", self.name);
        let error = ConnectError::new("R105", Class::TRANSIENT, message)
            .help("is the app running, and is `base_url` right? it is tried again");
        Trouble { error: Box::new(error), sent }
    }
}

/// The client of a connection, shared by all pipelines.
pub struct Client {
    config: Config,
    base: Url,
    transport: Arc<Transport>,
    proof: Arc<Proof>,
    pace: Pace,
    seats: Semaphore,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("name", &self.config.name).finish_non_exhaustive()
    }
}

impl Client {
    /// A client. Nothing is sent yet.
    pub fn new(config: Config, keeper: Arc<dyn TokenKeeper>) -> Result<Arc<Self>, ConnectError> {
        // The first caller in the process wins; all ask for the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = config.base()?;
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(10).min(config.timeout))
            .pool_idle_timeout(Duration::from_secs(50))
            .user_agent(concat!("sfsync/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|cause| {
                ConnectError::new("R105", Class::Pipeline, "no http client can be made on this machine")
                    .caused_by(cause)
            })?;
        let hidden = Hidden::of(&config);
        let transport =
            Arc::new(Transport { http, name: config.name.to_string(), timeout: config.timeout, hidden });
        Ok(Arc::new(Self {
            base,
            transport,
            proof: Arc::new(Proof::new(config.auth.clone(), keeper)),
            pace: Pace::new(config.rate_limit),
            seats: Semaphore::new(config.concurrency.max(1)),
            config,
        }))
    }

    /// How it is set up.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The address of a path of the connection file.
    pub(super) fn address(&self, path: &str) -> Result<Url, ConnectError> {
        let text = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|cause| {
            let message = format!("{}: `{path}` makes no address", self.config.name);
            ConnectError::new("R125", Class::Pipeline, message).caused_by(cause)
        })
    }

    /// An address that the app named, if it leads to the app. What requests carry anyway is taken out of it.
    pub(super) fn named(&self, from: &Url, text: &str) -> Result<Url, ConnectError> {
        let mut url = from.join(text).map_err(|_| fault::elsewhere(&self.transport.name, "no address"))?;
        if url.origin() != self.base.origin() {
            return Err(fault::elsewhere(&self.transport.name, url.host_str().unwrap_or("no host")));
        }
        let carried: Vec<&str> =
            self.config.params.iter().map(|(name, _)| name.as_str()).chain(self.proof.param()).collect();
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| !carried.contains(&name.as_ref()))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
        Ok(url)
    }

    /// A text of the app with the secrets in their places again; `None` where one is gone from the connection file.
    pub(super) async fn whole(&self, kept: &Kept) -> Result<Option<String>, Trouble> {
        let mut hidden = self.transport.hidden.clone();
        if kept.takes(hidden::TOKEN)
            && let Some(token) = self.proof.token(&self.transport, None).await?
        {
            hidden.add(&token);
        }
        Ok(hidden.whole(kept))
    }

    /// Whether all secrets of a text that was kept are still named by the connection file.
    pub(super) fn knows(&self, kept: &Kept) -> bool {
        self.transport.hidden.knows(kept, self.proof.renews())
    }

    /// Sends and waits for an answer. Reads are repeated where the app fails or does not answer; a write is only where it surely did
    /// not happen, or where the app knows the attempt.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, Trouble> {
        let is_safe = call.method == Method::GET || call.attempt.is_some();
        let mut pauses = PAUSES.into_iter();
        loop {
            let failed = match self.obeying(call).await {
                Ok(answer) if answer.status < 500 || !is_safe || answer.asks_to_wait() => return Ok(answer),
                Err(trouble) if !is_safe || !is_worth_repeating(&trouble.error) => return Err(trouble),
                failed => failed,
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return failed,
            }
        }
    }

    /// Sends until the answer is none that asks to wait, to sign in again or to go to another path.
    async fn obeying(&self, call: &Call) -> Result<Answer, Trouble> {
        let mut call = call.clone();
        let mut refused = None;
        let (mut turns, mut redirects) = (0, 0);
        loop {
            let token = self.proof.token(&self.transport, refused.as_ref()).await?;
            let request = self.request(&call, token.as_ref()).map_err(Trouble::unsent)?;
            let mut answer = self.paced(request).await?;
            if let Some(token) = &token {
                answer.hidden.add(token);
            }
            match answer.status {
                401 if self.proof.renews() && refused.is_none() => refused = token,
                401 => return Err(Trouble::unsent(fault::signed_out(&self.transport.name, &answer))),
                429 => {
                    turns += 1;
                    self.wait(&answer, turns)?;
                }
                301 | 302 | 303 | 307 | 308 if call.method == Method::GET && redirects < REDIRECTS => {
                    redirects += 1;
                    let to = answer.header(LOCATION.as_str()).unwrap_or_default();
                    call.url = self.named(&call.url, to).map_err(Trouble::unsent)?;
                }
                _ => return Ok(answer),
            }
        }
    }

    async fn paced(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let _seat = self.seats.acquire().await;
        self.pace
            .turn(PATIENCE)
            .await
            .map_err(|left| Trouble::unsent(fault::slow_down(&self.transport.name, Some(left))))?;
        self.transport.once(request).await
    }

    /// Nobody asks for as long as the app says.
    fn wait(&self, answer: &Answer, turns: u32) -> Result<(), Trouble> {
        let pause = answer.pause().unwrap_or_else(|| Duration::from_secs(1 << turns.min(5)));
        self.pace.hold(pause);
        if turns >= TURNS || pause > PATIENCE {
            return Err(Trouble::unsent(fault::slow_down(&self.transport.name, Some(pause))));
        }
        Ok(())
    }

    fn request(
        &self,
        call: &Call,
        token: Option<&secrecy::SecretString>,
    ) -> Result<RequestBuilder, ConnectError> {
        let mut url = call.url.clone();
        if !self.config.params.is_empty() {
            let mut query = url.query_pairs_mut();
            for (name, value) in &self.config.params {
                query.append_pair(name, value.expose_secret());
            }
        }
        self.proof.address(&mut url);
        let mut request =
            self.transport.http.request(call.method.clone(), url).header(ACCEPT, "application/json");
        for (name, value) in &self.config.headers {
            request = request.header(header_name(name)?, sensitive(value, "")?);
        }
        if let (Some(name), Some(attempt)) = (&self.config.idempotency_header, &call.attempt) {
            request = request.header(header_name(name)?, attempt);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        self.proof.sign(request, token)
    }
}

/// What may be over in a second. An app that asked to wait longer than that is left alone.
fn is_worth_repeating(error: &ConnectError) -> bool {
    error.class == Class::TRANSIENT
}
