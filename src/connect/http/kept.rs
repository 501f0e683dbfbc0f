//! A text of the app as the state keeps it: with the names of secrets where the secrets stand. Which those are, [`Hidden`] knows.
//!
//! It is a list of pieces and no text with marks, so that an app which writes such a mark gets no secret for it.
//!
//! [`Hidden`]: super::hidden::Hidden

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::resource::spelled;

/// A text, whole where no secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Kept {
    Whole(String),
    Pieces(Vec<Piece>),
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Piece {
    Text(String),
    /// The name of a secret, and how often it is percent-encoded there.
    Secret {
        secret: String,
        encoded: u8,
    },
}

impl Kept {
    /// The text with the secrets in their places; `None` where nobody knows one of them any more.
    pub(super) fn filled<'s>(&self, secret: impl Fn(&str) -> Option<&'s str>) -> Option<String> {
        let pieces = match self {
            Self::Whole(text) => return Some(text.clone()),
            Self::Pieces(pieces) => pieces,
        };
        let texts = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Some(Cow::from(text.as_str())),
            Piece::Secret { secret: name, encoded } => {
                let encode = |text: Cow<'s, str>, _| Cow::from(spelled(&text));
                Some((0..*encoded).fold(Cow::from(secret(name)?), encode))
            }
        });
        texts.collect()
    }

    /// Whether it takes a secret of this name.
    pub(super) fn takes(&self, name: &str) -> bool {
        let is_it = |piece: &Piece| matches!(piece, Piece::Secret { secret, .. } if secret == name);
        matches!(self, Self::Pieces(pieces) if pieces.iter().any(is_it))
    }
}

impl From<&str> for Kept {
    fn from(text: &str) -> Self {
        Self::Whole(text.to_owned())
    }
}
