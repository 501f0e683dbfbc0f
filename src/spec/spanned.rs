//! Values with their places. Equality looks at the value only: two files that say the same are equal wherever they say it,
//! which is what a reload compares.

use std::ops::Deref;

use crate::diag::Span;

/// A value and where it is written.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// What is said.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: f(self.value), span: self.span }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A key of a mapping with its value: `poll: 10 minutes`.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// Where the key is written.
    pub key: Span,
    /// What is said.
    pub value: T,
    /// Where the value is written. Of a list or a mapping: from its first to its last byte.
    pub span: Span,
}

impl<T> Entry<T> {
    /// The value with its place, without the key.
    pub fn spanned(&self) -> Spanned<&T> {
        Spanned { value: &self.value, span: self.span }
    }

    /// The same places with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Entry<U> {
        Entry { key: self.key, value: f(self.value), span: self.span }
    }
}

impl<T> Deref for Entry<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// Equality of a struct that leaves out its places. Every field has to be named, so that none is forgotten.
macro_rules! says_the_same {
    ($type:ident { $($place:ident),* } { $($field:ident),* }) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                let Self { $($place: _,)* $($field,)* } = self;
                $(*$field == other.$field)&&*
            }
        }
    };
}
pub(crate) use says_the_same;
