//! Pairs as they are remembered after a batch: made, moved to what a record became, retired, with the baselines of both sides.

use super::decide::{Fate, Item, stamp};
use super::{BatchError, Bench};
use crate::model::{Commit, Elsewhere, Key, Link, LinkState, Op, PipelineName, Side, Version, Want};
use crate::sync::{self, Decision, Image};

impl Bench<'_> {
    /// Both sides agree, or what differs stays: a pair may be new, baselines may move.
    pub(super) fn agreed(&self, commit: &mut Commit, item: &Item) {
        let Some(link) = self.link(item, &[]) else {
            commit.counts.skipped += 1;
            return;
        };
        if item.link.is_none() {
            commit.counts.linked += 1;
        } else {
            commit.counts.unchanged += 1;
        }
        if item.link.as_ref() != Some(&link) {
            commit.links.push(link);
        }
        self.want(commit, item);
    }

    /// The pairs that are equal and have something new to remember all the same: a row that was added or changed has no baseline yet, and
    /// the first edit of one side would pass for a difference that was there from the start.
    pub(in crate::runtime) fn rebased(&self, items: &[Item]) -> Vec<Link> {
        let equal = |item: &&Item| matches!(&item.fate, Some(Fate::Decided(Decision::Nothing { kept })) if kept.is_empty());
        let moved = |item: &Item| {
            let link = item.link.as_ref()?;
            self.link(item, &[]).filter(|now| now != link)
        };
        items.iter().filter(equal).filter_map(moved).collect()
    }

    pub(super) fn retire(&self, commit: &mut Commit, item: &Item, state: LinkState) {
        commit.counts.skipped += 1;
        if let Some(link) = item.link.as_ref().filter(|link| link.state != state) {
            let mut link = Link { state, ..link.clone() };
            link.set_version(self.origin, item.version);
            commit.links.push(link);
        }
    }

    /// The survivor of a merge takes the place of the record, and is looked at again. If it has a partner of its own by now, the record is
    /// looked at once more: it is gone then.
    pub(super) fn moved(&self, commit: &mut Commit, item: &Item, survivor: &Key) -> Result<(), BatchError> {
        let Some(link) = &item.link else { return Ok(()) };
        let (name, generation) = (&self.pipeline.name, self.pipeline.generation);
        let of_survivor = self.store.links_by_salesforce(name, generation, std::slice::from_ref(survivor))?;
        if of_survivor.iter().any(Option::is_some) {
            commit.touch.push((name.clone(), Side::Salesforce, item.key.clone()));
            return Ok(());
        }
        commit.counts.linked += 1;
        commit.unlinked.push((link.salesforce.clone(), link.app.clone()));
        commit.links.push(Link { salesforce: survivor.clone(), salesforce_version: None, ..link.clone() });
        commit.touch.push((name.clone(), Side::Salesforce, survivor.clone()));
        Ok(())
    }

    /// A lead is at its end: its pair goes on with what it became, in the same commit, and is looked at there.
    pub(super) fn converted_to(
        &self,
        commit: &mut Commit,
        item: &Item,
        heir: Option<&(PipelineName, u32, Key)>,
    ) {
        let Some(link) = &item.link else { return };
        if let Some((pipeline, generation, key)) = heir {
            commit.counts.linked += 1;
            let (pipeline, generation) = (pipeline.clone(), *generation);
            let link = Link {
                salesforce: key.clone(),
                app: link.app.clone(),
                state: LinkState::Active,
                made: link.made,
                salesforce_version: None,
                app_version: None,
                row_set: 0,
                salesforce_baseline: Box::default(),
                app_baseline: Box::default(),
            };
            commit.touch.push((pipeline.clone(), Side::Salesforce, key.clone()));
            commit.elsewhere.push(Elsewhere { pipeline, generation, link });
        }
        self.retire(commit, item, LinkState::Gone);
    }

    /// The pair as it is now, with the baselines of what both sides hold after the writes that were stored. `None` without a partner.
    pub(super) fn link(&self, item: &Item, stored: &[(Side, Op, Key, Option<Version>)]) -> Option<Link> {
        if let (Some(pair), Some((side, _, key, _))) = (&item.pair, stored.first()) {
            return Some(pair.clone().with_key(*side, key.clone()));
        }
        let before = self.situation(item);
        let written = |side: Side| stored.iter().any(|(at, ..)| *at == side);
        let image = match &item.fate {
            Some(Fate::Decided(decision)) => Image::after(&before, decision, written),
            _ => Image::after(&before, &Decision::Nothing { kept: Vec::new() }, written),
        };
        let key = |side: Side| {
            let made = stored.iter().find(|(at, ..)| *at == side).map(|(_, _, key, _)| key);
            made.or_else(|| item.key_on(side)).cloned()
        };
        let (salesforce, app) = (key(Side::Salesforce)?, key(Side::App)?);
        item.row.as_ref().filter(|_| item.other.is_some() || !stored.is_empty())?;
        let known = |key, row| Some(sync::Known { key, row, modified: None });
        let after = sync::Situation {
            salesforce: known(&salesforce, &image.salesforce),
            app: known(&app, &image.app),
            ..before
        };
        let (salesforce_baseline, app_baseline) = sync::baselines(&after, &image);
        let made = stored.iter().find(|(_, kind, ..)| *kind == Op::Create).map(|(side, ..)| *side);
        let link = Link {
            salesforce_version: self.version(item, Side::Salesforce),
            app_version: self.version(item, Side::App),
            salesforce,
            app,
            state: LinkState::Active,
            made: made.or(item.link.as_ref().and_then(|link| link.made)),
            row_set: self.pipeline.row_set.id,
            salesforce_baseline,
            app_baseline,
        };
        Some(link)
    }

    /// The stamp under which a record was read. Our own writes do not count: `many_to_one` asks who was updated last by others.
    fn version(&self, item: &Item, side: Side) -> Option<Version> {
        let before = item.link.as_ref().and_then(|link| link.version(side));
        if side == self.origin {
            return item.version.or(before);
        }
        item.row_on(side).and_then(|row| stamp(self.pipeline, side, row)).or(before)
    }

    /// Lookups that were not linked although the record went on: it comes back when they are.
    pub(super) fn want(&self, commit: &mut Commit, item: &Item) {
        let sides = [
            (self.origin, Some(&item.key), &item.mapped),
            (self.target(), item.other.as_ref().map(|(key, _)| key), &item.back),
        ];
        for (side, key, mapped) in sides {
            let (Some(key), Some(mapped)) = (key, mapped) else { continue };
            let source = (side, key.clone());
            commit.wants.extend(mapped.wants.iter().map(|(pipeline, key)| Want {
                pipeline: pipeline.clone(),
                key: key.clone(),
                source: source.clone(),
            }));
        }
    }
}
