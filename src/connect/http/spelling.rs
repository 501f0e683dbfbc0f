//! Whether an app that is asked for a text finds it however it is written. A field that is compared in a normal form (`as: email`) is asked
//! for in that form; an app that compares letter by letter does not find `Jane@Acme.com` by it and says nothing. So one record of the list
//! is asked for in another spelling, once: an app that does not find it is no answer to what is missing, and its list is read instead.

use super::destination::HttpDestination;
use super::resource::Endpoint;
use super::walk::{Place, Walk};
use crate::connect::{ConnectError, Found, MatchQuery};
use crate::model::{Key, Row, Value};

impl HttpDestination {
    /// The part of a question that the app may have left unanswered because it compares letter by letter: places among the values.
    pub(super) async fn unanswered(
        &mut self,
        endpoint: &Endpoint,
        query: &MatchQuery,
        found: &[Found],
    ) -> Result<Vec<usize>, ConnectError> {
        let is_open = |at: &usize| !found.iter().any(|hit| hit.value == *at);
        let open: Vec<usize> = (0..query.values.len()).filter(is_open).collect();
        if open.is_empty() || query.form.is_none() || self.resource.list.is_none() {
            return Ok(Vec::new());
        }
        let known = self.folds.get(&query.field).copied();
        let folds = if known.is_some() { known } else { self.tried(endpoint, query).await? };
        let Some(folds) = folds else { return Ok(Vec::new()) };
        self.folds.insert(query.field, folds);
        Ok(if folds { Vec::new() } else { open })
    }

    /// Whether the app finds a record of its list by another spelling; `None` where the list has none to try.
    async fn tried(&self, endpoint: &Endpoint, query: &MatchQuery) -> Result<Option<bool>, ConnectError> {
        let page = Walk::new(&self.client, &self.resource, None).page(&Place::default()).await?;
        let parent = page.parent.as_deref();
        let rows = page
            .records
            .iter()
            .map(|listed| (listed.key.clone(), self.columns.whole(&listed.record, parent)));
        let Some((key, spelled)) = candidate(query, rows) else { return Ok(None) };
        let question = MatchQuery { values: vec![spelled], ..query.clone() };
        let found = self.asked(endpoint, &question).await?;
        Ok(Some(found.iter().any(|hit| hit.key == key)))
    }
}

/// A record and another spelling of its text: its normal form where it is stored otherwise, else capitals.
fn candidate(query: &MatchQuery, rows: impl Iterator<Item = (Key, Row)>) -> Option<(Key, Value)> {
    let mut in_capitals = None;
    for (key, row) in rows {
        let Some(stored) = row.get(query.field).as_text().map(str::trim).filter(|text| !text.is_empty())
        else {
            continue;
        };
        let normal = query.normal(row.get(query.field));
        match normal.as_text() {
            Some(normal) if normal != stored => return Some((key, Value::text(normal))),
            _ => {}
        }
        let capitals = stored.to_uppercase();
        if in_capitals.is_none() && capitals != stored {
            in_capitals = Some((key, Value::text(&capitals)));
        }
    }
    in_capitals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::NormalForm;

    fn of(texts: &[&str]) -> Option<(String, String)> {
        let query = MatchQuery { form: Some(NormalForm::Email), ..MatchQuery::exact(0, Vec::new()) };
        let row = |text: &&str| (Key::app(*text), Row(vec![Value::text(*text)].into_boxed_slice()));
        let (key, spelled) = candidate(&query, texts.iter().map(row))?;
        Some((key.to_string(), spelled.to_string()))
    }

    #[test]
    fn a_record_that_is_written_otherwise_is_tried_first() {
        let pair = |key: &str, spelled: &str| Some((key.to_owned(), spelled.to_owned()));
        assert_eq!(of(&["a@b.fi", "Kim@b.fi"]), pair("Kim@b.fi", "kim@b.fi"));
        assert_eq!(of(&["", "1", "a@b.fi"]), pair("a@b.fi", "A@B.FI"));
        assert_eq!(of(&[]), None);
    }
}
