//! A rough look at the text of an expression, for hints when it does not parse: words, texts and signs with their places.
//!
//! It knows where texts and comments are, nothing about grammar.

use std::ops::Range;

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A number.
    Number,
    /// `"text"` or a backtick text, as one piece.
    Text,
    /// `'text'`
    SingleQuoted,
    /// One or more signs that belong together: `==`, `??`, `(`.
    Sign,
}

/// A piece of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) place: Range<usize>,
    /// It begins a text that has no end.
    pub(super) open: bool,
}

/// Backtick texts inside of one another, more than the language allows.
const MAX_DEPTH: usize = 40;

const SIGNS: [&str; 19] = [
    "===", "!==", "**=", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "=>", "..", "+=", "-=", "*=", "/=",
    "**", "::",
];

/// All pieces, in order. Spaces and comments are left out. A backtick text is one piece, followed by those of its `${…}`.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    scan(text, 0, 0, &mut found);
    found
}

/// Pieces of a text from a place on. Backtick texts inside of one another are followed as deep as an expression may go.
fn scan(text: &str, start: usize, depth: usize, found: &mut Vec<Piece>) {
    let mut at = start;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let mut codes = Vec::new();
        let (kind, length) = match first {
            letter if letter.is_whitespace() => (None, letter.len_utf8()),
            '/' if rest.starts_with("//") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, rest.find("*/").map_or(rest.len(), |end| end + 2)),
            '`' => {
                let (length, inside) = template(rest);
                codes = inside;
                (Some(Kind::Text), length)
            }
            '"' => (Some(Kind::Text), quoted(rest, '"')),
            '\'' => (Some(Kind::SingleQuoted), quoted(rest, '\'')),
            letter if letter.is_alphabetic() || letter == '_' => (Some(Kind::Word), word(rest)),
            digit if digit.is_ascii_digit() => (Some(Kind::Number), word(rest)),
            sign => {
                let known = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                (Some(Kind::Sign), known.map_or(sign.len_utf8(), str::len))
            }
        };
        if let Some(kind) = kind {
            let quote = matches!(kind, Kind::Text | Kind::SingleQuoted);
            let closed = length > 1
                && rest[..length].ends_with(first)
                && !rest[..length].ends_with(&format!("\\{first}"));
            found.push(Piece { kind, place: at..at + length, open: quote && !closed });
        }
        for code in codes.into_iter().filter(|_| depth <= MAX_DEPTH) {
            scan(&text[..at + code.end], at + code.start, depth + 1, found);
        }
        at += length;
    }
}

/// A backtick text at the beginning of `rest`: its length, and where the expressions of its `${…}` stand.
fn template(rest: &str) -> (usize, Vec<Range<usize>>) {
    // True: inside of a text. False: inside of braces.
    let mut levels = vec![true];
    let (mut codes, mut code) = (Vec::new(), 0);
    let mut at = 1;
    while let Some(letter) = rest[at..].chars().next() {
        let mut length = letter.len_utf8();
        match (levels.last() == Some(&true), letter) {
            (true, '$') if rest[at..].starts_with("${") => {
                length = 2;
                if levels.len() == 1 {
                    code = at + 2;
                }
                levels.push(false);
            }
            (false, '`') => levels.push(true),
            (false, '{') => levels.push(false),
            (true, '`') | (false, '}') => drop(levels.pop()),
            (false, '"') => length = quoted(&rest[at..], '"'),
            _ => {}
        }
        if levels.len() == 1 && letter == '}' {
            codes.push(code..at);
        }
        at += length;
        if levels.is_empty() {
            return (at, codes);
        }
    }
    if levels.len() > 1 {
        codes.push(code..rest.len());
    }
    (rest.len(), codes)
}

fn word(rest: &str) -> usize {
    rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
}

/// Length of a quoted text with its quotes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '\n' => return at,
            letter if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The first bracket that is never closed: its sign, its place, and the word before it if it is a call.
pub(super) fn unclosed<'a>(
    text: &'a str,
    pieces: &[Piece],
) -> Option<(&'a str, Range<usize>, Option<&'a str>)> {
    let mut open: Vec<usize> = Vec::new();
    for (at, piece) in pieces.iter().enumerate().filter(|(_, piece)| piece.kind == Kind::Sign) {
        match &text[piece.place.clone()] {
            "(" | "[" | "{" => open.push(at),
            ")" | "]" | "}" => drop(open.pop()),
            _ => {}
        }
    }
    let at = *open.last()?;
    let before = at.checked_sub(1).and_then(|before| pieces.get(before));
    let name =
        before.filter(|before| before.kind == Kind::Word && before.place.end == pieces[at].place.start);
    Some((
        &text[pieces[at].place.clone()],
        pieces[at].place.clone(),
        name.map(|name| &text[name.place.clone()]),
    ))
}

/// Deepest nesting of brackets.
pub(super) fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    for piece in pieces(text) {
        match (piece.kind, &text[piece.place]) {
            (Kind::Sign, "(" | "[" | "{") => depth += 1,
            (Kind::Sign, ")" | "]" | "}") => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Byte of a position that is counted in lines and characters from 1.
pub(super) fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let column = column.saturating_sub(1);
    text[start..].char_indices().nth(column).map_or(text.len(), |(at, _)| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_piece() {
        let text = r#"a == "x = \" y" ?? `${b("z")} =` // c"#;
        let found: Vec<&str> = pieces(text).into_iter().map(|piece| &text[piece.place]).collect();
        assert_eq!(found, ["a", "==", r#""x = \" y""#, "??", r#"`${b("z")} =`"#, "b", "(", r#""z""#, ")"]);
    }

    #[test]
    fn texts_in_texts_are_followed() {
        let text = "`x${if a { `${b}` } else { \"}\" }}y` + c";
        let words =
            pieces(text).into_iter().filter(|piece| piece.kind == Kind::Word).map(|piece| &text[piece.place]);
        assert_eq!(words.collect::<Vec<_>>(), ["if", "a", "b", "else", "c"]);
        assert!(pieces(text).iter().all(|piece| !piece.open));
        let hostile = "`${".repeat(6_000);
        assert!(pieces(&hostile).len() < 100);
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(byte_of("åäö\nbx", 1, 3), 4);
        assert_eq!(byte_of("åäö\nbx", 2, 2), 8);
        assert_eq!(byte_of("a", 9, 9), 1);
    }
}
