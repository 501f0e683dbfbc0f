//! The secrets that a request carries, and the app's texts without them: what it quotes goes into messages, and the places in its lists go
//! into the state. An app may write a secret percent-encoded, also several times over in an address within an address.

use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::config::{Auth, Config};
use super::kept::{Kept, Piece};

/// Shorter values are words of every message, and no secrets.
const SHORTEST: usize = 6;
/// Addresses within addresses within addresses.
const DEEPEST: u8 = 3;
/// The name of the access token of oauth2, which is another one tomorrow.
pub(super) const TOKEN: &str = "access token";

/// The secrets of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden {
    /// The longest first: one may be a part of another.
    always: Arc<[Named]>,
    token: Option<Named>,
}

/// A secret by the name that is written in its place.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    value: SecretString,
}

impl Named {
    fn new(name: impl Into<String>, value: &SecretString) -> Self {
        Self { name: name.into(), value: value.clone() }
    }

    fn text(&self) -> &str {
        self.value.expose_secret().trim()
    }
}

impl Hidden {
    /// Those that the connection file names.
    pub(super) fn of(config: &Config) -> Self {
        let mut all: Vec<Named> =
            config.secrets.iter().map(|(name, value)| Named::new(name.as_str(), value)).collect();
        let written = [("headers", &config.headers), ("params", &config.params)];
        for (place, pairs) in written {
            all.extend(pairs.iter().map(|(name, value)| Named::new(format!("{place}.{name}"), value)));
        }
        match &config.auth {
            Auth::None => {}
            Auth::Basic { user, password } => {
                let both = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
                all.push(Named::new("auth.password", password));
                all.push(Named::new("auth.basic", &SecretString::from(both)));
            }
            Auth::Bearer(secret) | Auth::Header { key: secret, .. } | Auth::Param { key: secret, .. } => {
                all.push(Named::new("auth", secret));
            }
            Auth::Oauth(oauth) => {
                let refresh = oauth.refresh_token.iter().map(|token| Named::new("auth.refresh_token", token));
                let client =
                    oauth.client_secret.iter().map(|secret| Named::new("auth.client_secret", secret));
                all.extend(refresh.chain(client));
            }
        }
        all.retain(|secret| secret.text().len() >= SHORTEST);
        all.sort_by_key(|secret| std::cmp::Reverse(secret.text().len()));
        Self { always: all.into(), token: None }
    }

    /// The access token of a request.
    pub(super) fn add(&mut self, token: &SecretString) {
        self.token = Some(Named::new(TOKEN, token)).filter(|token| token.text().len() >= SHORTEST);
    }

    /// A text of the app without them, for people.
    pub(super) fn out_of(&self, text: String) -> String {
        match self.kept(text) {
            Kept::Whole(text) => text,
            Kept::Pieces(pieces) => {
                let shown = pieces.iter().map(|piece| match piece {
                    Piece::Text(text) => text.as_str(),
                    Piece::Secret { .. } => "…",
                });
                shown.collect()
            }
        }
    }

    /// A text of the app with the names of the secrets in their places, for the state.
    pub(super) fn kept(&self, text: String) -> Kept {
        let (mut pieces, mut from, mut at) = (Vec::new(), 0, 0);
        while at < text.len() {
            let Some((secret, encoded, found)) = self.at(&text, at) else {
                at += 1;
                continue;
            };
            pieces.push(Piece::Text(text[from..found.start].to_owned()));
            pieces.push(Piece::Secret { secret: secret.name.clone(), encoded });
            (from, at) = (found.end, found.end);
        }
        if pieces.is_empty() {
            return Kept::Whole(text);
        }
        pieces.push(Piece::Text(text[from..].to_owned()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Kept::Pieces(pieces)
    }

    /// The text as the app wrote it, unless a secret in it is none of this connection any more.
    pub(super) fn whole(&self, kept: &Kept) -> Option<String> {
        kept.filled(|name| {
            let named = self.always.iter().chain(&self.token).find(|secret| secret.name == name);
            named.map(Named::text)
        })
    }

    /// Whether all secrets in it are known, before an access token is asked for.
    pub(super) fn knows(&self, kept: &Kept, renews_token: bool) -> bool {
        let known = |name: &str| self.always.iter().any(|secret| secret.name == name);
        kept.filled(|name| (known(name) || renews_token && name == TOKEN).then_some("")).is_some()
    }

    /// The secret that stands at a place of a text, how often it is encoded there, and where it ends.
    fn at(&self, text: &str, at: usize) -> Option<(&Named, u8, Range<usize>)> {
        if !text.is_char_boundary(at) {
            return None;
        }
        self.always.iter().chain(&self.token).find_map(|secret| {
            let ends = |encoded| end(text.as_bytes(), at, secret.text(), encoded);
            let (encoded, end) = (0..=DEEPEST).find_map(|encoded| Some((encoded, ends(encoded)?)))?;
            text.is_char_boundary(end).then_some((secret, encoded, at..end))
        })
    }
}

/// Where a secret ends that begins at a place.
fn end(text: &[u8], at: usize, secret: &str, encoded: u8) -> Option<usize> {
    secret.bytes().try_fold(at, |at, wanted| {
        let (byte, after) = unit(text, at, encoded)?;
        let is_space = encoded > 0 && wanted == b' ' && byte == b'+';
        (byte == wanted || is_space).then_some(after)
    })
}

/// The byte that is written at a place, and where the next one begins.
fn unit(text: &[u8], at: usize, encoded: u8) -> Option<(u8, usize)> {
    let Some(less) = encoded.checked_sub(1) else {
        return Some((*text.get(at)?, at + 1));
    };
    let (byte, after) = unit(text, at, less)?;
    if byte != b'%' {
        return Some((byte, after));
    }
    let digit = |at: usize| {
        let (byte, after) = unit(text, at, less)?;
        Some((char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())?, after))
    };
    let pair = digit(after).and_then(|(high, at)| digit(at).map(|(low, at)| (high << 4 | low, at)));
    Some(pair.unwrap_or((byte, after)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ConnectionName;

    fn hidden(secrets: &[(&str, &str)]) -> Hidden {
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)));
        let mut config = Config::new(ConnectionName::from("app"), "https://x.example");
        config.secrets = secrets.collect();
        Hidden::of(&config)
    }

    #[test]
    fn a_secret_is_found_however_it_is_encoded() {
        let hidden = hidden(&[("key", "a/b+c=d é"), ("part", "a/b+c=")]);
        for (text, shown) in [
            ("/x?key=a/b+c=d é&y=1", "/x?key=…&y=1"),
            ("/x?key=a%2Fb%2Bc%3Dd%20%C3%A9&y=1", "/x?key=…&y=1"),
            ("/x?key=a%2fb%2bc%3dd+%c3%a9&y=1", "/x?key=…&y=1"),
            ("/x?to=%2Fx%3Fkey%3Da%252Fb%252Bc%253Dd%2520%25C3%25A9%26y%3D1", "/x?to=%2Fx%3Fkey%3D…%26y%3D1"),
            ("a%2Fb%2Bc%3D, a/b+c=, a/b+c", "…, …, a/b+c"),
            ("100 % of a%2", "100 % of a%2"),
            ("é", "é"),
        ] {
            assert_eq!(hidden.out_of(text.to_owned()), shown, "{text}");
        }
    }

    #[test]
    fn what_is_kept_holds_no_secret_and_leads_to_the_same_place() {
        let before = hidden(&[("key", "s3cret/1")]);
        for (text, after) in [
            ("/x?key=s3cret%2F1&cursor=2", "/x?key=changed%2F2&cursor=2"),
            ("/x?to=%2Fy%3Fkey%3Ds3cret%252F1", "/x?to=%2Fy%3Fkey%3Dchanged%252F2"),
            ("/s3cret/1/x", "/changed/2/x"),
            ("s3cret/1", "changed/2"),
            ("/x?cursor=2", "/x?cursor=2"),
        ] {
            let kept = before.kept(text.to_owned());
            let stored = serde_json::to_string(&kept).unwrap();
            assert!(!stored.contains("s3cret"), "{stored}");
            let kept: Kept = serde_json::from_str(&stored).unwrap();
            assert_eq!(before.whole(&kept).as_deref(), Some(text));
            assert_eq!(hidden(&[("key", "changed/2")]).whole(&kept).as_deref(), Some(after));
        }
        let kept = before.kept("/x?key=s3cret%2F1".to_owned());
        assert_eq!(hidden(&[("other", "s3cret/1")]).whole(&kept), None, "nobody knows it any more");
    }

    #[test]
    fn a_text_that_looks_like_a_name_gets_no_secret() {
        let hidden = hidden(&[("${env:KEY}", "s3cret")]);
        for text in ["/x?key=${env:KEY}", r#"[{"secret":"${env:KEY}","encoded":0}]"#] {
            let stored = serde_json::to_string(&hidden.kept(text.to_owned())).unwrap();
            assert_eq!(hidden.whole(&serde_json::from_str(&stored).unwrap()).as_deref(), Some(text));
        }
    }
}
