//! The table of all codes: what each message means and what to do, for `sfsync explain` and for `docs/errors.md`.
//!
//! One file per family. A code that is used in the source and not in the table, or the other way round, fails a test.

/// Writes the pages of a family without repeating the field names.
macro_rules! family_pages {
    ($($code:literal, $title:literal, $text:literal $(, $example:literal)?;)*) => {
        pub(super) const PAGES: &[super::Page] = &[$(super::Page {
            code: $code, title: $title, text: $text, example: concat!("" $(, $example)?),
        },)*];
    };
}

use std::fmt::Write;

mod expressions;
mod files;
mod grammar;
mod records;
mod references;
mod safety;
mod schema;

/// The page of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// `E101`
    pub code: &'static str,
    /// What the messages with this code have in common.
    pub title: &'static str,
    /// Why it matters and what to do, in a few sentences.
    pub text: &'static str,
    /// A wrong line and its correction, or what the message looks like; may be empty.
    pub example: &'static str,
}

/// All pages, in the order of their codes.
pub fn pages() -> Vec<&'static Page> {
    let families = [
        files::PAGES,
        grammar::PAGES,
        references::PAGES,
        schema::PAGES,
        expressions::PAGES,
        safety::PAGES,
        records::PAGES,
    ];
    let mut all: Vec<&'static Page> = families.into_iter().flatten().collect();
    all.sort_by_key(|page| (family(page.code), page.code));
    all
}

/// The page of a code; case does not matter.
pub fn page(code: &str) -> Option<&'static Page> {
    pages().into_iter().find(|page| page.code.eq_ignore_ascii_case(code))
}

fn family(code: &str) -> usize {
    ["E", "W", "R"].iter().position(|family| code.starts_with(family)).unwrap_or(3)
}

/// `docs/errors.md`.
pub fn reference_page() -> String {
    let mut text = String::from(
        "# Messages\n\nEvery message of sfsync has a code, a place and a way out. `sfsync explain CODE` shows one of these sections.\n\nE: the file is not loaded. W: it is loaded. R: a record, or a call, failed at run time.\n",
    );
    for page in pages() {
        // Writing into a String cannot fail.
        let _ = write!(text, "\n## {}: {}\n\n{}\n", page.code, page.title, page.text);
        if !page.example.is_empty() {
            let _ = write!(text, "\n```text\n{}\n```\n", page.example);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_pages_are_sentences() {
        let all = pages();
        for pair in all.windows(2) {
            assert_ne!(pair[0].code, pair[1].code);
        }
        for page in all {
            assert!(page.text.ends_with('.'), "{}", page.code);
            assert!(!page.title.ends_with('.'), "{}", page.code);
        }
    }
}
