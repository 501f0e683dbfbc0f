//! PostgreSQL's binary `numeric`: digits in base 10,000, exact both ways.

use std::fmt::Write as _;

use bytes::{BufMut as _, BytesMut};
use rust_decimal::Decimal;

const NEGATIVE: u16 = 0x4000;

/// Appends a decimal.
pub(super) fn encode(value: Decimal, out: &mut BytesMut) {
    let scale = value.scale();
    let pad = (4 - scale % 4) % 4;
    let mantissa = value.mantissa().unsigned_abs() * 10_u128.pow(pad);
    let mut digits = [0_u16; 12];
    let count = split(mantissa, &mut digits);
    let fraction = (scale + pad) / 4;
    // Trailing zero digits are not sent; they are the first here.
    let zeros = digits[..count].iter().take_while(|digit| **digit == 0).count();
    let sent = if zeros == count { 0 } else { count - zeros };
    let weight = i16::try_from(count).unwrap_or(0) - 1 - i16::try_from(fraction).unwrap_or(0);
    out.put_u16(u16::try_from(sent).unwrap_or(0));
    out.put_i16(if sent == 0 { 0 } else { weight });
    out.put_u16(if value.is_sign_negative() && sent > 0 { NEGATIVE } else { 0 });
    out.put_u16(u16::try_from(scale).unwrap_or(0));
    for digit in digits[..count].iter().skip(count - sent).rev() {
        out.put_u16(*digit);
    }
}

/// Digits in base 10,000, the least significant first.
fn split(mantissa: u128, digits: &mut [u16; 12]) -> usize {
    let mut count = 0;
    let mut wide = mantissa;
    while wide > u128::from(u64::MAX) {
        digits[count] = u16::try_from(wide % 10_000).unwrap_or(0);
        wide /= 10_000;
        count += 1;
    }
    let mut rest = u64::try_from(wide).unwrap_or(0);
    while rest > 0 {
        digits[count] = u16::try_from(rest % 10_000).unwrap_or(0);
        rest /= 10_000;
        count += 1;
    }
    count
}

/// Reads a decimal; its text where it has more digits than a decimal keeps. `None` for bytes that are no number.
pub(super) fn decode(bytes: &[u8]) -> Option<Result<Decimal, String>> {
    let field = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let (count, weight, sign, scale) =
        (usize::from(field(0)?), field(2)?.cast_signed(), field(4)?, field(6)?);
    match sign {
        0 | NEGATIVE => {}
        0xc000 => return Some(Err("NaN".to_owned())),
        0xd000 => return Some(Err("Infinity".to_owned())),
        _ => return Some(Err("-Infinity".to_owned())),
    }
    // Groups before the first and behind the last stored one are zeros.
    let digit = |place: i32| {
        let at = usize::try_from(place).ok().filter(|at| *at < count);
        at.map_or(Some(0), |at| field(8 + 2 * at))
    };
    let mut text = String::from(if sign == NEGATIVE { "-" } else { "" });
    let weight = i32::from(weight);
    if weight < 0 {
        text.push('0');
    }
    for place in 0..=weight {
        let digit = digit(place)?;
        _ = if place == 0 { write!(text, "{digit}") } else { write!(text, "{digit:04}") };
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut place = weight + 1;
        while fraction.len() < usize::from(scale) {
            _ = write!(fraction, "{:04}", digit(place)?);
            place += 1;
        }
        fraction.truncate(usize::from(scale));
        text = format!("{text}.{fraction}");
    }
    Some(Decimal::from_str_exact(&text).map_err(|_| text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back(mantissa in -79_228_162_514_264_337_593_543_950_335_i128..79_228_162_514_264_337_593_543_950_335, scale in 0_u32..=28) {
            let value = Decimal::from_i128_with_scale(mantissa, scale);
            let mut bytes = BytesMut::new();
            encode(value, &mut bytes);
            let back = decode(&bytes).unwrap().unwrap();
            prop_assert_eq!(back, value);
            prop_assert_eq!(back.scale(), value.scale());
        }
    }

    #[test]
    fn known_bytes() {
        let mut bytes = BytesMut::new();
        encode("-12345.678".parse().unwrap(), &mut bytes);
        assert_eq!(&bytes[..], [0, 3, 0, 1, 0x40, 0, 0, 3, 0, 1, 0x09, 0x29, 0x1a, 0x7c]);
    }
}
