//! Words of a condition, with their places in the text.

use super::SoqlLiteral;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A field, function or keyword, dots included.
    Word(String),
    /// A literal that is no word.
    Literal(SoqlLiteral),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `=`, `!=`, `<>`, `<`, `<=`, `>`, `>=`
    Operator(String),
    /// `:` of a bind variable, which does not exist here.
    Colon,
    /// `==`, `&&`, `||`, `"…"`, an open quote, anything else: what is wrong with it is the parser's to say.
    Wrong(Wrong),
}

/// What is no SOQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// `==`
    DoubleEquals,
    /// `"…"`
    DoubleQuotes,
    /// A text without its closing quote.
    OpenQuote,
    /// `&&`
    Ampersands,
    /// `||`
    Pipes,
    /// Any other character.
    Character(char),
}

/// A word and where it is: bytes of the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Cuts a text into words. Never fails; what is wrong becomes a word of its own.
pub(super) fn lex(text: &str) -> Vec<Lexeme> {
    let mut lexemes = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (token, len) = next(&text[at..], c);
        lexemes.push(Lexeme { token, start: at, end: at + len });
        at += len;
    }
    lexemes
}

fn next(rest: &str, c: char) -> (Token, usize) {
    match c {
        '(' => (Token::Open, 1),
        ')' => (Token::Close, 1),
        ',' => (Token::Comma, 1),
        ':' => (Token::Colon, 1),
        '\'' => quoted(rest),
        '"' => (Token::Wrong(Wrong::DoubleQuotes), rest[1..].find('"').map_or(rest.len(), |at| at + 2)),
        '=' if rest.starts_with("==") => (Token::Wrong(Wrong::DoubleEquals), 2),
        '&' if rest.starts_with("&&") => (Token::Wrong(Wrong::Ampersands), 2),
        '|' if rest.starts_with("||") => (Token::Wrong(Wrong::Pipes), 2),
        '=' | '!' | '<' | '>' => operator(rest, c),
        _ if c.is_ascii_digit() || ((c == '-' || c == '+' || c == '.') && digit_follows(rest)) => {
            number(rest)
        }
        _ if c.is_ascii_alphabetic() || c == '_' => word(rest),
        _ => (Token::Wrong(Wrong::Character(c)), c.len_utf8()),
    }
}

fn digit_follows(rest: &str) -> bool {
    rest[1..].starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

fn operator(rest: &str, c: char) -> (Token, usize) {
    match rest.get(..2) {
        Some(two @ ("!=" | "<>" | "<=" | ">=")) => (Token::Operator(two.to_owned()), 2),
        _ if c == '!' => (Token::Wrong(Wrong::Character('!')), 1),
        _ => (Token::Operator(c.to_string()), 1),
    }
}

/// Quoted strings: SOQL Reference, "Quoted String Escape Sequences".
fn quoted(rest: &str) -> (Token, usize) {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return (Token::Literal(SoqlLiteral::Text(text)), at + 1),
            '\\' => match chars.next() {
                Some((_, 'n' | 'N')) => text.push('\n'),
                Some((_, 'r' | 'R')) => text.push('\r'),
                Some((_, 't' | 'T')) => text.push('\t'),
                Some((_, 'b' | 'B')) => text.push('\u{8}'),
                Some((_, 'f' | 'F')) => text.push('\u{c}'),
                Some((_, escaped)) => text.push(escaped),
                None => break,
            },
            _ => text.push(c),
        }
    }
    (Token::Wrong(Wrong::OpenQuote), rest.len())
}

/// Numbers, dates and date-times begin with a digit.
fn number(rest: &str) -> (Token, usize) {
    let len = 1 + rest[1..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '+')))
        .unwrap_or(rest.len() - 1);
    let text = &rest[..len];
    let literal = if text.parse::<jiff::Timestamp>().is_ok() {
        SoqlLiteral::DateTime(text.to_owned())
    } else if text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok() {
        SoqlLiteral::Date(text.to_owned())
    } else {
        SoqlLiteral::Number(text.to_owned())
    };
    (Token::Literal(literal), len)
}

fn word(rest: &str) -> (Token, usize) {
    let len =
        rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
    // `LAST_N_DAYS:30` is one word.
    let count = rest[len..]
        .strip_prefix(':')
        .map_or(0, |digits| digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
    let len = if count > 0 { len + 1 + count } else { len };
    (Token::Word(rest[..len].to_owned()), len)
}
