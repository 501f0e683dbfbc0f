//! The one door to an org: every request of a connection goes through its [`Client`], which signs in, counts against the budget, limits
//! how many run at once, tries again what may work in a moment, and refuses writes that the connection forbids.
//! It knows nothing of objects, cursors or rows. Read [`Client`] and [`Call`] first.

mod allowance;
mod call;

pub use self::call::{Answer, Call};

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OnceCell, Semaphore};

use super::api::error::{self, Reaction};
use super::api::soql;
use super::budget::{Budget, Purpose, UsageStore};
use super::currency::Currencies;
use super::org::OrgFacts;
use super::session::{Live, Session};
use super::tokens::TokenStore;
use super::transport::{self, Opened};
use super::write::BatchSizes;
use super::{Config, org, versions};
use crate::connect::ConnectError;
use crate::model::{Class, Clock};

/// Tries of a request while nothing was ever heard of the org.
const FIRST_TRIES: usize = 1;

/// Largest answer that is held whole: a describe or a page of long texts.
pub(super) const MAX_BODY: usize = 128 << 20;

/// What a client needs from outside.
pub struct Services {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Tokens.
    pub tokens: Arc<dyn TokenStore>,
    /// Counters of own calls, where there is a state.
    pub usage: Option<Arc<dyn UsageStore>>,
}

/// A connection to one org, shared by all pipelines that use it. Cheap to share as `Arc`; every method may be called at any time.
pub struct Client {
    config: Config,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    session: Session,
    budget: Mutex<Budget>,
    usage: Option<Arc<dyn UsageStore>>,
    slots: Semaphore,
    established: OnceCell<Established>,
    /// Server time minus our time, as of the last answer.
    ahead: Mutex<Option<SignedDuration>>,
    /// Objects that Bulk refused once.
    rest_only: Mutex<HashSet<String>>,
    /// The currencies of the org, once somebody asked.
    currencies: OnceCell<Currencies>,
    /// How many records of an object are written at once without trouble.
    batch_sizes: Mutex<BatchSizes>,
}

/// What is known once an org was reached.
pub(super) struct Established {
    /// Path of the data services, with the version.
    pub data: String,
    /// The org.
    pub org: OrgFacts,
}

impl Client {
    /// A client that has not signed in yet: the first call does. Fails only for addresses that must not be used.
    pub fn new(config: Config, services: Services) -> Result<Arc<Self>, ConnectError> {
        let http = transport::build(&config)?;
        let stored = services.usage.as_ref().map(|usage| usage.load()).unwrap_or_default();
        Ok(Arc::new(Self {
            session: Session::new(&config, services.tokens)?,
            budget: Mutex::new(Budget::new(config.api_budget, stored)),
            slots: Semaphore::new(config.concurrency.max(1)),
            http,
            clock: services.clock,
            usage: services.usage,
            established: OnceCell::new(),
            ahead: Mutex::new(None),
            rest_only: Mutex::new(HashSet::new()),
            currencies: OnceCell::new(),
            batch_sizes: Mutex::default(),
            config,
        }))
    }

    /// What the client was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The clock of everything that waits for this org.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The org's time as of now, once any answer has told it.
    pub fn server_now(&self) -> Option<Timestamp> {
        locked(&self.ahead).map(|ahead| self.clock.now() + ahead)
    }

    pub(super) fn currencies_cell(&self) -> &OnceCell<Currencies> {
        &self.currencies
    }

    /// Whether Bulk refused this object before.
    pub fn is_rest_only(&self, object: &str) -> bool {
        locked(&self.rest_only).contains(object)
    }

    /// Remembers that Bulk refuses this object, for all pipelines of the connection.
    pub fn remember_rest_only(&self, object: &str) {
        locked(&self.rest_only).insert(object.to_owned());
    }

    /// What was learnt of batches that are written, by object, for all pipelines of the connection.
    pub(super) fn batch_sizes(&self) -> MutexGuard<'_, BatchSizes> {
        locked(&self.batch_sizes)
    }

    /// `/services/data/v66.0` of the version in use: the configured one, else the newest that both know. Refuses an org of the other
    /// environment, so nothing is read or written there. Asks the org once.
    pub async fn data_path(&self) -> Result<&str, ConnectError> {
        let established = self.established().await?;
        match self.wrong_environment(&established.org) {
            Some(problem) => Err(problem),
            None => Ok(&established.data),
        }
    }

    /// Version and org, asked for once.
    pub(super) async fn established(&self) -> Result<&Established, ConnectError> {
        self.establish(Box::pin(async {
            let data = versions::choose(self).await?;
            let org = self.organization(&data).await?;
            Ok(Established { data, org })
        }))
        .await
    }

    /// The same, asked for in a way of the caller's if it is not known.
    pub(super) async fn establish(
        &self,
        ask: impl Future<Output = Result<Established, ConnectError>>,
    ) -> Result<&Established, ConnectError> {
        self.established.get_or_try_init(|| ask).await
    }

    /// Id of the org that was reached, if one was.
    pub fn known_org(&self) -> Option<&str> {
        self.established.get().map(|established| established.org.id.as_str())
    }

    /// The org behind a session that nobody uses yet.
    pub(super) async fn org_behind(&self, live: &Live) -> Result<OrgFacts, ConnectError> {
        let data = versions::chosen(self, &self.read_as(live, "/services/data/").await?)?;
        let body = self.read_as(live, &soql::query_path(&data, false, org::ORGANIZATION)).await?;
        org::first(&body)
    }

    async fn read_as(&self, live: &Live, path: &str) -> Result<Bytes, ConnectError> {
        let call = Call::get(path, Purpose::Control);
        let answer = self.repeat(|| async {
            self.exchange(&call, live).await?.whole(MAX_BODY, self.config.transport.answer).await
        });
        Ok(answer.await?.body)
    }

    /// The session in use, signing in if there is none. For sign-in commands and checks.
    pub async fn sign_in(&self) -> Result<Arc<Live>, ConnectError> {
        self.session.current(self).await
    }

    /// The part that signs in.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The transport.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// A request whose answer is held whole. Tried again by class; a session that ended is renewed once.
    pub async fn send(&self, call: &Call) -> Result<Answer, ConnectError> {
        self.repeat(|| async {
            let opened = self.open_once(call).await?;
            opened.whole(MAX_BODY, self.config.transport.answer).await
        })
        .await
    }

    /// A request whose answer is read by `decode`. An answer that cannot be read is asked for again, like one that broke off.
    pub async fn read<T>(
        &self,
        call: &Call,
        decode: impl Fn(&Answer) -> Result<T, serde_json::Error>,
    ) -> Result<T, ConnectError> {
        self.repeat(|| async {
            let opened = self.open_once(call).await?;
            let answer = opened.whole(MAX_BODY, self.config.transport.answer).await?;
            decode(&answer).map_err(|cause| {
                // The cause may quote the body, so only its place is kept.
                let place = format!("line {} column {}", cause.line(), cause.column());
                ConnectError::new(
                    "R106",
                    Class::TRANSIENT,
                    format!("an answer of salesforce cannot be read ({place})"),
                )
            })
        })
        .await
    }

    /// A request whose answer is streamed: returns with the headers. The caller repeats when the body breaks.
    pub async fn open(&self, call: &Call) -> Result<Opened, ConnectError> {
        self.repeat(|| self.open_once(call)).await
    }

    /// Runs something again while its error may pass, with growing pauses. The one place of retries.
    pub(crate) async fn repeat<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, ConnectError>
    where
        F: Future<Output = Result<T, ConnectError>>,
    {
        let (mut pauses, mut tries) = (self.pauses(), 0);
        loop {
            let error = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Class::Transient { retry_after } = error.class else { return Err(error) };
            // These need another request, not the same one again.
            if matches!(error::reaction(&error), Reaction::RestartQuery | Reaction::Narrow) {
                return Err(error);
            }
            tries += 1;
            if error.code == "R105" && tries > FIRST_TRIES && self.is_silent() {
                return Err(error);
            }
            let Some(pause) = pauses.next() else { return Err(error) };
            tracing::debug!(connection = %self.config.name, code = error.code, "trying again");
            self.clock.sleep(retry_after.unwrap_or(pause)).await;
        }
    }

    /// Whether nothing was ever heard of the org: then its address or the network is wrong, and whoever asks should hear of it soon.
    fn is_silent(&self) -> bool {
        locked(&self.ahead).is_none()
    }

    /// The pauses between tries: doubling, with jitter.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = std::time::Duration> + use<> {
        let transport = self.config.transport;
        ExponentialBuilder::default()
            .with_min_delay(transport.pause)
            .with_max_delay(transport.pause * 60)
            .with_max_times(transport.tries)
            .with_jitter()
            .build()
    }

    pub(super) async fn open_once(&self, call: &Call) -> Result<Opened, ConnectError> {
        self.check_write(call)?;
        self.check_budget(call).await?;
        let mut session = self.session.current(self).await?;
        let mut is_fresh = false;
        loop {
            match self.exchange(call, &session).await {
                // A session that was just obtained and is refused again will not get better. One that was taken over from
                // another caller or process may have ended since.
                Err(error) if error.class == Class::Session && !is_fresh => {
                    (session, is_fresh) = self.session.renew(self, &session).await?;
                }
                answer => return answer,
            }
        }
    }

    async fn exchange(&self, call: &Call, session: &Live) -> Result<Opened, ConnectError> {
        let slot = self.slots.acquire().await.map_err(|_| closed())?;
        let request = transport::request(&self.http, session, call)?;
        let begun = self.clock.now();
        let answered = transport::answer(request, self.config.transport.answer).await;
        if call.is_counted() && answered.as_ref().err().is_none_or(|error| error.code != "R105") {
            self.count();
        }
        let mut opened = answered?;
        self.learn(&mut opened, begun);
        if opened.is_good() {
            // A streamed body may wait for its reader, so it does not keep the slot; a whole one is short.
            drop(slot);
            return Ok(opened);
        }
        let failed = opened.refusal().await;
        if error::reaction(&failed) == Reaction::AskLimits && failed.class == Class::Quota {
            locked(&self.budget).refused(self.clock.now());
        }
        Err(failed)
    }

    /// Takes from the headers what they say about time and usage.
    fn learn(&self, opened: &mut Opened, begun: Timestamp) {
        let now = self.clock.now();
        if let Some(date) = opened.date {
            *locked(&self.ahead) = Some(date.duration_since(now));
            opened.asked_at = Some(date - now.duration_since(begun));
        }
        if let Some(usage) = opened.usage {
            locked(&self.budget).observe(usage);
        }
    }

    /// `read_only` and `protect` hold here as well, whatever the checker said.
    fn check_write(&self, call: &Call) -> Result<(), ConnectError> {
        let Some((object, fields)) = &call.writes else { return Ok(()) };
        if self.config.read_only {
            let text =
                format!("connection {} is read-only, so nothing of {object} is written", self.config.name);
            return Err(ConnectError::new("R126", Class::Pipeline, text));
        }
        let protected = fields.iter().find(|field| {
            let path = format!("{object}.{field}");
            self.config.protect.iter().any(|protected| protected.eq_ignore_ascii_case(&path))
        });
        match protected {
            Some(field) => {
                let text = format!("{object}.{field} is protected by connection {}", self.config.name);
                Err(ConnectError::new("R126", Class::Pipeline, text))
            }
            None => Ok(()),
        }
    }
}

/// The content of a lock, also after a panic elsewhere: what is locked here is whole at any time.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> ConnectError {
    ConnectError::new("R105", Class::TRANSIENT, "the connection is being closed")
}
