//! Where a verb writes: text for people or one JSON value for machines; colours only on terminals. A reader that goes away (`| head`) is no
//! error. Read [`Screen`].

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On terminals, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The output of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(super) json: bool,
    pub(super) color: bool,
    pub(super) terminal: bool,
}

impl Screen {
    pub(super) fn new(json: bool, color: Color) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let wanted = || terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let color = match color {
            Color::Auto => wanted(),
            Color::Always => true,
            Color::Never => false,
        };
        Self { json, color: color && !json, terminal: terminal && !json }
    }

    /// Text as it is, with a line break at its end.
    pub(super) fn say(self, text: &str) {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let _ = write!(std::io::stdout().lock(), "{text}{end}");
    }

    /// Something for people only: what goes on, what to do next. With `--json` it goes to standard error.
    pub(super) fn remark(self, text: &str) {
        if self.json {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        } else {
            self.say(text);
        }
    }

    /// The JSON form, or the text that `words` makes.
    pub(super) fn show<T: Serialize>(self, value: &T, words: impl FnOnce() -> String) {
        if self.json {
            self.say(&serde_json::to_string_pretty(value).unwrap_or_default());
        } else {
            self.say(&words());
        }
    }

    /// A word in the colour of what it means: `running`, `failed`, `ok`, `+`, …
    pub(super) fn paint(self, word: &str, meaning: &str) -> String {
        let Some(color) = color_of(meaning).filter(|_| self.color) else { return word.to_owned() };
        let style = Style::new().fg_color(Some(color.into()));
        format!("{style}{word}{style:#}")
    }
}

fn color_of(meaning: &str) -> Option<AnsiColor> {
    match meaning {
        "running" | "ok" | "create" | "passed" | "in sync" => Some(AnsiColor::Green),
        "loading" | "update" | "link" => Some(AnsiColor::Cyan),
        "degraded" | "approval" | "paused" | "hold" | "held" | "wait" | "waiting" | "left out" => {
            Some(AnsiColor::Yellow)
        }
        "blocked" | "invalid" | "failed" | "fail" | "delete" | "archive" => Some(AnsiColor::Red),
        _ => None,
    }
}
