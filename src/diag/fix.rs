//! Applying the sure corrections of diagnostics to a text (`check --fix`).

use super::{Diagnostic, SourceId};

/// The text with the fixes of this file applied, and how many they were. Edits that overlap an earlier one are left for the next run.
pub fn apply_fixes(text: &str, source: SourceId, diagnostics: &[Diagnostic]) -> (String, usize) {
    let mut fixes: Vec<_> = diagnostics
        .iter()
        .filter_map(|diagnostic| diagnostic.fix.as_ref())
        .filter(|fix| fix.span.source == source)
        .collect();
    fixes.sort_by_key(|fix| (fix.span.start, fix.span.end));
    fixes.dedup();
    let (mut result, mut at, mut count) = (String::with_capacity(text.len()), 0, 0);
    for fix in fixes {
        let (start, end) = (fix.span.start as usize, fix.span.end as usize);
        let Some(between) = text.get(at..start) else { continue };
        if text.get(start..end).is_none() {
            continue;
        }
        result.push_str(between);
        result.push_str(&fix.text);
        (at, count) = (end, count + 1);
    }
    result.push_str(&text[at..]);
    (result, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Span;

    #[test]
    fn edits_are_applied_once_and_never_overlap() {
        let source = SourceId(0);
        let fix = |start, end, text: &str| {
            let span = Span { source, start, end };
            Diagnostic::error("E101", "", span, "").fix(span, text)
        };
        let all = [fix(0, 3, "new"), fix(4, 7, "x"), fix(5, 6, "never"), fix(4, 7, "x")];
        assert_eq!(apply_fixes("old 123 end", source, &all), ("new x end".to_owned(), 2));
    }
}
