//! `record.Account.Name`, `record["My Field"].x`, `value.trim().split(";")`: the parser nests such chains to the right;
//! here they are flat.

use std::ops::Range;

use rhai::{ASTFlags, Expr, FnCallExpr, Position};

use super::scan::byte_of;
use super::script::Var;

/// One step of a chain.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    /// `.name` or `["name"]`
    Field(&'a str, Position),
    /// `[…]` of anything but a text.
    Index(&'a Expr),
    /// `.function(…)`
    Method(&'a FnCallExpr, Position),
}

/// A chain: where it begins and its steps. `None` for an expression that is no chain.
pub(super) fn chain(expr: &Expr) -> Option<(&Expr, Vec<Step<'_>>)> {
    let mut steps = Vec::new();
    match expr {
        Expr::Dot(pair, flags, _) => collect(false, &pair.rhs, *flags, &mut steps),
        Expr::Index(pair, flags, _) => collect(true, &pair.rhs, *flags, &mut steps),
        _ => return None,
    }
    let (Expr::Dot(pair, ..) | Expr::Index(pair, ..)) = expr else { return None };
    Some((&pair.lhs, steps))
}

fn collect<'a>(index: bool, rest: &'a Expr, flags: ASTFlags, steps: &mut Vec<Step<'a>>) {
    let next = match rest {
        Expr::Dot(pair, flags, _) => Some((false, pair, *flags)),
        Expr::Index(pair, flags, _) => Some((true, pair, *flags)),
        _ => None,
    };
    match next {
        Some((next_index, pair, next_flags)) if !flags.contains(ASTFlags::BREAK) => {
            steps.push(step(index, &pair.lhs));
            collect(next_index, &pair.rhs, next_flags, steps);
        }
        _ => steps.push(step(index, rest)),
    }
}

fn step(index: bool, expr: &Expr) -> Step<'_> {
    match expr {
        Expr::StringConstant(name, position) if index => Step::Field(name, *position),
        Expr::Property(property, position) if !index => Step::Field(&property.2, *position),
        Expr::MethodCall(call, position) | Expr::FnCall(call, position) if !index => {
            Step::Method(call, *position)
        }
        other => Step::Index(other),
    }
}

/// The fields at the beginning of a chain: their path, their place in the text, and how many steps they are.
pub(super) fn path(text: &str, steps: &[Step<'_>]) -> Option<(String, Range<usize>, usize)> {
    let fields: Vec<(&str, Position)> = steps
        .iter()
        .map_while(|step| match step {
            Step::Field(name, position) => Some((*name, *position)),
            _ => None,
        })
        .collect();
    let ((_, first), (last_name, last)) = (fields.first()?, fields.last()?);
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let end = byte_of_position(text, *last);
    let quotes = usize::from(text[end..].starts_with(['"', '`'])) * 2;
    let end = (end + last_name.len() + quotes).min(text.len());
    Some((names.join("."), byte_of_position(text, *first)..end, fields.len()))
}

/// Byte of a position of the parser.
pub(super) fn byte_of_position(text: &str, position: Position) -> usize {
    match (position.line(), position.position()) {
        (Some(line), Some(column)) => byte_of(text, line, column),
        _ => 0,
    }
}

/// The variable, if the expression is one and its name is known.
pub(super) fn variable(expr: &Expr) -> Option<Var> {
    match expr {
        Expr::Variable(name, ..) => Var::of(&name.1),
        _ => None,
    }
}

/// `null` or `()`
pub(super) fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Unit(_) => true,
        Expr::Custom(custom, _) => custom.tokens.first().is_some_and(|token| token == "null"),
        _ => false,
    }
}
