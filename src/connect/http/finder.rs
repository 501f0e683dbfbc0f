//! Where something is in a JSON answer: `id`, `address.city`, `$.data`, a JSONPath.

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value as Json;

/// A path that is followed in answers.
#[derive(Clone, Debug)]
pub(super) struct Finder {
    text: String,
    way: Way,
    /// The list that a path picks from, as far as that is one place.
    base: Option<Box<Finder>>,
}

#[derive(Clone, Debug)]
enum Way {
    /// Names from the top; none of them is the whole.
    Names(Vec<String>),
    /// Anything else that a JSONPath can say.
    Query(JpQuery),
}

impl Finder {
    /// From a path of a file, which was read as one before.
    pub(super) fn new(text: &str) -> Self {
        let way = way(text);
        let base = match &way {
            Way::Query(_) => text.split_once('[').filter(|(_, pick)| !pick.starts_with(['\'', '"'])),
            Way::Names(_) => None,
        };
        let base = base.map(|(base, _)| Box::new(Self::new(base))).filter(|base| !base.picks());
        Self { text: text.to_owned(), way, base }
    }

    /// Whether there is the list that the path picks from: an empty one is one, an answer of another kind has none.
    pub(super) fn has_list(&self, json: &Json) -> bool {
        let is_list = |found: &Json| found.is_array() || found.is_null();
        self.base.as_ref().is_none_or(|base| base.one(json).is_some_and(is_list))
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The names from the top, where it is no more than that: such a place can be written.
    pub(super) fn names(&self) -> Option<&[String]> {
        match &self.way {
            Way::Names(names) if !self.text.starts_with('$') => Some(names),
            _ => None,
        }
    }

    /// Whether it picks from what is there, so that finding nothing says nothing.
    pub(super) fn picks(&self) -> bool {
        matches!(self.way, Way::Query(_))
    }

    /// What is there; the first, where there are several.
    pub(super) fn one<'a>(&self, json: &'a Json) -> Option<&'a Json> {
        match &self.way {
            // A field may have a dot in its name.
            Way::Names(names) if names.len() > 1 => {
                json.get(&self.text).or_else(|| names.iter().try_fold(json, |at, name| at.get(name)))
            }
            Way::Names(names) => names.iter().try_fold(json, |at, name| at.get(name)),
            Way::Query(_) => self.all(json).into_iter().next(),
        }
    }

    /// All that is there.
    pub(super) fn all<'a>(&self, json: &'a Json) -> Vec<&'a Json> {
        match &self.way {
            Way::Names(_) => self.one(json).into_iter().collect(),
            Way::Query(query) => {
                let found = js_path_process(query, json).unwrap_or_default();
                found.into_iter().map(jsonpath_rust::query::QueryRef::val).collect()
            }
        }
    }
}

fn way(text: &str) -> Way {
    let names = match text.strip_prefix('$') {
        Some("") => return Way::Names(Vec::new()),
        Some(rest) => {
            rest.strip_prefix('.').filter(|rest| !rest.contains(['[', '*', '?', '@', '.']) || is_plain(rest))
        }
        None => Some(text),
    };
    match names {
        Some(names) => Way::Names(names.split('.').map(str::to_owned).collect()),
        None => parse_json_path(text).map_or_else(|_| Way::Names(vec![text.to_owned()]), Way::Query),
    }
}

/// Names with single dots between them.
fn is_plain(text: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    text.split('.').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_where_they_say() {
        let answer =
            json!({ "id": 7, "a.b": 1, "meta": { "next": "x" }, "data": [{ "id": 1 }, { "id": 2 }] });
        for (path, found) in [
            ("$", vec![answer.clone()]),
            ("id", vec![json!(7)]),
            ("$.id", vec![json!(7)]),
            ("meta.next", vec![json!("x")]),
            ("$.meta.next", vec![json!("x")]),
            ("a.b", vec![json!(1)]),
            ("$.data[*].id", vec![json!(1), json!(2)]),
            ("$.data[?@.id == 2]", vec![json!({ "id": 2 })]),
            ("$.nothing.here", vec![]),
            ("nothing", vec![]),
        ] {
            let all: Vec<Json> = Finder::new(path).all(&answer).into_iter().cloned().collect();
            assert_eq!(all, found, "{path}");
        }
    }

    #[test]
    fn only_names_can_be_written() {
        assert_eq!(Finder::new("address.city").names().map(<[String]>::len), Some(2));
        assert!(Finder::new("$.address.city").names().is_none());
        assert!(Finder::new("$.tags[0]").names().is_none());
    }
}
