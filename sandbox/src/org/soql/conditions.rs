//! Parses the conditions of WHERE.
//! May not know the schema. Read [`Parser::condition`] first.

use super::ast::{Condition, Literal, Operator, Path, Set};
use super::lexer::Token;
use super::parser::Parser;
use crate::org::error::ApiError;

/// Deepest nesting of parentheses, so that hostile queries cannot exhaust the stack.
const MAX_DEPTH: usize = 200;

impl Parser<'_> {
    /// A whole condition. AND and OR do not mix without parentheses, and NOT stands first.
    pub(super) fn condition(&mut self) -> Result<Condition, ApiError> {
        self.nested_condition(0)
    }

    fn nested_condition(&mut self, depth: usize) -> Result<Condition, ApiError> {
        if depth > MAX_DEPTH {
            return Err(self.unexpected());
        }
        if self.take_word("NOT") {
            let inner = self.simple(depth)?;
            let first = Condition::Not(Box::new(inner));
            return self.chain(first, depth);
        }
        let first = self.simple(depth)?;
        self.chain(first, depth)
    }

    fn chain(&mut self, first: Condition, depth: usize) -> Result<Condition, ApiError> {
        for (keyword, join) in
            [("AND", Condition::And as fn(Vec<Condition>) -> Condition), ("OR", Condition::Or)]
        {
            if self.peek_is_word(keyword) {
                let mut all = vec![first];
                while self.take_word(keyword) {
                    all.push(self.simple(depth)?);
                }
                return Ok(join(all));
            }
        }
        Ok(first)
    }

    fn simple(&mut self, depth: usize) -> Result<Condition, ApiError> {
        if self.take_sign("(") {
            let inner = self.nested_condition(depth + 1)?;
            self.expect_sign(")")?;
            return Ok(inner);
        }
        if self.peek_is_word("NOT") {
            return Err(self.unexpected());
        }
        let path = self.path()?;
        self.comparison(path)
    }

    fn comparison(&mut self, path: Path) -> Result<Condition, ApiError> {
        let at = self.position();
        if self.take_word("NOT") {
            if !self.take_word("IN") {
                return Err(self.unexpected());
            }
            return Ok(Condition::In { path, negated: true, set: self.set()? });
        }
        if self.take_word("IN") {
            return Ok(Condition::In { path, negated: false, set: self.set()? });
        }
        for (keyword, negated) in [("INCLUDES", false), ("EXCLUDES", true)] {
            if self.take_word(keyword) {
                self.expect_sign("(")?;
                let groups = self.literals()?.into_iter().map(|(literal, _)| literal).collect();
                return Ok(Condition::Includes { path, negated, groups, at });
            }
        }
        let operator = self.operator()?;
        let at = self.position();
        Ok(Condition::Compare { path, operator, literal: self.literal()?, at })
    }

    fn operator(&mut self) -> Result<Operator, ApiError> {
        if self.take_word("LIKE") {
            return Ok(Operator::Like);
        }
        let signs = [
            ("=", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<", Operator::Less),
            ("<=", Operator::LessOrEqual),
            (">", Operator::Greater),
            (">=", Operator::GreaterOrEqual),
        ];
        for (sign, operator) in signs {
            if self.take_sign(sign) {
                return Ok(operator);
            }
        }
        Err(self.unexpected())
    }

    fn set(&mut self) -> Result<Set, ApiError> {
        let at = self.position();
        self.expect_sign("(")?;
        if self.peek_is_word("SELECT") {
            let query = self.subquery()?;
            self.expect_sign(")")?;
            return Ok(Set::Subquery(Box::new(query), at));
        }
        Ok(Set::List(self.literals()?))
    }

    /// Literals up to and with the closing parenthesis.
    fn literals(&mut self) -> Result<Vec<(Literal, usize)>, ApiError> {
        let mut literals = Vec::new();
        loop {
            let at = self.position();
            literals.push((self.literal()?, at));
            if self.take_sign(")") {
                return Ok(literals);
            }
            if !self.take_sign(",") {
                return Err(self.unexpected());
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, ApiError> {
        let literal = match self.peek() {
            Some(Token::Text(text)) => Literal::Text(text.clone()),
            Some(Token::Number(number)) => Literal::Number(number.clone()),
            Some(Token::Moment(moment)) => Literal::Moment(moment.clone()),
            Some(Token::Word(word)) => match word.to_ascii_uppercase().as_str() {
                "NULL" => Literal::Null,
                "TRUE" => Literal::Bool(true),
                "FALSE" => Literal::Bool(false),
                name => return self.relative(name.to_owned()),
            },
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(literal)
    }

    fn relative(&mut self, name: String) -> Result<Literal, ApiError> {
        if !super::date_literal::is_known(&name) {
            return Err(self.unexpected());
        }
        self.advance();
        if !self.take_sign(":") {
            return if super::date_literal::takes_number(&name) {
                Err(self.unexpected())
            } else {
                Ok(Literal::Relative(name, None))
            };
        }
        let number = match self.peek() {
            Some(Token::Number(digits)) => digits.parse().ok(),
            _ => None,
        };
        let number = number.filter(|_| super::date_literal::takes_number(&name));
        let Some(number) = number else { return Err(self.unexpected()) };
        self.advance();
        Ok(Literal::Relative(name, Some(number)))
    }
}
