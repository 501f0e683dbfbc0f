//! Metadata that a deployment can change: outbound messages, the flows and rules that send them.
//! May not know HTTP or zip. Read [`Metadata`], then [`deploy`] for what a deployment does.

mod component;
mod deploy;
mod queue;
pub(crate) mod xml;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub(crate) use self::component::{Flow, Message, Rule};
pub(crate) use self::deploy::{Known, Package, Told, apply};
pub(crate) use self::queue::Parcel;
use self::queue::Queue;
use super::ids::Id;

/// How an org takes flows and rules that are deployed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowPolicy {
    /// Active flows become active.
    #[default]
    Active,
    /// A component that is an active flow fails, as in production without tests of the flow.
    Refused,
    /// It is deployed, and is not active.
    Inactive,
}

/// What deployments made, and what waits to be sent because of it.
pub(crate) struct Metadata {
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) messages: Vec<Message>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) flows: Vec<Flow>,
    pub(crate) queue: Queue,
    pub(crate) ids: u64,
}

impl Inner {
    pub(crate) fn next_id(&mut self, prefix: [u8; 3]) -> Id {
        self.ids += 1;
        Id::assemble(prefix, *b"Hq", 0, self.ids)
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self { inner: Mutex::default(), news: Notify::new() }
    }
}

impl Metadata {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something waits to be sent.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    pub(crate) fn poke(&self) {
        self.news.notify_one();
    }
}
