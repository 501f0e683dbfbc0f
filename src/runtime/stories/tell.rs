//! Telling a story: what the policy does about its change.

use super::Happened;
use super::stage::{Actor, Event, Stage};
use crate::expr::Inputs;
use crate::model::{Key, Link, Op, Row, Side, Value};
use crate::runtime::facts::RunContext;
use crate::spec::ExpectedOp;
use crate::sync::{self, Candidate, Decision, Known, Mapped, Match, SideWrite, Situation, Slot, Stop};

/// What happens.
pub(super) fn tell(stage: &Stage<'_>) -> Happened {
    match (&stage.salesforce_event, &stage.app_event) {
        (Some(Event::Deleted(key)), _) => gone(stage, Side::Salesforce, key),
        (_, Some(Event::Deleted(key))) => gone(stage, Side::App, key),
        (Some(Event::Record(record)), app) => {
            let app = match app {
                Some(Event::Record(app)) => Some(app),
                _ => stage.app.as_ref(),
            };
            from_salesforce(stage, record, app)
        }
        (None, Some(Event::Record(record))) => from_app(stage, record),
        (None, None) => Happened { op: Some(ExpectedOp::None), ..Happened::default() },
    }
}

fn gone(stage: &Stage<'_>, side: Side, key: &Key) -> Happened {
    let ops = stage.pipeline.ops_on(side.other());
    let linked = stage.links.iter().any(|link| [&link.salesforce, &link.app].contains(&key));
    let op = match (linked, ops.delete, ops.archive) {
        (true, true, _) => ExpectedOp::Delete,
        (true, false, true) => ExpectedOp::Archive,
        _ => ExpectedOp::None,
    };
    Happened { op: Some(op), ..Happened::default() }
}

fn from_salesforce(stage: &Stage<'_>, record: &Actor, app: Option<&Actor>) -> Happened {
    if let Some(reason) = left_out(stage, Side::Salesforce, &record.row) {
        return skipped(reason);
    }
    let link = stage.links.iter().find(|link| link.salesforce == record.key);
    let app = link.and(app);
    let op = if link.is_some() { Op::Update } else { Op::Create };
    let mapped = match stage.map(Side::App, &record.row, app.map(|app| &app.row), op) {
        Ok(mapped) => mapped,
        Err(stop) => return stopped(stop),
    };
    let backward =
        app.and_then(|app| stage.map(Side::Salesforce, &app.row, Some(&record.row), Op::Update).ok());
    let matched = if link.is_some() { Match::None } else { match_app(stage, &record.row, &mapped) };
    let found = adopted(&matched);
    let backward =
        backward.or_else(|| stage.map(Side::Salesforce, &found?.row, Some(&record.row), Op::Update).ok());
    let siblings = siblings(stage, link, &record.key);
    let situation = Situation {
        salesforce: Some(known(record, stage.pipeline.salesforce.modified)),
        app: app.map(|app| known(app, stage.pipeline.app.modified)),
        to_app: Some(&mapped),
        to_salesforce: backward.as_ref(),
        link,
        siblings: &siblings,
        ..stage.situation(Side::Salesforce, &matched)
    };
    decided(stage, Side::Salesforce, sync::decide(&situation))
}

fn from_app(stage: &Stage<'_>, record: &Actor) -> Happened {
    if let Some(reason) = left_out(stage, Side::App, &record.row) {
        return skipped(reason);
    }
    let linked: Vec<(&Link, &Actor)> = stage
        .links
        .iter()
        .filter_map(|link| Some((link, stage.salesforce.iter().find(|actor| actor.key == link.salesforce)?)))
        .collect();
    if linked.is_empty() {
        return app_record(stage, record, None);
    }
    let mut all = Happened::default();
    for (link, salesforce) in linked {
        let one = app_record(stage, record, Some((link, salesforce)));
        all.writes.extend(one.writes);
        all.kept.extend(one.kept);
        all.op = if all.op == Some(ExpectedOp::Update) { all.op } else { one.op };
        all.reason = all.reason.or(one.reason);
    }
    all
}

fn app_record(stage: &Stage<'_>, record: &Actor, pair: Option<(&Link, &Actor)>) -> Happened {
    let op = if pair.is_some() { Op::Update } else { Op::Create };
    let other = pair.map(|(_, salesforce)| &salesforce.row);
    let mapped = match stage.map(Side::Salesforce, &record.row, other, op) {
        Ok(mapped) => mapped,
        Err(stop) => return stopped(stop),
    };
    let matched = if pair.is_some() { Match::None } else { match_salesforce(stage, &record.row) };
    let found = adopted(&matched).map(|candidate| &candidate.row);
    let forward =
        other.or(found).and_then(|row| stage.map(Side::App, row, Some(&record.row), Op::Update).ok());
    let situation = Situation {
        salesforce: pair.map(|(_, salesforce)| known(salesforce, stage.pipeline.salesforce.modified)),
        app: Some(known(record, stage.pipeline.app.modified)),
        to_app: forward.as_ref(),
        to_salesforce: Some(&mapped),
        link: pair.map(|(link, _)| link),
        ..stage.situation(Side::App, &matched)
    };
    decided(stage, Side::App, sync::decide(&situation))
}

fn known(actor: &Actor, modified: Option<usize>) -> Known<'_> {
    let modified = match modified.map(|at| actor.row.get(at)) {
        Some(Value::DateTime(at)) => Some(*at),
        _ => None,
    };
    Known { key: &actor.key, row: &actor.row, modified }
}

fn siblings(stage: &Stage<'_>, link: Option<&Link>, key: &Key) -> Vec<Key> {
    let Some(link) = link else { return Vec::new() };
    let others = stage.links.iter().filter(|other| other.app == link.app && other.salesforce != *key);
    others.map(|other| other.salesforce.clone()).collect()
}

fn adopted(matched: &Match) -> Option<&Candidate> {
    match matched {
        Match::One(candidate) => Some(candidate),
        _ => None,
    }
}

fn match_app(stage: &Stage<'_>, row: &Row, mapped: &Mapped) -> Match {
    let mut candidates = Vec::new();
    let region = stage.org.region.as_deref();
    let values = sync::match_values(stage.pipeline, (Side::Salesforce, row), mapped, region);
    for (rule, wanted) in values.into_iter().enumerate() {
        let field = stage
            .pipeline
            .matching
            .get(rule)
            .and_then(|row| stage.pipeline.rows.get(*row))
            .and_then(|row| row.app);
        let (Some(wanted), Some(field)) = (wanted, field) else { continue };
        for actor in &stage.others[1] {
            if same(&wanted, actor.row.get(field)) {
                candidates.push(Candidate { rule, key: actor.key.clone(), row: actor.row.clone() });
            }
        }
    }
    sync::matched(candidates)
}

/// Salesforce records are matched in the terms of the app: what each of them says for the row against what the app record holds.
fn match_salesforce(stage: &Stage<'_>, record: &Row) -> Match {
    let mut candidates = Vec::new();
    for actor in &stage.others[0] {
        let Ok(mapped) = stage.map(Side::App, &actor.row, Some(record), Op::Update) else { continue };
        for (rule, row) in stage.pipeline.matching.iter().enumerate() {
            let Some(mapping) = stage.pipeline.rows.get(*row) else { continue };
            let (Some(field), Some(Slot::Value(said))) = (mapping.app, mapped.slots.get(*row)) else {
                continue;
            };
            let held = mapping.form.map_or_else(
                || record.get(field).clone(),
                |form| crate::expr::normal::normalise(record.get(field), form, None),
            );
            if same(said, &held) {
                candidates.push(Candidate { rule, key: actor.key.clone(), row: actor.row.clone() });
            }
        }
    }
    sync::matched(candidates)
}

/// As `match` compares: text without case and outer spaces; empty never matches.
fn same(left: &Value, right: &Value) -> bool {
    !left.is_blank()
        && !right.is_blank()
        && left.to_string().trim().to_lowercase() == right.to_string().trim().to_lowercase()
}

fn left_out(stage: &Stage<'_>, side: Side, row: &Row) -> Option<String> {
    let context = RunContext::new(&stage.org, &stage.facts, &stage.lookups, side);
    let inputs = Inputs {
        value: &Value::Null,
        record: row,
        other: None,
        old: stage.old(side, row),
        op: Op::Update,
        now: stage.facts.now,
        today: stage.facts.today,
        pipeline: (stage.pipeline.name.as_str(), stage.pipeline.generation),
        context: &context,
    };
    let selection = match side {
        Side::Salesforce => &stage.pipeline.salesforce.selection,
        Side::App => &stage.pipeline.app.selection,
    };
    sync::passes(selection, row, &inputs)
        .err()
        .map(|why| crate::runtime::words::left_out(stage.pipeline, side, &why, row))
}

fn skipped(reason: String) -> Happened {
    Happened { op: Some(ExpectedOp::Skip), reason: Some(reason), ..Happened::default() }
}

fn stopped(stop: Stop) -> Happened {
    let (op, reason) = match stop {
        Stop::Skip { reason, .. } => (ExpectedOp::Skip, reason),
        Stop::Wait { pipeline, key, .. } => (ExpectedOp::Wait, format!("{key} is not linked in {pipeline}")),
        Stop::Fail { error, .. } => (ExpectedOp::Fail, error.message),
    };
    Happened { op: Some(op), reason: Some(reason), ..Happened::default() }
}

fn decided(stage: &Stage<'_>, origin: Side, decision: Decision) -> Happened {
    let mut happened = Happened::default();
    let op = match decision {
        Decision::Create { on, row } => {
            let rows = written_rows(stage, on, &row);
            happened.writes.push(SideWrite { side: on, key: Key::app("new"), row, rows });
            ExpectedOp::Create
        }
        Decision::Update { writes, kept, linking } => {
            (happened.writes, happened.kept) = (writes, kept);
            if linking { ExpectedOp::Link } else { ExpectedOp::Update }
        }
        Decision::Link { kept } => {
            happened.kept = kept;
            ExpectedOp::Link
        }
        Decision::Nothing { kept } => {
            happened.kept = kept;
            ExpectedOp::None
        }
        Decision::Vanished => ExpectedOp::None,
        Decision::Hold(held) => {
            happened.reason = Some(crate::runtime::words::held(stage.pipeline, &held));
            ExpectedOp::Hold
        }
        Decision::NotListed(reason) => {
            happened.reason = Some(format!("{reason} (towards {})", origin.other()));
            ExpectedOp::Skip
        }
    };
    happened.op = Some(op);
    happened
}

fn written_rows(stage: &Stage<'_>, on: Side, row: &Row) -> Vec<usize> {
    let rows = stage.pipeline.rows.iter().enumerate();
    rows.filter(|(_, mapping)| mapping.field_on(on).is_some_and(|field| !row.get(field).is_absent()))
        .map(|(at, _)| at)
        .collect()
}
