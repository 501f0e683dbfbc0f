//! The bitmaps of a change event: which fields it says something about. Read [`FieldNames::named`] first.

use super::avro::{Schema, Unreadable};

/// Names of the fields of one schema, and of the parts of its compound fields.
#[derive(Debug)]
pub(super) struct FieldNames(Vec<(String, Vec<String>)>);

/// No bitmap of an object is longer: 800 fields, each a bit.
const LONGEST: usize = 1_024;

impl FieldNames {
    /// The names of a schema.
    pub(super) fn of(schema: &Schema) -> Self {
        let owned = |parts: Vec<&str>| parts.into_iter().map(str::to_owned).collect();
        Self(schema.fields().into_iter().map(|(name, parts)| (name.to_owned(), owned(parts))).collect())
    }

    /// The fields that the bitmaps name, in the schema's order: `Phone`, `Name.LastName`. Names stand there as words too; they are
    /// taken as they are.
    pub(super) fn named(&self, bitmaps: &[&str]) -> Result<Vec<String>, Unreadable> {
        let mut found = Vec::new();
        for bitmap in bitmaps {
            if let Some(digits) = bitmap.strip_prefix("0x") {
                for bit in bits(digits)? {
                    let (name, _) = self.0.get(bit).ok_or(Unreadable("a bitmap names an unknown field"))?;
                    found.push(name.clone());
                }
            } else if let Some((place, digits)) = bitmap.split_once("-0x") {
                let place: usize = place.parse().map_err(|_| Unreadable("a bitmap has no place"))?;
                let (name, parts) = self.0.get(place).ok_or(Unreadable("a bitmap names an unknown field"))?;
                for bit in bits(digits)? {
                    let part = parts.get(bit).ok_or(Unreadable("a bitmap names an unknown part"))?;
                    found.push(format!("{name}.{part}"));
                }
            } else {
                found.push((*bitmap).to_owned());
            }
        }
        Ok(found)
    }
}

/// The bits that are set, the lowest first.
fn bits(digits: &str) -> Result<Vec<usize>, Unreadable> {
    if digits.len() > LONGEST {
        return Err(Unreadable("a bitmap is too long"));
    }
    let mut found = Vec::new();
    for (place, digit) in digits.bytes().rev().enumerate() {
        let digit = char::from(digit).to_digit(16).ok_or(Unreadable("a bitmap is not hexadecimal"))?;
        found.extend((0..4).filter(|bit| digit >> bit & 1 == 1).map(|bit| place * 4 + bit));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accounts() -> FieldNames {
        let mut names: Vec<(String, Vec<String>)> = (0..36).map(|n| (format!("F{n}"), Vec::new())).collect();
        names[4].1 = ["Street", "City", "State"].map(str::to_owned).to_vec();
        FieldNames(names)
    }

    #[test]
    fn the_documented_bitmaps() {
        let names = accounts();
        assert_eq!(names.named(&["0x400800"]).unwrap(), ["F11", "F22"]);
        assert_eq!(names.named(&["0x400000", "4-0x01"]).unwrap(), ["F22", "F4.Street"]);
        assert_eq!(names.named(&["0x08F81000"]).unwrap(), ["F12", "F19", "F20", "F21", "F22", "F23", "F27"]);
        assert_eq!(names.named(&["4-0x06"]).unwrap(), ["F4.City", "F4.State"]);
        assert_eq!(names.named(&["LastModifiedDate"]).unwrap(), ["LastModifiedDate"]);
        for wrong in ["0x1000000000", "4-0x08", "99-0x01", "0xZZ", "x-0x01"] {
            assert!(names.named(&[wrong]).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,40}", digits in "[0-9]{0,3}-?0x[0-9A-Fa-f]{0,20}") {
            let _ = accounts().named(&[&text, &digits]);
        }
    }
}
