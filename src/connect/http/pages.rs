//! How lists go on. A place in a list is text that the state can keep; what comes after a page is told by the answer, by counting, or by
//! both. A list that goes round in circles is noticed and named.

use std::collections::HashSet;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_64;

use super::client::{Answer, Client};
use super::fault;
use super::finder::Finder;
use super::kept::Kept;
use crate::connect::ConnectError;
use crate::model::Class;
use crate::spec::Paginate;

/// How many pages in a row may have no record and yet lead on.
const EMPTY_PAGES: usize = 100;

/// Where in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum At {
    /// At its beginning.
    #[default]
    First,
    /// At a page or an offset.
    Number(u64),
    /// Where a cursor of the app leads.
    Cursor(Kept),
    /// At an address: path and query.
    Address(Kept),
}

/// `paginate`
#[derive(Clone, Debug)]
pub(super) enum Paging {
    None,
    LinkHeader,
    NextUrl(Finder),
    Cursor { next: Finder, param: String },
    Page { param: String, size: Option<(String, u32)>, wanted: Option<u32>, first: u64 },
    Offset { param: String, size: Option<(String, u32)>, wanted: Option<u32> },
}

impl At {
    /// Whether it can still be asked for: the secrets in it are those of the connection file.
    pub(super) fn is_known(&self, client: &Client) -> bool {
        match self {
            Self::First | Self::Number(_) => true,
            Self::Cursor(kept) | Self::Address(kept) => client.knows(kept),
        }
    }

    /// The place with the secrets in it, to be asked for.
    pub(super) async fn whole(&self, client: &Client) -> Result<Self, ConnectError> {
        let (Self::Cursor(kept) | Self::Address(kept)) = self else { return Ok(self.clone()) };
        let text = client.whole(kept).await?.map(Kept::Whole).ok_or_else(|| {
            let message = format!("{}: a list goes on with a secret that is gone", client.config().name);
            ConnectError::new("R109", Class::Pipeline, message).help("name it in the connection file")
        })?;
        Ok(if matches!(self, Self::Cursor(_)) { Self::Cursor(text) } else { Self::Address(text) })
    }
}

impl Paging {
    pub(super) fn new(written: Option<&Paginate>) -> Self {
        let size = |param: &Option<crate::spec::Entry<String>>, size: &Option<crate::spec::Entry<u32>>| {
            let (param, size) = (param.as_ref()?, size.as_ref()?);
            Some((param.value.clone(), size.value))
        };
        match written {
            None | Some(Paginate::None) => Self::None,
            Some(Paginate::LinkHeader) => Self::LinkHeader,
            Some(Paginate::NextUrl { next }) => Self::NextUrl(Finder::new(next.value.as_str())),
            Some(Paginate::Cursor { next, param }) => {
                Self::Cursor { next: Finder::new(next.value.as_str()), param: param.value.clone() }
            }
            Some(Paginate::Page { param, size_param, size: wanted, first }) => Self::Page {
                param: param.value.clone(),
                size: size(size_param, wanted),
                wanted: wanted.as_ref().map(|entry| entry.value),
                first: first.as_ref().map_or(1, |entry| u64::from(entry.value)),
            },
            Some(Paginate::Offset { param, size_param, size: wanted }) => Self::Offset {
                param: param.value.clone(),
                size: size(size_param, wanted),
                wanted: wanted.as_ref().map(|entry| entry.value),
            },
        }
    }

    /// Puts a place into the address of a list. The place is [`whole`](At::whole).
    pub(super) fn address(&self, client: &Client, mut url: Url, at: &At) -> Result<Url, ConnectError> {
        if let At::Address(Kept::Whole(text)) = at {
            return client.named(&url, text);
        }
        let mut add = |name: &str, value: &str| {
            url.query_pairs_mut().append_pair(name, value);
        };
        match (self, at) {
            (Self::Cursor { param, .. }, At::Cursor(Kept::Whole(cursor))) => add(param, cursor),
            (Self::Page { param, size, first, .. }, at) => {
                add(param, &number(at).unwrap_or(*first).to_string());
                if let Some((param, size)) = size {
                    add(param, &size.to_string());
                }
            }
            (Self::Offset { param, size, .. }, at) => {
                add(param, &number(at).unwrap_or(0).to_string());
                if let Some((param, size)) = size {
                    add(param, &size.to_string());
                }
            }
            _ => {}
        }
        Ok(url)
    }

    /// What comes after a page with so many records; `None` at the end.
    pub(super) fn after(
        &self,
        client: &Client,
        (url, at): (&Url, &At),
        (answer, json): (&Answer, &Json),
        count: usize,
    ) -> Result<Option<At>, ConnectError> {
        match self {
            Self::None => Ok(None),
            Self::LinkHeader => {
                answer.next_link().map(|link| address(client, (url, answer), link)).transpose()
            }
            Self::NextUrl(next) => match next.one(json) {
                Some(Json::String(link)) if !link.is_empty() => {
                    address(client, (url, answer), link).map(Some)
                }
                Some(Json::Null | Json::Bool(false) | Json::String(_)) | None => Ok(None),
                Some(_) => Err(no_place(&client.config().name, next)),
            },
            Self::Cursor { next, .. } => match next.one(json) {
                Some(Json::String(cursor)) if !cursor.is_empty() => {
                    Ok(Some(At::Cursor(answer.hidden.kept(cursor.clone()))))
                }
                Some(Json::Number(cursor)) => Ok(Some(At::Cursor(Kept::Whole(cursor.to_string())))),
                Some(Json::Null | Json::Bool(false) | Json::String(_)) | None => Ok(None),
                Some(_) => Err(no_place(&client.config().name, next)),
            },
            Self::Page { wanted, first, .. } => {
                let page = number(at).unwrap_or(*first);
                Ok(goes_on(count, *wanted, at).then_some(At::Number(page + 1)))
            }
            Self::Offset { wanted, .. } => {
                let offset = number(at).unwrap_or(0);
                Ok(goes_on(count, *wanted, at).then_some(At::Number(offset + count as u64)))
            }
        }
    }
}

/// Whether there may be another page. A short page is the last one, unless it has just the length of a limit that the app may put on what
/// was asked for: 50, or 64, where 200 were wanted.
fn goes_on(count: usize, wanted: Option<u32>, at: &At) -> bool {
    let Some(wanted) = wanted.map(|wanted| wanted as usize) else { return count > 0 };
    let is_round = count >= 5 && (count.is_multiple_of(5) || count.is_multiple_of(4));
    let may_be_capped = is_round || (count > 0 && *at != At::First);
    count >= wanted || may_be_capped
}

fn number(at: &At) -> Option<u64> {
    match at {
        At::Number(number) => Some(*number),
        _ => None,
    }
}

fn address(client: &Client, (url, answer): (&Url, &Answer), link: &str) -> Result<At, ConnectError> {
    let next = client.named(url, link)?;
    let query = next.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(At::Address(answer.hidden.kept(format!("{}{query}", next.path()))))
}

fn no_place(name: &crate::model::ConnectionName, next: &Finder) -> ConnectError {
    fault::unlike(
        format!("{name}: what a list has at `{}` leads nowhere", next.text()),
        "correct `next` of `paginate`",
    )
}

/// Notices lists that do not end.
#[derive(Debug, Default)]
pub(super) struct Round {
    places: HashSet<u64>,
    pages: HashSet<u64>,
    empty: usize,
}

impl Round {
    /// A page was read, and leads on. `keys` are those of its records. Says why the list cannot be read to its end.
    pub(super) fn turn(&mut self, next: &At, keys: &[String]) -> Option<&'static str> {
        let hash = |text: &str| xxh3_64(text.as_bytes());
        if !self.places.insert(hash(&format!("{next:?}"))) {
            return Some("leads back to a page that was read already");
        }
        if keys.is_empty() {
            self.empty += 1;
            return (self.empty > EMPTY_PAGES).then_some("leads on and on without a record");
        }
        self.empty = 0;
        (!self.pages.insert(hash(&keys.join("\n")))).then_some("brings the same records again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_page_is_the_last_unless_it_may_be_a_limit() {
        for (count, wanted, first, more) in [
            (200, Some(200), true, true),
            (3, Some(200), true, false),
            (0, Some(200), true, false),
            (100, Some(200), true, true),
            (64, Some(200), true, true),
            (48, Some(200), true, true),
            (7, Some(200), false, true),
            (0, Some(200), false, false),
            (7, None, true, true),
            (0, None, true, false),
        ] {
            let at = if first { At::First } else { At::Number(2) };
            assert_eq!(goes_on(count, wanted, &at), more, "{count} of {wanted:?}, first {first}");
        }
    }

    #[test]
    fn going_round_is_noticed() {
        let keys = |id: &str| vec![id.to_owned()];
        let mut round = Round::default();
        assert_eq!(round.turn(&At::Number(2), &keys("a")), None);
        assert_eq!(round.turn(&At::Number(3), &keys("b")), None);
        assert!(round.turn(&At::Number(4), &keys("a")).is_some(), "the same records");
        assert!(Round::default().turn(&At::Number(2), &[]).is_none());
        let mut round = Round::default();
        assert_eq!(round.turn(&At::Cursor("x".into()), &keys("a")), None);
        assert!(round.turn(&At::Cursor("x".into()), &keys("c")).is_some(), "the same place");
        let mut round = Round::default();
        assert!((0..200).any(|at| round.turn(&At::Number(at), &[]).is_some()), "nothing, for ever");
    }

    #[test]
    fn a_place_is_kept_as_text() {
        for at in [At::First, At::Number(3), At::Cursor("a|b".into()), At::Address("/x?y=1".into())] {
            let text = serde_json::to_string(&at).unwrap();
            assert_eq!(serde_json::from_str::<At>(&text).unwrap(), at);
        }
    }
}
