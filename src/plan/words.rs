//! Numbers as messages print them.

/// `4 312`: groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 row`, `12 rows`
pub(super) fn count(number: usize, thing: &str) -> String {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    format!("{} {thing}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_groups() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(4312), "4 312");
        assert_eq!(grouped(1_000_000), "1 000 000");
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(count(12, "row"), "12 rows");
    }
}
