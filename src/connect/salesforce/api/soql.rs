//! Building SOQL text: escapes, key conditions, chunks that fit a URI (sections 3.8 and 3.9). Conditions of pipelines arrive checked
//! and are put in parentheses here. Nothing is sent.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::{Key, Keyset, SalesforceId};

/// What may stand in a query string as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b':');
/// Longest path with query. Salesforce takes 16,384 bytes with all headers, and a token may have several thousand.
pub const MAX_URI: usize = 11_000;
/// Most ids in one list, whatever the length.
const MAX_IDS: usize = 500;

/// A text literal with its quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A pattern of LIKE with its quotes: texts that have these pieces in this order.
pub fn pattern(pieces: &[String]) -> String {
    let mut out = String::from("'%");
    for piece in pieces {
        let literal = quoted(piece);
        let escaped = literal[1..literal.len() - 1].replace('%', "\\%").replace('_', "\\_");
        out.push_str(&escaped);
        out.push('%');
    }
    out.push('\'');
    out
}

/// A date-time literal: UTC, whole seconds, because stamps have no more.
pub fn instant(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The parts of a query of one object.
#[derive(Clone, Debug, Default)]
pub struct Select<'a> {
    /// SELECT list.
    pub columns: &'a str,
    /// FROM.
    pub object: &'a str,
    /// Joined by AND, each in its own parentheses; empty ones are left out.
    pub conditions: Vec<String>,
    /// ORDER BY.
    pub order: &'a str,
    /// LIMIT.
    pub limit: Option<u32>,
}

impl Select<'_> {
    /// The text.
    pub fn text(&self) -> String {
        let mut text = format!("SELECT {} FROM {}", self.columns, self.object);
        let mut joiner = " WHERE ";
        for condition in self.conditions.iter().filter(|condition| !condition.is_empty()) {
            text.push_str(joiner);
            text.push('(');
            text.push_str(condition);
            text.push(')');
            joiner = " AND ";
        }
        if !self.order.is_empty() {
            text.push_str(" ORDER BY ");
            text.push_str(self.order);
        }
        if let Some(limit) = self.limit {
            text.push_str(" LIMIT ");
            text.push_str(&limit.to_string());
        }
        text
    }
}

/// Everything after a place in the order by stamp and id. The edge may lie inside equal stamps.
pub fn after(field: &str, place: &Keyset) -> String {
    let stamp = instant(place.stamp);
    format!("{field} > {stamp} OR ({field} = {stamp} AND Id > {})", quoted(place.id.as_str()))
}

/// The path of a query: `/services/data/v66.0/query?q=…`.
pub fn query_path(data: &str, all: bool, soql: &str) -> String {
    format!("{data}/{}?q={}", if all { "queryAll" } else { "query" }, utf8_percent_encode(soql, QUERY))
}

/// Lists for `Id IN (…)`, each so long that a query with `base` encoded bytes around it fits a URI. Keys that are no ids are left
/// out: Salesforce would refuse the whole query for one of them.
pub fn id_lists(keys: &[Key], base: usize) -> Vec<String> {
    // Two quotes of three bytes, 18 characters and a comma. A query that leaves little room goes in a body, where length is no matter.
    let room = match MAX_URI.saturating_sub(base) / 25 {
        few if few < 50 => MAX_IDS,
        many => many.min(MAX_IDS),
    };
    let ids: Vec<String> = keys
        .iter()
        .filter(|key| SalesforceId::parse(key.as_str()).is_some())
        .map(|key| quoted(key.as_str()))
        .collect();
    ids.chunks(room).map(|chunk| format!("Id IN ({})", chunk.join(","))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_joined_in_parentheses() {
        let select = Select {
            columns: "Id",
            object: "Account",
            conditions: vec!["A = 1 OR B = 2".into(), String::new(), "C = 3".into()],
            order: "Id",
            limit: Some(5),
        };
        assert_eq!(
            select.text(),
            "SELECT Id FROM Account WHERE (A = 1 OR B = 2) AND (C = 3) ORDER BY Id LIMIT 5"
        );
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(quoted("O'Brien \\ \n"), r"'O\'Brien \\ \n'");
        assert_eq!(pattern(&["a_b'%".to_owned(), "c".to_owned()]), r"'%a\_b\'\%%c%'");
    }

    #[test]
    fn a_place_inside_equal_stamps() {
        let place = Keyset {
            stamp: "2026-03-01T00:00:00Z".parse().unwrap(),
            id: Key::salesforce("001000000000001AAA"),
        };
        assert_eq!(
            after("SystemModstamp", &place),
            "SystemModstamp > 2026-03-01T00:00:00Z OR (SystemModstamp = 2026-03-01T00:00:00Z AND Id > '001000000000001AAA')"
        );
    }

    #[test]
    fn id_lists_fit_a_uri() {
        let keys: Vec<Key> = (0..1000).map(|at| Key::salesforce(&format!("Zzz{at:012}"))).collect();
        let lists = id_lists(&keys, 3000);
        assert_eq!(lists.iter().map(|list| list.matches("Zzz").count()).sum::<usize>(), 1000);
        for condition in &lists {
            assert!(query_path("/services/data/v66.0", true, condition).len() + 3000 <= MAX_URI + 100);
        }
        assert!(id_lists(&[Key::app("no id'")], 0).is_empty());
        assert_eq!(id_lists(&keys, MAX_URI).len(), 2);
    }

    #[test]
    fn the_path_is_encoded() {
        assert_eq!(
            query_path("/services/data/v66.0", false, "SELECT Id FROM A WHERE B = 'x+y&z'"),
            "/services/data/v66.0/query?q=SELECT%20Id%20FROM%20A%20WHERE%20B%20%3D%20%27x%2By%26z%27"
        );
    }
}
