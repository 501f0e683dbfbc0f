//! Date literals. SOQL and SOSL Reference, "Date Formats and Date Literals in WHERE".

/// Literals without a number.
const FIXED: &[&str] = &[
    "YESTERDAY",
    "TODAY",
    "TOMORROW",
    "LAST_WEEK",
    "THIS_WEEK",
    "NEXT_WEEK",
    "LAST_MONTH",
    "THIS_MONTH",
    "NEXT_MONTH",
    "LAST_90_DAYS",
    "NEXT_90_DAYS",
    "THIS_QUARTER",
    "LAST_QUARTER",
    "NEXT_QUARTER",
    "THIS_YEAR",
    "LAST_YEAR",
    "NEXT_YEAR",
    "THIS_FISCAL_QUARTER",
    "LAST_FISCAL_QUARTER",
    "NEXT_FISCAL_QUARTER",
    "THIS_FISCAL_YEAR",
    "LAST_FISCAL_YEAR",
    "NEXT_FISCAL_YEAR",
];

/// Literals with a number: `LAST_N_DAYS:30`.
const COUNTED: &[&str] = &[
    "LAST_N_DAYS",
    "NEXT_N_DAYS",
    "N_DAYS_AGO",
    "LAST_N_WEEKS",
    "NEXT_N_WEEKS",
    "N_WEEKS_AGO",
    "LAST_N_MONTHS",
    "NEXT_N_MONTHS",
    "N_MONTHS_AGO",
    "LAST_N_QUARTERS",
    "NEXT_N_QUARTERS",
    "N_QUARTERS_AGO",
    "LAST_N_YEARS",
    "NEXT_N_YEARS",
    "N_YEARS_AGO",
    "LAST_N_FISCAL_QUARTERS",
    "NEXT_N_FISCAL_QUARTERS",
    "N_FISCAL_QUARTERS_AGO",
    "LAST_N_FISCAL_YEARS",
    "NEXT_N_FISCAL_YEARS",
    "N_FISCAL_YEARS_AGO",
];

/// The literal in capitals, if it is one.
pub(super) fn relative(word: &str) -> Option<String> {
    let upper = word.to_ascii_uppercase();
    let known = match upper.split_once(':') {
        Some((name, count)) => COUNTED.contains(&name) && count.parse::<u32>().is_ok_and(|count| count > 0),
        None => FIXED.contains(&upper.as_str()),
    };
    known.then_some(upper)
}

/// What was probably meant.
pub(super) fn suggestion(word: &str) -> Option<String> {
    let upper = word.to_ascii_uppercase();
    let (name, count) = upper.split_once(':').unwrap_or((&upper, ""));
    // LAST_30_DAYS for LAST_N_DAYS:30
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    if !digits.is_empty() {
        let counted = name.replacen(&digits, "N", 1);
        if COUNTED.contains(&counted.as_str()) {
            return Some(format!("{counted}:{digits}"));
        }
    }
    if count.is_empty() && COUNTED.contains(&name) {
        return Some(format!("{name}:30"));
    }
    let found = crate::spec::grammar::closest(name, FIXED.iter().chain(COUNTED).copied())?;
    let counted = COUNTED.contains(&found);
    let count = if count.is_empty() { "30" } else { count };
    Some(if counted { format!("{found}:{count}") } else { found.to_owned() })
}
