//! The other side: linked records are fetched by key, records without a link are searched by `manual_links` and `match`, and who else
//! claims the same app record is found out.

use std::collections::{HashMap, HashSet};

use super::decide::{Fate, Item, adopt};
use super::{BatchError, Bench};
use crate::connect::MatchQuery;
use crate::model::{Key, Link, Row, Side, Value, Version};
use crate::plan::{LinkRule, ManualRecord};
use crate::sync::{self, Candidate, Decision, Held, Match};

impl Bench<'_> {
    /// Brings what the decisions need from the other side.
    pub(super) async fn meet(&mut self, items: &mut Vec<Item>) -> Result<(), BatchError> {
        self.fetch_linked(items).await?;
        self.leave_converted(items);
        self.find_unlinked(items).await?;
        match self.origin {
            Side::Salesforce => self.claims(items)?,
            Side::App => self.taken(items)?,
        }
        if self.pipeline.links == LinkRule::ManyToOne {
            self.outdone(items)?;
        }
        self.postpone_twins(items);
        Ok(())
    }

    /// Brings the records at the other end of the links.
    pub(super) async fn fetch_linked(&mut self, items: &mut [Item]) -> Result<(), BatchError> {
        let side = self.target();
        let lacking = |item: &Item| item.fate.is_none() && item.other.is_none();
        let linked = items.iter().filter(|item| lacking(item)).filter_map(|item| item.link.as_ref());
        let keys: HashSet<Key> = linked.map(|link| link.key(side).clone()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut keys: Vec<Key> = keys.into_iter().collect();
        keys.sort();
        let found: HashMap<Key, Row> = self.destination(side)?.fetch(&keys).await?.into_iter().collect();
        for item in items.iter_mut().filter(|item| lacking(item)) {
            let Some(key) = item.link.as_ref().map(|link| link.key(side)) else { continue };
            item.other = found.get(key).map(|row| (key.clone(), row.clone()));
        }
        Ok(())
    }

    async fn find_unlinked(&mut self, items: &mut Vec<Item>) -> Result<(), BatchError> {
        let mut candidates: HashMap<usize, Vec<Candidate>> = self.manual(items).await?;
        for rule in 0..self.pipeline.matching.len() {
            for (at, candidate) in self.find_by(rule, items, &candidates).await? {
                candidates.entry(at).or_default().push(candidate);
            }
        }
        let all_linked = self.origin == Side::App && self.pipeline.links == LinkRule::ManyToOne;
        let mut more = Vec::new();
        for (at, candidates) in candidates {
            if all_linked {
                more.extend(each(&mut items[at], candidates));
            } else {
                adopt(&mut items[at], candidates);
            }
        }
        items.extend(more);
        Ok(())
    }

    /// Asks the other side for the records of one `match` row, for items that no earlier row found.
    async fn find_by(
        &mut self,
        rule: usize,
        items: &[Item],
        found: &HashMap<usize, Vec<Candidate>>,
    ) -> Result<Vec<(usize, Candidate)>, BatchError> {
        let side = self.target();
        let row = self.pipeline.matching.get(rule).and_then(|row| self.pipeline.rows.get(*row));
        let Some((field, form)) = row.and_then(|row| Some((row.field_on(side)?, row.form))) else {
            return Ok(Vec::new());
        };
        let mut askers = Vec::new();
        let mut values = Vec::new();
        let open = |at: &usize, item: &Item| item.is_unlinked() && !found.contains_key(at);
        for (at, item) in items.iter().enumerate().filter(|(at, item)| open(at, item)) {
            let (Some(mapped), Some(row)) = (&item.mapped, &item.row) else { continue };
            if let Some(Some(value)) = self.match_values(row, mapped).into_iter().nth(rule) {
                askers.push(at);
                values.push(value);
            }
        }
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let query = MatchQuery { field, values, form, region: self.org.region.clone() };
        let hits = self.destination(side)?.find(&query).await?;
        let candidate = |key, row| Candidate { rule, key, row };
        Ok(hits
            .into_iter()
            .filter_map(|hit| Some((*askers.get(hit.value)?, candidate(hit.key, hit.row))))
            .collect())
    }

    /// Records that stand in the way of a new one, for a person who says that it is the same.
    async fn named_by_hand(&mut self, items: &[Item]) -> Result<HashMap<usize, Vec<Candidate>>, BatchError> {
        let mut all = HashMap::new();
        let decided = self.take.is_some();
        for (at, item) in items.iter().enumerate().filter(|(_, item)| decided && item.is_unlinked()) {
            let keys = self.named(&item.key)?;
            if !keys.is_empty() {
                let records = self.destination(self.target())?.fetch(&keys).await?;
                all.insert(at, candidates(records));
            }
        }
        Ok(all)
    }

    /// Pairs given by hand, and those of leads that were converted, come before any `match`.
    async fn manual(&mut self, items: &[Item]) -> Result<HashMap<usize, Vec<Candidate>>, BatchError> {
        let mut all = self.named_by_hand(items).await?;
        for (at, records) in self.inherited(items).await? {
            all.entry(at).or_insert_with(|| candidates(records));
        }
        if self.pipeline.manual_links.is_empty() {
            return Ok(all);
        }
        for (at, item) in items.iter().enumerate().filter(|(_, item)| item.is_unlinked()) {
            let pairs = self.pipeline.manual_links.iter();
            let mut sided = pairs.map(|pair| match self.origin {
                Side::Salesforce => (&pair.salesforce, &pair.app),
                Side::App => (&pair.app, &pair.salesforce),
            });
            let Some(other) = sided.find(|(this, _)| selects(this, item)).map(|(_, other)| other.clone())
            else {
                continue;
            };
            let records = self.manual_record(&other).await?;
            all.insert(at, candidates(records));
        }
        Ok(all)
    }

    async fn manual_record(&mut self, record: &ManualRecord) -> Result<Vec<(Key, Row)>, BatchError> {
        let destination = self.destination(self.target())?;
        match record {
            ManualRecord::Key(key) => Ok(destination.fetch(std::slice::from_ref(key)).await?),
            ManualRecord::Fields(fields) => {
                let Some((field, value)) = fields.first().cloned() else { return Ok(Vec::new()) };
                let hits = destination.find(&MatchQuery::exact(field, vec![value])).await?;
                let fits = |row: &Row| {
                    fields.iter().all(|(field, value)| crate::model::same_value(row.get(*field), value))
                };
                Ok(hits.into_iter().filter(|hit| fits(&hit.row)).map(|hit| (hit.key, hit.row)).collect())
            }
        }
    }

    /// Which other Salesforce records are, or are about to be, linked to the same app record.
    fn claims(&self, items: &mut [Item]) -> Result<(), BatchError> {
        if self.pipeline.links != LinkRule::OneToOne {
            return Ok(());
        }
        let keys: Vec<Key> =
            open(items).filter_map(|item| item.other.as_ref().map(|(key, _)| key.clone())).collect();
        let links = self.store.links_by_app(&self.pipeline.name, self.pipeline.generation, &keys)?;
        let mut claims: HashMap<Key, HashSet<Key>> = HashMap::new();
        for (key, links) in keys.into_iter().zip(links) {
            let alive = links.into_iter().filter(|link| !link.state.is_gone());
            claims.entry(key).or_default().extend(alive.map(|link| link.salesforce));
        }
        for item in open(items) {
            if let Some((key, _)) = &item.other {
                claims.entry(key.clone()).or_default().insert(item.key.clone());
            }
        }
        for item in items.iter_mut().filter(|item| item.fate.is_none()) {
            let Some((key, _)) = &item.other else { continue };
            let others = claims.get(key).into_iter().flatten().filter(|key| **key != item.key);
            item.siblings = others.cloned().collect();
            item.siblings.sort();
        }
        Ok(())
    }

    /// A Salesforce record has one app record. App records that match one which has another are held, and so are the Salesforce
    /// records that share an app record with `links: one_to_one`.
    fn taken(&self, items: &mut [Item]) -> Result<(), BatchError> {
        let matched =
            |item: &Item| (item.link.is_none()).then(|| item.other.as_ref().map(|(key, _)| key.clone()))?;
        let keys: Vec<Key> = open(items).filter_map(matched).collect();
        let links = self.store.links_by_salesforce(&self.pipeline.name, self.pipeline.generation, &keys)?;
        let mut by: HashMap<Key, Key> = HashMap::new();
        for (key, link) in keys.into_iter().zip(links) {
            by.extend(link.filter(|link| !link.state.is_gone()).map(|link| (key, link.app)));
        }
        let mut seen: HashMap<Key, Vec<Key>> = HashMap::new();
        for item in items.iter_mut().filter(|item| item.fate.is_none()) {
            match (&item.link, &item.other) {
                (None, Some((salesforce, _))) => {
                    let taken = by.get(salesforce).filter(|by| **by != item.key).cloned();
                    if let Some(by) = taken {
                        let held = Held::Taken { salesforce: salesforce.clone(), by };
                        item.fate = Some(Fate::Decided(Decision::Hold(held)));
                    } else {
                        by.insert(salesforce.clone(), item.key.clone());
                    }
                }
                (Some(link), _) => seen.entry(item.key.clone()).or_default().push(link.salesforce.clone()),
                _ => {}
            }
        }
        if self.pipeline.links == LinkRule::OneToOne {
            for item in items.iter_mut().filter(|item| item.fate.is_none()) {
                let Some(link) = &item.link else { continue };
                let all = seen.get(&item.key).into_iter().flatten();
                item.siblings = all.filter(|key| **key != link.salesforce).cloned().collect();
            }
        }
        Ok(())
    }

    /// Which records have a sibling that was updated later (`links: many_to_one`): that one fills the app record.
    fn outdone(&self, items: &mut [Item]) -> Result<(), BatchError> {
        if self.origin == Side::App {
            // What the app says now reaches all of them.
            return Ok(());
        }
        let apps: HashSet<Key> =
            open(items).filter_map(|item| Some(item.other.as_ref()?.0.clone())).collect();
        let apps: Vec<Key> = apps.into_iter().collect();
        let links = self.linked_to(&apps)?;
        let mut latest: HashMap<Key, Vec<(Key, Option<Version>)>> = HashMap::new();
        for (app, links) in apps.into_iter().zip(links) {
            let alive = links.into_iter().filter(|link: &Link| !link.state.is_gone());
            latest.insert(app, alive.map(|link| (link.salesforce, link.salesforce_version)).collect());
        }
        for item in open(items) {
            let Some((app, _)) = &item.other else { continue };
            if let Some(all) = latest.get_mut(app) {
                all.retain(|(key, _)| *key != item.key);
                all.push((item.key.clone(), item.version));
            }
        }
        for item in items.iter_mut().filter(|item| item.fate.is_none()) {
            let all = item.other.as_ref().and_then(|(app, _)| latest.get(app));
            let newest =
                all.into_iter().flatten().max_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
            item.outdone = newest.is_some_and(|(key, version)| *key != item.key && *version > item.version);
        }
        Ok(())
    }

    /// Two new records of one batch with the same `match` value are one record for the other side: the second is decided again once the
    /// first one was created.
    fn postpone_twins(&self, items: &mut [Item]) {
        let mut seen: HashSet<(usize, String)> = HashSet::new();
        for item in items.iter_mut().filter(|item| item.is_unlinked() && item.other.is_none()) {
            let (Some(mapped), Some(row)) = (&item.mapped, &item.row) else { continue };
            let values = self.match_values(row, mapped);
            let claims: Vec<(usize, String)> = values
                .iter()
                .enumerate()
                .filter_map(|(rule, value)| Some((rule, folded(value.as_ref()?))))
                .collect();
            if claims.iter().any(|claim| seen.contains(claim)) {
                item.fate = Some(Fate::Postponed);
            } else {
                seen.extend(claims);
            }
        }
    }

    /// What a record is looked for by, `match` row by `match` row.
    fn match_values(&self, row: &Row, mapped: &sync::Mapped) -> Vec<Option<Value>> {
        sync::match_values(self.pipeline, (self.origin, row), mapped, self.org.region.as_deref())
    }
}

fn candidates(records: Vec<(Key, Row)>) -> Vec<Candidate> {
    records.into_iter().map(|(key, row)| Candidate { rule: 0, key, row }).collect()
}

fn open(items: &[Item]) -> impl Iterator<Item = &Item> {
    items.iter().filter(|item| item.fate.is_none())
}

/// An app record that several Salesforce records match, with `links: many_to_one`: all are linked, an item for each.
fn each(item: &mut Item, candidates: Vec<Candidate>) -> Vec<Item> {
    let Some(rule) = candidates.iter().map(|candidate| candidate.rule).min() else { return Vec::new() };
    let mut all: Vec<Candidate> = candidates.into_iter().filter(|candidate| candidate.rule == rule).collect();
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all.dedup_by(|one, other| one.key == other.key);
    let pair = |item: &mut Item, candidate: Candidate| {
        item.other = Some((candidate.key.clone(), candidate.row.clone()));
        item.matched = Match::One(candidate);
    };
    let mut all = all.into_iter();
    let Some(first) = all.next() else { return Vec::new() };
    let more = all.map(|candidate| {
        let mut another = item.clone();
        pair(&mut another, candidate);
        another
    });
    let more = more.collect();
    pair(item, first);
    more
}

fn selects(record: &ManualRecord, item: &Item) -> bool {
    match (record, &item.row) {
        (ManualRecord::Key(key), _) => *key == item.key,
        (ManualRecord::Fields(fields), Some(row)) => {
            fields.iter().all(|(field, value)| crate::model::same_value(row.get(*field), value))
        }
        (ManualRecord::Fields(_), None) => false,
    }
}

fn folded(value: &Value) -> String {
    value.to_string().trim().to_lowercase()
}
