//! What tests do to streams: cut them, refuse them, send everything twice. Read [`Streams`] first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::grpc::Status;

/// The streams that are open, and what shall happen to them.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Counts the cuts: a stream ends when it changes.
    cuts: watch::Sender<u64>,
    refusal: Mutex<Option<Status>>,
    twice: AtomicBool,
    pub(super) open: AtomicUsize,
    pub(super) opened: AtomicUsize,
}

impl Streams {
    /// Drops all streams without a status.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }

    /// From now on every stream, the open ones too, ends with this status; `None` ends that.
    pub(crate) fn refuse(&self, status: Option<(u16, String)>) {
        let message = "The call was refused on purpose.".to_owned();
        let status = status.map(|(code, error)| Status { code, error, message });
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = status;
        self.cuts.send_modify(|_| ());
    }

    /// Every event is sent twice, or no longer.
    pub(crate) fn repeat(&self, twice: bool) {
        self.twice.store(twice, Ordering::Release);
    }

    /// How many are open, and how many were ever opened.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.open.load(Ordering::Acquire), self.opened.load(Ordering::Acquire))
    }

    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    pub(super) fn refusal(&self) -> Option<Status> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn repeats(&self) -> bool {
        self.twice.load(Ordering::Acquire)
    }
}
