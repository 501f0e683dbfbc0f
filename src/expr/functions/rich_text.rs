//! Functions of rich text: the HTML of Salesforce's rich text fields, notes and emails.
//!
//! A tokenizer, not a tree: what has to be told apart is only where a line and where a paragraph ends, and hostile
//! nesting costs nothing.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use crate::expr::Context;
use crate::expr::stop::Outcome;
use crate::model::Value;

use super::{Args, Function, text_arg};

const GROUP: &str = "rich text";

pub(super) const TABLE: &[Function] = &[
    Function::new(
        GROUP,
        "plain_text(html)",
        "The readable text of HTML: a blank line between paragraphs, links by their text only.",
        (1, 1),
        |_, args| Ok(plain_text(&text_arg("plain_text", args, 0)?).into()),
    )
    .examples(&[
        (r#"plain_text("<p>Hello <b>Kim</b></p>")"#, r#""Hello Kim""#),
        (r#"plain_text("<p>one<br>two</p><p>R&amp;D</p>")"#, r#""one\ntwo\n\nR&D""#),
        (r#"plain_text("no html,\ntwo lines")"#, r#""no html,\ntwo lines""#),
    ]),
    Function::new(
        GROUP,
        "html(text)",
        "The text as HTML: escaped, with paragraphs and line breaks.",
        (1, 1),
        html,
    )
    .examples(&[
        (r#"html("Hi & bye")"#, r#""<p>Hi &amp; bye</p>""#),
        (r#"html("one\ntwo\n\nthree")"#, r#""<p>one<br>two</p><p>three</p>""#),
    ]),
];

/// The text of HTML. Text without any tag keeps its lines.
pub(crate) fn plain_text(html: &str) -> String {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut page = Page { keep_lines: !has_tags(html), ..Page::default() };
    for token in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Ok(Token::StartTag(tag)) => page.open(&tag),
            Ok(Token::EndTag(tag)) => page.close(&tag.name),
            Ok(Token::String(text)) => page.text(&String::from_utf8_lossy(&text)),
            _ => {}
        }
    }
    page.finish()
}

/// `<` followed by what begins a tag. A lone `<` is text.
fn has_tags(html: &str) -> bool {
    html.as_bytes()
        .windows(2)
        .any(|pair| pair[0] == b'<' && (pair[1].is_ascii_alphabetic() || b"/!".contains(&pair[1])))
}

#[derive(Default)]
struct Page {
    text: String,
    /// Line breaks to write before the next word.
    breaks: usize,
    /// A space to write before the next word.
    space: bool,
    /// Lines of the source are lines of the text: `<pre>`, and text that is no HTML.
    keep_lines: bool,
    /// Inside of something that is not shown, such as `<style>`.
    hidden: bool,
}

impl Page {
    fn open(&mut self, tag: &StartTag<()>) {
        match tag.name.as_slice() {
            b"br" => self.breaks = (self.breaks + 1).min(2),
            b"li" => {
                self.gap(1);
                self.word("- ");
            }
            b"td" | b"th" => self.space = true,
            b"pre" => {
                self.gap(2);
                self.keep_lines = true;
            }
            b"script" | b"style" | b"title" | b"noscript" | b"template" => self.hidden = !tag.self_closing,
            name => self.gap(gap_around(name)),
        }
    }

    fn close(&mut self, name: &[u8]) {
        match name {
            b"script" | b"style" | b"title" | b"noscript" | b"template" => self.hidden = false,
            b"pre" => {
                self.keep_lines = false;
                self.gap(2);
            }
            b"br" | b"li" => self.gap(1),
            name => self.gap(gap_around(name)),
        }
    }

    fn gap(&mut self, lines: usize) {
        self.breaks = self.breaks.max(lines);
    }

    fn text(&mut self, text: &str) {
        if self.hidden {
            return;
        }
        if self.keep_lines {
            self.word(&text.replace('\u{a0}', " ").replace("\r\n", "\n"));
            return;
        }
        // A non-breaking space is what editors write for a second space; it reads as a space.
        for (at, word) in
            text.split(|letter: char| letter.is_ascii_whitespace() || letter == '\u{a0}').enumerate()
        {
            self.space |= at > 0;
            if !word.is_empty() {
                self.word(word);
            }
        }
    }

    fn word(&mut self, word: &str) {
        if !self.text.is_empty() && self.breaks > 0 {
            self.text.extend(std::iter::repeat_n('\n', self.breaks));
        } else if self.space && !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
        self.breaks = 0;
        self.space = false;
        self.text.push_str(word);
    }

    fn finish(self) -> String {
        self.text.trim().to_owned()
    }
}

/// Line breaks around an element: paragraphs are apart by a blank line, other blocks have their own lines.
fn gap_around(name: &[u8]) -> usize {
    match name {
        b"p" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"ul" | b"ol" | b"table" | b"blockquote"
        | b"hr" => 2,
        b"div" | b"tr" | b"dt" | b"dd" | b"section" | b"article" | b"header" | b"footer" | b"address"
        | b"body" => 1,
        _ => 0,
    }
}

fn html(_: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let text = text_arg("html", args, 0)?.replace("\r\n", "\n");
    let mut html = String::with_capacity(text.len() + 16);
    for paragraph in text.split("\n\n").map(|paragraph| paragraph.trim_matches('\n')) {
        if paragraph.is_empty() {
            continue;
        }
        html.push_str("<p>");
        for letter in paragraph.chars() {
            match letter {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str("&quot;"),
                '\n' => html.push_str("<br>"),
                letter => html.push(letter),
            }
        }
        html.push_str("</p>");
    }
    Ok(html.into())
}
