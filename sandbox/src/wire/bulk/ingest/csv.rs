//! The CSV that is uploaded: records as byte ranges, and the cells of one record (section 8.3).
//! Knows no fields. Read [`records`] first.

use std::ops::Range;

/// Where the records of a file are, without their line ends; empty lines are none. `Err` if a line ends otherwise
/// than the job says.
pub(super) fn records(body: &[u8], crlf: bool) -> Result<Vec<Range<usize>>, WrongLineEnd> {
    let mut found = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, byte) in body.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                let returns = at > start && body[at - 1] == b'\r';
                if returns != crlf {
                    return Err(WrongLineEnd);
                }
                found.push(start..at - usize::from(returns));
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(start..body.len());
    found.retain(|range| !range.is_empty());
    Ok(found)
}

/// A line does not end as the job says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrongLineEnd;

/// The cells of a record; `Err` with the text of a row error. Spaces are kept, but may not touch a quote.
pub(super) fn cells(record: &[u8], delimiter: u8) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let (cell, next) = match record.get(at) {
            Some(b'"') => quoted(record, at + 1)?,
            _ => plain(record, at, delimiter)?,
        };
        cells.push(cell);
        match record.get(next) {
            None => return Ok(cells),
            Some(byte) if *byte == delimiter => at = next + 1,
            Some(_) => return Err("a quoted value is followed by other characters".to_owned()),
        }
    }
}

fn plain(record: &[u8], from: usize, delimiter: u8) -> Result<(String, usize), String> {
    let end = record[from..].iter().position(|byte| *byte == delimiter).map_or(record.len(), |at| from + at);
    if record[from..end].contains(&b'"') {
        return Err("a value that is not enclosed in double quotes contains one".to_owned());
    }
    Ok((text(&record[from..end])?, end))
}

/// A value that begins behind a quote, and where it ends behind the closing one.
fn quoted(record: &[u8], from: usize) -> Result<(String, usize), String> {
    let mut bytes = Vec::new();
    let mut at = from;
    while let Some(byte) = record.get(at) {
        match (byte, record.get(at + 1)) {
            (b'"', Some(b'"')) => {
                bytes.push(b'"');
                at += 2;
            }
            (b'"', _) => return Ok((text(&bytes)?, at + 1)),
            (byte, _) => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    Err("a double quote is not closed".to_owned())
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "the value is not UTF-8".to_owned())
}

/// Appends a value in double quotes, as every value of a result stands.
pub(super) fn write_quoted(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in value.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str, crlf: bool) -> Vec<&str> {
        records(body.as_bytes(), crlf).unwrap().into_iter().map(|range| &body[range]).collect()
    }

    #[test]
    fn line_ends_inside_quotes_do_not_end_a_record() {
        assert_eq!(texts("a,b\n\"1\n2\",3\n\n4,5", false), ["a,b", "\"1\n2\",3", "4,5"]);
        assert_eq!(texts("a\r\nb\r\n", true), ["a", "b"]);
        assert_eq!(records(b"a\r\nb\r\n", false), Err(WrongLineEnd));
        assert_eq!(records(b"a\nb", true), Err(WrongLineEnd));
    }

    #[test]
    fn cells_keep_spaces_and_quotes() {
        let of = |record: &str| cells(record.as_bytes(), b',');
        assert_eq!(of(r#" a ,"say ""hi"", you",,#N/A"#).unwrap(), [" a ", "say \"hi\", you", "", "#N/A"]);
        assert_eq!(cells(b"a;\"b;c\"", b';').unwrap(), ["a", "b;c"]);
        for bad in [r#"a, "b""#, r#""a" ,b"#, r#""a"#] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quotes_are_doubled() {
        let mut out = Vec::new();
        write_quoted("a\"b", &mut out);
        assert_eq!(out, br#""a""b""#);
    }
}
