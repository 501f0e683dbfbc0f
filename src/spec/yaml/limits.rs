//! What a file may be at all: text of bounded size. Checked before anything else looks at it.

use crate::diag::{Diagnostic, SourceId, SourceMap, Span};

/// Bytes of one file.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Nested lists and mappings.
pub(crate) const MAX_DEPTH: usize = 20;
/// Values of one file.
pub(crate) const MAX_VALUES: usize = 50_000;
/// Brackets that are open at once while the text is only looked at; far more than may be nested, since some of them are in texts.
pub(super) const MAX_OPEN: usize = 1_000;
/// Signs that may begin a token, in one pair of brackets: three for each value (`[],`).
pub(super) const MAX_AHEAD: usize = 3 * MAX_VALUES;

/// Adds a file that was read from disk or from a request. Bytes that are no text, and files that are too large, are added
/// only as far as the message needs them; reading the file then says what is wrong.
pub fn add_file(map: &mut SourceMap, path: &str, bytes: &[u8]) -> SourceId {
    let kept = &bytes[..bytes.len().min(MAX_BYTES + 1)];
    match std::str::from_utf8(kept) {
        Ok(text) => map.add(path, text),
        // A character that the size limit cuts in two is no mistake of the file.
        Err(error) if kept.len() < bytes.len() && error.error_len().is_none() => {
            let mut text = String::from_utf8_lossy(kept).into_owned();
            text.push(' ');
            map.add(path, &text)
        }
        Err(error) => {
            let from = error.valid_up_to();
            let end = (from + 64).min(kept.len());
            // NUL marks the place: the control character check reports it as not UTF-8.
            let mut text = String::from_utf8_lossy(&kept[..from]).into_owned();
            text.push(NOT_UTF8);
            text.push_str(&String::from_utf8_lossy(&kept[from..end]));
            map.add(path, &text)
        }
    }
}

/// Stands before the first byte that is not UTF-8; a private-use character that no file has a reason to hold.
const NOT_UTF8: char = '\u{10FFFD}';

/// Refuses what is not plain text of bounded size.
pub(super) fn check(source: SourceId, text: &str) -> Result<(), Box<Diagnostic>> {
    let span = |start: usize, len: usize| Span { source, start: offset(start), end: offset(start + len) };
    if text.len() > MAX_BYTES {
        let title = "the file is larger than 1 MiB";
        return Err(Box::new(
            Diagnostic::error("E007", title, span(0, 0), "")
                .note("nothing of it was read")
                .help("a pipeline is a few hundred lines; is this the right file?"),
        ));
    }
    if text.starts_with('\u{FEFF}') {
        let title = "the file begins with a byte order mark";
        return Err(Box::new(
            Diagnostic::error("E007", title, span(0, 0), "three invisible bytes before the first character")
                .help("save it as UTF-8 without BOM; `sfsync check --fix` removes the mark")
                .fix(span(0, 3), ""),
        ));
    }
    let Some((at, c)) = text.char_indices().find(|(_, c)| is_refused(*c)) else {
        return Ok(());
    };
    if c == NOT_UTF8 {
        return Err(Box::new(
            Diagnostic::error("E007", "the file is not UTF-8", span(at, 0), "the first byte that is not")
                .help("save it as UTF-8"),
        ));
    }
    Err(Box::new(
        Diagnostic::error(
            "E007",
            format!("the file holds a control character (U+{:04X})", u32::from(c)),
            span(at, c.len_utf8()),
            "only line breaks and tabs are allowed",
        )
        .help("remove it; is this a text file?"),
    ))
}

fn is_refused(c: char) -> bool {
    c == NOT_UTF8
        || c == '\u{FEFF}'
        || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Offsets fit: files are limited to 1 MiB.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
