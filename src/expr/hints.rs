//! What to say when an expression does not parse: the mistakes that people make have their own words (language, 5.6).

use std::ops::Range;

use rhai::{LexError, ParseError, ParseErrorType};

use super::ExprProblem;
use super::scan::{Kind, Piece, byte_of, pieces, unclosed};

/// `if 1 { … }`
pub(super) const NO_CONDITION: &str = "this is never true or false, compare it with something";

/// Looks for one kind of mistake.
type Rule = fn(&str, &[Piece]) -> Option<ExprProblem>;

/// Turns the parser's error into the problem to report.
pub(super) fn explain(text: &str, error: &ParseError) -> ExprProblem {
    let pieces = pieces(text);
    let rules: [Rule; 8] =
        [empty, single_quotes, open_text, keyword, words_for_signs, ternary, assignment, wrong_sign];
    let first = rules.iter().filter_map(|rule| rule(text, &pieces)).min_by_key(|problem| problem.start);
    first.or_else(|| bracket(text, &pieces)).unwrap_or_else(|| general(text, &pieces, error))
}

fn syntax(title: impl Into<String>, place: Range<usize>) -> ExprProblem {
    ExprProblem::new("E401", title, place)
}

fn replaced(text: &str, place: Range<usize>, by: &str) -> String {
    format!("{}{by}{}", &text[..place.start], &text[place.end..])
}

fn empty(text: &str, pieces: &[Piece]) -> Option<ExprProblem> {
    pieces.is_empty().then(|| {
        syntax("the expression is empty", 0..text.len())
            .help("write a value, a field such as record.Name, or null")
    })
}

fn single_quotes(text: &str, pieces: &[Piece]) -> Option<ExprProblem> {
    let piece = pieces.iter().find(|piece| piece.kind == Kind::SingleQuoted)?;
    let inner = text[piece.place.clone()].trim_matches('\'');
    let better = format!("\"{}\"", inner.replace('"', "\\\""));
    let help = replaced(text, piece.place.clone(), &better);
    Some(
        syntax("text is written in double quotes", piece.place.clone())
            .label("single quotes")
            .help(help)
            .fix(piece.place.clone(), better),
    )
}

fn open_text(text: &str, pieces: &[Piece]) -> Option<ExprProblem> {
    let piece = pieces.iter().find(|piece| piece.kind == Kind::Text && piece.open)?;
    let quote = &text[piece.place.start..=piece.place.start];
    Some(
        syntax("syntax error in expression", piece.place.clone())
            .label(format!("this text has no closing {quote}")),
    )
}

fn keyword(text: &str, pieces: &[Piece]) -> Option<ExprProblem> {
    let (at, word) = pieces.iter().enumerate().find_map(|(at, piece)| {
        let word = &text[piece.place.clone()];
        let is_field = at > 0 && matches!(&text[pieces[at - 1].place.clone()], "." | "?.");
        (piece.kind == Kind::Word && !is_field && advice(word).is_some()).then_some((at, word))
    })?;
    let place = pieces[at].place.clone();
    Some(syntax(format!("`{word}` does not exist in expressions"), place).help(advice(word)?))
}

fn advice(word: &str) -> Option<&'static str> {
    Some(match word {
        "let" | "const" | "var" => "an expression is one value: write the value where it is used",
        "return" | "throw" => "the result of the expression is its value: leave the word out",
        "fn" | "function" | "private" => "there are closures for lists: record.Tags.map(|tag| lower(tag))",
        "while" | "for" | "loop" | "do" | "until" | "break" | "continue" => {
            "lists have map, filter, any and all: record.Tags.filter(|tag| tag != \"x\")"
        }
        "import" | "export" | "eval" | "try" | "catch" | "print" | "debug" | "this" | "Fn" | "call"
        | "curry" => {
            "an expression computes one value from the record; see the functions in the documentation"
        }
        "undefined" | "nil" | "None" | "NULL" | "Null" => "an empty value is written null",
        _ => return None,
    })
}

fn words_for_signs(text: &str, pieces: &[Piece]) -> Option<ExprProblem> {
    pieces.iter().enumerate().find_map(|(at, piece)| {
        let sign = match (piece.kind, &text[piece.place.clone()]) {
            (Kind::Word, "and" | "AND") => "&&",
            (Kind::Word, "or" | "OR") => "||",
            (Kind::Word, "not" | "NOT") => "!",
            _ => return None,
        };
        let before = at.checked_sub(1).map(|before| &text[pieces[before].place.clone()]);
        if matches!(before, Some("." | "?.")) {
            return None;
        }
        let word = &text[piece.place.clone()];
        // `not x` becomes `!x`
        let spaces = text[piece.place.end..].chars().take_while(|letter| *letter == ' ').count();
        let place = piece.place.start..piece.place.end + if sign == "!" { spaces } else { 0 };
        Some(
            syntax(format!("`{word}` is written `{sign}` in expressions"), piece.place.clone())
                .help(replaced(text, place.clone(), sign))
                .fix(place, sign),
        )
    })
}

fn ternary(text: &str, pieces: &[Piece]) -> Option<ExprProblem> {
    let sign = |wanted: &str| {
        pieces.iter().position(|piece| piece.kind == Kind::Sign && &text[piece.place.clone()] == wanted)
    };
    let question = pieces[sign("?")?].place.clone();
    let problem = syntax("`?:` does not exist in expressions", question.clone());
    let colon =
        pieces.iter().find(|piece| piece.place.start > question.end && &text[piece.place.clone()] == ":");
    let Some(colon) = colon else {
        return Some(problem.help("if a == null { \"none\" } else { a }     or shorter:  a ?? \"none\""));
    };
    let condition = text[..question.start].trim();
    let (yes, no) = (text[question.end..colon.place.start].trim(), text[colon.place.end..].trim());
    let mut help = format!("if {condition} {{ {yes} }} else {{ {no} }}");
    if condition.strip_suffix("null").and_then(|rest| rest.trim_end().strip_suffix("==")).map(str::trim)
        == Some(no)
    {
        help = format!("{help}     or shorter:  {no} ?? {yes}");
    }
    Some(problem.help(help))
}

fn assignment(text: &str, pieces: &[Piece]) -> Option<ExprProblem> {
    let piece = pieces.iter().find(|piece| {
        piece.kind == Kind::Sign
            && matches!(&text[piece.place.clone()], "=" | "+=" | "-=" | "*=" | "/=" | "**=")
    })?;
    let place = piece.place.clone();
    if &text[place.clone()] != "=" {
        let sign = &text[place.clone()];
        return Some(
            ExprProblem::new("E405", format!("`{sign}` changes nothing"), place)
                .label("an expression cannot change the record")
                .help(format!("write the new value only, with `{}`", sign.trim_end_matches('='))),
        );
    }
    Some(
        ExprProblem::new("E405", "`=` compares nothing", place.clone())
            .label("an expression cannot change the record")
            .help(format!("use `==` to compare:  {}", replaced(text, place.clone(), "==")))
            .fix(place, "=="),
    )
}

fn wrong_sign(text: &str, pieces: &[Piece]) -> Option<ExprProblem> {
    pieces.iter().find_map(|piece| {
        let (title, help, better) = match (piece.kind, &text[piece.place.clone()]) {
            (Kind::Sign, "===") => ("`===` is written `==` in expressions", "==", Some("==")),
            (Kind::Sign, "!==") => ("`!==` is written `!=` in expressions", "!=", Some("!=")),
            (Kind::Sign, ";") => ("an expression is one value, without `;`", "", Some("")),
            (Kind::Sign, "<") if text[piece.place.end..].starts_with('>') => {
                ("`<>` is written `!=` in expressions", "!=", None)
            }
            (Kind::Sign, "“" | "”" | "„" | "‘" | "’") => {
                ("these are typographic quotes", "write texts in plain double quotes \"…\"", None)
            }
            _ => return None,
        };
        let problem = syntax(title, piece.place.clone());
        Some(match better {
            Some(better) => problem
                .help(replaced(text, piece.place.clone(), better).trim().to_owned())
                .fix(piece.place.clone(), better),
            None => problem.help(help),
        })
    })
}

fn bracket(text: &str, pieces: &[Piece]) -> Option<ExprProblem> {
    let (sign, place, name) = unclosed(text, pieces)?;
    let closing = match sign {
        "(" => ")",
        "[" => "]",
        _ => "}",
    };
    let end = text.trim_end().len();
    let what = match name {
        Some(name) => format!("{name}{sign}"),
        None => format!("{sign} at character {}", text[..place.start].chars().count() + 1),
    };
    let problem =
        syntax("syntax error in expression", end..end).label(format!("expected `{closing}` to close {what}"));
    Some(problem.help(format!("{}{closing}", &text[..end])).fix(end..end, closing))
}

fn general(text: &str, pieces: &[Piece], error: &ParseError) -> ExprProblem {
    let start = match (error.position().line(), error.position().position()) {
        (Some(line), Some(column)) => byte_of(text, line, column),
        _ => text.len(),
    };
    let end = pieces.iter().find(|piece| piece.place.start == start).map_or(start, |piece| piece.place.end);
    let found = &text[start..end];
    let problem = syntax("syntax error in expression", start..end);
    match error.err_type() {
        ParseErrorType::ExprTooDeep => too_nested(text),
        ParseErrorType::Reserved(word) => {
            syntax(format!("`{word}` does not exist in expressions"), start..end.max(start))
        }
        ParseErrorType::UnexpectedEOF => problem.label("the expression ends too early"),
        ParseErrorType::MissingToken(wanted, _) => problem.label(format!("expected `{wanted}` here")),
        ParseErrorType::BadInput(LexError::UnexpectedInput(_)) if !found.is_empty() => {
            problem.label(format!("`{found}` is not expected here"))
        }
        ParseErrorType::ExprExpected(kind) if kind.contains("literal") => {
            problem.label("a case of `switch` is a text, a number, true or false; write `if` for the rest")
        }
        ParseErrorType::MismatchedType(..) => problem.label(NO_CONDITION),
        ParseErrorType::LiteralTooLarge(..) => problem.label("this is too large"),
        _ if found.is_empty() => problem.label("a value is missing here"),
        _ => problem.label(format!("`{found}` is not expected here")),
    }
}

/// Over the limit of 5.5.
pub(super) fn too_nested(text: &str) -> ExprProblem {
    syntax("the expression is nested deeper than 32 levels", 0..text.len())
        .help("split it: part of the work may go into a field in Salesforce or into the app")
}
