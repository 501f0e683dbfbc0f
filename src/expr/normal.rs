//! Normal forms (`as:` of a row): values are compared in them and written to the app in them.
//!
//! They are the functions of the same names, so an expression and a row agree.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::model::{Fingerprint, Value, fingerprint, same_value};

use super::functions::{domain, email, phone, plain_text};
use super::operators::append;

/// The words of `as:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NormalForm {
    /// Trimmed, small letters.
    Email,
    /// Host without `www.`.
    Domain,
    /// E.164.
    Phone,
    /// HTML as readable text.
    PlainText,
}

impl NormalForm {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Email, Self::Domain, Self::Phone, Self::PlainText];

    /// The word of the files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Domain => "domain",
            Self::Phone => "phone",
            Self::PlainText => "plain_text",
        }
    }
}

/// Brings a value to a normal form. What has none (`n/a` as an email) becomes `Null`; `Absent` stays `Absent`, a list
/// is brought there item by item. `region` is the country of phone numbers that do not say theirs.
pub fn normalise(value: &Value, form: NormalForm, region: Option<&str>) -> Value {
    let text = match value {
        Value::Absent | Value::Null => return value.clone(),
        Value::List(items) => {
            return Value::List(items.iter().map(|item| normalise(item, form, region)).collect());
        }
        Value::Text(text) => text.to_string(),
        other => {
            let mut text = String::new();
            if append(&mut text, other).is_err() {
                return Value::Null;
            }
            text
        }
    };
    // The libraries below read whatever people typed; a panic in one of them must not take a batch along.
    let normal = catch_unwind(AssertUnwindSafe(|| match form {
        NormalForm::Email => email(&text),
        NormalForm::Domain => domain(&text),
        NormalForm::Phone => phone(&text, region).or_else(|| as_dialled(&text)),
        NormalForm::PlainText => Some(plain_text(&text)).filter(|text| !text.is_empty()),
    }));
    let Ok(normal) = normal else {
        tracing::error!(form = form.name(), "bug: a normal form panicked; the value is taken as written");
        return value.clone();
    };
    normal.map_or(Value::Null, Value::from)
}

/// A number whose country nobody knows stays as it is dialled: better in its own form than lost.
fn as_dialled(text: &str) -> Option<String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (digits >= 5).then(|| text.trim().to_owned())
}

/// Whether two values are the same, in a normal form if the row has one.
pub fn same(left: &Value, right: &Value, form: Option<NormalForm>, region: Option<&str>) -> bool {
    match form {
        None => same_value(left, right),
        Some(form) => same_value(&normalise(left, form, region), &normalise(right, form, region)),
    }
}

/// The fingerprint of a value, in a normal form if the row has one. Values that are [`same`] have the same.
pub fn fingerprint_in(
    value: &Value,
    form: Option<NormalForm>,
    region: Option<&str>,
    seed: u64,
) -> Fingerprint {
    match form {
        None => fingerprint(value, seed),
        Some(form) => fingerprint(&normalise(value, form, region), seed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms() {
        for (form, written, normal) in [
            (NormalForm::Email, " Kim@Acme.com ", "kim@acme.com".into()),
            (NormalForm::Email, "Kim (work)", Value::Null),
            (NormalForm::Domain, "HTTP://www.Acme.co.uk:8080/a?b", "acme.co.uk".into()),
            (NormalForm::Domain, "mailto:kim@acme.com", "acme.com".into()),
            (NormalForm::Domain, "https://kim:pw@acme.com", "acme.com".into()),
            (NormalForm::Domain, "www.räksmörgås.se", "räksmörgås.se".into()),
            (NormalForm::Domain, "-", Value::Null),
            (NormalForm::Phone, "040-123 45 67", "+358401234567".into()),
            (NormalForm::Phone, "+46 8 123 456 78", "+46812345678".into()),
            (NormalForm::Phone, "n/a", Value::Null),
            (
                NormalForm::PlainText,
                "<p>a&nbsp;b</p>\n<style>x{}</style><ul><li>c</li><li>d</li></ul>",
                "a b\n\n- c\n- d".into(),
            ),
            (NormalForm::PlainText, "a < b && c > d", "a < b && c > d".into()),
            (NormalForm::PlainText, "<p>&nbsp;</p>", Value::Null),
        ] {
            assert_eq!(normalise(&written.into(), form, Some("FI")), normal, "{written}");
        }
    }

    #[test]
    fn absent_stays_absent() {
        assert_eq!(normalise(&Value::Absent, NormalForm::Email, None), Value::Absent);
    }

    #[test]
    fn hostile_nesting_is_linear() {
        let deep = "<div><b>".repeat(100_000);
        assert_eq!(normalise(&deep.into(), NormalForm::PlainText, None), Value::Null);
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(text in "\\PC{0,24}", part in "(www\\.|<p>|&amp;|@|\\.com|\\+358 ?)?") {
            for form in [NormalForm::Email, NormalForm::Domain, NormalForm::Phone] {
                let once = normalise(&format!("{part}{text}").into(), form, Some("FI"));
                prop_assert_eq!(normalise(&once, form, Some("FI")), once);
            }
        }

        #[test]
        fn text_survives_html(lines in proptest::collection::vec("[a-z&<>\"]{1,5}( [a-z]{1,3})?", 1..4)) {
            let text = lines.join("\n");
            let html = super::super::functions::find("html").unwrap();
            let html = html.call(&crate::expr::testing::Facts::default(), &[std::borrow::Cow::Owned(text.clone().into())]).unwrap();
            prop_assert_eq!(plain_text(html.as_text().unwrap()), text);
        }

        #[test]
        fn the_same_in_a_form_has_the_same_fingerprint(a in "[ Aa@.]{0,4}", b in "[ Aa@.]{0,4}") {
            let (a, b) = (Value::from(a), Value::from(b));
            for form in NormalForm::ALL.map(Some).into_iter().chain([None]) {
                let equal = fingerprint_in(&a, form, None, 1) == fingerprint_in(&b, form, None, 1);
                prop_assert_eq!(same(&a, &b, form, None), equal);
            }
        }
    }
}
