//! Tokens of a SOQL text.
//! May not know the grammar. Read [`Token`] first.

use super::errors::{malformed, unexpected_token};
use crate::org::error::ApiError;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A keyword, field path or date literal name, dots and colons included.
    Word(String),
    /// A text in quotes, unescaped; an escaped `%` or `_` has [`LITERAL`] before it.
    Text(String),
    /// A number as written.
    Number(String),
    /// A date or date-time as written.
    Moment(String),
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, `(`, `)`, `,` or `:`.
    Sign(&'static str),
}

/// Stands before a `%` or `_` that was escaped, so that LIKE takes it literally.
pub(crate) const LITERAL: char = '\u{10FFFF}';

/// A token with the byte offset at which it starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) at: usize,
}

const SIGNS: [(&str, &str); 12] = [
    ("!=", "!="),
    ("<>", "!="),
    ("<=", "<="),
    (">=", ">="),
    ("=", "="),
    ("<", "<"),
    (">", ">"),
    ("(", "("),
    (")", ")"),
    (",", ","),
    (":", ":"),
    (".", "."),
];

/// Cuts a query into tokens.
pub(crate) fn tokenize(soql: &str) -> Result<Vec<Spanned>, ApiError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = soql[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (token, length) = next_token(soql, at, c)?;
        tokens.push(Spanned { token, at });
        at += length;
    }
    Ok(tokens)
}

fn next_token(soql: &str, at: usize, first: char) -> Result<(Token, usize), ApiError> {
    let rest = &soql[at..];
    if first == '\'' {
        return quoted(soql, at);
    }
    let signed =
        matches!(first, '+' | '-') && rest[1..].starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if first.is_ascii_digit()
        || signed
        || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
    {
        return Ok(number_or_moment(rest));
    }
    if first.is_alphabetic() || first == '_' {
        let length =
            rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        return Ok((Token::Word(rest[..length].to_owned()), length));
    }
    SIGNS
        .iter()
        .find(|(written, _)| rest.starts_with(written))
        .map(|(written, sign)| (Token::Sign(sign), written.len()))
        .ok_or_else(|| unexpected_token(soql, at, &first.to_string()))
}

/// Digits go on as a date when the fifth character is a dash, as in `2026-03-11`.
fn number_or_moment(rest: &str) -> (Token, usize) {
    let is_moment =
        rest.as_bytes().get(4) == Some(&b'-') && rest.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    let allowed = |c: char| {
        if is_moment {
            c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 't' | 'Z' | 'z' | '+')
        } else {
            c.is_ascii_alphanumeric() || c == '.'
        }
    };
    let skip = usize::from(rest.starts_with(['+', '-']));
    let length = rest[skip..].find(|c: char| !allowed(c)).map_or(rest.len(), |length| length + skip);
    let text = rest[..length].to_owned();
    (if is_moment { Token::Moment(text) } else { Token::Number(text) }, length)
}

fn quoted(soql: &str, at: usize) -> Result<(Token, usize), ApiError> {
    let mut text = String::new();
    let mut chars = soql[at + 1..].char_indices();
    while let Some((offset, c)) = chars.next() {
        match c {
            '\'' => return Ok((Token::Text(text), offset + 2)),
            '\\' => {
                let escaped = chars.next().map(|(_, c)| c);
                unescape(escaped, &mut chars, &mut text).ok_or_else(|| {
                    malformed(soql, at + 1 + offset, "Invalid string literal. Illegal character sequence")
                })?;
            }
            c => text.push(c),
        }
    }
    Err(malformed(soql, at, "unexpected char: '''"))
}

fn unescape(escaped: Option<char>, chars: &mut std::str::CharIndices<'_>, text: &mut String) -> Option<()> {
    match escaped? {
        'n' | 'N' => text.push('\n'),
        'r' | 'R' => text.push('\r'),
        't' | 'T' => text.push('\t'),
        'b' | 'B' => text.push('\u{8}'),
        'f' | 'F' => text.push('\u{c}'),
        c @ ('"' | '\'' | '\\') => text.push(c),
        c @ ('%' | '_') => {
            text.push(LITERAL);
            text.push(c);
        }
        'u' => {
            let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4)?;
            text.push(char::from_u32(code)?);
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(soql: &str) -> Vec<Token> {
        tokenize(soql).unwrap().into_iter().map(|t| t.token).collect()
    }

    #[test]
    fn every_kind_of_token_is_told_apart() {
        assert_eq!(
            tokens(r"a.B__r.C<>'it\'s\n\u00e5' 1.5 -2 2026-03-01T00:00:00+01:00 N_DAYS_AGO:3"),
            vec![
                Token::Word("a.B__r.C".into()),
                Token::Sign("!="),
                Token::Text("it's\nå".into()),
                Token::Number("1.5".into()),
                Token::Number("-2".into()),
                Token::Moment("2026-03-01T00:00:00+01:00".into()),
                Token::Word("N_DAYS_AGO".into()),
                Token::Sign(":"),
                Token::Number("3".into()),
            ]
        );
    }

    #[test]
    fn broken_texts_are_malformed() {
        for soql in ["SELECT 'abc", r"SELECT '\q'", r"SELECT '\u12'", "SELECT #"] {
            assert_eq!(tokenize(soql).unwrap_err().code, "MALFORMED_QUERY", "{soql}");
        }
    }
}
