//! Parses SOQL.
//! May not know the schema: names are checked when the query is resolved. Read [`parse`] first.

use super::ast::{Condition, FieldSet, Function, Ordering, Path, Query, Selected};
use super::errors::{malformed, malformed_plain, unexpected_token};
use super::lexer::{Spanned, Token, tokenize};
use crate::org::error::ApiError;

/// Longest query that Salesforce accepts.
const MAX_LENGTH: usize = 100_000;

/// Parses a whole query.
pub(crate) fn parse(soql: &str) -> Result<Query, ApiError> {
    if soql.chars().count() > MAX_LENGTH {
        return Err(malformed_plain("SOQL statements can not be longer than 100000 characters"));
    }
    let mut parser = Parser { soql, tokens: tokenize(soql)?, next: 0 };
    if parser.tokens.is_empty() {
        return Err(malformed_plain("unexpected token: '<EOF>'"));
    }
    let query = parser.query()?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => Err(parser.unexpected()),
    }
}

/// Parses a condition as it stands behind WHERE.
pub(crate) fn parse_condition(text: &str) -> Result<Condition, ApiError> {
    let mut parser = Parser { soql: text, tokens: tokenize(text)?, next: 0 };
    let condition = parser.condition()?;
    match parser.peek() {
        None => Ok(condition),
        Some(_) => Err(parser.unexpected()),
    }
}

/// The position in the tokens of a query.
pub(super) struct Parser<'a> {
    pub(super) soql: &'a str,
    tokens: Vec<Spanned>,
    next: usize,
}

impl Parser<'_> {
    fn query(&mut self) -> Result<Query, ApiError> {
        self.expect_word("SELECT")?;
        let select = self.select_list()?;
        self.expect_word("FROM")?;
        let from = self.path()?;
        let alias = self.alias();
        let condition = if self.take_word("WHERE") { Some(self.condition()?) } else { None };
        let group = if self.take_words(&["GROUP", "BY"]) { self.paths()? } else { Vec::new() };
        let order = if self.take_words(&["ORDER", "BY"]) { self.orderings()? } else { Vec::new() };
        let limit = if self.take_word("LIMIT") { Some(self.whole_number()?.0) } else { None };
        let offset = if self.take_word("OFFSET") { Some(self.whole_number()?) } else { None };
        Ok(Query { select, from, alias, condition, group, order, limit, offset })
    }

    fn select_list(&mut self) -> Result<Vec<Selected>, ApiError> {
        let mut selected = vec![self.selected()?];
        while self.take_sign(",") {
            selected.push(self.selected()?);
        }
        Ok(selected)
    }

    fn selected(&mut self) -> Result<Selected, ApiError> {
        let at = self.position();
        if self.take_sign("(") {
            let query = Box::new(self.query()?);
            self.expect_sign(")")?;
            return Ok(Selected::Subquery { query, at });
        }
        if self.peek_is_word("TYPEOF") {
            return Err(malformed(self.soql, at, "TYPEOF is not supported by this org"));
        }
        let path = self.path()?;
        if !self.take_sign("(") {
            return Ok(Selected::Field(path));
        }
        let name = path.text().to_ascii_uppercase();
        let selected = match name.as_str() {
            "FIELDS" => self.field_set(at)?,
            "COUNT" if self.peek_is_sign(")") => Selected::CountAll,
            _ => {
                let function =
                    function(&name).ok_or_else(|| unexpected_token(self.soql, at, &path.text()))?;
                Selected::Aggregate { function, argument: self.path()?, alias: None, at }
            }
        };
        self.expect_sign(")")?;
        Ok(self.with_alias(selected))
    }

    fn with_alias(&mut self, selected: Selected) -> Selected {
        match selected {
            Selected::Aggregate { function, argument, at, .. } => {
                Selected::Aggregate { function, argument, alias: self.alias(), at }
            }
            other => other,
        }
    }

    fn field_set(&mut self, at: usize) -> Result<Selected, ApiError> {
        let which = self.path()?.text().to_ascii_uppercase();
        let which = match which.as_str() {
            "ALL" => FieldSet::All,
            "STANDARD" => FieldSet::Standard,
            "CUSTOM" => FieldSet::Custom,
            other => return Err(unexpected_token(self.soql, at, other)),
        };
        Ok(Selected::Fields { which, at })
    }

    /// A name that stands alone behind FROM or an aggregate, and is no keyword.
    fn alias(&mut self) -> Option<String> {
        const KEYWORDS: [&str; 11] =
            ["WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET", "FROM", "ALL", "FOR", "USING", "WITH", "HAVING"];
        match self.peek() {
            Some(Token::Word(word))
                if !word.contains('.') && !KEYWORDS.iter().any(|k| k.eq_ignore_ascii_case(word)) =>
            {
                let word = word.clone();
                self.next += 1;
                Some(word)
            }
            _ => None,
        }
    }

    fn paths(&mut self) -> Result<Vec<Path>, ApiError> {
        let mut paths = vec![self.path()?];
        while self.take_sign(",") {
            paths.push(self.path()?);
        }
        Ok(paths)
    }

    fn orderings(&mut self) -> Result<Vec<Ordering>, ApiError> {
        let mut orderings = Vec::new();
        loop {
            let path = self.path()?;
            let descending = !self.take_word("ASC") && self.take_word("DESC");
            let mut nulls_last = false;
            if self.take_word("NULLS") {
                nulls_last = self.take_word("LAST");
                if !nulls_last {
                    self.expect_word("FIRST")?;
                }
            }
            orderings.push(Ordering { path, descending, nulls_last });
            if !self.take_sign(",") {
                return Ok(orderings);
            }
        }
    }

    /// A dotted name.
    pub(super) fn path(&mut self) -> Result<Path, ApiError> {
        let at = self.position();
        match self.peek() {
            Some(Token::Word(word)) if !word.ends_with('.') && !word.contains("..") => {
                let parts = word.split('.').map(str::to_owned).collect();
                self.next += 1;
                Ok(Path { parts, at })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn whole_number(&mut self) -> Result<(u64, usize), ApiError> {
        let at = self.position();
        match self.peek() {
            Some(Token::Number(digits)) => {
                let number = digits.parse().map_err(|_| self.unexpected())?;
                self.next += 1;
                Ok((number, at))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A subquery in a condition, behind its opening parenthesis.
    pub(super) fn subquery(&mut self) -> Result<Query, ApiError> {
        self.query()
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|spanned| &spanned.token)
    }

    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    pub(super) fn position(&self) -> usize {
        self.tokens.get(self.next).map_or(self.soql.len(), |spanned| spanned.at)
    }

    pub(super) fn peek_is_word(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn take_word(&mut self, keyword: &str) -> bool {
        let found = self.peek_is_word(keyword);
        self.next += usize::from(found);
        found
    }

    fn take_words(&mut self, keywords: &[&str]) -> bool {
        let start = self.next;
        let found = keywords.iter().all(|keyword| self.take_word(keyword));
        if !found {
            self.next = start;
        }
        found
    }

    fn expect_word(&mut self, keyword: &str) -> Result<(), ApiError> {
        if self.take_word(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn peek_is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.peek_is_sign(sign);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect_sign(&mut self, sign: &str) -> Result<(), ApiError> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The error for the token that stands here.
    pub(super) fn unexpected(&self) -> ApiError {
        let token = match self.peek() {
            None => "<EOF>".to_owned(),
            Some(Token::Word(text) | Token::Text(text) | Token::Number(text) | Token::Moment(text)) => {
                text.clone()
            }
            Some(Token::Sign(sign)) => (*sign).to_owned(),
        };
        unexpected_token(self.soql, self.position(), &token)
    }
}

fn function(name: &str) -> Option<Function> {
    Some(match name {
        "COUNT" => Function::Count,
        "COUNT_DISTINCT" => Function::CountDistinct,
        "SUM" => Function::Sum,
        "AVG" => Function::Avg,
        "MIN" => Function::Min,
        "MAX" => Function::Max,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_with_everything_is_read() {
        let query = parse(
            "select Id, Owner.Name, (SELECT Id FROM Contacts LIMIT 1) FROM Account a \
             WHERE Name != null ORDER BY Name DESC NULLS LAST, Id LIMIT 10 OFFSET 5",
        )
        .unwrap();
        assert_eq!(query.select.len(), 3);
        assert_eq!(query.alias.as_deref(), Some("a"));
        assert!(query.condition.is_some());
        assert_eq!(query.order.len(), 2);
        assert!(query.order[0].descending && query.order[0].nulls_last);
        assert_eq!((query.limit, query.offset.map(|o| o.0)), (Some(10), Some(5)));
    }

    #[test]
    fn mistakes_name_their_token() {
        for (soql, token) in [
            ("SELECT Id FORM Account", "FORM"),
            ("SELECT Id FROM Account WHERE", "<EOF>"),
            ("SELECT Id FROM Account LIMIT x", "x"),
            ("SELECT Id, FROM Account", "Account"),
            ("SELECT Id FROM Account ALL ROWS", "ALL"),
            ("SELECT Id FROM Account WHERE A = 1 AND B = 2 OR C = 3", "OR"),
            ("SELECT Id FROM Account WHERE A = 1 AND NOT B = 2", "NOT"),
            ("SELECT Id FROM Account ORDER BY", "<EOF>"),
            ("", "<EOF>"),
        ] {
            let error = parse(soql).unwrap_err();
            assert_eq!(error.code, "MALFORMED_QUERY", "{soql}");
            assert!(error.message.ends_with(&format!("unexpected token: '{token}'")), "{soql}: {error}");
        }
    }

    #[test]
    fn an_overlong_query_is_refused() {
        let soql = format!("SELECT Id FROM Account WHERE Name = '{}'", "x".repeat(MAX_LENGTH));
        assert_eq!(
            parse(&soql).unwrap_err().message,
            "SOQL statements can not be longer than 100000 characters"
        );
    }
}
