//! Failures by their cause: one line for all records that fail for the same reason, so that a hundred of them are read as three.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::failures::{moment, reason, record, short};
use super::table;
use crate::model::FailureKind;
use crate::runtime::control::FailureView;

/// Records that fail for the same reason, newest last try first.
pub(super) struct Group<'a> {
    records: Vec<&'a FailureView>,
}

impl<'a> Group<'a> {
    /// The one that failed first.
    fn first(&self) -> Option<&'a FailureView> {
        self.records.iter().copied().min_by_key(|view| view.failure.since)
    }

    fn next_try(&self) -> Option<Timestamp> {
        self.records.iter().filter_map(|view| view.failure.next_try).min()
    }
}

/// What makes two failures the same: pipeline and way, kind, code on both sides, and the row or the fields they speak of.
fn cause(view: &FailureView) -> impl PartialEq + use<> {
    let failure = &view.failure;
    let kind = match &failure.kind {
        FailureKind::Failed => "failed".to_owned(),
        FailureKind::Held => "held".to_owned(),
        FailureKind::Waiting { pipeline, .. } => format!("waiting for {pipeline}"),
    };
    let conflicts: Vec<String> = view.view.values.iter().map(|(row, ..)| row.clone()).collect();
    let codes = (failure.code.clone(), failure.remote.clone());
    let places = (failure.place.clone(), view.view.fields.clone(), conflicts);
    (failure.pipeline.clone(), failure.way, kind, codes, places)
}

/// The groups, in the order of their newest record.
pub(super) fn groups(failures: &[FailureView]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for view in failures {
        let same =
            |group: &&mut Group<'_>| group.records.first().is_some_and(|one| cause(one) == cause(view));
        match groups.iter_mut().find(same) {
            Some(group) => group.records.push(view),
            None => groups.push(Group { records: vec![view] }),
        }
    }
    groups
}

const COLUMNS: [table::Column; 8] = [
    table::number("RECORDS"),
    table::text("PIPELINE", 0),
    table::text("CODE", 0),
    table::text("PLACE", 0),
    table::text("NEXT", 5),
    table::text("FIRST", 5),
    table::text("FIRST RECORD", 20),
    table::text("ITS REASON", 0),
];

/// A line for each cause, and how to see the records.
pub(super) fn render(groups: &[Group<'_>], length: usize, (now, zone): (Timestamp, &TimeZone)) -> String {
    let rows = groups.iter().filter_map(|group| {
        let first = group.first()?;
        let failure = &first.failure;
        Some(vec![
            group.records.len().to_string(),
            failure.pipeline.to_string(),
            failure.code.clone(),
            place(first),
            group.next_try().map_or_else(|| "–".to_owned(), |at| moment(at, now, zone)),
            short(&failure.id, length),
            record(first),
            reason(first).trim_start_matches(failure.code.as_str()).trim_start().to_owned(),
        ])
    });
    let table = table::render(&COLUMNS, &rows.collect::<Vec<_>>(), table::plain);
    format!("{table}\nevery record: sfsync failures list --all   one: sfsync failures show <its id>\n")
}

/// The row of the file, or the fields that the other side named.
fn place(view: &FailureView) -> String {
    let place = view.failure.place.as_ref().map(|place| place.rsplit('/').next().unwrap_or(place).to_owned());
    let fields = || (!view.view.fields.is_empty()).then(|| view.view.fields.join(", "));
    match (place, fields()) {
        (Some(place), Some(fields)) => format!("{place} ({fields})"),
        (Some(place), None) => place,
        (None, fields) => fields.unwrap_or_else(|| "–".to_owned()),
    }
}
