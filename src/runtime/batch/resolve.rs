//! Lookups and mapping: the links a batch needs are read at once, records that other pipelines bring in on demand are asked for, and
//! every record is put into the terms of the app.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::decide::{Fate, Item, Prepared, is_settled};
use super::{BatchError, Bench, Demand};
use crate::model::{Key, Op, PipelineName, Row, Side};
use crate::plan::Missing;
use crate::runtime::facts::RunContext;
use crate::sync::{self, LookupTable, MapInputs, Stop};

/// Ids per pipeline that nobody looked up yet.
pub(super) type Questions = BTreeMap<PipelineName, BTreeSet<Key>>;

impl Bench<'_> {
    /// Maps every record that still has no fate. Computed lookups and `linked()` name their ids only while mapping, so it may take rounds.
    pub(super) async fn resolve(&mut self, prepared: &mut Prepared) -> Result<(), BatchError> {
        let mut table = LookupTable::default();
        let by_itself =
            |pipeline: &PipelineName| self.references.on_demand(&self.pipeline.name, pipeline) == Demand::No;
        let questions = self.copied_lookups(open_rows(&prepared.items), self.target(), by_itself);
        self.answer(questions, self.origin, &mut table).await?;
        let hopeless = self.leave_out(&mut prepared.items, &table, by_itself);
        let rows = open_rows(&prepared.items);
        let mut questions = self.copied_lookups(rows, self.target(), |pipeline| !by_itself(pipeline));
        for _ in 0..3 {
            let later = self.answer(questions, self.origin, &mut table).await?;
            prepared.later.extend(later);
            questions = self.map_all(&mut prepared.items, &table, &hopeless);
            if questions.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Records that a lookup leaves out (`missing: skip`) need nothing of anybody: nothing is brought in for them. Returns their places.
    fn leave_out(
        &self,
        items: &mut [Item],
        table: &LookupTable,
        by_itself: impl Fn(&PipelineName) -> bool,
    ) -> HashSet<usize> {
        let mut places = HashSet::new();
        for (at, item) in items.iter_mut().enumerate().filter(|(_, item)| item.fate.is_none()) {
            let Some(row) = &item.row else { continue };
            let stop = sync::needed(self.pipeline, row, self.target()).into_iter().find_map(|needed| {
                let lookup = self.pipeline.rows.get(needed.row)?.lookup.as_ref()?;
                let linked =
                    |pipeline: &PipelineName| table.linked(pipeline, self.origin, &needed.key).is_some();
                let left_out = lookup.missing == Missing::Skip
                    && lookup.pipelines.iter().all(|pipeline| by_itself(pipeline) && !linked(pipeline));
                let pipeline = lookup.pipelines.first().filter(|_| left_out)?;
                let reason = format!("it has no link in {pipeline} (missing: skip)");
                Some(Stop::Skip {
                    row: needed.row,
                    reason,
                    want: Some((pipeline.clone(), needed.key.clone())),
                })
            });
            if let Some(stop) = stop {
                item.fate = Some(Fate::Stopped(stop));
                places.insert(at);
            }
        }
        places
    }

    /// The ids that records have to be translated by, as far as they are copied from a field.
    pub(super) fn copied_lookups<'r>(
        &self,
        rows: impl Iterator<Item = &'r Row>,
        towards: Side,
        of: impl Fn(&PipelineName) -> bool,
    ) -> Questions {
        let mut questions = Questions::new();
        for row in rows {
            for needed in sync::needed(self.pipeline, row, towards) {
                let Some(lookup) = self.pipeline.rows.get(needed.row).and_then(|row| row.lookup.as_ref())
                else {
                    continue;
                };
                for pipeline in lookup.pipelines.iter().filter(|pipeline| of(pipeline)) {
                    questions.entry(pipeline.clone()).or_default().insert(needed.key.clone());
                }
            }
        }
        questions
    }

    /// Looks the ids up; asks pipelines that bring records in on demand for those they lack. Returns what was asked for later.
    pub(super) async fn answer(
        &self,
        questions: Questions,
        from: Side,
        table: &mut LookupTable,
    ) -> Result<Vec<(PipelineName, Key)>, BatchError> {
        let mut later = Vec::new();
        for (pipeline, keys) in questions {
            let keys: Vec<Key> = keys.into_iter().collect();
            let missing = self.look_up(&pipeline, from, keys, table)?;
            if missing.is_empty() {
                continue;
            }
            for (key, linked) in self.references.would_link(&pipeline, from, &missing).await? {
                table.insert(pipeline.clone(), from, key, Some(linked));
            }
            match self.references.on_demand(&self.pipeline.name, &pipeline) {
                // Only Salesforce records are brought in on demand.
                _ if from == Side::App => {}
                Demand::No => {}
                Demand::Later => later.extend(missing.into_iter().map(|key| (pipeline.clone(), key))),
                Demand::Now => {
                    self.references.require(&pipeline, missing.clone()).await?;
                    self.look_up(&pipeline, from, missing, table)?;
                }
            }
        }
        Ok(later)
    }

    /// Fills the table and returns the keys that are not linked.
    fn look_up(
        &self,
        pipeline: &PipelineName,
        from: Side,
        keys: Vec<Key>,
        table: &mut LookupTable,
    ) -> Result<Vec<Key>, BatchError> {
        let linked = self.store.linked(pipeline, from, &keys)?;
        let mut missing = Vec::new();
        for (key, app) in keys.into_iter().zip(linked) {
            if app.is_none() {
                missing.push(key.clone());
            }
            table.insert(pipeline.clone(), from, key, app);
        }
        Ok(missing)
    }

    /// Maps; returns the ids that were named meanwhile and are not in the table. Their records are mapped again in the next round.
    fn map_all(&self, items: &mut [Item], table: &LookupTable, but: &HashSet<usize>) -> Questions {
        let mut questions = Questions::new();
        let open = |item: &Item| item.fate.is_none() || matches!(item.fate, Some(Fate::Stopped(_)));
        for (_, item) in items.iter_mut().enumerate().filter(|(at, item)| open(item) && !but.contains(at)) {
            let Some(row) = &item.row else { continue };
            let context = RunContext::new(self.org, self.facts, table, self.origin);
            let inputs = MapInputs {
                other: item.other.as_ref().map(|(_, row)| row),
                old: item.old.row.as_ref(),
                op: if item.link.is_some() { Op::Update } else { Op::Create },
                now: self.facts.now,
                today: self.facts.today,
                lookups: table,
                context: &context,
            };
            let mapped = sync::map(self.pipeline, row, self.target(), &inputs);
            let mut unknown = context.asked();
            unknown.extend(unanswered(&mapped, table, self.origin));
            for (pipeline, key) in unknown {
                questions.entry(pipeline).or_default().insert(key);
            }
            self.mapped(item, mapped);
        }
        questions
    }

    fn mapped(&self, item: &mut Item, mapped: Result<sync::Mapped, Stop>) {
        match mapped {
            Err(stop) => item.fate = Some(Fate::Stopped(stop)),
            Ok(mapped) => {
                item.mapped = Some(mapped);
                let settled = is_settled(self.pipeline, self.facts, item);
                item.fate = settled.then_some(Fate::Unchanged);
            }
        }
    }
}

/// Ids that a mapping stopped or paused at although nobody looked them up yet (the lookups of computed values).
pub(super) fn unanswered(
    mapped: &Result<sync::Mapped, Stop>,
    table: &LookupTable,
    from: Side,
) -> Vec<(PipelineName, Key)> {
    let named: Vec<(PipelineName, Key)> = match mapped {
        Ok(mapped) => mapped.wants.clone(),
        Err(Stop::Wait { pipeline, key, .. }) => vec![(pipeline.clone(), key.clone())],
        Err(Stop::Skip { want: Some(want), .. }) => vec![want.clone()],
        Err(_) => Vec::new(),
    };
    named.into_iter().filter(|(pipeline, key)| !table.knows(pipeline, from, key)).collect()
}

fn open_rows(items: &[Item]) -> impl Iterator<Item = &Row> {
    items.iter().filter(|item| item.fate.is_none()).filter_map(|item| item.row.as_ref())
}
