//! SOQL conditions as `where:` holds them: enough to know which fields and values they speak of, and to say what is wrong
//! with them at the right place. Not an evaluator. SOQL and SOSL Reference, "Condition Expression Syntax (WHERE Clause)".

mod dates;
mod lexer;
mod parser;
mod wire;

use crate::diag::Span;
use crate::spec::Spanned;
use crate::spec::spanned::says_the_same;

pub(crate) use parser::parse;

/// A literal of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum SoqlLiteral {
    /// `'Open'`, unescaped.
    Text(String),
    /// `100`, `1.5`, `USD100`, as written.
    Number(String),
    /// `true`, `false`
    Bool(bool),
    /// `null`
    Null,
    /// `2026-03-01`
    Date(String),
    /// `2026-03-01T10:00:00Z`
    DateTime(String),
    /// `TODAY`, `LAST_N_DAYS:30`, in capitals.
    Relative(String),
}

/// A field that a condition speaks of, and the literals it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct SoqlField {
    /// The object whose field it is; `None` for the object of the pipeline, else the object of a subquery.
    pub object: Option<Spanned<String>>,
    /// `Name`, `Account.Owner.Name`; inside a function the field, not the function.
    pub path: Spanned<String>,
    /// `=`, `IN`, `LIKE`, …, in capitals; empty for the selected field of a subquery.
    pub operator: String,
    /// The literals, with their places.
    pub values: Vec<Spanned<SoqlLiteral>>,
}

/// A condition that was read without errors.
#[derive(Clone, Debug)]
pub struct SoqlCondition {
    /// For the wire: on one line, keywords in capitals, everything else as written.
    pub text: String,
    /// Every field it names, in order.
    pub fields: Vec<SoqlField>,
    /// Where it is written.
    pub span: Span,
}

says_the_same!(SoqlCondition { span } { text, fields });
