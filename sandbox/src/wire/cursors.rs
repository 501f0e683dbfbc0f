//! Open query cursors: results whose further pages may be asked for (section 3.1). Read [`Cursors`] first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::org::{Id, QueryResult};

/// Cursors live two days on the org's clock.
const LIFE: SignedDuration = SignedDuration::from_hours(48);
/// The oldest cursor goes when there are more: a client that leaves cursors behind must not fill the memory.
const MOST: usize = 1_000;

/// A result and where its pages are cut.
#[derive(Clone)]
pub(crate) struct Cursor {
    pub(crate) result: Arc<QueryResult>,
    pub(crate) user: Id,
    pub(crate) page_rows: usize,
    pub(crate) expires: Timestamp,
}

/// All open cursors.
#[derive(Default)]
pub(crate) struct Cursors(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    next: u64,
    open: BTreeMap<Id, Cursor>,
}

impl Cursors {
    /// Opens a cursor; the id is the first part of its locators.
    pub(crate) fn open(&self, result: Arc<QueryResult>, user: Id, page_rows: usize, now: Timestamp) -> Id {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.open.retain(|_, cursor| cursor.expires >= now);
        if inner.open.len() >= MOST {
            inner.open.pop_first();
        }
        inner.next += 1;
        let id = Id::assemble(*b"01g", *b"Hq", 0, inner.next);
        let expires = now.checked_add(LIFE).unwrap_or(Timestamp::MAX);
        inner.open.insert(id, Cursor { result, user, page_rows, expires });
        id
    }

    /// The cursor and start row of a locator (`01g…-2000`), for the user who opened it and while it lives.
    pub(crate) fn find(&self, locator: &str, user: Id, now: Timestamp) -> Option<(Id, Cursor, usize)> {
        let (id, start) = locator.rsplit_once('-')?;
        let (id, start) = (Id::parse(id).ok()?, start.parse().ok()?);
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cursor = inner.open.get(&id)?;
        let good = cursor.user == user && cursor.expires >= now && start < cursor.result.len();
        good.then(|| (id, cursor.clone(), start))
    }
}
