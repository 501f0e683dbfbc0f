//! Taking writes back: what to put where, given what a run replaced and what a record holds now. Pure, as everything here.
//!
//! A record is put back as a whole or not at all: once somebody has changed one of the fields since, the others belong to what they saw.
//! Read [`take_back`] first.

use super::settle::{Fingerprints, in_form};
use crate::model::{Fingerprint, Key, Link, Replaced, ReplacedField, Row, Side};
use crate::plan::{Mapping, Pipeline};

/// What becomes of the writes to one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakeBack {
    /// These values are put back.
    Restore(Row),
    /// It holds them already.
    Done,
    /// Somebody has changed these fields since.
    Moved(Vec<String>),
    /// The file does not write these fields any more, so they may not be touched.
    NotListed(Vec<String>),
}

/// Several writes of one run to one record as one: from what was there before the first to what the last one wrote. A value that came from
/// elsewhere between two of them is what is put back.
pub fn as_one(writes: impl IntoIterator<Item = Replaced>) -> Vec<Replaced> {
    let mut at: std::collections::HashMap<(Side, Key), usize> = std::collections::HashMap::new();
    let mut all: Vec<Replaced> = Vec::new();
    for write in writes {
        let index = *at.entry((write.side, write.key().clone())).or_insert(all.len());
        match all.get_mut(index) {
            Some(known) => join(known, write),
            None => all.push(write),
        }
    }
    all
}

fn join(known: &mut Replaced, later: Replaced) {
    for field in later.fields {
        match known.fields.iter_mut().find(|one| one.field == field.field) {
            Some(one) if crate::model::same_value(&one.after, &field.before) => one.after = field.after,
            Some(one) => *one = field,
            None => known.fields.push(field),
        }
    }
    (known.salesforce, known.app) = (later.salesforce, later.app);
}

/// What to do about one record, as it is now.
pub fn take_back(pipeline: &Pipeline, make: Fingerprints, write: &Replaced, now: &Row) -> TakeBack {
    let schema = pipeline.schema(write.side);
    let mut row = Row::absent(schema.len());
    let (mut moved, mut unlisted, mut restored) = (Vec::new(), Vec::new(), false);
    for field in &write.fields {
        let listed = mapping_of(pipeline, field)
            .and_then(|mapping| Some((mapping, mapping.field_on(write.side)?)))
            .filter(|(_, at)| schema.fields().get(*at).is_some_and(|known| *known.name == *field.field));
        let Some((mapping, at)) = listed.filter(|(mapping, _)| mapping.flow_to(write.side).is_on()) else {
            unlisted.push(field.field.clone());
            continue;
        };
        let held = make.of(mapping, now.get(at));
        if held == make.of(mapping, &field.before) {
            continue;
        }
        if held == make.of(mapping, &in_form(mapping, write.side, &field.after)) {
            row.set(
                at,
                if field.before.is_absent() { crate::model::Value::Null } else { field.before.clone() },
            );
            restored = true;
        } else {
            moved.push(field.field.clone());
        }
    }
    match (moved.is_empty(), unlisted.is_empty(), restored) {
        (false, _, _) => TakeBack::Moved(moved),
        (true, false, _) => TakeBack::NotListed(unlisted),
        (true, true, true) => TakeBack::Restore(row),
        (true, true, false) => TakeBack::Done,
    }
}

/// The pair after the writes to one of its records were taken back. Where a row flows both ways, what was put back is no change of that
/// side, or the next look would carry it to the other. Where it flows one way nothing follows the target, and `unless_edited` sees
/// what was put back as the edit of a person, which it is.
#[must_use]
pub fn after_undo(pipeline: &Pipeline, mut link: Link, write: &Replaced) -> Link {
    for field in &write.fields {
        let Some(at) = pipeline.row_set.rows.iter().position(|row| *row == field.row) else { continue };
        if !pipeline.rows.get(at).is_some_and(|mapping| flows_both_ways(pipeline, mapping)) {
            continue;
        }
        let baseline: &mut [Fingerprint] = match write.side {
            Side::Salesforce => &mut link.salesforce_baseline,
            Side::App => &mut link.app_baseline,
        };
        if let Some(known) = baseline.get_mut(at) {
            *known = field.seen;
        }
    }
    link
}

fn mapping_of<'a>(pipeline: &'a Pipeline, field: &ReplacedField) -> Option<&'a Mapping> {
    let at = pipeline.row_set.rows.iter().position(|row| *row == field.row)?;
    pipeline.rows.get(at)
}

/// Whether updates of a row flow in both directions.
pub(super) fn flows_both_ways(pipeline: &Pipeline, mapping: &Mapping) -> bool {
    pipeline.to_app.update
        && pipeline.to_salesforce.update
        && mapping.to_app.is_on()
        && mapping.to_salesforce.is_on()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    fn write(key: &str, fields: &[(&str, &str, &str)]) -> Replaced {
        let field = |(field, before, after): &(&str, &str, &str)| ReplacedField {
            row: 1,
            field: (*field).to_owned(),
            before: Value::text(before),
            after: Value::text(after),
            seen: Fingerprint(before.len() as u64),
        };
        let fields = fields.iter().map(field).collect();
        Replaced { side: Side::App, salesforce: Key::app("s"), app: Key::app(key), fields }
    }

    #[test]
    fn writes_of_one_run_to_one_record_are_taken_back_together() {
        let all = [
            write("1", &[("name", "a", "b")]),
            write("2", &[("name", "x", "y")]),
            write("1", &[("name", "b", "c"), ("phone", "7", "8")]),
            // Somebody wrote `z` between: that is what is put back.
            write("2", &[("name", "z", "y")]),
        ];
        let one = as_one(all);
        let expected =
            [write("1", &[("name", "a", "c"), ("phone", "7", "8")]), write("2", &[("name", "z", "y")])];
        assert_eq!(one, expected);
    }
}
