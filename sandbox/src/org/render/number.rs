//! Numbers as text.
//! May not know fields. Read [`write_decimal`] first.

/// Appends a whole number.
pub(super) fn write_integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        #[allow(clippy::cast_possible_truncation)] // one decimal digit
        let digit = (rest % 10) as u8;
        digits[at] = b'0' + digit;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a decimal as Salesforce prints doubles: without trailing zeros, but with one decimal at least.
pub(super) fn write_decimal(mantissa: i64, scale: u8, out: &mut Vec<u8>) {
    let factor = 10u64.pow(u32::from(scale.min(18)));
    let magnitude = mantissa.unsigned_abs();
    if mantissa < 0 {
        out.push(b'-');
    }
    write_integer(i64::try_from(magnitude / factor).unwrap_or(i64::MAX), out);
    out.push(b'.');
    let mut rest = magnitude % factor;
    let mut unit = factor;
    loop {
        unit /= 10;
        if unit == 0 {
            if out.last() == Some(&b'.') {
                out.push(b'0');
            }
            break;
        }
        #[allow(clippy::cast_possible_truncation)] // one decimal digit
        let digit = (rest / unit) as u8;
        out.push(b'0' + digit);
        rest %= unit;
        if rest == 0 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_printed_like_doubles() {
        for (mantissa, scale, text) in [
            (0, 0, "0.0"),
            (0, 2, "0.0"),
            (10, 0, "10.0"),
            (12345, 2, "123.45"),
            (12340, 2, "123.4"),
            (12300, 2, "123.0"),
            (-5, 2, "-0.05"),
            (1, 15, "0.000000000000001"),
            (i64::MAX, 2, "92233720368547758.07"),
        ] {
            let mut out = Vec::new();
            write_decimal(mantissa, scale, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn integers_are_printed_plainly() {
        for value in [0, 7, -10, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_integer(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
