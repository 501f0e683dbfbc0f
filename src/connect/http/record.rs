//! A record between JSON and the row of a pipeline: numbers exactly, times as times, what is declared as what it is declared to be. A
//! value of another type than the file declares stays as it came: the row that needs it fails, and says why.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value as Json};

use super::finder::Finder;
use crate::model::{Kind, Row, Schema, Value};

/// The row path that stands for the record that a resource's records belong to.
pub(super) const PARENT: &str = "parent.id";

/// One position of the row.
#[derive(Clone, Debug)]
struct Column {
    finder: Finder,
    kind: Kind,
    /// It is the key of the parent record, not a field.
    is_parent: bool,
    /// It is the key or read-only: never sent.
    is_sent: bool,
}

/// How rows are made from records, and bodies from rows.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    columns: Vec<Column>,
}

/// Which positions any record of a list has had so far. A field that is missing in one record and there in another is empty; one that no
/// record has may just be left out of lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Vec<bool>);

impl Columns {
    /// The positions of a schema, whose names are paths. `key` is never sent.
    pub(super) fn new(schema: &Schema, key: &str) -> Self {
        let column = |field: &crate::model::Field| {
            let finder = Finder::new(&field.name);
            let is_parent = &*field.name == PARENT;
            let is_sent = !is_parent && &*field.name != key && finder.names().is_some();
            Column { finder, kind: field.kind, is_parent, is_sent }
        };
        Self { columns: schema.fields().iter().map(column).collect() }
    }

    /// The path of a position.
    pub(super) fn path(&self, at: usize) -> &str {
        self.columns.get(at).map_or("", |column| column.finder.text())
    }

    /// The row of a record that was asked for by its key: what is missing is empty.
    pub(super) fn whole(&self, record: &Json, parent: Option<&str>) -> Row {
        self.row(record, parent, |_| Value::Null)
    }

    /// Notes which positions a record of a list has.
    pub(super) fn note(&self, record: &Json, seen: &mut Seen) {
        seen.0.resize(self.columns.len(), false);
        for (seen, column) in seen.0.iter_mut().zip(&self.columns) {
            *seen = *seen || column.is_parent || column.finder.one(record).is_some();
        }
    }

    /// The row of a record of a list.
    pub(super) fn listed(&self, record: &Json, parent: Option<&str>, seen: &Seen) -> Row {
        let is_seen = |at: usize| seen.0.get(at).copied().unwrap_or(false);
        self.row(record, parent, |at| if is_seen(at) { Value::Null } else { Value::Absent })
    }

    fn row(&self, record: &Json, parent: Option<&str>, missing: impl Fn(usize) -> Value) -> Row {
        let value = |(at, column): (usize, &Column)| match column.finder.one(record) {
            Some(json) => typed(Value::from_json(json), column.kind),
            None if column.is_parent => parent.map_or(Value::Null, |id| typed(Value::text(id), Kind::Any)),
            None => missing(at),
        };
        Row::from(self.columns.iter().enumerate().map(value).collect::<Vec<_>>())
    }

    /// The parent that a row names.
    pub(super) fn parent(&self, row: &Row) -> Option<String> {
        let at = self.columns.iter().position(|column| column.is_parent)?;
        let value = row.get(at);
        (!value.is_blank()).then(|| value.to_string())
    }

    /// What is sent of a row: what is provided, and nothing else.
    pub(super) fn body(&self, row: &Row) -> Map<String, Json> {
        let mut body = Map::new();
        for (column, value) in self.columns.iter().zip(&row.0) {
            if let (true, false, Some(names)) = (column.is_sent, value.is_absent(), column.finder.names()) {
                put(&mut body, names, typed(value.clone(), column.kind).to_json());
            }
        }
        body
    }

    /// Whether a record says all that a row says; empty values say nothing. Only what the app tells of the record counts.
    pub(super) fn says(&self, record: &Row, row: &Row) -> bool {
        self.columns.iter().enumerate().filter(|(_, column)| column.is_sent).all(|(at, column)| {
            let (wanted, held) = (row.get(at), record.get(at));
            wanted.is_blank() || held.is_absent() || means_the_same(wanted, held, column.kind)
        })
    }

    /// Whether a record has any field that is known, besides its key.
    pub(super) fn shows(&self, record: &Json) -> bool {
        let mut fields = self.columns.iter().filter(|column| column.is_sent);
        fields.any(|column| column.finder.one(record).is_some())
    }

    /// The position of a path.
    pub(super) fn position(&self, path: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.finder.text() == path)
    }
}

fn put(object: &mut Map<String, Json>, names: &[String], value: Json) {
    match names {
        [] => {}
        [name] => drop(object.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let inner = object.entry(name.clone()).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// What was sent and what is held, as far as JSON tells them apart: a time that comes back as text is still that time.
fn means_the_same(sent: &Value, held: &Value, kind: Kind) -> bool {
    let kind = match (kind, sent) {
        (Kind::Any, Value::DateTime(_)) => Kind::DateTime,
        (Kind::Any, Value::Date(_)) => Kind::Date,
        (Kind::Any, Value::Int(_) | Value::Decimal(_)) => Kind::Decimal,
        (kind, _) => kind,
    };
    let plain = |value: &Value| match typed(value.clone(), kind) {
        Value::Int(number) => Value::Decimal(number.into()),
        Value::Decimal(number) => Value::Decimal(number.normalize()),
        Value::Text(text) => Value::text(text.trim()),
        other => other,
    };
    plain(sent) == plain(held)
}

/// A value as the declared kind, where it can be read as that; else as it came.
pub(super) fn typed(value: Value, kind: Kind) -> Value {
    match (kind, value) {
        (Kind::Decimal, Value::Int(number)) => Value::Decimal(number.into()),
        (Kind::Int, Value::Decimal(number)) if number.fract().is_zero() => {
            i64::try_from(number.trunc()).map_or(Value::Decimal(number), Value::Int)
        }
        (Kind::Int | Kind::Decimal, Value::Text(text)) => match crate::expr::read_decimal(text.trim()) {
            Some(number) => typed_number(number, kind),
            None => Value::Text(text),
        },
        (Kind::DateTime, Value::Text(text)) => match instant(&text) {
            Some(at) => Value::DateTime(at),
            None => text.trim().parse::<Date>().map_or(Value::Text(text), Value::Date),
        },
        (Kind::DateTime, Value::Int(number)) => epoch(number).map_or(Value::Int(number), Value::DateTime),
        (Kind::Date, Value::Text(text)) => match text.trim().parse::<Date>() {
            Ok(date) => Value::Date(date),
            Err(_) => text.get(..10).and_then(|day| day.parse().ok()).map_or(Value::Text(text), Value::Date),
        },
        // An id that the app writes as a number.
        (Kind::Text | Kind::Id, Value::Int(number)) => Value::text(number.to_string()),
        (Kind::Text | Kind::Id, Value::Decimal(number)) => Value::text(number.to_string()),
        (_, value) => value,
    }
}

fn typed_number(number: rust_decimal::Decimal, kind: Kind) -> Value {
    if kind == Kind::Decimal { Value::Decimal(number) } else { typed(Value::Decimal(number), kind) }
}

/// A time as apps write it: RFC 3339, or without an offset, which is UTC then.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok().filter(|_| text.len() > 10)?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

/// Seconds since 1970, or milliseconds where seconds would be far in the future.
pub(super) fn epoch(number: i64) -> Option<Timestamp> {
    const FAR: i64 = 100_000_000_000;
    if number.abs() < FAR {
        Timestamp::from_second(number).ok()
    } else {
        Timestamp::from_millisecond(number).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn columns() -> Columns {
        let schema = Schema::of(&[
            ("id", Kind::Int),
            ("name", Kind::Text),
            ("amount", Kind::Decimal),
            ("address.city", Kind::Text),
            ("$.tags[0]", Kind::Any),
            ("at", Kind::DateTime),
        ]);
        Columns::new(&schema, "id")
    }

    #[test]
    fn a_record_is_read_exactly() {
        let record: Json = serde_json::from_str(
            r#"{"id": 9007199254740993, "name": 12, "amount": 0.10, "address": {"city": "Oulu"},
                "tags": ["a"], "at": "2026-03-01T10:00:00+02:00"}"#,
        )
        .unwrap();
        let row = columns().whole(&record, None);
        let said: Vec<String> = row.0.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["9007199254740993", "12", "0.10", "Oulu", "a", "2026-03-01T08:00:00Z"]);
        assert!(matches!(row.get(1), Value::Text(_)) && matches!(row.get(5), Value::DateTime(_)));
    }

    #[test]
    fn what_is_of_another_type_stays_what_it_is() {
        let row = columns().whole(&json!({ "id": "x", "amount": "much", "at": "soon" }), None);
        assert!([0, 2, 5].into_iter().all(|at| matches!(row.get(at), Value::Text(_))));
        let row = columns().whole(&json!({ "id": "7", "amount": "12.50", "at": 1_772_359_200 }), None);
        assert_eq!(row.get(0), &Value::Int(7));
        assert_eq!(row.get(2).to_string(), "12.50");
        assert_eq!(row.get(5).to_string(), "2026-03-01T10:00:00Z");
    }

    #[test]
    fn a_field_that_lists_leave_out_is_not_empty() {
        let (columns, mut seen) = (columns(), Seen::default());
        columns.note(&json!({ "id": 1 }), &mut seen);
        assert!(columns.listed(&json!({ "id": 1 }), None, &seen).get(1).is_absent());
        columns.note(&json!({ "id": 2, "name": "Kim" }), &mut seen);
        assert_eq!(columns.listed(&json!({ "id": 3 }), None, &seen).get(1), &Value::Null);
        assert_eq!(columns.whole(&json!({ "id": 1 }), None).get(1), &Value::Null);
    }

    #[test]
    fn a_body_has_what_is_provided_and_nothing_else() {
        let mut row = Row::absent(6);
        row.set(0, Value::Int(4));
        row.set(1, Value::Null);
        row.set(3, Value::text("Oulu"));
        row.set(4, Value::text("a"));
        assert_eq!(
            Json::Object(columns().body(&row)),
            json!({ "name": null, "address": { "city": "Oulu" } })
        );
    }
}
