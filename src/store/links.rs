//! Links: written in the order of their keys, found from both sides.
//!
//! Each link has a dense number; both indexes point to it, so a change of its baselines touches one row.

use std::ops::Bound;

use redb::{ReadTransaction, ReadableTable, Table, WriteTransaction};

use super::registry::Space;
use super::tables::{
    BY_APP, BY_SALESFORCE, Bytes, LINKS, clear, keyed, keys_with, link_id, link_number, prefix,
};
use super::{Store, StoreError, link_row, tables, walk};
use crate::model::{Key, Link, PipelineName, Side};

pub(super) const NUMBER_BYTES: usize = 5;

/// The tables of links inside a write transaction.
pub(super) struct LinkTables<'t> {
    rows: Table<'t, u64, Bytes>,
    by_salesforce: Table<'t, Bytes, u64>,
    by_app: Table<'t, Bytes, ()>,
}

impl<'t> LinkTables<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            rows: txn.open_table(LINKS)?,
            by_salesforce: txn.open_table(BY_SALESFORCE)?,
            by_app: txn.open_table(BY_APP)?,
        })
    }

    /// Inserts or replaces. The last one of several with the same Salesforce key counts.
    pub(super) fn put(
        &mut self,
        space: u32,
        counters: &mut Space,
        links: &[Link],
    ) -> Result<u64, StoreError> {
        let mut sorted: Vec<(Vec<u8>, &Link)> =
            links.iter().map(|link| (keyed(space, &link.salesforce), link)).collect();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (mut stale, mut fresh) = (Vec::new(), Vec::new());
        let mut row = Vec::with_capacity(256);
        let before = counters.linked;
        for (at, (key, link)) in sorted.iter().enumerate() {
            if sorted.get(at + 1).is_some_and(|(next, _)| next == key) {
                continue;
            }
            let id = self.number(space, counters, key)?;
            row.clear();
            link_row::encode(link, &mut row);
            let old = self.rows.insert(id, row.as_slice())?;
            let old_app =
                old.map(|old| link_row::decode_keys(old.value())).transpose()?.map(|(_, _, app)| app);
            if old_app.as_ref() == Some(&link.app) {
                continue;
            }
            fresh.push(app_key(space, &link.app, id));
            stale.extend(old_app.map(|app| app_key(space, &app, id)));
        }
        self.index(stale, fresh)?;
        Ok(counters.linked - before)
    }

    fn number(&mut self, space: u32, counters: &mut Space, key: &[u8]) -> Result<u64, StoreError> {
        if let Some(id) = self.by_salesforce.get(key)? {
            return Ok(id.value());
        }
        let id = link_id(space, counters.next_link);
        counters.next_link += 1;
        counters.linked += 1;
        self.by_salesforce.insert(key, id)?;
        Ok(id)
    }

    fn index(&mut self, mut stale: Vec<Vec<u8>>, mut fresh: Vec<Vec<u8>>) -> Result<(), StoreError> {
        stale.sort();
        fresh.sort();
        for key in stale {
            self.by_app.remove(key.as_slice())?;
        }
        for key in fresh {
            self.by_app.insert(key.as_slice(), ())?;
        }
        Ok(())
    }

    /// Removes pairs; one that is linked otherwise by now stays.
    pub(super) fn remove(
        &mut self,
        space: u32,
        counters: &mut Space,
        pairs: &[(Key, Key)],
    ) -> Result<(), StoreError> {
        for (salesforce, app) in pairs {
            let key = keyed(space, salesforce);
            let Some(id) = self.by_salesforce.get(key.as_slice())?.map(|id| id.value()) else { continue };
            let linked = match self.rows.get(id)? {
                Some(row) => link_row::decode_keys(row.value())?.2,
                None => continue,
            };
            if linked != *app {
                continue;
            }
            self.rows.remove(id)?;
            self.by_salesforce.remove(key.as_slice())?;
            self.by_app.remove(app_key(space, app, id).as_slice())?;
            counters.linked = counters.linked.saturating_sub(1);
        }
        Ok(())
    }

    /// Whether lookups find a record, see [`Store::linked`].
    pub(super) fn is_linked(&self, space: u32, side: Side, key: &Key) -> Result<bool, StoreError> {
        Ok(partner(&self.rows, &self.by_salesforce, &self.by_app, (space, side, key))?.is_some())
    }

    /// Drops everything of a space.
    pub(super) fn clear(&mut self, space: u32) -> Result<(), StoreError> {
        self.rows.retain_in(link_id(space, 0)..link_id(space + 1, 0), |_, _| false)?;
        clear(&mut self.by_salesforce, &prefix(space))?;
        clear(&mut self.by_app, &prefix(space))
    }
}

fn app_key(space: u32, app: &Key, id: u64) -> Vec<u8> {
    let mut key = keyed(space, app);
    key.extend_from_slice(&id.to_be_bytes()[8 - NUMBER_BYTES..]);
    key
}

pub(super) fn id_of(space: u32, app_key: &[u8]) -> u64 {
    let tail = app_key.iter().rev().take(NUMBER_BYTES).rev();
    link_id(space, tail.fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn ids_of_app(table: &impl ReadableTable<Bytes, ()>, space: u32, app: &Key) -> Result<Vec<u64>, StoreError> {
    let keys = keys_with(table, &keyed(space, app), usize::MAX)?;
    Ok(keys.iter().map(|key| id_of(space, key)).collect())
}

fn partner(
    rows: &impl ReadableTable<u64, Bytes>,
    by_salesforce: &impl ReadableTable<Bytes, u64>,
    by_app: &impl ReadableTable<Bytes, ()>,
    (space, side, key): (u32, Side, &Key),
) -> Result<Option<Key>, StoreError> {
    let ids = match side {
        Side::Salesforce => {
            by_salesforce.get(keyed(space, key).as_slice())?.map(|id| id.value()).into_iter().collect()
        }
        Side::App => ids_of_app(by_app, space, key)?,
    };
    for id in ids {
        let Some(row) = rows.get(id)? else { continue };
        let (state, salesforce, app) = link_row::decode_keys(row.value())?;
        if !state.is_gone() {
            return Ok(Some(if side == Side::Salesforce { app } else { salesforce }));
        }
    }
    Ok(None)
}

/// The tables of links inside a snapshot.
struct Found {
    rows: redb::ReadOnlyTable<u64, Bytes>,
    by_salesforce: redb::ReadOnlyTable<Bytes, u64>,
    by_app: redb::ReadOnlyTable<Bytes, ()>,
}

impl Found {
    fn open(txn: &ReadTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            rows: txn.open_table(LINKS)?,
            by_salesforce: txn.open_table(BY_SALESFORCE)?,
            by_app: txn.open_table(BY_APP)?,
        })
    }

    fn link(&self, id: u64) -> Result<Option<Link>, StoreError> {
        self.rows.get(id)?.map(|row| link_row::decode(row.value())).transpose()
    }

    fn of_salesforce(&self, space: u32, key: &Key) -> Result<Option<Link>, StoreError> {
        match self.by_salesforce.get(keyed(space, key).as_slice())? {
            Some(id) => self.link(id.value()),
            None => Ok(None),
        }
    }

    fn of_app(&self, space: u32, key: &Key) -> Result<Vec<Link>, StoreError> {
        let ids = ids_of_app(&self.by_app, space, key)?;
        let links = ids.into_iter().map(|id| self.link(id));
        links.filter_map(Result::transpose).collect()
    }
}

impl Store {
    /// The links of Salesforce records, one answer for each key in the order of the keys.
    pub fn links_by_salesforce(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        keys: &[Key],
    ) -> Result<Vec<Option<Link>>, StoreError> {
        self.each(self.space(pipeline, generation), keys, Found::of_salesforce)
    }

    /// The links of app records, one answer for each key in the order of the keys. Several links where several Salesforce
    /// records share the app record.
    pub fn links_by_app(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        keys: &[Key],
    ) -> Result<Vec<Vec<Link>>, StoreError> {
        self.each(self.space(pipeline, generation), keys, Found::of_app)
    }

    /// The links of records of a side, one answer for each key in the order of the keys.
    pub fn links_of(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        (side, keys): (Side, &[Key]),
    ) -> Result<Vec<Vec<Link>>, StoreError> {
        match side {
            Side::Salesforce => {
                let links = self.links_by_salesforce(pipeline, generation, keys)?;
                Ok(links.into_iter().map(|link| link.into_iter().collect()).collect())
            }
            Side::App => self.links_by_app(pipeline, generation, keys),
        }
    }

    /// The same, each with its number: numbers are dense and never given twice, so much can be noted of many links in little memory.
    pub fn numbered_links_of(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        (side, keys): (Side, &[Key]),
    ) -> Result<Vec<Vec<(u64, Link)>>, StoreError> {
        let mut answers = vec![Vec::new(); keys.len()];
        let Some(space) = self.space(pipeline, generation) else { return Ok(answers) };
        self.read(|txn| {
            let found = Found::open(txn)?;
            let ids = match side {
                Side::Salesforce => walk::ids_of_salesforce(&found.by_salesforce, space, keys)?,
                Side::App => walk::ids_of_app(&found.by_app, space, keys)?,
            };
            walk::rows(&found.rows, ids, |place, id, row| {
                answers[place].push((link_number(id), link_row::decode(row)?));
                Ok(())
            })
        })?;
        Ok(answers)
    }

    /// The same in the generation in use, for pipelines that share a resource with another one.
    pub fn links_of_current(
        &self,
        pipeline: &PipelineName,
        (side, keys): (Side, &[Key]),
    ) -> Result<Vec<Vec<Link>>, StoreError> {
        let space = self.registry().current_space(pipeline);
        self.each(space, keys, |found, space, key| match side {
            Side::Salesforce => Ok(found.of_salesforce(space, key)?.into_iter().collect()),
            Side::App => found.of_app(space, key),
        })
    }

    /// The record on the other side, for lookups of other pipelines: one answer for each key, in the order of the keys, from the
    /// generation in use. A link whose Salesforce record is gone is not found.
    pub fn linked(
        &self,
        pipeline: &PipelineName,
        side: Side,
        keys: &[Key],
    ) -> Result<Vec<Option<Key>>, StoreError> {
        self.each(self.registry().current_space(pipeline), keys, |found, space, key| {
            partner(&found.rows, &found.by_salesforce, &found.by_app, (space, side, key))
        })
    }

    /// Links in the order of Salesforce ids (`ORDER BY Id`), after a key, at most so many: the way to walk through all of them.
    pub fn links(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        self.links_where(pipeline, generation, (after, limit), |_| true)
    }

    /// The same of the links whose number is wanted; the others are stepped over without being read.
    pub fn links_where(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        (after, limit): (Option<&Key>, usize),
        wanted: impl Fn(u64) -> bool,
    ) -> Result<Vec<Link>, StoreError> {
        let Some(space) = self.space(pipeline, generation) else { return Ok(Vec::new()) };
        let begin = after.map_or_else(|| prefix(space), |key| keyed(space, key));
        let begin = if after.is_some() {
            Bound::Excluded(begin.as_slice())
        } else {
            Bound::Included(begin.as_slice())
        };
        let end = tables::after(&prefix(space));
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.read(|txn| {
            let found = Found::open(txn)?;
            let ids = found.by_salesforce.range::<&[u8]>((begin, end))?;
            let ids = ids.map(|entry| Ok(entry?.1.value()));
            let ids = ids.filter(|id| id.as_ref().map_or(true, |id| wanted(link_number(*id))));
            let links = ids.take(limit).map(|id: Result<u64, StoreError>| found.link(id?));
            links.filter_map(Result::transpose).collect()
        })
    }

    /// The space of a generation, if it has one.
    pub(super) fn space(&self, pipeline: &PipelineName, generation: u32) -> Option<u32> {
        self.registry().entry(pipeline)?.space(generation)
    }

    /// Asks in the order of the keys' bytes, which is several times faster than at random; answers in the given order.
    fn each<T: Default + Clone>(
        &self,
        space: Option<u32>,
        keys: &[Key],
        ask: impl Fn(&Found, u32, &Key) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut answers = vec![T::default(); keys.len()];
        let Some(space) = space else { return Ok(answers) };
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_unstable_by(|one, other| keys[*one].cmp(&keys[*other]));
        self.read(|txn| {
            let found = Found::open(txn)?;
            for at in order {
                answers[at] = ask(&found, space, &keys[at])?;
            }
            Ok(answers)
        })
    }
}
