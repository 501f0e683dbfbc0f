//! Rows that were read, and what they are evidence of.

use jiff::Timestamp;

use crate::connect::Limit;
use crate::model::{Change, ChangeEvent, Key, Row, Value, Version};

/// One row.
#[derive(Debug)]
pub(in crate::connect::sql) struct Record {
    pub(in crate::connect::sql) key: Key,
    pub(in crate::connect::sql) row: Row,
    pub(in crate::connect::sql) stamp: Option<Timestamp>,
    /// It carries the delete mark.
    pub(in crate::connect::sql) deleted: bool,
    /// It passes the condition of the pipeline.
    pub(in crate::connect::sql) passes: bool,
}

impl Record {
    pub(in crate::connect::sql) fn into_event(self) -> ChangeEvent {
        let change = match (self.deleted, self.passes) {
            (true, _) => Change::Delete { merged_into: None },
            (false, true) => Change::Upsert(self.row),
            (false, false) => Change::Left(Some(self.row)),
        };
        ChangeEvent { key: self.key, change, version: self.stamp.map(Version) }
    }
}

/// A look-up by key that found nothing: there is no such row.
pub(in crate::connect::sql) fn gone(key: Key) -> ChangeEvent {
    ChangeEvent { key, change: Change::Delete { merged_into: None }, version: None }
}

/// The rows of one batch.
#[derive(Debug, Default)]
pub(in crate::connect::sql) struct Page {
    pub(in crate::connect::sql) records: Vec<Record>,
    /// Nothing comes after them.
    pub(in crate::connect::sql) drained: bool,
    bytes: usize,
}

impl Page {
    /// Whether it holds as much as it may. One record always fits.
    pub(in crate::connect::sql) fn is_full(&self, limit: Limit) -> bool {
        let some = !self.records.is_empty();
        some && (self.records.len() >= limit.records || self.bytes >= limit.bytes)
    }

    pub(in crate::connect::sql) fn add(&mut self, record: Record) {
        self.bytes += size(&record.row);
        self.records.push(record);
    }

    /// How many rows to ask for next, so that about as much comes as still fits.
    pub(in crate::connect::sql) fn next_chunk(&self, limit: Limit) -> i32 {
        const FIRST: usize = 64;
        let each = self.bytes.checked_div(self.records.len());
        let fits = match each {
            Some(each) => limit.bytes.saturating_sub(self.bytes) / each.max(1),
            None => FIRST,
        };
        i32::try_from(fits.clamp(8, 4096)).unwrap_or(8)
    }
}

/// About what a row takes in memory.
fn size(row: &Row) -> usize {
    row.0.iter().map(value_size).sum::<usize>() + size_of::<Record>()
}

fn value_size(value: &Value) -> usize {
    let more = match value {
        Value::Text(text) if text.len() > 24 => text.len(),
        Value::List(items) => items.iter().map(value_size).sum(),
        Value::Json(json) => json.to_string().len(),
        _ => 0,
    };
    size_of::<Value>() + more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        let row = Row::from(vec![Value::text(text)]);
        Record { key: Key::app("1"), row, stamp: None, deleted: false, passes: true }
    }

    #[test]
    fn a_page_is_bounded_by_bytes_too() {
        let limit = Limit { records: 1000, bytes: 10_000 };
        let mut page = Page::default();
        assert!(!page.is_full(Limit { records: 1, bytes: 0 }));
        page.add(record(&"x".repeat(6_000)));
        assert!(!page.is_full(limit));
        assert_eq!(page.next_chunk(limit), 8);
        page.add(record(&"x".repeat(6_000)));
        assert!(page.is_full(limit));
    }
}
