//! What all resources share: the org and what the wire adds to it. Holds state, decides nothing; read [`Server`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;

use super::bulk::{IngestJobs, Jobs};
use super::calls::CallLog;
use super::config::SandboxConfig;
use super::cursors::Cursors;
use super::events::Streams;
use super::limits::Limits;
use super::metadata::Deployments;
use super::oauth::{OAuthClient, Tokens};
use crate::faults::Faults;
use crate::org::{Org, RowLocks, UserInfo};

/// The state of a running sandbox, shared by all calls.
pub(crate) struct Server {
    pub(crate) org: Arc<Org>,
    /// Own address, without a trailing slash: login host and instance at once.
    pub(crate) url: String,
    pub(crate) config: SandboxConfig,
    pub(crate) tokens: Tokens,
    pub(crate) clients: Clients,
    pub(crate) calls: CallLog,
    pub(crate) limits: Limits,
    pub(crate) faults: Arc<Faults>,
    pub(crate) cursors: Cursors,
    pub(crate) jobs: Jobs,
    pub(crate) ingest: IngestJobs,
    pub(crate) deployments: Deployments,
    /// Open event streams.
    pub(crate) streams: Streams,
    /// Row locks that the control interface holds.
    pub(crate) held: Mutex<Vec<RowLocks>>,
}

/// The registered OAuth clients. May be changed while the sandbox runs.
#[derive(Default)]
pub struct Clients(RwLock<HashMap<String, OAuthClient>>);

impl Clients {
    /// Registers a client, or replaces the one with the same id; takes effect with the next call.
    pub fn register(&self, client: OAuthClient) {
        let mut clients = self.0.write().unwrap_or_else(PoisonError::into_inner);
        clients.insert(client.id.clone(), client);
    }

    /// Takes a client away: every grant of it is refused from now on, its access tokens live on.
    pub fn remove(&self, id: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// The client with this id.
    pub fn get(&self, id: &str) -> Option<OAuthClient> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

impl Server {
    pub(crate) fn now(&self) -> Timestamp {
        self.org.clock().now()
    }

    /// A user by name, without regard to case.
    pub(crate) fn user_named(&self, username: &str) -> Option<UserInfo> {
        self.org.users().into_iter().find(|user| user.username.eq_ignore_ascii_case(username))
    }
}
