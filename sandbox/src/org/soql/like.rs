//! Patterns of LIKE.
//! May not know fields. Read [`Pattern`] first.

use super::lexer::LITERAL;
use crate::org::value::fold;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Char(char),
    One,
    Many,
}

/// A compiled pattern: `%` is any text, `_` any one character, case does not matter.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Vec<Piece>);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let folded = fold(text);
        let mut pieces = Vec::with_capacity(folded.len());
        let mut chars = folded.chars();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                LITERAL => chars.next().map_or(Piece::Many, Piece::Char),
                '%' => Piece::Many,
                '_' => Piece::One,
                c => Piece::Char(c),
            });
        }
        Self(pieces)
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = fold(text).chars().collect();
        let (mut at, mut piece) = (0, 0);
        // Where to go on when the text behind the last `%` does not fit.
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(piece) {
                Some(Piece::Many) => {
                    retry = Some((piece, at));
                    piece += 1;
                }
                Some(Piece::One) => (at, piece) = (at + 1, piece + 1),
                Some(Piece::Char(c)) if *c == text[at] => (at, piece) = (at + 1, piece + 1),
                _ => match retry {
                    Some((many, from)) => {
                        retry = Some((many, from + 1));
                        (at, piece) = (from + 1, many + 1);
                    }
                    None => return false,
                },
            }
        }
        self.0[piece..].iter().all(|rest| *rest == Piece::Many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_like_salesforce() {
        for (pattern, text, expected) in [
            ("acme", "Acme", true),
            ("acme%", "ACME Inc", true),
            ("%inc", "Acme Inc", true),
            ("a_me", "acme", true),
            ("a_me", "ame", false),
            ("%a%b%", "xxaxxbxx", true),
            ("%a%b", "xxaxxbx", false),
            ("100\u{10FFFF}%", "100%", true),
            ("100\u{10FFFF}%", "1000", false),
            ("_\u{10FFFF}__", "a_b", true),
            ("Å%", "ångström", true),
            ("%", "", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }
}
