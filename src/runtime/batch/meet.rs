//! The other side: linked app records are fetched by key, records without a link are searched by `manual_links` and `match`, and
//! who else claims the same app record is found out.

use std::collections::{HashMap, HashSet};

use super::decide::{Fate, Item, adopt};
use super::{BatchError, Bench};
use crate::connect::MatchQuery;
use crate::model::{Key, Row, Value};
use crate::plan::{LinkRule, ManualRecord};
use crate::sync::{self, Candidate};

impl Bench<'_> {
    /// Brings what the decisions need from the app.
    pub(super) async fn meet(&mut self, items: &mut [Item]) -> Result<(), BatchError> {
        self.fetch_linked(items).await?;
        self.find_unlinked(items).await?;
        self.claims(items)?;
        postpone_twins(self.pipeline, items);
        Ok(())
    }

    async fn fetch_linked(&mut self, items: &mut [Item]) -> Result<(), BatchError> {
        let keys: Vec<Key> =
            open(items).filter_map(|item| item.link.as_ref().map(|link| link.app.clone())).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut found: HashMap<Key, Row> = self.app.fetch(&keys).await?.into_iter().collect();
        for item in items.iter_mut().filter(|item| item.fate.is_none()) {
            let Some(link) = &item.link else { continue };
            item.other = found.remove(&link.app).map(|row| (link.app.clone(), row));
        }
        Ok(())
    }

    async fn find_unlinked(&mut self, items: &mut [Item]) -> Result<(), BatchError> {
        let mut candidates: HashMap<usize, Vec<Candidate>> = self.manual(items).await?;
        for rule in 0..self.pipeline.matching.len() {
            for (at, candidate) in self.find_by(rule, items, &candidates).await? {
                candidates.entry(at).or_default().push(candidate);
            }
        }
        for (at, candidates) in candidates {
            adopt(&mut items[at], candidates);
        }
        Ok(())
    }

    /// Asks the app for the records of one `match` row, for items that no earlier row found.
    async fn find_by(
        &mut self,
        rule: usize,
        items: &[Item],
        found: &HashMap<usize, Vec<Candidate>>,
    ) -> Result<Vec<(usize, Candidate)>, BatchError> {
        let Some(field) = self
            .pipeline
            .matching
            .get(rule)
            .and_then(|row| self.pipeline.rows.get(*row))
            .and_then(|row| row.app)
        else {
            return Ok(Vec::new());
        };
        let mut askers = Vec::new();
        let mut values = Vec::new();
        for (at, item) in
            items.iter().enumerate().filter(|(at, item)| is_unlinked(item) && !found.contains_key(at))
        {
            let Some(mapped) = &item.mapped else { continue };
            if let Some(Some(value)) = sync::match_values(self.pipeline, mapped).into_iter().nth(rule) {
                askers.push(at);
                values.push(value);
            }
        }
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let hits = self.app.find(&MatchQuery { field, values }).await?;
        let candidate = |key, row| Candidate { rule, key, row };
        Ok(hits
            .into_iter()
            .filter_map(|hit| Some((*askers.get(hit.value)?, candidate(hit.key, hit.row))))
            .collect())
    }

    /// Pairs given by hand come before any `match`.
    async fn manual(&mut self, items: &[Item]) -> Result<HashMap<usize, Vec<Candidate>>, BatchError> {
        let mut all = HashMap::new();
        if self.pipeline.manual_links.is_empty() {
            return Ok(all);
        }
        for (at, item) in items.iter().enumerate().filter(|(_, item)| is_unlinked(item)) {
            let pair = self.pipeline.manual_links.iter().find(|pair| selects(&pair.salesforce, item));
            let Some(pair) = pair.cloned() else { continue };
            let records = self.manual_record(&pair.app).await?;
            all.insert(at, records.into_iter().map(|(key, row)| Candidate { rule: 0, key, row }).collect());
        }
        Ok(all)
    }

    async fn manual_record(&mut self, record: &ManualRecord) -> Result<Vec<(Key, Row)>, BatchError> {
        match record {
            ManualRecord::Key(key) => Ok(self.app.fetch(std::slice::from_ref(key)).await?),
            ManualRecord::Fields(fields) => {
                let Some((field, value)) = fields.first().cloned() else { return Ok(Vec::new()) };
                let hits = self.app.find(&MatchQuery { field, values: vec![value] }).await?;
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
            claims.entry(key).or_default().extend(links.into_iter().map(|link| link.salesforce));
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
}

fn open(items: &[Item]) -> impl Iterator<Item = &Item> {
    items.iter().filter(|item| item.fate.is_none())
}

fn is_unlinked(item: &Item) -> bool {
    item.fate.is_none() && item.link.is_none()
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

/// Two new records of one batch with the same `match` value are one record for the app: the second is decided again once the first
/// one was created.
fn postpone_twins(pipeline: &crate::plan::Pipeline, items: &mut [Item]) {
    let mut seen: HashSet<(usize, String)> = HashSet::new();
    for item in items.iter_mut().filter(|item| is_unlinked(item) && item.other.is_none()) {
        let Some(mapped) = &item.mapped else { continue };
        let values = sync::match_values(pipeline, mapped);
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

fn folded(value: &Value) -> String {
    value.to_string().trim().to_lowercase()
}
