//! The characters that the parser reads, and a stop where it reads ahead without end: before it tells of the first bracket it wants to
//! know whether the bracket is a key, so it would keep a whole hostile file as tokens. Counts what can begin a token since the last event.

use std::cell::Cell;
use std::str::Chars;

use super::limits::{MAX_AHEAD, MAX_DEPTH, MAX_OPEN};

/// What the feed has seen. The builder looks at it while the parser holds the feed.
#[derive(Default)]
pub(super) struct Watch {
    taken: Cell<usize>,
    open: Cell<usize>,
    ahead: Cell<usize>,
    beyond: Cell<usize>,
    stop: Cell<Option<Stop>>,
}

/// Why nothing more is read, with the character at which it was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Brackets in brackets.
    Deep(usize),
    /// More in one pair of brackets than a file may hold.
    Many(usize),
}

impl Watch {
    /// The parser came to an event: everything before it is done.
    pub(super) fn event(&self) {
        self.open.set(0);
        self.ahead.set(0);
    }

    /// Whether reading ended before the text did.
    pub(super) fn stopped(&self) -> Option<Stop> {
        self.stop.get()
    }

    fn look(&self, c: char) {
        let at = self.taken.get();
        self.taken.set(at + 1);
        match c {
            '[' | '{' => {
                self.open.set(self.open.get() + 1);
                if self.open.get() == MAX_DEPTH + 1 {
                    self.beyond.set(at);
                }
            }
            ']' | '}' => self.open.set(self.open.get().saturating_sub(1)),
            ',' | ':' | '?' | '"' | '\'' | '*' | '&' | '!' => {}
            _ => return,
        }
        self.ahead.set(self.ahead.get() + 1);
        if self.open.get() > MAX_OPEN {
            self.stop.set(Some(Stop::Deep(self.beyond.get())));
        } else if self.ahead.get() > MAX_AHEAD {
            self.stop.set(Some(Stop::Many(at)));
        }
    }
}

/// Characters for the parser.
pub(super) struct Feed<'t> {
    chars: Chars<'t>,
    watch: &'t Watch,
}

impl<'t> Feed<'t> {
    pub(super) fn new(text: &'t str, watch: &'t Watch) -> Self {
        Self { chars: text.chars(), watch }
    }
}

impl Iterator for Feed<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if self.watch.stop.get().is_some() {
            return None;
        }
        let c = self.chars.next()?;
        self.watch.look(c);
        Some(c)
    }
}

#[cfg(test)]
mod tests {
    use saphyr_parser::Parser;

    use super::*;
    use crate::spec::yaml::MAX_VALUES;

    /// How many characters of a MiB are read, and why no more.
    fn read(piece: &str) -> (usize, Option<Stop>) {
        let text = piece.repeat((1 << 20) / piece.len());
        let watch = Watch::default();
        let events = Parser::new_from_iter(Feed::new(&text, &watch)).take_while(Result::is_ok);
        events.for_each(|_| watch.event());
        (watch.taken.get(), watch.stopped())
    }

    #[test]
    fn what_is_nested_without_end_is_read_only_a_little() {
        for piece in ["[", "{", "[\n", "? [", "- [", "[a, ", "{ a: ", "[*a, {"] {
            let (taken, stopped) = read(piece);
            // `- [- [` is a mistake before it is deep.
            let soon = |stop| matches!(stop, Stop::Deep(at) if at <= 22 * piece.len());
            assert!(stopped.is_none_or(soon), "{piece}: {stopped:?}");
            assert!(taken <= (MAX_OPEN + 2) * piece.len() + 100, "{piece}: {taken} characters");
        }
    }

    #[test]
    fn what_is_long_without_end_is_read_as_far_as_a_file_may_be() {
        for (begin, piece) in [("[", "a,"), ("{", "a: b, "), ("[", "[],"), ("[", "'a' "), ("[", "a: ")] {
            let text = [begin, &piece.repeat((1 << 20) / piece.len())].concat();
            let watch = Watch::default();
            let events = Parser::new_from_iter(Feed::new(&text, &watch)).take_while(Result::is_ok);
            events.for_each(|_| watch.event());
            assert!(watch.taken.get() <= MAX_AHEAD * piece.len() + 100, "{piece}: {}", watch.taken.get());
        }
    }

    #[test]
    fn as_many_values_as_allowed_are_read() {
        let text = format!("[{}]", "[],".repeat(MAX_VALUES - 2));
        let watch = Watch::default();
        Parser::new_from_iter(Feed::new(&text, &watch)).for_each(drop);
        assert_eq!((watch.taken.get(), watch.stopped()), (text.len(), None));
    }
}
