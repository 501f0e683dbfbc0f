//! The tree.

use crate::diag::Span;
use crate::spec::Scalar;

/// A value of a file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where it is written; a list or mapping in brackets with its brackets, otherwise from the first to the last item.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) data: Data,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// One value. Nothing at all (`key:`) is an empty plain scalar.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, without duplicates.
    Map(Vec<(Scalar, Node)>),
    /// Something that was reported already; whoever reads it takes it for missing and says nothing.
    Bad,
}

impl Node {
    /// The text, of a single value.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.data {
            Data::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The items, of a list.
    pub(crate) fn items(&self) -> Option<&[Node]> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, of a mapping.
    pub(crate) fn entries(&self) -> Option<&[(Scalar, Node)]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|(name, _)| &*name.text == key).map(|(_, value)| value)
    }

    /// Whether nothing is written (`key:`).
    pub(crate) fn is_nothing(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.text.is_empty() && !scalar.style.is_quoted())
    }

    /// Whether it, or something inside it, was reported.
    pub(crate) fn has_bad(&self) -> bool {
        match &self.data {
            Data::Bad => true,
            Data::Scalar(_) => false,
            Data::List(items) => items.iter().any(Self::has_bad),
            Data::Map(entries) => entries.iter().any(|(_, value)| value.has_bad()),
        }
    }
}
