//! Expressions without quotes inside `{ }`: YAML takes the parts behind their commas for keys.

use super::check::clip;
use crate::diag::{Diagnostic, Fix, Span};
use crate::spec::Scalar;
use crate::spec::yaml::Node;

/// An expression without quotes inside `{ }` whose commas made new keys of its parts.
pub(super) struct Spill {
    /// The entry that holds the beginning.
    pub(super) owner: usize,
    /// The entries that are parts of it.
    pub(super) members: std::ops::Range<usize>,
    /// The key of the owner and the whole expression.
    key: String,
    expression: String,
    span: Span,
    pub(super) reported: bool,
}

impl Spill {
    pub(super) fn diagnostic(&self, key: &Scalar) -> Diagnostic {
        let quoted = crate::spec::yaml::in_single_quotes(&self.expression);
        let title = format!("unknown key `{}`", clip(&key.text));
        Diagnostic::error("E101", title, key.span, "this comma started a new key")
            .help(format!("an expression with a comma needs quotes:  {}: {quoted}", self.key))
            .fix(self.span, quoted)
    }
}

/// Finds a plain value with an open bracket that is followed by keys without values, one of which closes it.
pub(super) fn spill(entries: &[(Scalar, Node)]) -> Option<Spill> {
    let open = |text: &str| {
        text.bytes().fold(0_i64, |depth, byte| match byte {
            b'(' => depth + 1,
            b')' => depth - 1,
            _ => depth,
        })
    };
    let owner = entries.iter().position(|(_, value)| {
        value.scalar().is_some_and(|scalar| !scalar.style.is_quoted() && open(&scalar.text) > 0)
    })?;
    let (key, value) = entries.get(owner)?;
    let mut depth = open(&value.scalar()?.text);
    let mut last = owner;
    for (at, (name, follower)) in entries.iter().enumerate().skip(owner + 1) {
        if !follower.is_nothing() || depth <= 0 {
            break;
        }
        depth += open(&name.text);
        last = at;
    }
    if last == owner {
        return None;
    }
    let span = Span { end: entries.get(last)?.0.span.end, ..value.span };
    let parts = entries[owner + 1..=last].iter().map(|(name, _)| name.text.to_string());
    let expression =
        std::iter::once(value.scalar()?.text.to_string()).chain(parts).collect::<Vec<_>>().join(", ");
    Some(Spill {
        owner,
        members: owner + 1..last + 1,
        key: key.text.to_string(),
        expression,
        span,
        reported: false,
    })
}

/// The correction of an expression without quotes whose commas made new keys of its parts.
pub(in crate::spec) fn spilled_expression(entries: &[(Scalar, Node)]) -> Option<Fix> {
    let spill = spill(entries)?;
    Some(Fix { span: spill.span, text: crate::spec::yaml::in_single_quotes(&spill.expression) })
}
