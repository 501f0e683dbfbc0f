//! The text of a condition for the query.

use super::lexer::{Lexeme, Token};

const KEYWORDS: [&str; 15] = [
    "and", "or", "not", "in", "like", "includes", "excludes", "select", "from", "where", "null", "true",
    "false", "asc", "desc",
];

/// One line, one space between words, keywords in capitals (`null`, `true` and `false` in small letters), texts untouched.
pub(super) fn text(written: &str, lexemes: &[Lexeme]) -> String {
    let mut line = String::with_capacity(written.len());
    let mut glue = true;
    for (at, lexeme) in lexemes.iter().enumerate() {
        let called = at > 0 && lexeme.token == Token::Open && is_function(lexemes.get(at - 1));
        if !glue && !called && !matches!(lexeme.token, Token::Close | Token::Comma) {
            line.push(' ');
        }
        let word = &written[lexeme.start..lexeme.end];
        let lower = word.to_ascii_lowercase();
        match &lexeme.token {
            Token::Word(_) if matches!(lower.as_str(), "null" | "true" | "false") => line.push_str(&lower),
            Token::Word(_) if KEYWORDS.contains(&lower.as_str()) => line.push_str(&word.to_ascii_uppercase()),
            _ => line.push_str(word),
        }
        glue = lexeme.token == Token::Open;
    }
    line
}

/// A word that is no keyword, directly before a parenthesis.
fn is_function(lexeme: Option<&Lexeme>) -> bool {
    matches!(lexeme, Some(Lexeme { token: Token::Word(word), .. })
        if !KEYWORDS.contains(&word.to_ascii_lowercase().as_str()))
}
