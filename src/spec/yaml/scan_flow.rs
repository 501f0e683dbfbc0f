//! The part of the scan that is inside brackets.

use super::limits::MAX_OPEN;
use super::scan::Scan;
use super::scan_value as say;

/// An open bracket.
pub(super) struct Bracket {
    pub(super) byte: u8,
    pub(super) at: usize,
    /// Indentation of its line.
    pub(super) indent: usize,
    /// A `:` was seen since the last comma: what follows is a value.
    after_colon: bool,
}

impl Scan<'_> {
    pub(super) fn flow_value_end(&self) -> usize {
        self.at + self.text[self.at..self.end].find([',', '}', ']']).unwrap_or(self.end - self.at)
    }

    /// The rest of a line that began with a bracket, or that is inside one.
    pub(super) fn flow_line(&mut self) {
        while self.at < self.end && !self.stopped {
            self.skip_spaces();
            let Some(byte) = self.byte(self.at).filter(|_| self.at < self.end) else { return };
            let before = self.at;
            match byte {
                b'#' => {
                    self.at = self.end;
                    return;
                }
                b'[' | b'{' => {
                    if self.flow.len() >= MAX_OPEN {
                        self.stopped = true;
                        return;
                    }
                    let (at, indent) = (self.at, self.indent);
                    self.flow.push(Bracket { byte, at, indent, after_colon: false });
                    self.at += 1;
                }
                b']' | b'}' => self.close(byte),
                b',' => {
                    self.set_after_colon(false);
                    self.at += 1;
                }
                b':' => {
                    self.set_after_colon(true);
                    self.at += 1;
                }
                b'"' | b'\'' => self.quoted(),
                b'&' | b'*' | b'!' => self.indicator(byte),
                b'`' | b'@' => {
                    let end = self.flow_value_end();
                    let diagnostic = say::reserved(self, end);
                    self.found(false, diagnostic);
                    self.at = end;
                }
                _ if self.flow.is_empty() => self.at = self.end,
                _ => self.flow_plain(),
            }
            if self.at == before {
                self.at += 1;
            }
        }
    }

    fn set_after_colon(&mut self, value: bool) {
        if let Some(bracket) = self.flow.last_mut() {
            bracket.after_colon = value;
        }
    }

    fn close(&mut self, byte: u8) {
        let partner = if byte == b']' { b'[' } else { b'{' };
        match self.flow.pop() {
            Some(bracket) if bracket.byte == partner => self.at += 1,
            Some(bracket) => {
                let diagnostic = say::wrong_bracket(self, byte, bracket.byte, bracket.at);
                self.lost(diagnostic);
            }
            None => self.at += 1,
        }
    }

    /// A word or text without quotes inside brackets.
    fn flow_plain(&mut self) {
        let start = self.at;
        while self.at < self.end {
            match self.byte(self.at).unwrap_or_default() {
                b',' | b']' | b'}' => break,
                b'#' if self.byte(self.at - 1) == Some(b' ') => break,
                b':' if self.ends_key() => break,
                byte @ (b'[' | b'{') => {
                    self.bracket_in_plain(start, byte);
                    return;
                }
                _ => self.at += 1,
            }
        }
        if self.byte(self.at) != Some(b':') || self.at >= self.end {
            return;
        }
        let after_colon = self.flow.last().is_some_and(|bracket| bracket.after_colon);
        if after_colon {
            let end = self.flow_value_end();
            let colon = self.at - start;
            self.at = start;
            let diagnostic = say::colon(self, end, colon);
            self.found(false, diagnostic);
            self.at = end;
        } else {
            self.key = self.text[start..self.at].trim_end();
        }
    }

    fn ends_key(&self) -> bool {
        self.at + 1 >= self.end
            || matches!(self.byte(self.at + 1), Some(b' ' | b',' | b'[' | b']' | b'{' | b'}' | b'\r'))
    }

    /// `${…}` or an expression with brackets, without quotes.
    fn bracket_in_plain(&mut self, start: usize, byte: u8) {
        let close = self.partner(self.at);
        if byte == b'{' && self.byte(self.at - 1) == Some(b'$') {
            let end = close.map_or(self.end, |at| at + 1);
            let diagnostic = say::secret_in_flow(self, start, end);
            self.found(false, diagnostic);
            self.at = end;
            return;
        }
        let mut end = close.map_or(self.at + 1, |at| at + 1);
        while end < self.end && !matches!(self.byte(end), Some(b',' | b'}' | b']')) {
            end = if matches!(self.byte(end), Some(b'{' | b'[')) {
                self.partner(end).map_or(self.end, |at| at + 1)
            } else {
                end + 1
            };
        }
        let diagnostic = say::bracket(self, start, end, byte);
        self.found(false, diagnostic);
        self.at = end;
    }

    /// The bracket on this line that closes the one at `at`.
    fn partner(&self, at: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (place, byte) in self.text.as_bytes().iter().enumerate().take(self.end).skip(at) {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(place);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
