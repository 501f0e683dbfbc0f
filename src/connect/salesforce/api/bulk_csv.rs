//! Result pages of Bulk API 2.0 (section 7.3) read as they arrive: chunks of any size in, records out. Never holds more than one
//! record of a page. RFC 4180 by `csv-core`; the header line decides which column is which. Most records lie whole in one chunk and
//! have no quote inside a value: those are cut where they lie, and everything else goes through the parser. Read [`Decoder`] first.

use csv_core::{ReadRecordResult, Reader};
use memchr::{memchr, memchr3};

use super::columns::{Columns, Record};
use super::convert::from_text;

/// A page cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CsvError {
    /// The header lacks a column that was selected.
    #[error("the result has no column `{0}`")]
    MissingColumn(String),
    /// A line has another number of values than the header.
    #[error("line {line} of the result has {found} values instead of {expected}")]
    Width {
        /// Record number in the page, from 1.
        line: u64,
        /// Values found.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A line is not UTF-8.
    #[error("line {0} of the result is not utf-8")]
    Encoding(u64),
    /// The page ended inside a quoted value.
    #[error("the result ends inside a value")]
    Cut,
}

/// Reads one page.
pub struct Decoder<'a> {
    columns: &'a Columns,
    reader: Reader,
    /// Which wire column each column of the header fills; `None`: not asked for.
    header: Option<Vec<Option<usize>>>,
    text: Vec<u8>,
    text_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    /// Where the values of a record lie.
    values: Vec<(usize, usize)>,
    /// The parser has taken some of a record, and not all of it.
    is_inside: bool,
    /// Quotes that the parser took.
    quotes: u64,
    rows: u64,
    skip: u64,
}

impl<'a> Decoder<'a> {
    /// A reader of one page. `skip`: rows that were delivered before the transfer broke; they are read over.
    pub fn new(columns: &'a Columns, skip: u64) -> Self {
        Self {
            columns,
            reader: Reader::new(),
            header: None,
            text: vec![0; 16 << 10],
            text_len: 0,
            ends: vec![0; columns.wire().len() + 1],
            ends_len: 0,
            values: Vec::with_capacity(columns.wire().len()),
            is_inside: false,
            quotes: 0,
            rows: 0,
            skip,
        }
    }

    /// Rows seen so far, those read over included.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes the next bytes and appends the records that are complete.
    pub fn push(&mut self, mut chunk: &[u8], out: &mut Vec<Record>) -> Result<(), CsvError> {
        while !chunk.is_empty() {
            let whole = if self.is_inside { None } else { whole_record(chunk, &mut self.values) };
            let read = match whole {
                Some(length) => {
                    let values = std::mem::take(&mut self.values);
                    let taken = self.record(&chunk[..length], &values, out);
                    self.values = values;
                    taken?;
                    length
                }
                None => self.step(chunk, out)?,
            };
            chunk = &chunk[read..];
        }
        Ok(())
    }

    /// Ends the page: the last record may lack its line end. Fails if the page was cut inside a value.
    pub fn finish(&mut self, out: &mut Vec<Record>) -> Result<(), CsvError> {
        // Every quote of a whole page has its partner; inside a value one is open.
        if self.quotes % 2 == 1 {
            return Err(CsvError::Cut);
        }
        while self.text_len > 0 || self.ends_len > 0 {
            self.step(&[], out)?;
        }
        Ok(())
    }

    /// One call of the parser; gives how many bytes it took.
    fn step(&mut self, chunk: &[u8], out: &mut Vec<Record>) -> Result<usize, CsvError> {
        let (result, read, written, ended) =
            self.reader.read_record(chunk, &mut self.text[self.text_len..], &mut self.ends[self.ends_len..]);
        self.text_len += written;
        self.ends_len += ended;
        self.quotes += chunk[..read].iter().map(|byte| u64::from(*byte == b'"')).sum::<u64>();
        self.is_inside = true;
        match result {
            ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            ReadRecordResult::Record => self.parsed(out)?,
            ReadRecordResult::End => (self.text_len, self.ends_len) = (0, 0),
            ReadRecordResult::InputEmpty => {}
        }
        Ok(read)
    }

    /// A record that the parser has put together.
    fn parsed(&mut self, out: &mut Vec<Record>) -> Result<(), CsvError> {
        let (text, mut values) = (std::mem::take(&mut self.text), std::mem::take(&mut self.values));
        let mut start = 0;
        values.clear();
        for end in &self.ends[..self.ends_len] {
            values.push((start, *end));
            start = *end;
        }
        let taken = self.record(&text[..self.text_len], &values, out);
        (self.text, self.values) = (text, values);
        (self.text_len, self.ends_len, self.is_inside) = (0, 0, false);
        taken
    }

    fn record(
        &mut self,
        text: &[u8],
        values: &[(usize, usize)],
        out: &mut Vec<Record>,
    ) -> Result<(), CsvError> {
        let line = self.rows + 1;
        let text = std::str::from_utf8(text).map_err(|_| CsvError::Encoding(line))?;
        let Some(header) = &self.header else {
            self.header = Some(bind(self.columns, text, values)?);
            return Ok(());
        };
        if values.len() != header.len() {
            return Err(CsvError::Width { line, found: values.len(), expected: header.len() });
        }
        self.rows += 1;
        if self.rows <= self.skip {
            return Ok(());
        }
        let mut record = self.columns.record();
        for (&(start, end), target) in values.iter().zip(header) {
            if let Some(column) = target.filter(|_| end > start) {
                let value = text.get(start..end).ok_or(CsvError::Encoding(line))?;
                let kind = self.columns.wire()[column].kind;
                self.columns.place(column, from_text(value, kind), &mut record);
            }
        }
        out.push(record);
        Ok(())
    }
}

/// Finds the values of the record at the start of a chunk, and its length. `None` where it is not whole, or where only the parser knows
/// what it says: doubled quotes, other line ends, empty lines.
fn whole_record(chunk: &[u8], values: &mut Vec<(usize, usize)>) -> Option<usize> {
    values.clear();
    let mut at = 0;
    loop {
        let (start, end, after) = if *chunk.get(at)? == b'"' {
            let end = at + 1 + memchr(b'"', &chunk[at + 1..])?;
            (at + 1, end, end + 1)
        } else {
            let end = at + memchr3(b',', b'\n', b'"', &chunk[at..])?;
            (at, end, end)
        };
        let ends_record = match chunk.get(after)? {
            b',' => false,
            b'\n' if after > 0 => true,
            _ => return None,
        };
        if start == at && chunk[start..end].contains(&b'\r') {
            return None;
        }
        values.push((start, end));
        at = after + 1;
        if ends_record {
            return Some(at);
        }
    }
}

/// Finds the wire column of each name of the header.
fn bind(columns: &Columns, text: &str, values: &[(usize, usize)]) -> Result<Vec<Option<usize>>, CsvError> {
    let mut header = Vec::with_capacity(values.len());
    for &(start, end) in values {
        let name = text.get(start..end).unwrap_or_default();
        header.push(columns.wire().iter().position(|column| column.path.eq_ignore_ascii_case(name)));
    }
    match (0..columns.wire().len()).find(|at| !header.contains(&Some(*at))) {
        Some(missing) => Err(CsvError::MissingColumn(columns.wire()[missing].path.clone())),
        None => Ok(header),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::columns::Role;
    use super::*;
    use crate::model::{Kind, Row, Schema, Value};

    const PAGE: &str = "\"Id\",\"Name\",\"Owner.Name\",\"Amount\",\"IsWon\",\"CloseDate\",\"SystemModstamp\"\n\
        \"001Hq00001Ab1CdIAJ\",\"Acme \"\"West\"\", Inc.\",\"Ann\",\"12.50\",\"true\",\"2026-03-02\",\"2026-03-02T08:15:00.000Z\"\n\
        \"001Hq00001Ab1CeIAJ\",\"Line one\nline two\",\"\",\"\",\"false\",\"\",\"2026-03-02T08:16:00.000Z\"\n\
        \"001Hq00001Ab1CfIAJ\",\"日本 N/A\",\"null\",\"-3\",\"false\",\"2026-12-31\",\"2026-03-02T08:16:00.000Z\"\n";

    fn columns() -> Columns {
        let schema = Schema::of(&[
            ("Name", Kind::Text),
            ("Owner.Name", Kind::Text),
            ("Amount", Kind::Decimal),
            ("IsWon", Kind::Bool),
            ("CloseDate", Kind::Date),
        ]);
        Columns::new(&schema, &[(Role::Id, "Id"), (Role::Stamp, "SystemModstamp")])
    }

    fn read(columns: &Columns, page: &[u8], cuts: &[usize], skip: u64) -> Result<Vec<Row>, CsvError> {
        let mut decoder = Decoder::new(columns, skip);
        let mut out = Vec::new();
        let mut start = 0;
        for &cut in cuts.iter().chain([&page.len()]) {
            decoder.push(&page[start..cut.max(start)], &mut out)?;
            start = cut.max(start);
        }
        decoder.finish(&mut out)?;
        Ok(out.into_iter().map(|record| record.row).collect())
    }

    #[test]
    fn a_page_with_everything_awkward() {
        let columns = columns();
        let rows = read(&columns, PAGE.as_bytes(), &[], 0).unwrap();
        let text = |row: &Row| row.0.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(&rows[0]), ["Acme \"West\", Inc.", "Ann", "12.5", "true", "2026-03-02"]);
        assert_eq!(rows[1].get(0).as_text(), Some("Line one\nline two"));
        assert_eq!(rows[1].get(1), &Value::Null);
        assert_eq!(text(&rows[2]), ["日本 N/A", "null", "-3", "false", "2026-12-31"]);
        assert_eq!(rows[2].get(1), &Value::text("null"));
        assert_eq!(read(&columns, PAGE.as_bytes(), &[], 2).unwrap(), rows[2..]);
    }

    #[test]
    fn empty_pages_and_pages_without_a_last_line_end() {
        let columns = columns();
        assert_eq!(read(&columns, b"", &[], 0).unwrap().len(), 0);
        let header = PAGE.lines().next().unwrap();
        assert_eq!(read(&columns, header.as_bytes(), &[], 0).unwrap().len(), 0);
        assert_eq!(read(&columns, PAGE.trim_end().as_bytes(), &[], 0).unwrap().len(), 3);
    }

    #[test]
    fn broken_pages_are_refused() {
        let columns = columns();
        let cut = PAGE.find("line two").unwrap();
        assert_eq!(read(&columns, &PAGE.as_bytes()[..cut], &[], 0), Err(CsvError::Cut));
        assert_eq!(
            read(&columns, b"\"Id\",\"Name\"\n", &[], 0),
            Err(CsvError::MissingColumn("SystemModstamp".into()))
        );
        let short = format!("{}\"001\",\"x\"\n", &PAGE[..=PAGE.find('\n').unwrap()]);
        assert_eq!(
            read(&columns, short.as_bytes(), &[], 0),
            Err(CsvError::Width { line: 1, found: 2, expected: 7 })
        );
        let mut bytes = PAGE.as_bytes().to_vec();
        let at = PAGE.find("日本").unwrap();
        bytes[at] = 0xff;
        assert_eq!(read(&columns, &bytes, &[], 0), Err(CsvError::Encoding(3)));
    }

    #[test]
    fn columns_follow_the_header_and_long_values_grow_the_buffers() {
        let schema = Schema::of(&[("A", Kind::Text), ("B", Kind::Text)]);
        let columns = Columns::new(&schema, &[]);
        let long = "x".repeat(100_000);
        let page = format!("\"B\",\"Other\",\"a\",\"C\",\"D\"\n\"b\",\"o\",\"{long}\",\"\",\"\"\n");
        let rows = read(&columns, page.as_bytes(), &[], 0).unwrap();
        assert_eq!(rows[0].get(0).as_text(), Some(long.as_str()));
        assert_eq!(rows[0].get(1).as_text(), Some("b"));
    }

    /// What is cut where it lies says the same as what the parser reads, whatever the page looks like.
    fn by_parser_alone(columns: &Columns, page: &[u8]) -> Result<Vec<Row>, CsvError> {
        let mut decoder = Decoder::new(columns, 0);
        let mut out = Vec::new();
        let mut rest = page;
        while !rest.is_empty() {
            let read = decoder.step(rest, &mut out)?;
            rest = &rest[read..];
        }
        decoder.finish(&mut out)?;
        Ok(out.into_iter().map(|record| record.row).collect())
    }

    #[test]
    fn other_line_ends_and_values_without_quotes() {
        let columns = Columns::new(&Schema::of(&[("A", Kind::Text), ("B", Kind::Text)]), &[]);
        for page in [
            "A,B\r\n1,2\r\n\r\n\"3\",\r\n",
            "A,B\n\n,\n1,\"2\"\n\n\n3,4",
            "\"A\",\"B\"\r1,2\r\"x\"\"y\",a\"b\"c\r",
            "A,B\n\"1\"x,2\n,\"\"\n\"\",\"\"\"\"\n",
        ] {
            let parsed = by_parser_alone(&columns, page.as_bytes());
            assert!(parsed.as_ref().is_ok_and(|rows| !rows.is_empty()), "{page:?} {parsed:?}");
            for cut in 0..page.len() {
                assert_eq!(read(&columns, page.as_bytes(), &[cut], 0), parsed, "{page:?} cut at {cut}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_page_reads_as_the_parser_reads_it(page in "(A,B|\"A\",\"B\")\n([a\"\",\r\n]{0,12}|(\"[ab\n]{0,3}\",\"[ab]{0,3}\"\n)){0,12}", cut in any::<prop::sample::Index>()) {
            let columns = Columns::new(&Schema::of(&[("A", Kind::Text), ("B", Kind::Text)]), &[]);
            let whole = read(&columns, page.as_bytes(), &[cut.index(page.len())], 0);
            prop_assert_eq!(whole, by_parser_alone(&columns, page.as_bytes()));
        }

        #[test]
        fn any_split_gives_the_same_rows(mut cuts in prop::collection::vec(0..PAGE.len(), 0..40)) {
            cuts.sort_unstable();
            let columns = columns();
            prop_assert_eq!(read(&columns, PAGE.as_bytes(), &cuts, 0), read(&columns, PAGE.as_bytes(), &[], 0));
        }

        #[test]
        fn any_text_comes_back(values in prop::collection::vec(("\\PC*|[\",\r\n\0a]*", "[ -~\n]{0,20}"), 1..10), cut in any::<prop::sample::Index>()) {
            let columns = Columns::new(&Schema::of(&[("A", Kind::Text), ("B", Kind::Text)]), &[]);
            let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
            let lines: Vec<String> = values.iter().map(|(a, b)| format!("{},{}\n", quote(a), quote(b))).collect();
            let page = format!("\"A\",\"B\"\n{}", lines.concat());
            let rows = read(&columns, page.as_bytes(), &[cut.index(page.len())], 0).unwrap();
            let expect = |text: &String| if text.is_empty() { Value::Null } else { Value::text(text) };
            let expected: Vec<Row> = values.iter().map(|(a, b)| Row::from(vec![expect(a), expect(b)])).collect();
            prop_assert_eq!(rows, expected);
        }
    }
}
