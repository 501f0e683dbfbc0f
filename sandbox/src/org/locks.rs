//! Row locks: who holds which record while a transaction runs.
//! May not wait: a row that somebody else holds is refused at once. Read [`Locks`] first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::ApiError;
use super::ids::Id;
use super::value::RowRef;

/// All locks of the org.
#[derive(Debug, Default)]
pub(crate) struct Locks(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    held: HashMap<RowRef, u64>,
}

/// Row locks that are held until this is dropped.
#[derive(Debug)]
pub struct RowLocks {
    all: Arc<Mutex<Inner>>,
    owner: u64,
}

impl RowLocks {
    /// The holder, for its own writes.
    pub(crate) fn owner(&self) -> u64 {
        self.owner
    }
}

impl Drop for RowLocks {
    fn drop(&mut self) {
        let owner = self.owner;
        lock(&self.all).held.retain(|_, holder| *holder != owner);
    }
}

impl Locks {
    /// Locks all of these rows that nobody holds.
    pub(crate) fn hold(&self, rows: impl IntoIterator<Item = RowRef>) -> RowLocks {
        let mut inner = lock(&self.0);
        inner.next += 1;
        let owner = inner.next;
        for row in rows {
            inner.held.entry(row).or_insert(owner);
        }
        RowLocks { all: Arc::clone(&self.0), owner }
    }

    /// Whether nobody holds anything, which is the usual case.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.0).held.is_empty()
    }

    /// The first of these rows that another than `owner` holds.
    pub(crate) fn conflict(&self, rows: &[RowRef], owner: u64) -> Option<RowRef> {
        let inner = lock(&self.0);
        rows.iter().copied().find(|row| inner.held.get(row).is_some_and(|holder| *holder != owner))
    }
}

/// `UNABLE_TO_LOCK_ROW` for a row that somebody else holds (section 10.2).
pub(crate) fn unable_to_lock(row: Id) -> ApiError {
    let message = format!("unable to obtain exclusive access to this record or 1 records: {row}");
    ApiError::dml("UNABLE_TO_LOCK_ROW", message, &[])
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_one_holder_until_it_is_let_go() {
        let locks = Locks::default();
        let (a, b) = (RowRef { table: 0, row: 1 }, RowRef { table: 0, row: 2 });
        let first = locks.hold([a]);
        let second = locks.hold([a, b]);
        assert_eq!(locks.conflict(&[a, b], first.owner()), Some(b));
        assert_eq!(locks.conflict(&[a, b], second.owner()), Some(a));
        drop(first);
        assert_eq!(locks.conflict(&[a], second.owner()), None);
        drop(second);
        assert!(locks.is_empty());
    }
}
