//! Updates of Salesforce are gathered over the batches of a pass: many of them cost no more calls than one. What is put aside is decided and
//! not written, so the cursor stays before it, and whatever ends the pass early repeats it.

use std::collections::HashSet;

use super::batch::{Item, Prepared};
use super::pass::{Gathered, PassError, Runner};
use super::settling::gather;
use crate::connect::{Limit, WriteMode};
use crate::model::{Commit, Key, Side};
use crate::plan::Lane;

/// Records of one batch of a first load with links.
const PAIRS_AT_ONCE: usize = 4_000;
/// Records of one batch of changes whose writes are gathered.
const READ_AT_ONCE: usize = 2_500;
/// Gathered writes that are written though more may come: they are in memory, with both of their records.
const MOST: usize = 20_000;

impl Gathered {
    /// Puts aside, of decided records, what updates Salesforce and nothing else. A record that came again was decided anew.
    pub(super) fn put_aside(&mut self, items: &mut Vec<Item>) {
        if !self.later.is_empty() {
            let again: HashSet<Key> = items.iter().map(|item| item.key.clone()).collect();
            self.later.retain(|item| !again.contains(&item.key));
        }
        self.later.extend(items.extract_if(.., |item| item.only_updates(Side::Salesforce)));
    }

    /// Whether so much was put aside that it is written though more may come.
    pub(super) fn is_much(&self) -> bool {
        self.later.len() >= MOST
    }
}

impl Runner {
    /// What one batch may bring. A record of a first load with links is there several times over while it is settled: as it was read, in
    /// the terms of the other side, as it is written, as its create is noted, as the pair that is remembered.
    pub(super) fn batches(&self, pass: &Gathered, loading: bool) -> Limit {
        let pairs = loading && pass.setting.origin == Side::Salesforce && self.pipeline.lane == Lane::Linked;
        let most = match (pairs, pass.gathers) {
            (true, _) => PAIRS_AT_ONCE,
            (_, true) => READ_AT_ONCE,
            _ => self.limit.records,
        };
        Limit { records: self.limit.records.min(most), ..self.limit }
    }

    /// Whether the updates that a pass decides are written together at its end. Who shares records takes turns batch by batch.
    pub(super) fn gathers(&self, pass: &Gathered, loading: bool) -> bool {
        let setting = &pass.setting;
        let updates = setting.origin == Side::App && self.pipeline.to_salesforce.update;
        updates && !loading && self.pipeline.lane == Lane::Linked && setting.partners.turn.is_none()
    }

    /// Writes the updates that were put aside.
    pub(super) async fn write_gathered(&mut self, pass: &mut Gathered) -> Result<Commit, PassError> {
        let items = std::mem::take(&mut pass.later);
        if items.is_empty() {
            return Ok(Commit::default());
        }
        let setting = pass.setting.clone();
        let prepared = Prepared { origin: setting.origin, items, later: Vec::new() };
        let executed = self.bench(&setting).execute(prepared, WriteMode::Changes).await?;
        Ok(gather(pass, executed))
    }
}
