//! Corrections as text edits: `check --fix` and `fmt`.

use super::{Diagnostic, Fix, SourceId};

/// The text of a file with every correction applied that is sure; `None` if there is none. Corrections that overlap are not
/// both applied: the first wins, the file is read again and the next run finds the other.
pub fn apply_fixes(source: SourceId, text: &str, diagnostics: &[Diagnostic]) -> Option<String> {
    let fixes = diagnostics.iter().filter_map(|diagnostic| diagnostic.fix.as_ref());
    apply(text, fixes.filter(|fix| fix.span.source == source))
}

/// Applies edits to a text; `None` if nothing changes.
pub(crate) fn apply<'f>(text: &str, fixes: impl Iterator<Item = &'f Fix>) -> Option<String> {
    let mut edits: Vec<&Fix> = fixes.collect();
    edits.sort_by_key(|fix| (fix.span.start, fix.span.end));
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        let Some(before) = text.get(at..start) else { continue };
        if end < start || text.get(start..end).is_none() {
            continue;
        }
        result.push_str(before);
        result.push_str(&edit.text);
        at = end;
    }
    result.push_str(text.get(at..)?);
    (result != text).then_some(result)
}
