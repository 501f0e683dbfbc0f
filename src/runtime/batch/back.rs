//! What the other record says: two-way rows are merged from both sides, so the other record is put into the terms of this side, too.

use std::collections::HashSet;

use super::decide::{Fate, Item, Prepared};
use super::{BatchError, Bench};
use crate::model::{Op, Row};
use crate::runtime::facts::RunContext;
use crate::sync::{self, LookupTable, MapInputs, Mapped, Stop};

impl Bench<'_> {
    /// Maps the other records of a batch back. A record that cannot be put into the terms of this side now is held back as a whole:
    /// half of a merge would lose what the other half says.
    pub(super) async fn answer_back(&mut self, prepared: &mut Prepared) -> Result<(), BatchError> {
        if !self.pipeline.rows.iter().any(|row| row.flow_to(self.origin).is_on()) {
            return Ok(());
        }
        self.look_back_there(prepared)?;
        let mut table = LookupTable::default();
        let others = prepared.items.iter().filter(|item| item.fate.is_none()).filter_map(other_row);
        let mut questions = self.copied_lookups(others, self.origin, |_| true);
        for _ in 0..3 {
            let later = self.answer(questions, self.target(), &mut table).await?;
            prepared.later.extend(later);
            questions = super::resolve::Questions::new();
            for item in &mut prepared.items {
                questions.extend(self.map_back(item, &table));
            }
            if questions.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn map_back(&self, item: &mut Item, table: &LookupTable) -> super::resolve::Questions {
        let mut questions = super::resolve::Questions::new();
        let stopped_back =
            matches!(item.fate, Some(Fate::Stopped(_))) && item.other.is_some() && item.mapped.is_some();
        let (Some(other), true) = (other_row(item), item.fate.is_none() || stopped_back) else {
            return questions;
        };
        let context = RunContext::new(self.org, self.facts, table, self.target());
        let inputs = MapInputs {
            other: item.row.as_ref(),
            old: item.other_old.row.as_ref(),
            op: Op::Update,
            now: self.facts.now,
            today: self.facts.today,
            lookups: table,
            context: &context,
        };
        let back = sync::map(self.pipeline, other, self.origin, &inputs);
        let mut unknown: HashSet<_> = context.asked().into_iter().collect();
        unknown.extend(super::resolve::unanswered(&back, table, self.target()));
        for (pipeline, key) in unknown {
            questions.entry(pipeline).or_default().insert(key);
        }
        keep(item, back);
        questions
    }
}

fn other_row(item: &Item) -> Option<&Row> {
    item.other.as_ref().map(|(_, row)| row)
}

fn keep(item: &mut Item, back: Result<Mapped, Stop>) {
    match back {
        Ok(back) => (item.back, item.fate) = (Some(back), None),
        Err(stop) => item.fate = Some(Fate::Stopped(stop)),
    }
}
