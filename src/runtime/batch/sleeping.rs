//! Rows that say nothing in an update (`write: on_create`, a group that is off): no decision looks at them, and nothing is spent on them.
//! People who ask for a plan want to know of them all the same, where both sides differ.

use super::decide::{Fate, Item};
use super::{BatchError, Bench};
use crate::model::{Op, Side, Value};
use crate::plan::{Mapping, WritePolicy};
use crate::runtime::facts::RunContext;
use crate::sync::{self, Decision, Kept, LookupTable, MapInputs};

impl Bench<'_> {
    /// Adds the rows that sleep and differ to what stays of each pair.
    pub(in crate::runtime) fn tell_sleeping(&self, items: &mut [Item]) -> Result<(), BatchError> {
        let sleeps = |row: &Mapping| matches!(row.write, WritePolicy::OnCreate | WritePolicy::Off);
        if !self.pipeline.rows.iter().any(sleeps) {
            return Ok(());
        }
        for item in items {
            let sleeping = self.sleeping(item)?;
            if let Some(Fate::Decided(
                Decision::Nothing { kept } | Decision::Link { kept } | Decision::Update { kept, .. },
            )) = &mut item.fate
            {
                kept.extend(sleeping);
                kept.sort_by_key(|(row, _)| *row);
            }
        }
        Ok(())
    }

    fn sleeping(&self, item: &Item) -> Result<Vec<(usize, Kept)>, BatchError> {
        let mut kept = Vec::new();
        for (at, row) in self.pipeline.rows.iter().enumerate() {
            let why = match row.write {
                WritePolicy::OnCreate => Kept::OnCreate,
                WritePolicy::Off => Kept::Off,
                _ => continue,
            };
            let towards = if row.to_app.is_on() { Side::App } else { Side::Salesforce };
            if !self.pipeline.ops_on(towards).update {
                continue;
            }
            let held = row.field_on(towards).and_then(|field| Some(item.row_on(towards)?.get(field)));
            let (Some(held), Some(said)) = (held, self.would_say(item, at, towards)?) else { continue };
            let make = self.facts.fingerprints;
            if !held.is_absent() && make.of(row, held) != make.of(row, &said) {
                kept.push((at, why));
            }
        }
        Ok(kept)
    }

    fn would_say(&self, item: &Item, at: usize, towards: Side) -> Result<Option<Value>, BatchError> {
        let (from, mut table) = (towards.other(), LookupTable::default());
        let (Some(source), Some(row)) = (item.row_on(from), self.pipeline.rows.get(at)) else {
            return Ok(None);
        };
        if let (Some(lookup), Some(field)) = (&row.lookup, row.field_on(from))
            && let Some(key) = sync::lookup_key(source.get(field), from)
        {
            for pipeline in &lookup.pipelines {
                let linked = self.store.linked(pipeline, from, std::slice::from_ref(&key))?;
                table.insert(pipeline.clone(), from, key.clone(), linked.into_iter().next().flatten());
            }
        }
        let context = RunContext::new(self.org, self.facts, &table, from);
        let inputs = MapInputs {
            other: item.row_on(towards),
            old: None,
            op: Op::Update,
            now: self.facts.now,
            today: self.facts.today,
            lookups: &table,
            context: &context,
        };
        Ok(sync::would_say(self.pipeline, (at, source), towards, &inputs))
    }
}
