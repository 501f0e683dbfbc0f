//! Which existing record of the other side an unlinked record is: the rows of `match`, tried in their order. An empty value never
//! matches; several hits are nobody's to choose.

use super::map::{Mapped, Slot};
use crate::expr::normal;
use crate::model::{Key, Row, Side, Value};
use crate::plan::{Mapping, Pipeline};

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

/// The value to search for on the other side, per `match` row, in normal form; `None` where it is empty. A row that only flows the
/// other way still identifies a record if it is copied as it is (`{ salesforce: Id, app: salesforce_id }`).
pub fn match_values(
    pipeline: &Pipeline,
    (side, record): (Side, &Row),
    mapped: &Mapped,
    region: Option<&str>,
) -> Vec<Option<Value>> {
    pipeline
        .matching
        .iter()
        .map(|at| {
            let value = match (mapped.slots.get(*at)?, pipeline.rows.get(*at)?) {
                (Slot::Value(value), _) => value,
                (_, row) if is_copied_back(row, side) => record.get(row.field_on(side)?),
                _ => return None,
            };
            (!value.is_blank()).then(|| normal(pipeline, (*at, value), region))
        })
        .collect()
}

/// Whether the field of a side holds what the other side says, unchanged.
fn is_copied_back(row: &Mapping, side: Side) -> bool {
    !row.flow_to(side.other()).is_on() && row.is_copied_to(side)
}

fn normal(pipeline: &Pipeline, (row, value): (usize, &Value), region: Option<&str>) -> Value {
    match pipeline.rows.get(row).and_then(|row| row.form) {
        Some(form) => normal::normalise(value, form, region),
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
