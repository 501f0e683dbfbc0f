//! Literals of conditions, checked against the type of the field they are compared with.
//! May not know paths. Read [`Literals`] first.

use std::collections::HashSet;

use super::ast::{Literal, Operator};
use super::check::{Check, row_set};
use super::date_literal;
use super::errors::{invalid_field, malformed};
use super::lexer::LITERAL;
use super::like::Pattern;
use crate::org::dates::{DAY, days_of_stamp, parse_date, parse_stamp};
use crate::org::error::ApiError;
use crate::org::ids::Id;
use crate::org::schema::FieldType;
use crate::org::store::Store;
use crate::org::value::fold;

/// Longest text in a condition.
const MAX_TEXT: usize = 4_000;

/// Makes checks from the literals behind one field.
pub(crate) struct Literals<'a> {
    pub(crate) soql: &'a str,
    pub(crate) at: usize,
    pub(crate) field: &'a str,
    pub(crate) kind: FieldType,
    pub(crate) store: &'a Store,
    pub(crate) now: i64,
}

impl Literals<'_> {
    /// The check for `field operator literal`; `!=` is negated by the caller.
    pub(crate) fn compare(&self, operator: Operator, literal: &Literal) -> Result<Check, ApiError> {
        if is_null(literal) {
            return match operator {
                Operator::Equal if self.kind == FieldType::Boolean => Ok(Check::Never),
                Operator::Equal => Ok(Check::Null),
                _ => Ok(Check::Never),
            };
        }
        match self.kind {
            FieldType::Boolean => match literal {
                Literal::Bool(value) if operator == Operator::Equal => Ok(Check::Bool(*value)),
                Literal::Bool(_) => Err(self.bad_operator()),
                _ => Err(self.wrong_type("boolean")),
            },
            FieldType::Id | FieldType::Reference => self.id(operator, literal),
            FieldType::Date | FieldType::Datetime => {
                let (from, to) = self.range(literal)?;
                if operator == Operator::Like {
                    return Err(self.bad_operator());
                }
                Ok(Check::Range { operator, from, to })
            }
            kind if kind.is_number() => {
                let (mantissa, scale) = self.number(literal)?;
                if operator == Operator::Like {
                    return Err(self.bad_operator());
                }
                Ok(Check::Number(operator, mantissa, scale))
            }
            _ => {
                let text = self.text(literal)?;
                if operator == Operator::Like {
                    return Ok(Check::Like(Pattern::new(text)));
                }
                Ok(Check::Text(operator, plain(text)))
            }
        }
    }

    /// The check for `field IN (...)`.
    pub(crate) fn member<'l>(&self, list: impl Iterator<Item = &'l Literal>) -> Result<Check, ApiError> {
        let all: Vec<&Literal> = list.collect();
        let values: Vec<&Literal> = all.iter().copied().filter(|literal| !is_null(literal)).collect();
        let check = match self.kind {
            FieldType::Id | FieldType::Reference => {
                let ids: Vec<Id> = each(&values, |literal| self.parse_id(literal))?;
                Check::Rows(row_set(ids.iter().filter_map(|id| self.store.find(id))))
            }
            FieldType::Date | FieldType::Datetime => {
                Check::Ranges(each(&values, |literal| self.range(literal))?)
            }
            FieldType::Boolean => {
                let checks = each(&values, |literal| self.compare(Operator::Equal, literal))?;
                Check::Any(checks)
            }
            kind if kind.is_number() => Check::Numbers(each(&values, |literal| self.number(literal))?),
            _ => {
                let texts = each(&values, |literal| self.text(literal).map(plain))?;
                Check::TextIn(texts.into_iter().collect::<HashSet<_>>())
            }
        };
        let has_null = values.len() < all.len();
        Ok(if has_null { Check::Any(vec![Check::Null, check]) } else { check })
    }

    /// The check for INCLUDES: values of a group are separated by semicolons.
    pub(crate) fn groups(&self, groups: &[Literal]) -> Result<Check, ApiError> {
        let groups: Vec<&Literal> = groups.iter().collect();
        let groups = each(&groups, |literal| {
            Ok(self.text(literal)?.split(';').map(|value| plain(value.trim())).collect())
        })?;
        Ok(Check::Includes(groups))
    }

    fn id(&self, operator: Operator, literal: &Literal) -> Result<Check, ApiError> {
        let id = self.parse_id(literal)?;
        match operator {
            Operator::Equal => Ok(Check::Rows(row_set(self.store.find(&id)))),
            Operator::Like => Err(self.bad_operator()),
            operator => Ok(Check::IdOrder(operator, id)),
        }
    }

    fn parse_id(&self, literal: &Literal) -> Result<Id, ApiError> {
        let text = self.text(literal)?;
        Id::parse(text).map_err(|_| {
            ApiError::request("INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text}"))
        })
    }

    fn text<'l>(&self, literal: &'l Literal) -> Result<&'l str, ApiError> {
        match literal {
            Literal::Text(text) if text.chars().count() > MAX_TEXT => {
                Err(malformed(self.soql, self.at, "string literals can not be longer than 4000 characters"))
            }
            Literal::Text(text) => Ok(text),
            _ => Err(self.criterion("string", "should be enclosed in quotes")),
        }
    }

    fn number(&self, literal: &Literal) -> Result<(i64, u8), ApiError> {
        let type_name = if self.kind == FieldType::Int { "int" } else { "double" };
        match literal {
            Literal::Number(text) => parse_number(text).ok_or_else(|| self.wrong_type(type_name)),
            _ => Err(self.wrong_type(type_name)),
        }
    }

    /// Days or seconds, from and up to.
    fn range(&self, literal: &Literal) -> Result<(i64, i64), ApiError> {
        let is_date = self.kind == FieldType::Date;
        let type_name = if is_date { "date" } else { "dateTime" };
        match literal {
            Literal::Relative(name, number) => {
                let days = date_literal::range(name, *number, days_of_stamp(self.now));
                let (from, to) = days.ok_or_else(|| self.wrong_type(type_name))?;
                let unit = if is_date { 1 } else { DAY };
                Ok((i64::from(from) * unit, i64::from(to) * unit))
            }
            Literal::Moment(text) => {
                let at = if is_date { parse_date(text).map(i64::from) } else { parse_stamp(text) };
                let at = at.ok_or_else(|| self.wrong_type(type_name))?;
                Ok((at, at + 1))
            }
            _ => Err(self.wrong_type(type_name)),
        }
    }

    fn wrong_type(&self, type_name: &str) -> ApiError {
        self.criterion(type_name, "should not be enclosed in quotes")
    }

    fn criterion(&self, type_name: &str, quotes: &str) -> ApiError {
        let field = self.field;
        let message =
            format!("value of filter criterion for field '{field}' must be of type {type_name} and {quotes}");
        invalid_field(self.soql, self.at, &message)
    }

    fn bad_operator(&self) -> ApiError {
        let message = format!("invalid operator on {} field", self.kind.name());
        ApiError::request(
            "INVALID_QUERY_FILTER_OPERATOR",
            super::errors::at_position(self.soql, self.at, &message),
        )
    }
}

fn each<T>(
    literals: &[&Literal],
    convert: impl Fn(&Literal) -> Result<T, ApiError>,
) -> Result<Vec<T>, ApiError> {
    literals.iter().map(|literal| convert(literal)).collect()
}

/// Empty texts do not exist: `''` means null.
fn is_null(literal: &Literal) -> bool {
    *literal == Literal::Null || matches!(literal, Literal::Text(text) if text.is_empty())
}

fn plain(text: &str) -> String {
    fold(text).replace(LITERAL, "")
}

/// Mantissa and decimals; exponents are resolved.
pub(crate) fn parse_number(text: &str) -> Option<(i64, u8)> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mantissa: i64 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    if scale >= 0 {
        return Some((mantissa, u8::try_from(scale).ok().filter(|scale| *scale <= 18)?));
    }
    let factor = 10i64.checked_pow(u32::try_from(-scale).ok()?)?;
    Some((mantissa.checked_mul(factor)?, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_decimals() {
        for (text, expected) in [
            ("1", Some((1, 0))),
            ("1.50", Some((15, 1))),
            ("-0.25", Some((-25, 2))),
            (".5", Some((5, 1))),
            ("1e3", Some((1000, 0))),
            ("1.5E-2", Some((15, 3))),
            ("abc", None),
            ("1.2.3", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_number(text), expected, "{text}");
        }
    }
}
