//! One kind of record of an app: its requests, and where things are in its answers. Made from the connection file; plain data afterwards.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use secrecy::SecretString;

use super::config::Pairs;
use super::finder::Finder;
use super::pages::Paging;
use crate::connect::ConnectError;
use crate::model::{Class, Key, Value};
use crate::spec::{HttpConnection, Request, ResourceSpec, SinceFormat, Template};

/// Between the key of a parent and that of its record.
const BETWEEN: char = '/';
/// Unreserved characters stay as they are.
const SPELLED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A method and a path with places to fill in.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) method: Method,
    path: String,
}

/// What is filled into a path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filling<'a> {
    pub(super) id: &'a str,
    pub(super) parent: &'a str,
    pub(super) value: &'a str,
}

impl Endpoint {
    fn new(method: &str, path: String) -> Result<Self, ConnectError> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| {
            ConnectError::new("R109", Class::Pipeline, format!("`{method}` is no method of a request"))
        })?;
        Ok(Self { method, path })
    }

    /// The path of one request. What would make it the path of something else is refused: `/people/..` is not about a person.
    pub(super) fn path(&self, with: Filling<'_>) -> Result<String, ConnectError> {
        let mut path = self.path.clone();
        for (place, value) in [("{id}", with.id), ("{parent.id}", with.parent), ("{value}", with.value)] {
            if path.contains(place) {
                let in_query = self.path.split_once('?').is_some_and(|(path, _)| !path.contains(place));
                if !in_query && leads_away(value) {
                    let message =
                        format!("`{}` cannot be asked for by an id that is empty or dots", self.shown());
                    return Err(ConnectError::new("R141", Class::Pipeline, message)
                        .help("correct `key` of the resource"));
                }
                path = path.replace(place, &spelled(value));
            }
        }
        Ok(path)
    }

    /// As the file writes it, for messages.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(super) fn asks_for_parent(&self) -> bool {
        self.path.contains("{parent.id}")
    }
}

/// Whether a part of a path is dropped, or goes up, however it is spelled.
pub(super) fn leads_away(id: &str) -> bool {
    matches!(id.trim(), "" | "." | "..")
}

/// Percent-encoded.
pub(super) fn spelled(value: &str) -> String {
    utf8_percent_encode(value, SPELLED).to_string()
}

/// One kind of record.
#[derive(Clone, Debug)]
pub struct Resource {
    pub(super) name: String,
    pub(super) list: Option<Endpoint>,
    pub(super) get: Option<Endpoint>,
    pub(super) create: Option<Endpoint>,
    pub(super) update: Option<Endpoint>,
    pub(super) delete: Option<Endpoint>,
    pub(super) find: Vec<(String, Endpoint)>,
    pub(super) key: Finder,
    pub(super) records: Finder,
    /// Where a single record may be, the likeliest first.
    pub(super) record: Vec<Finder>,
    pub(super) wrap: Option<String>,
    pub(super) updated_at: Option<Finder>,
    pub(super) since: Option<(String, SinceFormat)>,
    pub(super) deleted: Option<Finder>,
    pub(super) parent: Option<Box<Resource>>,
    pub(super) paging: Paging,
    pub(super) params: Pairs,
}

impl Resource {
    /// From the connection file. `secret` fills secrets in.
    pub fn new(
        http: &HttpConnection,
        name: &str,
        secret: &dyn Fn(&Template) -> Result<SecretString, ConnectError>,
    ) -> Result<Self, ConnectError> {
        let spec = http.resource(name).ok_or_else(|| unknown(name))?;
        let parent = match &spec.parent {
            Some(parent) => {
                has_no_parent(http, &parent.value)?;
                Some(Box::new(Self::new(http, &parent.value, secret)?))
            }
            None => None,
        };
        let path = spec.path.value.trim_end_matches('/');
        let one = format!("{path}/{{id}}");
        let params = spec.params.iter().map(|(name, value)| Ok((name.value.clone(), secret(&value.value)?)));
        let paginate = spec.paginate.as_ref().or(http.paginate.as_ref());
        Ok(Self {
            list: endpoint(spec.list.as_ref().map(|entry| &entry.value), "GET", &spec.path.value)?,
            get: endpoint(spec.get.as_ref().map(|entry| &entry.value), "GET", &one)?,
            create: endpoint(spec.create.as_ref().map(|entry| &entry.value), "POST", &spec.path.value)?,
            update: endpoint(spec.update.as_ref().map(|entry| &entry.value), "PATCH", &one)?,
            delete: endpoint(spec.delete.as_ref().map(|entry| &entry.value), "DELETE", &one)?,
            find: finds(spec)?,
            key: Finder::new(spec.key.as_ref().map_or("id", |entry| entry.value.as_str())),
            records: Finder::new(spec.records.as_ref().map_or("$", |entry| entry.value.as_str())),
            record: places(spec),
            wrap: spec.wrap.as_ref().map(|entry| entry.value.clone()),
            updated_at: spec.updated_at.as_ref().map(|entry| Finder::new(entry.value.as_str())),
            since: spec.since.as_ref().map(|entry| {
                let format = spec.since_format.as_ref().map_or(SinceFormat::Rfc3339, |entry| entry.value);
                (entry.value.clone(), format)
            }),
            deleted: spec.deleted.as_ref().map(|entry| Finder::new(entry.value.as_str())),
            paging: Paging::new(paginate.map(|entry| &entry.value)),
            params: params.collect::<Result<_, ConnectError>>()?,
            name: spec.name.value.clone(),
            parent,
        })
    }

    /// The request that asks for records by a field, if the app offers one.
    pub(super) fn finder(&self, field: &str) -> Option<&Endpoint> {
        self.find.iter().find(|(name, _)| name == field).map(|(_, endpoint)| endpoint)
    }

    /// Whether the requests of a single record need its parent: then the key holds both.
    pub(super) fn keeps_parent(&self) -> bool {
        let all = [&self.get, &self.update, &self.delete];
        self.parent.is_some() && all.into_iter().flatten().any(Endpoint::asks_for_parent)
    }

    /// The key of a record.
    pub(super) fn key_of(&self, record: &serde_json::Value, parent: Option<&str>) -> Option<Key> {
        let id = match Value::from_json(self.key.one(record)?) {
            Value::Text(text) if leads_away(&text) => return None,
            value @ (Value::Text(_) | Value::Int(_) | Value::Decimal(_)) => Key::from_value(&value)?,
            _ => return None,
        };
        match parent.filter(|_| self.keeps_parent()) {
            Some(parent) => Some(Key::app(format!("{}{BETWEEN}{id}", spelled(parent)))),
            None => Some(id),
        }
    }

    /// Whether a path can have this key.
    pub(super) fn can_name(&self, key: &Key) -> bool {
        let (id, parent) = self.split(key);
        !(leads_away(&id) || self.keeps_parent() && leads_away(&parent))
    }

    /// What is filled in for a key: its id, and its parent's.
    pub(super) fn split(&self, key: &Key) -> (String, String) {
        match key.as_str().split_once(BETWEEN).filter(|_| self.keeps_parent()) {
            Some((parent, id)) => {
                let parent = percent_encoding::percent_decode_str(parent).decode_utf8_lossy();
                (id.to_owned(), parent.into_owned())
            }
            None => (key.as_str().to_owned(), String::new()),
        }
    }
}

pub(super) fn unknown(name: &str) -> ConnectError {
    ConnectError::new("E203", Class::Pipeline, format!("there is no resource `{name}`"))
}

/// One level of parents is what apps have, and what a path can name.
fn has_no_parent(http: &HttpConnection, name: &str) -> Result<(), ConnectError> {
    match http.resource(name) {
        Some(spec) if spec.parent.is_some() => {
            let message = format!("the resource `{name}` has a parent itself, and is one");
            Err(ConnectError::new("R109", Class::Pipeline, message)
                .help("give the resource a path of its own, or a parent that has none"))
        }
        Some(_) => Ok(()),
        None => Err(unknown(name)),
    }
}

fn endpoint(written: Option<&Request>, method: &str, path: &str) -> Result<Option<Endpoint>, ConnectError> {
    match written {
        Some(Request::None) => Ok(None),
        Some(Request::Call { method, path, .. }) => Endpoint::new(method, path.clone()).map(Some),
        None => Endpoint::new(method, path.to_owned()).map(Some),
    }
}

fn finds(spec: &ResourceSpec) -> Result<Vec<(String, Endpoint)>, ConnectError> {
    let mut finds = Vec::new();
    for (field, request) in &spec.find {
        if let Request::Call { method, path, .. } = &request.value {
            finds.push((field.value.as_str().to_owned(), Endpoint::new(method, path.clone())?));
        }
    }
    Ok(finds)
}

/// Where the file says; without a word, where an app that wraps what it gets and lists is likely to put it.
fn places(spec: &ResourceSpec) -> Vec<Finder> {
    if let Some(entry) = &spec.record {
        return vec![Finder::new(entry.value.as_str())];
    }
    let wrap = spec.wrap.as_ref().map(|entry| entry.value.as_str());
    let records = spec.records.as_ref().map(|entry| entry.value.as_str());
    std::iter::once("$").chain(wrap).chain(records).map(Finder::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_the_path_of_its_record() {
        let path = |path: &str, id: &str| {
            let endpoint = Endpoint::new("GET", path.to_owned()).unwrap();
            endpoint.path(Filling { id, value: id, ..Filling::default() }).ok()
        };
        for id in ["", " ", ".", ".."] {
            assert_eq!(path("/people/{id}", id), None, "`{id}`");
            assert_eq!(path("/people/by/{value}?x=1", id), None, "`{id}`");
            assert!(path("/people?email={value}", id).is_some(), "`{id}`");
        }
        assert_eq!(path("/people/{id}", "...").as_deref(), Some("/people/..."));
    }

    #[test]
    fn paths_are_filled_in_and_spelled() {
        let endpoint = Endpoint::new("GET", "/task/{parent.id}/comment/{id}?q={value}".to_owned()).unwrap();
        let filling = Filling { id: "7/8", parent: "a b", value: "jane+x@acme.com&y=ä" };
        assert_eq!(
            endpoint.path(filling).unwrap(),
            "/task/a%20b/comment/7%2F8?q=jane%2Bx%40acme.com%26y%3D%C3%A4"
        );
    }
}
