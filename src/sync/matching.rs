//! Which existing record of the other side an unlinked record is: the rows of `match`, tried in their order. An empty value never
//! matches; several hits are nobody's to choose.

use super::map::{Mapped, Slot};
use crate::expr::normal;
use crate::model::{Key, Row, Value};
use crate::plan::Pipeline;

/// A record of the other side that may be the same, found by the shell for one `match` row.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Index into `pipeline.matching`.
    pub rule: usize,
    /// Its key.
    pub key: Key,
    /// The record.
    pub row: Row,
}

/// What matching found.
#[derive(Clone, Debug)]
pub enum Match {
    /// No record is the same.
    None,
    /// Exactly one is, by the first rule that hit at all.
    One(Candidate),
    /// Several are, by the same rule.
    Many(Vec<Key>),
}

/// The value to search for, per `match` row, in normal form; `None` where it is empty.
pub fn match_values(pipeline: &Pipeline, mapped: &Mapped) -> Vec<Option<Value>> {
    pipeline
        .matching
        .iter()
        .map(|row| match mapped.slots.get(*row) {
            Some(Slot::Value(value)) if !value.is_blank() => Some(normal(pipeline, *row, value)),
            _ => None,
        })
        .collect()
}

fn normal(pipeline: &Pipeline, row: usize, value: &Value) -> Value {
    match pipeline.rows.get(row).and_then(|row| row.form) {
        Some(form) => normal::normalise(value, form, None),
        None => value.clone(),
    }
}

/// Chooses among the candidates: the first rule with a hit decides.
pub fn matched(candidates: Vec<Candidate>) -> Match {
    let Some(rule) = candidates.iter().map(|candidate| candidate.rule).min() else { return Match::None };
    let mut hits: Vec<Candidate> =
        candidates.into_iter().filter(|candidate| candidate.rule == rule).collect();
    hits.sort_by(|left, right| left.key.cmp(&right.key));
    hits.dedup_by(|left, right| left.key == right.key);
    match hits.len() {
        1 => hits.pop().map_or(Match::None, Match::One),
        _ => Match::Many(hits.into_iter().map(|hit| hit.key).collect()),
    }
}
