//! Records that are looked for in a normal form which the database does not know: their texts are read and compared here. What all
//! spellings of the values have in common narrows that where it can. Pure.

use std::collections::HashMap;

use super::convert::fold;
use crate::connect::{Found, MatchQuery};
use crate::expr::NormalForm;
use crate::model::{Key, Row, Value};

/// With more patterns than these it costs less to read all texts.
const MOST_PATTERNS: usize = 50;

/// Whether the texts of a question have to be compared here: an address by mail has one spelling but for case and blanks, which the
/// database compares.
pub(super) fn is_needed(query: &MatchQuery, folded: bool) -> bool {
    folded && query.form.is_some_and(|form| form != NormalForm::Email)
}

/// Patterns of LIKE for texts in small letters, of which every record that is looked for has one; `None` where all have to be read.
pub(super) fn patterns(query: &MatchQuery) -> Option<Vec<String>> {
    if query.values.len() > MOST_PATTERNS {
        return None;
    }
    query.values.iter().map(|value| query.pieces(value).and_then(|pieces| pattern(&pieces))).collect()
}

/// Small letters of a database are those of its language: with others than of ASCII the pattern could miss.
fn pattern(pieces: &[String]) -> Option<String> {
    let mut pattern = String::from("%");
    for piece in pieces {
        if !piece.is_ascii() {
            return None;
        }
        pattern.push_str(&piece.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        pattern.push('%');
    }
    Some(pattern)
}

/// The records that match, while their texts come in.
pub(super) struct Search<'a> {
    query: &'a MatchQuery,
    wanted: HashMap<String, Vec<usize>>,
    hits: HashMap<Key, Vec<usize>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(query: &'a MatchQuery) -> Self {
        let mut wanted: HashMap<String, Vec<usize>> = HashMap::with_capacity(query.values.len());
        for (place, value) in query.values.iter().enumerate().filter(|(_, value)| !value.is_blank()) {
            wanted.entry(fold(&value.to_string())).or_default().push(place);
        }
        Self { query, wanted, hits: HashMap::new() }
    }

    /// A record with its text.
    pub(super) fn see(&mut self, key: impl FnOnce() -> Key, stored: &Value) {
        let normal = self.query.normal(stored);
        if let (false, Some(places)) = (normal.is_blank(), self.wanted.get(&fold(&normal.to_string()))) {
            self.hits.insert(key(), places.clone());
        }
    }

    /// Keys of the records that match.
    pub(super) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.hits.keys().cloned().collect();
        keys.sort();
        keys
    }

    /// The records that match, as they were read.
    pub(super) fn found(&self, records: Vec<(Key, Row)>) -> Vec<Found> {
        let of = |(key, row): (Key, Row)| {
            let places = self.hits.get(&key).into_iter().flatten();
            places.map(move |place| Found { value: *place, key: key.clone(), row: row.clone() })
        };
        records.into_iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_narrowed_by_what_all_spellings_have() {
        let query =
            |values: Vec<Value>, form| MatchQuery { form: Some(form), ..MatchQuery::exact(0, values) };
        let domains = query(vec!["a_b.com".into()], NormalForm::Domain);
        assert_eq!(patterns(&domains), Some(vec![r"%a\_b.com%".to_owned()]));
        assert_eq!(patterns(&query(vec!["räksmörgås.se".into()], NormalForm::Domain)), None);
        assert_eq!(patterns(&query(vec!["a b".into()], NormalForm::PlainText)), None);
        assert_eq!(patterns(&query(vec!["a.com".into(); 100], NormalForm::Domain)), None);
        assert!(!is_needed(&query(Vec::new(), NormalForm::Email), true));
    }
}
