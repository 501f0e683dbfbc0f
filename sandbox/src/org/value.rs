//! Values as they are read and written, between columns and the outside.
//! May not know SOQL or JSON. Read [`Value`] first.

use std::borrow::Cow;

/// A record of this org: its table and its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RowRef {
    pub(crate) table: u16,
    pub(crate) row: u32,
}

impl RowRef {
    /// The cell of a reference column; never 0, which stands for null.
    pub(crate) fn pack(self) -> u64 {
        (u64::from(self.table) + 1) << 32 | u64::from(self.row)
    }

    #[allow(clippy::cast_possible_truncation)] // the packed form has exactly these two parts
    pub(crate) fn unpack(cell: u64) -> Option<Self> {
        let table = (cell >> 32) as u16;
        (cell != 0).then(|| Self { table: table.wrapping_sub(1), row: cell as u32 })
    }
}

/// A value that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// Mantissa and number of decimals.
    Number(i64, u8),
    /// Days since 1970-01-01.
    Date(i32),
    /// Seconds since 1970.
    Stamp(i64),
    Text(Cow<'a, str>),
    Reference(RowRef),
}

impl Value<'_> {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Null => Value::Null,
            Value::Bool(b) => Value::Bool(b),
            Value::Number(m, s) => Value::Number(m, s),
            Value::Date(d) => Value::Date(d),
            Value::Stamp(s) => Value::Stamp(s),
            Value::Reference(r) => Value::Reference(r),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(Cow::Borrowed(text)) }
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(Cow::Owned(text)) }
    }
}

impl From<bool> for Value<'_> {
    fn from(on: bool) -> Self {
        Self::Bool(on)
    }
}

impl From<RowRef> for Value<'_> {
    fn from(at: RowRef) -> Self {
        Self::Reference(at)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The mantissa of a decimal in another scale; decimals that do not fit are cut, as Salesforce cuts them.
pub(crate) fn to_scale((mantissa, scale): (i64, u8), to: u8) -> Option<i64> {
    if scale > to {
        return Some(mantissa / 10i64.checked_pow(u32::from(scale - to))?);
    }
    mantissa.checked_mul(10i64.checked_pow(u32::from(to - scale))?)
}

/// Text as comparisons see it: SOQL compares without regard to case.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.to_lowercase())
}

/// Whether `text` equals `folded`, which [`fold`] made, without regard to case.
pub(crate) fn equals_folded(text: &str, folded: &str) -> bool {
    if text.is_ascii() { text.eq_ignore_ascii_case(folded) } else { fold(text) == folded }
}

/// Compares decimals of different scales.
pub(crate) fn compare_numbers(a: (i64, u8), b: (i64, u8)) -> std::cmp::Ordering {
    let scale = a.1.max(b.1);
    rescale(a, scale).cmp(&rescale(b, scale))
}

fn rescale((mantissa, scale): (i64, u8), to: u8) -> i128 {
    i128::from(mantissa) * 10i128.pow(u32::from(to - scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_is_reversible_and_never_null() {
        for at in [RowRef { table: 0, row: 0 }, RowRef { table: 40, row: u32::MAX }] {
            assert_ne!(at.pack(), 0);
            assert_eq!(RowRef::unpack(at.pack()), Some(at));
        }
        assert_eq!(RowRef::unpack(0), None);
    }

    #[test]
    fn text_is_compared_without_case() {
        assert!(equals_folded("ÅNGSTRÖM", &fold("ångström")));
        assert!(equals_folded("Acme", "acme"));
        assert!(!equals_folded("Acme ", "acme"));
    }

    #[test]
    fn numbers_compare_over_scales() {
        assert!(compare_numbers((100, 2), (1, 0)).is_eq());
        assert!(compare_numbers((101, 2), (1, 0)).is_gt());
        assert!(compare_numbers((i64::MAX, 0), (i64::MAX, 15)).is_gt());
    }
}
