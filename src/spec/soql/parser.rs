//! Reads a condition: AND, OR, NOT, parentheses, comparisons, lists and semi-joins.

use super::lexer::{Lexeme, Token, Wrong, lex};
use super::{SoqlCondition, SoqlField, SoqlLiteral, dates};
use crate::diag::{Diagnostic, Span};
use crate::spec::{Scalar, Spanned};

type Stop = Box<Diagnostic>;
type Read<T> = Result<T, Stop>;

/// Parentheses and NOTs inside one another.
const MAX_DEPTH: usize = 32;
/// Characters of a whole query; Salesforce refuses longer ones.
const LONGEST: usize = 100_000;

struct Parser<'s> {
    scalar: &'s Scalar,
    lexemes: Vec<Lexeme>,
    at: usize,
    depth: usize,
    /// The object of the subquery at hand.
    object: Option<Spanned<String>>,
    fields: Vec<SoqlField>,
}

/// Reads the text of a `where`. The first mistake goes to `out` (E319, E321).
pub(crate) fn parse(scalar: &Scalar, out: &mut Vec<Diagnostic>) -> Option<SoqlCondition> {
    let lexemes = if scalar.text.len() > LONGEST { Vec::new() } else { lex(&scalar.text) };
    let mut parser = Parser { scalar, lexemes, at: 0, depth: 0, object: None, fields: Vec::new() };
    match parser.whole() {
        Ok(()) => {
            let text = super::wire::text(&scalar.text, &parser.lexemes);
            Some(SoqlCondition { text, fields: parser.fields, span: scalar.span })
        }
        Err(stop) => {
            out.push(*stop);
            None
        }
    }
}

impl Parser<'_> {
    fn whole(&mut self) -> Read<()> {
        if self.scalar.text.len() > LONGEST {
            let title = "the condition is longer than Salesforce takes";
            return Err(self.wrong(title, "").help("a query has at most 100 000 characters").into());
        }
        if let Some(word) = self.word()
            && (word.eq_ignore_ascii_case("where") || word.eq_ignore_ascii_case("select"))
        {
            let help = "only the condition is written here, such as: Amount > 0";
            return Err(self.wrong("this is more than a condition", "").help(help).into());
        }
        self.condition()?;
        match self.lexemes.get(self.at) {
            None => Ok(()),
            Some(lexeme) => Err(self.unexpected_end_of_condition(&lexeme.clone())),
        }
    }

    fn unexpected_end_of_condition(&self, lexeme: &Lexeme) -> Stop {
        match &lexeme.token {
            Token::Close => self.wrong("this `)` closes nothing", "").into(),
            Token::Word(word)
                if ["order", "limit", "group"].contains(&word.to_ascii_lowercase().as_str()) =>
            {
                let title = format!("`{}` does not belong into a condition", word.to_uppercase());
                self.wrong(&title, "")
                    .help("only the condition is written here; sfsync adds order and limit")
                    .into()
            }
            _ => self.unexpected("`AND` or `OR`"),
        }
    }

    fn place(&self) -> Span {
        let end = self.scalar.text.len();
        match self.lexemes.get(self.at) {
            Some(lexeme) => self.scalar.span_in(lexeme.start, lexeme.end),
            None => self.scalar.span_in(end, end),
        }
    }

    fn wrong(&self, title: &str, label: &str) -> Diagnostic {
        Diagnostic::error("E319", title, self.place(), label)
    }

    fn unexpected(&self, wanted: &str) -> Stop {
        let Some(lexeme) = self.lexemes.get(self.at) else {
            return self.wrong("this condition is not finished", &format!("expected {wanted}")).into();
        };
        let diagnostic = match lexeme.token {
            Token::Wrong(Wrong::DoubleEquals) => self
                .wrong("`==` does not exist in SOQL", "")
                .help("use `=` to compare")
                .fix(self.place(), "="),
            Token::Wrong(Wrong::DoubleQuotes) => {
                let text = &self.scalar.text[lexeme.start..lexeme.end];
                let inner = text.trim_matches('"').replace('\'', "\\'");
                self.wrong("texts in SOQL are in single quotes", "").help(format!("'{inner}'"))
            }
            Token::Wrong(Wrong::OpenQuote) => self
                .wrong("this quote is never closed", "")
                .help("close it; a quote that is part of the text is written \\'"),
            Token::Wrong(Wrong::Ampersands) => {
                self.wrong("`&&` does not exist in SOQL", "").help("use `AND`")
            }
            Token::Wrong(Wrong::Pipes) => self.wrong("`||` does not exist in SOQL", "").help("use `OR`"),
            Token::Colon => self
                .wrong("variables do not exist here", "")
                .help("write the value itself; a `where` is the same for every run"),
            _ => self.wrong("syntax error in `where`", &format!("expected {wanted}")),
        };
        diagnostic.into()
    }

    fn token(&self) -> Option<&Token> {
        self.lexemes.get(self.at).map(|lexeme| &lexeme.token)
    }

    fn word(&self) -> Option<String> {
        match self.token() {
            Some(Token::Word(word)) => Some(word.clone()),
            _ => None,
        }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.word().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.token() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token, wanted: &str) -> Read<()> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    /// Terms with AND or OR between; both on one level need parentheses.
    fn condition(&mut self) -> Read<()> {
        self.deeper()?;
        self.term()?;
        let mut joiner: Option<&str> = None;
        loop {
            let next = if self.is_keyword("and") {
                "AND"
            } else if self.is_keyword("or") {
                "OR"
            } else {
                break;
            };
            if joiner.is_some_and(|joiner| joiner != next) {
                let help = "a AND (b OR c), or (a AND b) OR c: say which is meant";
                return Err(self.wrong("`AND` and `OR` side by side need parentheses", "").help(help).into());
            }
            joiner = Some(next);
            self.at += 1;
            self.term()?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.word().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    fn deeper(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("this condition is nested too deep", "").into());
        }
        Ok(())
    }

    fn term(&mut self) -> Read<()> {
        if self.keyword("not") {
            self.deeper()?;
            self.term()?;
            self.depth -= 1;
            return Ok(());
        }
        if self.take(&Token::Open) {
            self.condition()?;
            return self.expect(&Token::Close, "`)`");
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Read<()> {
        let path = self.field()?;
        let operator = self.operator()?;
        let values = match operator.as_str() {
            "IN" | "NOT IN" => self.set()?,
            "INCLUDES" | "EXCLUDES" => self.list()?,
            _ => vec![self.literal()?],
        };
        let object = self.object.clone();
        self.fields.push(SoqlField { object, path, operator, values });
        Ok(())
    }

    /// A field, or a function of a field: the field counts.
    fn field(&mut self) -> Read<Spanned<String>> {
        let Some(word) = self.word().filter(|word| is_path(word)) else {
            return Err(self.unexpected("a field"));
        };
        let span = self.place();
        self.at += 1;
        if !self.take(&Token::Open) {
            return Ok(Spanned::new(word, span));
        }
        let inner = self.field()?;
        while self.take(&Token::Comma) {
            self.at += 1;
        }
        self.expect(&Token::Close, "`)`")?;
        Ok(inner)
    }

    fn operator(&mut self) -> Read<String> {
        if let Some(Token::Operator(operator)) = self.token() {
            let operator = operator.clone();
            self.at += 1;
            return Ok(operator);
        }
        for word in ["IN", "LIKE", "INCLUDES", "EXCLUDES"] {
            if self.keyword(word) {
                return Ok(word.to_owned());
            }
        }
        if self.keyword("not") {
            if self.keyword("in") {
                return Ok("NOT IN".to_owned());
            }
            return Err(self.unexpected("`IN`"));
        }
        if self.is_keyword("is") {
            let help = "= null, != null";
            return Err(self.wrong("`IS NULL` does not exist in SOQL", "").help(help).into());
        }
        Err(self.unexpected("a comparison: = != < <= > >= LIKE IN NOT IN INCLUDES EXCLUDES"))
    }

    /// `( 'a', 'b' )` or `( SELECT … )`.
    fn set(&mut self) -> Read<Vec<Spanned<SoqlLiteral>>> {
        let subquery = self.token() == Some(&Token::Open)
            && matches!(self.lexemes.get(self.at + 1), Some(Lexeme { token: Token::Word(word), .. }) if word.eq_ignore_ascii_case("select"));
        if !subquery {
            return self.list();
        }
        self.at += 2;
        self.subquery()?;
        Ok(Vec::new())
    }

    /// Semi-join and anti-join: SOQL Reference, "Comparison Operators".
    fn subquery(&mut self) -> Read<()> {
        if self.object.is_some() {
            return Err(self.wrong("a subquery cannot hold another one", "").into());
        }
        let selected = self.field()?;
        if !self.keyword("from") {
            return Err(self.unexpected("`FROM`"));
        }
        let Some(object) = self.word() else { return Err(self.unexpected("an object")) };
        let object = Spanned::new(object, self.place());
        self.at += 1;
        self.object = Some(object.clone());
        self.fields.push(SoqlField {
            object: Some(object),
            path: selected,
            operator: String::new(),
            values: Vec::new(),
        });
        if self.keyword("where") {
            self.condition()?;
        }
        self.object = None;
        self.expect(&Token::Close, "`)`")
    }

    fn list(&mut self) -> Read<Vec<Spanned<SoqlLiteral>>> {
        self.expect(&Token::Open, "`(`")?;
        let mut values = vec![self.literal()?];
        while self.take(&Token::Comma) {
            values.push(self.literal()?);
        }
        self.expect(&Token::Close, "`,` or `)`")?;
        Ok(values)
    }

    fn literal(&mut self) -> Read<Spanned<SoqlLiteral>> {
        let span = self.place();
        let literal = match self.token() {
            Some(Token::Literal(SoqlLiteral::Number(text))) if !is_number(text) => {
                return Err(self.no_number(&text.clone()));
            }
            Some(Token::Literal(literal)) => literal.clone(),
            Some(Token::Word(word)) => self.literal_word(&word.clone())?,
            _ => return Err(self.unexpected("a value")),
        };
        self.at += 1;
        Ok(Spanned::new(literal, span))
    }

    fn literal_word(&self, word: &str) -> Read<SoqlLiteral> {
        match word.to_ascii_lowercase().as_str() {
            "true" => return Ok(SoqlLiteral::Bool(true)),
            "false" => return Ok(SoqlLiteral::Bool(false)),
            "null" => return Ok(SoqlLiteral::Null),
            _ => {}
        }
        if let Some(literal) = dates::relative(word) {
            return Ok(SoqlLiteral::Relative(literal));
        }
        if is_currency(word) {
            return Ok(SoqlLiteral::Number(word.to_owned()));
        }
        let looks_like_date = word.contains(':') || (word.contains('_') && word.to_ascii_uppercase() == word);
        if let Some(meant) = dates::suggestion(word).filter(|_| looks_like_date || word.len() > 4) {
            let title = format!("`{word}` is not a date literal");
            let diagnostic = Diagnostic::error("E321", title, self.place(), "");
            return Err(diagnostic.help(format!("did you mean `{meant}`?")).fix(self.place(), meant).into());
        }
        if looks_like_date {
            let title = format!("`{word}` is not a date literal");
            let help = "TODAY · LAST_N_DAYS:30 · THIS_MONTH · LAST_N_MONTHS:12";
            return Err(Diagnostic::error("E321", title, self.place(), "").help(help).into());
        }
        let title = format!("`{word}` is not a value");
        Err(self.wrong(&title, "").help(format!("texts are in single quotes: '{word}'")).into())
    }

    fn no_number(&self, text: &str) -> Stop {
        if text.contains('-') && text.len() >= 8 {
            let title = format!("`{text}` is not a date");
            return Diagnostic::error("E321", title, self.place(), "")
                .help("2026-03-01 · 2026-03-01T10:00:00Z · LAST_N_DAYS:30")
                .into();
        }
        let title = format!("`{text}` is not a value");
        self.wrong(&title, "").help(format!("texts are in single quotes: '{text}'")).into()
    }
}

fn is_path(word: &str) -> bool {
    const RESERVED: [&str; 8] = ["and", "or", "not", "in", "like", "null", "true", "false"];
    !RESERVED.contains(&word.to_ascii_lowercase().as_str())
        && !word.contains(':')
        && word.split('.').all(|step| !step.is_empty())
}

fn is_number(text: &str) -> bool {
    text.parse::<rust_decimal::Decimal>().is_ok() || rust_decimal::Decimal::from_scientific(text).is_ok()
}

/// `USD100`: SOQL Reference, "Querying Currency Fields in Multicurrency Orgs".
fn is_currency(word: &str) -> bool {
    word.len() > 3 && word[..3].bytes().all(|byte| byte.is_ascii_uppercase()) && is_number(&word[3..])
}
