//! Lists that go on by counting records, read so that nothing is passed over when records before the place are deleted, or move to the end.
//!
//! A page begins with the last record of the page before. Where it does not, the list has moved up: what is missing stands a little before
//! the place, and is read again from there. A record that comes twice does no harm.

use super::listing::Listed;
use super::pages::{At, Paging};
use super::walk::ListPage;
use crate::connect::ConnectError;
use crate::model::Key;

/// Pages that are read again for one place.
const BACK: usize = 5;
/// A list that moves more often than that has no order, and is read as it comes.
const MOVES: usize = 10;

/// What the page before ended with.
#[derive(Default)]
pub(super) struct Overlap {
    before: Option<Before>,
    moves: usize,
    /// The app does not take any offset, but only those of pages.
    is_off: bool,
}

struct Before {
    next: u64,
    keys: Vec<Key>,
}

/// A page, where the list goes on, and what was read again before it.
type Came = (ListPage, Option<At>, Vec<Listed>);

impl Overlap {
    /// The page at a place, and where the list goes on. `read` reads a page.
    pub(super) async fn page<F>(
        &mut self,
        paging: &Paging,
        at: &At,
        read: impl Fn(At) -> F,
    ) -> Result<(ListPage, Option<At>), ConnectError>
    where
        F: Future<Output = Result<(ListPage, Option<At>), ConnectError>>,
    {
        let before = self.before.take();
        let known = before.filter(|before| !self.is_off && *at == At::Number(before.next));
        let (mut page, next, again) = if let Some(before) = known {
            self.overlapped(at, &before, &read).await?
        } else {
            let (page, next) = read(at.clone()).await?;
            (page, next, Vec::new())
        };
        if let (Paging::Offset { .. }, Some(At::Number(next)), false) =
            (paging, &next, page.records.is_empty())
        {
            let keys = page.records.iter().map(|listed| listed.key.clone()).collect();
            self.before = Some(Before { next: *next, keys });
        }
        // At the end: a place in the page counts the records of the page itself.
        page.records.extend(again);
        Ok((page, next))
    }

    async fn overlapped<F>(
        &mut self,
        at: &At,
        before: &Before,
        read: &impl Fn(At) -> F,
    ) -> Result<Came, ConnectError>
    where
        F: Future<Output = Result<(ListPage, Option<At>), ConnectError>>,
    {
        let (mut page, next) = read(At::Number(before.next.saturating_sub(1))).await?;
        let came = page.records.first().map(|listed| &listed.key);
        if came.is_some() && came == before.keys.last() {
            page.records.remove(0);
            let next = next.filter(|_| !page.records.is_empty());
            return Ok((page, next, Vec::new()));
        }
        if came.is_some() && came == before.keys.first() {
            // The whole page before: the app counts in pages.
            self.is_off = true;
            let (page, next) = read(at.clone()).await?;
            return Ok((page, next, Vec::new()));
        }
        if came.is_some_and(|key| before.keys.contains(key)) {
            // It moved down, which passes nothing over.
            return Ok((page, next, Vec::new()));
        }
        self.moves += 1;
        self.is_off = self.moves >= MOVES;
        let again = before.again(read).await?;
        let next = next.filter(|_| !page.records.is_empty());
        Ok((page, next, again))
    }
}

impl Before {
    /// What stands before the place, back to a record of the page before.
    async fn again<F>(&self, read: &impl Fn(At) -> F) -> Result<Vec<Listed>, ConnectError>
    where
        F: Future<Output = Result<(ListPage, Option<At>), ConnectError>>,
    {
        let mut from = self.next.saturating_sub(1);
        let mut again = Vec::new();
        for _ in 0..BACK {
            from = from.saturating_sub(self.keys.len().max(1) as u64);
            let (back, _) = read(At::Number(from)).await?;
            let is_found = back.records.iter().any(|listed| self.keys.contains(&listed.key));
            again.extend(back.records);
            if is_found || from == 0 {
                break;
            }
        }
        Ok(again)
    }
}
