//! Result pages of Bulk API 2.0 (section 7.3) read as they arrive: chunks of any size in, records out. Never holds more than one
//! record of a page. RFC 4180 by `csv-core`; the header line decides which column is which. Read [`Decoder`] first.

use csv_core::{ReadRecordResult, Reader};

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
        self.quotes += chunk.iter().map(|byte| u64::from(*byte == b'"')).sum::<u64>();
        while !chunk.is_empty() {
            let read = self.step(chunk, out)?;
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
        match result {
            ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            ReadRecordResult::Record => {
                self.record(out)?;
                (self.text_len, self.ends_len) = (0, 0);
            }
            ReadRecordResult::End => (self.text_len, self.ends_len) = (0, 0),
            ReadRecordResult::InputEmpty => {}
        }
        Ok(read)
    }

    fn record(&mut self, out: &mut Vec<Record>) -> Result<(), CsvError> {
        let line = self.rows + 1;
        let text = std::str::from_utf8(&self.text[..self.text_len]).map_err(|_| CsvError::Encoding(line))?;
        let ends = &self.ends[..self.ends_len];
        let Some(header) = &self.header else {
            self.header = Some(bind(self.columns, text, ends)?);
            return Ok(());
        };
        if ends.len() != header.len() {
            return Err(CsvError::Width { line, found: ends.len(), expected: header.len() });
        }
        self.rows += 1;
        if self.rows <= self.skip {
            return Ok(());
        }
        let mut record = self.columns.record();
        let mut start = 0;
        for (&end, target) in ends.iter().zip(header) {
            if let Some(column) = *target {
                let value = text.get(start..end).ok_or(CsvError::Encoding(line))?;
                if !value.is_empty() {
                    let kind = self.columns.wire()[column].kind;
                    self.columns.place(column, from_text(value, kind), &mut record);
                }
            }
            start = end;
        }
        out.push(record);
        Ok(())
    }
}

/// Finds the wire column of each name of the header.
fn bind(columns: &Columns, text: &str, ends: &[usize]) -> Result<Vec<Option<usize>>, CsvError> {
    let mut start = 0;
    let mut header = Vec::with_capacity(ends.len());
    for &end in ends {
        let name = text.get(start..end).unwrap_or_default();
        header.push(columns.wire().iter().position(|column| column.path.eq_ignore_ascii_case(name)));
        start = end;
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

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
