//! Record ids: fifteen base-62 characters plus a three-character checksum.
//! May not know which records exist. Read [`Id`] first.

use std::fmt;

const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits after the key prefix, the instance and the discriminator.
const SEQUENCE_DIGITS: usize = 9;

/// Two base-62 digits for each number below 62².
const PAIRS: [[u8; 2]; 62 * 62] = {
    let mut pairs = [[0; 2]; 62 * 62];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [DIGITS[number / 62], DIGITS[number % 62]];
        number += 1;
    }
    pairs
};

/// A record id. Ordered as `ORDER BY Id` orders: by the ASCII codes of the fifteen characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; 15]);

/// The text is not an id: wrong length, a character outside base 62, or a wrong checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed id {0}")]
pub struct MalformedId(pub String);

impl Id {
    /// Reads the 15- or 18-character form; the checksum of the long form must be right.
    pub fn parse(text: &str) -> Result<Self, MalformedId> {
        let bytes = text.as_bytes();
        let malformed = || MalformedId(text.to_owned());
        if bytes.len() != 15 && bytes.len() != 18 {
            return Err(malformed());
        }
        let mut short = [0u8; 15];
        short.copy_from_slice(&bytes[..15]);
        if !short.iter().all(u8::is_ascii_alphanumeric) {
            return Err(malformed());
        }
        let id = Self(short);
        if bytes.len() == 18 && bytes[15..] != id.checksum() {
            return Err(malformed());
        }
        Ok(id)
    }

    /// Builds an id from its parts; `sequence` must be below 62^9, higher digits are cut off.
    pub(crate) fn assemble(prefix: [u8; 3], instance: [u8; 2], discriminator: u8, sequence: u64) -> Self {
        let mut bytes = [b'0'; 15];
        bytes[..3].copy_from_slice(&prefix);
        bytes[3..5].copy_from_slice(&instance);
        bytes[5] = DIGITS[usize::from(discriminator) % 62];
        let mut rest = sequence;
        for pair in bytes[7..].rchunks_exact_mut(2) {
            pair.copy_from_slice(&PAIRS[(rest % (62 * 62)) as usize]);
            rest /= 62 * 62;
        }
        bytes[6] = DIGITS[(rest % 62) as usize];
        Self(bytes)
    }

    /// The discriminator and the sequence number that [`Id::assemble`] was given.
    pub(crate) fn parts(&self) -> ([u8; 3], [u8; 2], u8, u64) {
        let prefix = [self.0[0], self.0[1], self.0[2]];
        let sequence =
            self.0[15 - SEQUENCE_DIGITS..].iter().fold(0u64, |sum, c| sum * 62 + u64::from(digit_value(*c)));
        (prefix, [self.0[3], self.0[4]], digit_value(self.0[5]), sequence)
    }

    /// The three characters that tell the object.
    pub fn prefix(&self) -> &str {
        std::str::from_utf8(&self.0[..3]).unwrap_or("")
    }

    /// The 15-character form, as it stands in error messages.
    pub fn short(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    /// The 18-character form as bytes, for writers of answers.
    pub fn long(&self) -> [u8; 18] {
        let mut long = [0u8; 18];
        long[..15].copy_from_slice(&self.0);
        long[15..].copy_from_slice(&self.checksum());
        long
    }

    fn checksum(&self) -> [u8; 3] {
        let mut sum = [0u8; 3];
        for (group, slot) in self.0.chunks_exact(5).zip(&mut sum) {
            let bits = group
                .iter()
                .enumerate()
                .fold(0usize, |bits, (k, c)| bits | usize::from(c.is_ascii_uppercase()) << k);
            *slot = CHECKSUM[bits];
        }
        sum
    }
}

fn digit_value(c: u8) -> u8 {
    match c {
        b'0'..=b'9' => c - b'0',
        b'A'..=b'Z' => c - b'A' + 10,
        _ => c.wrapping_sub(b'a').wrapping_add(36),
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.long()).unwrap_or(""))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_match_the_published_vectors() {
        for (short, long) in [
            ("a01M00000062mPg", "a01M00000062mPgIAI"),
            ("001M000000qfPyS", "001M000000qfPySIAU"),
            ("a0D30000001n7Pi", "a0D30000001n7PiEAI"),
            ("a0RE000000IJmcN", "a0RE000000IJmcNMAT"),
            ("0019000000B98de", "0019000000B98deAAB"),
            ("AbCdEfGhIjKlMnO", "AbCdEfGhIjKlMnOVKV"),
            ("aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaAAA"),
            ("012000000000000", "012000000000000AAA"),
        ] {
            let id = Id::parse(short).unwrap();
            assert_eq!(id.to_string(), long);
            assert_eq!(Id::parse(long).unwrap(), id);
        }
    }

    #[test]
    fn wrong_ids_are_refused() {
        for text in ["", "001", "001M000000qfPySIAX", "001M000000qfP-S", "001M000000qfPySI"] {
            assert_eq!(Id::parse(text), Err(MalformedId(text.to_owned())));
        }
    }

    #[test]
    fn parts_return_what_was_assembled() {
        let id = Id::assemble(*b"006", *b"Hq", 3, 123_456_789);
        assert_eq!(id.parts(), (*b"006", *b"Hq", 3, 123_456_789));
        assert_eq!(id.short(), "006Hq300008M0kX");
    }

    #[test]
    fn order_is_ascii_order() {
        let at = |n| Id::assemble(*b"006", *b"Hq", 0, n);
        assert!(at(9) < at(10) && at(35) < at(36) && at(61) < at(62));
    }
}
