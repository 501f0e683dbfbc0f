//! What the body of a call says: which records to look at, or only that there is something to look for. Whoever shows the token wrote it, so it is
//! bounded and believed in nothing else: the records are read again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value as Json;

use crate::connect::salesforce::api::outbound;
use crate::model::{Key, SalesforceId};
use crate::spec::HookSpec;
use crate::spec::values::{Path, PathKind};

/// Records that one call may name.
const RECORDS: usize = 2_000;
/// Characters of a key of an app.
const LONGEST_KEY: usize = 255;
/// Characters of the number of a call.
const LONGEST_NONCE: usize = 128;

/// What one call says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Where to look.
    pub(super) hints: Vec<Hint>,
    /// The number of the call, by which it is known again.
    pub(super) nonce: Option<String>,
    /// When the call was made.
    pub(super) at: Option<Timestamp>,
    /// The org that says it is calling.
    pub(super) org: Option<String>,
}

/// Where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hint {
    /// The object; `None`: all of them, or the resource that was called.
    pub(super) object: Option<String>,
    /// The records; none: whatever has changed.
    pub(super) keys: Vec<Key>,
    /// The app says that they were deleted.
    pub(super) gone: bool,
}

/// A call of an org: `{ "object", "id" }`, `{ "object", "ids" }`, or a list of these. An object alone, or nothing at all, says: look.
pub(super) fn of_org(body: &[u8]) -> Result<Said, String> {
    let json = parse(body)?;
    let mut said = Said {
        nonce: nonce(&json)?,
        at: time(&json)?,
        org: word(&json, "orgId")?.map(str::to_owned),
        hints: Vec::new(),
    };
    match &json {
        Json::Array(items) => {
            limit(items.len())?;
            for item in items {
                said.hints.push(hint(item)?);
            }
        }
        other => said.hints.push(hint(other)?),
    }
    limit(said.hints.iter().map(|hint| hint.keys.len()).sum())?;
    Ok(said)
}

fn hint(json: &Json) -> Result<Hint, String> {
    if !json.is_object() {
        return Err("each entry is an object with `object` and `id`".to_owned());
    }
    let object = word(json, "object")?.map(str::to_owned);
    let mut keys = Vec::new();
    for (at, id) in ids(json)?.into_iter().enumerate() {
        let id = id.as_str().and_then(SalesforceId::parse);
        let id = id.ok_or_else(|| format!("id {} of the entry is no Salesforce id", at + 1))?;
        keys.push(Key::salesforce(id.as_str()));
    }
    if object.is_none() && !keys.is_empty() {
        return Err("`object` is missing: which object are these records of?".to_owned());
    }
    Ok(Hint { object, keys, gone: false })
}

/// An outbound message of an org.
pub(super) fn of_message(xml: &[u8]) -> Result<Said, String> {
    let message = outbound::read(xml)?;
    let mut by_object: BTreeMap<String, Vec<Key>> = BTreeMap::new();
    for record in message.records {
        by_object.entry(record.object).or_default().push(Key::salesforce(&record.id));
    }
    let hints = by_object.into_iter().map(|(object, keys)| Hint { object: Some(object), keys, gone: false });
    Ok(Said { hints: hints.collect(), org: Some(message.org), ..Said::default() })
}

/// A call of an app. With `webhook:` at the resource the file says where the id is; otherwise it is `{ "id" }`, `{ "ids" }` or a list of these or of
/// ids. Without any it says: look.
pub(super) fn of_app(body: &[u8], spec: Option<&HookSpec>) -> Result<Said, String> {
    let json = parse(body)?;
    let found: Vec<&Json> = match (spec, &json) {
        (Some(spec), json) => at_path(&spec.id.value, json),
        (None, Json::Array(items)) => {
            let each = items.iter().map(|item| if item.is_object() { ids(item) } else { Ok(vec![item]) });
            each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()
        }
        (None, json) => ids(json)?,
    };
    limit(found.len())?;
    let told_gone = spec.map_or_else(|| vec![false; found.len()], |spec| gone(spec, &json, found.len()));
    let (mut there, mut gone) = (Hint::default(), Hint { gone: true, ..Hint::default() });
    for (id, told_gone) in found.into_iter().zip(told_gone).filter(|(id, _)| !id.is_null()) {
        let hint = if told_gone { &mut gone } else { &mut there };
        hint.keys.push(key(id)?);
    }
    // A call that names nobody says: look.
    let hints = match (there.keys.is_empty(), gone.keys.is_empty()) {
        (_, true) => vec![there],
        (true, false) => vec![gone],
        (false, false) => vec![there, gone],
    };
    // Where the file says what is where, other names in the body are the app's own.
    let (nonce, at) = if spec.is_some() { (None, None) } else { (nonce(&json)?, time(&json)?) };
    Ok(Said { hints, nonce, at, org: None })
}

/// Which of so many records the app says to have deleted. One event is about all of them, as many as records are about one each; of
/// any other number it cannot be told which is whose.
fn gone(spec: &HookSpec, json: &Json, records: usize) -> Vec<bool> {
    let events = spec.event.as_ref().map_or_else(Vec::new, |event| at_path(&event.value, json));
    let is_delete =
        |event: &Json| event.as_str().is_some_and(|kind| spec.deletes.iter().any(|one| one.value == kind));
    match events.as_slice() {
        [event] => vec![is_delete(event); records],
        events if events.len() == records => events.iter().map(|event| is_delete(event)).collect(),
        _ => vec![false; records],
    }
}

fn key(json: &Json) -> Result<Key, String> {
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return Err("an id is a text or a number".to_owned()),
    };
    if text.is_empty() || text.len() > LONGEST_KEY || text.chars().any(char::is_control) {
        return Err(format!("an id has 1 to {LONGEST_KEY} characters, and no control characters"));
    }
    Ok(Key::app(text))
}

/// An empty body is an empty object.
fn parse(body: &[u8]) -> Result<Json, String> {
    if body.trim_ascii().is_empty() {
        return Ok(Json::Object(serde_json::Map::new()));
    }
    // The message of the parser may quote the body, so only its place is told.
    serde_json::from_slice(body)
        .map_err(|error| format!("the body is no JSON: line {} column {}", error.line(), error.column()))
}

fn limit(count: usize) -> Result<(), String> {
    if count <= RECORDS { Ok(()) } else { Err(format!("one call names at most {RECORDS} records")) }
}

/// `id` and `ids` of an object.
fn ids(json: &Json) -> Result<Vec<&Json>, String> {
    let one = json.get("id").into_iter();
    match json.get("ids") {
        None | Some(Json::Null) => Ok(one.filter(|id| !id.is_null()).collect()),
        Some(Json::Array(ids)) => {
            limit(ids.len())?;
            Ok(one.filter(|id| !id.is_null()).chain(ids).collect())
        }
        Some(_) => Err("`ids` is a list".to_owned()),
    }
}

fn word<'j>(json: &'j Json, name: &str) -> Result<Option<&'j str>, String> {
    match json.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if !text.is_empty() && text.len() <= LONGEST_NONCE => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is a text of 1 to {LONGEST_NONCE} characters")),
    }
}

fn nonce(json: &Json) -> Result<Option<String>, String> {
    Ok(word(json, "nonce")?.map(str::to_owned))
}

fn time(json: &Json) -> Result<Option<Timestamp>, String> {
    let Some(text) = word(json, "at")? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| "`at` is a time such as 2026-05-10T08:22:04Z".to_owned())
}

fn at_path<'j>(path: &Path, json: &'j Json) -> Vec<&'j Json> {
    if path.kind() == PathKind::JsonPath {
        let Ok(query) = parse_json_path(path.as_str()) else { return Vec::new() };
        let found = js_path_process(&query, json).unwrap_or_default();
        return found.into_iter().map(jsonpath_rust::query::QueryRef::val).collect();
    }
    let mut at = json;
    for step in path.steps() {
        let Some(next) = at.get(step) else { return Vec::new() };
        at = next;
    }
    vec![at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Span;
    use crate::spec::{Entry, Spanned};

    const ONE: &str = "006B7000001abcDIAQ";

    fn keys(said: &Said) -> Vec<&str> {
        said.hints.iter().flat_map(|hint| &hint.keys).map(Key::as_str).collect()
    }

    fn spec(path: &str) -> HookSpec {
        let span = Span { source: crate::diag::SourceId(0), start: 0, end: 0 };
        let id = Entry { key: span, value: Path::parse(path).unwrap(), span };
        HookSpec { id, event: None, deletes: Vec::new() }
    }

    fn valid() -> String {
        SalesforceId::parse(&ONE[..15]).unwrap().to_string()
    }

    #[test]
    fn an_org_names_records_objects_or_nothing() {
        let id = valid();
        for body in [
            format!(r#"{{"object":"Opportunity","id":"{id}"}}"#),
            format!(r#"{{"object":"Opportunity","ids":["{}"]}}"#, &id[..15]),
            format!(r#"[{{"object":"Opportunity","id":"{id}"}}]"#),
        ] {
            let said = of_org(body.as_bytes()).unwrap();
            assert_eq!((keys(&said), said.hints[0].object.as_deref()), (vec![&*id], Some("Opportunity")));
        }
        let look = |object: Option<&str>| Hint { object: object.map(str::to_owned), ..Hint::default() };
        assert_eq!(of_org(br#"{"object":"Lead"}"#).unwrap().hints, [look(Some("Lead"))]);
        assert_eq!(of_org(b" ").unwrap().hints, [look(None)]);
        assert_eq!(of_org(b"[]").unwrap().hints, []);
        let said =
            of_org(br#"{"nonce":"n1","at":"2026-05-10T08:22:04Z","orgId":"00D5w000004qGTO"}"#).unwrap();
        assert_eq!((said.nonce.as_deref(), said.org.as_deref()), (Some("n1"), Some("00D5w000004qGTO")));
        assert_eq!(said.at.unwrap().to_string(), "2026-05-10T08:22:04Z");
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_it() {
        let many = format!(r#"{{"object":"A","ids":[{}]}}"#, vec!["\"x\""; 2_001].join(","));
        for (body, problem) in [
            (r#"{"object":"#, "the body is no JSON: line 1 column 10"),
            ("\"geheim\"", "each entry is an object with `object` and `id`"),
            (r#"{"object":"Lead","id":"geheim"}"#, "id 1 of the entry is no Salesforce id"),
            (r#"{"object":7}"#, "`object` is a text of 1 to 128 characters"),
            (r#"{"object":"Lead","ids":"x"}"#, "`ids` is a list"),
            (r#"{"at":"gestern"}"#, "`at` is a time such as 2026-05-10T08:22:04Z"),
            (many.as_str(), "one call names at most 2000 records"),
        ] {
            assert_eq!(of_org(body.as_bytes()).unwrap_err(), problem);
        }
        let id = valid();
        let error = of_org(format!(r#"{{"id":"{id}"}}"#).as_bytes()).unwrap_err();
        assert_eq!(error, "`object` is missing: which object are these records of?");
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(of_org(deep.as_bytes()).unwrap_err().starts_with("the body is no JSON"));
    }

    #[test]
    fn an_app_names_its_keys_in_many_ways() {
        for (body, wanted) in [
            (r#"{"id":7}"#, vec!["7"]),
            (r#"{"ids":["a","b"]}"#, vec!["a", "b"]),
            (r#"[7,"b",{"id":9},{"ids":[10]}]"#, vec!["7", "b", "9", "10"]),
            (r#"{"id":12345678901234567890}"#, vec!["12345678901234567890"]),
            ("", vec![]),
            ("{}", vec![]),
        ] {
            assert_eq!(keys(&of_app(body.as_bytes(), None).unwrap()), wanted, "{body}");
        }
        for body in [r#"{"id":{}}"#, r#"{"id":""}"#, r#"{"id":"a\u0000"}"#, r#"{"id":true}"#] {
            assert!(of_app(body.as_bytes(), None).is_err(), "{body}");
        }
        let long = format!(r#"{{"id":"{}"}}"#, "a".repeat(256));
        assert!(of_app(long.as_bytes(), None).is_err());
    }

    #[test]
    fn a_file_says_where_an_app_has_its_keys() {
        let body = br#"{"type":"x","nonce":7,"data":{"id":42},"all":[{"id":"a"},{"id":"b"}]}"#;
        for (path, wanted) in [
            ("$.data.id", vec!["42"]),
            ("data.id", vec!["42"]),
            ("$.all[*].id", vec!["a", "b"]),
            ("$.nothing", vec![]),
            ("data.nothing", vec![]),
        ] {
            let said = of_app(body, Some(&spec(path))).unwrap();
            assert_eq!((keys(&said), &said.nonce), (wanted, &None), "{path}");
        }
        assert!(of_app(body, Some(&spec("$.data"))).is_err());
    }

    #[test]
    fn a_file_says_which_events_are_deletes() {
        let entry = |path: &str| spec(path).id;
        let spec = |id: &str, event: &str| HookSpec {
            event: Some(entry(event)),
            deletes: vec![Spanned { value: "user.deleted".to_owned(), span: entry(event).span }],
            ..spec(id)
        };
        let told = |body: &str, id: &str, event: &str| {
            let said = of_app(body.as_bytes(), Some(&spec(id, event))).unwrap();
            let told =
                |hint: &Hint| hint.keys.iter().map(|key| (key.as_str().to_owned(), hint.gone)).collect();
            said.hints.iter().flat_map(|hint| -> Vec<(String, bool)> { told(hint) }).collect::<Vec<_>>()
        };
        let one = |kind: &str| format!(r#"{{"event":"{kind}","ids":[1,2]}}"#);
        let both = |gone: bool| vec![("1".to_owned(), gone), ("2".to_owned(), gone)];
        assert_eq!(told(&one("user.deleted"), "$.ids[*]", "$.event"), both(true), "one event of all");
        assert_eq!(told(&one("user.updated"), "$.ids[*]", "$.event"), both(false));
        assert_eq!(told(&one("user.deleted"), "$.ids[*]", "$.kind"), both(false), "no event");
        let many = r#"{"all":[{"e":"user.deleted","id":1},{"e":"x","id":null},{"e":"user.created","id":2}]}"#;
        let each = [("2".to_owned(), false), ("1".to_owned(), true)];
        assert_eq!(told(many, "$.all[*].id", "$.all[*].e"), each);
        let odd = r#"{"all":[{"e":"user.deleted","id":1},{"e":"user.deleted","id":2},{"e":"user.deleted"}]}"#;
        assert_eq!(told(odd, "$.all[*].id", "$.all[*].e"), both(false), "whose event is whose?");
        let looks = of_app(br#"{"event":"user.deleted"}"#, Some(&spec("$.id", "$.event"))).unwrap();
        assert_eq!(looks.hints, [Hint::default()]);
    }

    #[test]
    fn campaign_calls() {
        let id = valid();
        let good = [
            format!(
                r#"{{"object":"Opportunity","ids":["{id}","{id}"],"nonce":"n","at":"2026-05-10T08:22:04Z","orgId":"00D"}}"#
            ),
            format!(r#"[{{"object":"Lead","id":"{id}"}},{{"object":"Lead"}}]"#),
        ];
        crate::fuzz::campaign("calls of an org", &good.map(String::into_bytes), |body| {
            let Ok(said) = of_org(body) else { return false };
            assert!(said.hints.iter().flat_map(|hint| &hint.keys).all(|key| key.as_str().len() == 18));
            true
        });
        let good =
            [r#"{"id":7,"ids":["a","b"],"nonce":"n"}"#, r#"[7,"b",{"id":9}]"#, r#"{"data":{"id":42}}"#];
        let spec = spec("$..id");
        crate::fuzz::campaign("calls of an app", &good.map(|text| text.as_bytes().to_vec()), |body| {
            let kept = |said: &Said| said.hints.iter().map(|hint| hint.keys.len()).sum::<usize>() <= RECORDS;
            let by_file = of_app(body, Some(&spec)).is_ok_and(|said| kept(&said));
            of_app(body, None).is_ok_and(|said| kept(&said)) || by_file
        });
    }
}
