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
        let (page, next, again) = match known {
            Some(before) => self.overlapped(at, before, &read).await?,
            None => {
                let (page, next) = read(at.clone()).await?;
                (page, next, Vec::new())
            }
        };
        if let (Paging::Offset { .. }, Some(At::Number(next)), false) =
            (paging, &next, page.records.is_empty())
        {
            let keys = page.records.iter().map(|listed| listed.key.clone()).collect();
            self.before = Some(Before { next: *next, keys });
        }
        let mut page = page;
        // At the end: a place in the page counts the records of the page itself.
        page.records.extend(again);
        Ok((page, next))
    }

    async fn overlapped<F>(
        &mut self,
        at: &At,
        before: Before,
        read: &impl Fn(At) -> F,
    ) -> Result<(ListPage, Option<At>, Vec<Listed>), ConnectError>
    where
        F: Future<Output = Result<(ListPage, Option<At>), ConnectError>>,
    {
        let mut from = before.next.saturating_sub(1);
        let (mut page, mut next) = read(At::Number(from)).await?;
        let came = page.records.first().map(|listed| &listed.key);
        if came.is_some() && came == before.keys.last() {
            page.records.remove(0);
            return Ok(if page.records.is_empty() {
                (page, None, Vec::new())
            } else {
                (page, next, Vec::new())
            });
        }
        let is_known = |listed: &Listed| before.keys.contains(&listed.key);
        if !page.records.is_empty() && page.records.iter().filter(|listed| is_known(listed)).count() > 1 {
            // More of the page before than its last record: the app counts in pages.
            self.is_off = true;
            let (page, next) = read(at.clone()).await?;
            return Ok((page, next, Vec::new()));
        }
        self.moves += 1;
        self.is_off = self.moves >= MOVES;
        let mut again = Vec::new();
        for _ in 0..BACK {
            from = from.saturating_sub(before.keys.len().max(1) as u64);
            let (back, _) = read(At::Number(from)).await?;
            let is_found = back.records.iter().any(is_known);
            again.extend(back.records);
            if is_found || from == 0 {
                break;
            }
        }
        if page.records.is_empty() {
            next = None;
        }
        Ok((page, next, again))
    }
}
