//! Bytes of the state: numbers of variable length, keys of records in few bytes. Pure.
//!
//! Everything that is written carries its version, see `migrate`. Read [`Reader`] first.

use jiff::Timestamp;

use super::StoreError;
use crate::model::{Key, SalesforceId};

const TEXT: u8 = 0;
const SALESFORCE: u8 = 1;
const UUID: u8 = 2;
const NUMBER: u8 = 0x10;
const ID_BYTES: usize = 12;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Stamps count from here, so that those of our time are short.
const EPOCH_MILLIS: i64 = 1_577_836_800_000;
const NANOS: i128 = 1_000_000;

pub(super) fn put_varint(mut value: u128, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)] // below 128 here
    out.push(value as u8);
}

/// Milliseconds where the stamp has no more; nanoseconds otherwise.
pub(super) fn put_stamp(stamp: Timestamp, out: &mut Vec<u8>) {
    let nanos = stamp.as_nanosecond() - i128::from(EPOCH_MILLIS) * NANOS;
    let (count, fine) = if nanos % NANOS == 0 { (nanos / NANOS, 0) } else { (nanos, 1) };
    put_varint(zigzag(count) << 1 | fine, out);
}

fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)).cast_unsigned()
}

/// Appends a key in its shortest form. The form tells where it ends, differs for different keys, and sorts Salesforce ids as
/// Salesforce does (`ORDER BY Id`).
pub(super) fn put_key(key: &Key, out: &mut Vec<u8>) {
    let text = key.as_str();
    if let Some(packed) = pack_salesforce(text) {
        out.push(SALESFORCE);
        out.extend_from_slice(&packed);
    } else if let Some(packed) = pack_uuid(text) {
        out.push(UUID);
        out.extend_from_slice(&packed);
    } else if let Some(number) = plain_number(text) {
        let bytes = number.to_be_bytes();
        let skip = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
        #[allow(clippy::cast_possible_truncation)] // at most 8
        out.push(NUMBER + (8 - skip) as u8);
        out.extend_from_slice(&bytes[skip..]);
    } else {
        out.push(TEXT);
        put_varint(text.len() as u128, out);
        out.extend_from_slice(text.as_bytes());
    }
}

/// The first 15 characters as a number; the other three follow from them.
fn pack_salesforce(text: &str) -> Option<[u8; ID_BYTES]> {
    let id = if text.len() == 18 { SalesforceId::parse(text)? } else { return None };
    let number = id.as_str().bytes().take(15).try_fold(0_u128, |sum, byte| Some(sum * 62 + digit(byte)?))?;
    let mut packed = [0; ID_BYTES];
    packed.copy_from_slice(&number.to_be_bytes()[16 - ID_BYTES..]);
    Some(packed)
}

fn digit(byte: u8) -> Option<u128> {
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        b'a'..=b'z' => byte - b'a' + 36,
        _ => return None,
    };
    Some(u128::from(value))
}

fn unpack_salesforce(packed: &[u8]) -> Option<Key> {
    let mut number = packed.iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    let mut text = [0; 15];
    for slot in text.iter_mut().rev() {
        *slot = DIGITS[usize::try_from(number % 62).ok()?];
        number /= 62;
    }
    Some(Key::salesforce(std::str::from_utf8(&text).ok()?))
}

/// Only the canonical writing, lower case with hyphens: anything else would come back changed.
fn pack_uuid(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 || [8, 13, 18, 23].iter().any(|at| bytes[*at] != b'-') {
        return None;
    }
    let mut packed = [0_u8; 16];
    let mut nibbles = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'-' if [8, 13, 18, 23].contains(&at) => continue,
            _ => return None,
        };
        packed[nibbles / 2] |= if nibbles % 2 == 0 { value << 4 } else { value };
        nibbles += 1;
    }
    Some(packed)
}

fn unpack_uuid(packed: &[u8]) -> Key {
    let mut text = String::with_capacity(36);
    for (at, byte) in packed.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend(
            [byte >> 4, byte & 15].into_iter().filter_map(|nibble| char::from_digit(nibble.into(), 16)),
        );
    }
    Key::app(text)
}

/// Only as `u64` would write it: `007` is another key than `7`.
fn plain_number(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with(['0', '+']);
    if plain { text.parse().ok() } else { None }
}

/// Reads what the functions above wrote. Every method fails at the end of the bytes.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// `what` names the value in errors.
    pub(super) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    pub(super) fn fail<T>(&self) -> Result<T, StoreError> {
        Err(StoreError::Unreadable { what: self.what })
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], StoreError> {
        let Some((taken, rest)) = self.bytes.split_at_checked(count) else { return self.fail() };
        self.bytes = rest;
        Ok(taken)
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, StoreError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn varint(&mut self) -> Result<u128, StoreError> {
        let mut value = 0;
        for shift in (0..126).step_by(7) {
            let byte = self.byte()?;
            value |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        self.fail()
    }

    pub(super) fn count(&mut self) -> Result<usize, StoreError> {
        let value = self.varint()?;
        usize::try_from(value).or_else(|_| self.fail())
    }

    pub(super) fn u64(&mut self) -> Result<u64, StoreError> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(u64::from_be_bytes(bytes))
    }

    pub(super) fn u32(&mut self) -> Result<u32, StoreError> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_be_bytes(bytes))
    }

    pub(super) fn stamp(&mut self) -> Result<Timestamp, StoreError> {
        let raw = self.varint()?;
        let (fine, folded) = (raw & 1 == 1, raw >> 1);
        let count = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
        let nanos = if fine { count } else { count.saturating_mul(NANOS) };
        let since_1970 = nanos.saturating_add(i128::from(EPOCH_MILLIS) * NANOS);
        Timestamp::from_nanosecond(since_1970).or_else(|_| self.fail())
    }

    pub(super) fn key(&mut self) -> Result<Key, StoreError> {
        let tag = self.byte()?;
        match tag {
            TEXT => {
                let length = self.count()?;
                let bytes = self.take(length)?;
                std::str::from_utf8(bytes).map(Key::app).or_else(|_| self.fail())
            }
            SALESFORCE => {
                let packed = self.take(ID_BYTES)?;
                unpack_salesforce(packed).map_or_else(|| self.fail(), Ok)
            }
            UUID => Ok(unpack_uuid(self.take(16)?)),
            _ if (NUMBER + 1..=NUMBER + 8).contains(&tag) => {
                let bytes = self.take(usize::from(tag - NUMBER))?;
                let number = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
                Ok(Key::app(number.to_string()))
            }
            _ => self.fail(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(key: &Key) -> Vec<u8> {
        let mut out = Vec::new();
        put_key(key, &mut out);
        out
    }

    #[test]
    fn keys_are_short_and_come_back() {
        let table = [
            ("006D5000004jzJQIAY", 13),
            ("a01M00000062mPgIAI", 13),
            ("0f8fad5b-d9cb-469f-a165-70867728950e", 17),
            ("0F8fad5b-d9cb-469f-a165-70867728950e", 38),
            ("0", 2),
            ("42", 2),
            ("70000", 4),
            ("18446744073709551615", 9),
            ("007", 5),
            ("+7", 4),
            ("-7", 4),
            ("", 2),
            ("opp-1", 7),
        ];
        for (text, length) in table {
            let key = Key::app(text);
            let bytes = packed(&key);
            assert_eq!(Reader::new(&bytes, "key").key().unwrap(), key);
            assert_eq!(bytes.len(), length, "{text}");
        }
    }

    #[test]
    fn salesforce_ids_sort_as_salesforce_sorts_them() {
        let mut ids: Vec<Key> =
            ["006000000000001", "00600000000000A", "00600000000000a", "00600000000000Z", "00Q00000000000z"]
                .map(Key::salesforce)
                .to_vec();
        ids.sort_by_key(packed);
        let mut by_text = ids.clone();
        by_text.sort();
        assert_eq!(ids, by_text);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn any_key_comes_back_and_tells_its_end(text in "[ -~é\\x00]{0,40}|[0-9]{1,21}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-Za-z]{15}", tail in any::<u8>()) {
            let key = Key::salesforce(&text);
            let mut bytes = packed(&key);
            bytes.push(tail);
            let mut reader = Reader::new(&bytes, "key");
            prop_assert_eq!(reader.key().unwrap(), key);
            prop_assert_eq!(reader.rest(), &[tail]);
        }

        #[test]
        fn any_stamp_comes_back(seconds in -1_000_000_000_i64..4_000_000_000, nanos in prop_oneof![Just(0), Just(5_000_000), 0..999_999_999]) {
            let stamp = Timestamp::new(seconds, nanos).unwrap();
            let mut bytes = Vec::new();
            put_stamp(stamp, &mut bytes);
            prop_assert_eq!(Reader::new(&bytes, "stamp").stamp().unwrap(), stamp);
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Reader::new(&bytes, "key").key();
            let _ = Reader::new(&bytes, "stamp").stamp();
            let _ = Reader::new(&bytes, "number").varint();
        }
    }
}
