//! What every spelling of a value in a normal form has in common, so that a system which knows no normal forms can be asked for the
//! records that may have it. What it answers is compared in the form afterwards.

use super::NormalForm;

/// Digits of a phone number that are looked for: enough to be rare, and few enough that countries which write a digit more or less in
/// between (`9` in Argentina) do no harm.
const DIGITS: usize = 8;

/// Pieces that stand in every spelling of a value, in this order, whatever their case and whatever is between them. `None`: it is spelled
/// in one way only, but for case and the blanks around it, or there is nothing in common.
pub fn pieces(normal: &str, form: NormalForm) -> Option<Vec<String>> {
    match form {
        NormalForm::Domain => Some(vec![normal.to_lowercase()]),
        NormalForm::Phone if normal.starts_with('+') => {
            let digits = national(normal);
            let from = digits.len().saturating_sub(DIGITS);
            Some(digits[from..].iter().map(char::to_string).collect())
        }
        NormalForm::Phone | NormalForm::Email | NormalForm::PlainText => None,
    }
}

/// The digits of a number in E.164 without those of its country, where they can be told from each other: at home it is written
/// without them.
fn national(number: &str) -> Vec<char> {
    let all = || number.chars().filter(char::is_ascii_digit).collect();
    match phonenumber::parse(None, number) {
        Ok(parsed) if parsed.is_valid() => parsed.national().value().to_string().chars().collect(),
        _ => all(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::expr::normalise;
    use crate::model::Value;

    fn has(stored: &str, pieces: &[String]) -> bool {
        let stored = stored.to_lowercase();
        let mut rest = stored.as_str();
        pieces.iter().all(|piece| match rest.find(piece.as_str()) {
            Some(at) => {
                rest = &rest[at + piece.len()..];
                true
            }
            None => false,
        })
    }

    fn is_found(stored: &str, form: NormalForm, region: &str) {
        let Value::Text(normal) = normalise(&stored.into(), form, Some(region)) else { return };
        if let Some(pieces) = pieces(&normal, form) {
            assert!(has(stored, &pieces), "{stored} is {normal}, looked for as {pieces:?}");
        }
    }

    #[test]
    fn spellings_have_their_pieces() {
        assert_eq!(pieces("acme.com", NormalForm::Domain), Some(vec!["acme.com".to_owned()]));
        assert_eq!(pieces("+358401234567", NormalForm::Phone).unwrap().concat(), "01234567");
        assert_eq!(pieces("+6834002", NormalForm::Phone).unwrap().concat(), "4002");
        for (stored, region) in [
            ("040-123 45 67", "FI"),
            ("+358 (0)40 1234567", "FI"),
            ("Tel. 040 1234567 ext. 12", "FI"),
            ("(011) 15-2345-6789", "AR"),
            ("4002", "NU"),
            ("(650) 253-0000", "US"),
        ] {
            is_found(stored, NormalForm::Phone, region);
        }
        for stored in ["https://www.Acme.com/about", "MAILTO:kim@ACME.com", "https://kim:pw@www.acme.com:80."]
        {
            is_found(stored, NormalForm::Domain, "FI");
        }
    }

    proptest! {
        #[test]
        fn whatever_has_a_normal_form_is_found(
            scheme in "(https?://|mailto:|ftp://)?",
            host in "(www\\.)?[a-zA-Z-]{1,8}\\.[a-zåÄ]{2,4}",
            path in "[:/?#.]?[a-z]{0,4}",
            number in "(\\+358 ?|00358|0)[1-9][0-9]{1,2}[ -]?[0-9]{3,4}[ -]?[0-9]{2,4}( x[0-9])?",
        ) {
            is_found(&format!("{scheme}{host}{path}"), NormalForm::Domain, "FI");
            is_found(&number, NormalForm::Phone, "FI");
        }
    }
}
