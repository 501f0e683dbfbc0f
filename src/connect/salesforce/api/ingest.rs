//! Bulk API 2.0 ingest jobs (section 8): requests, the CSV that is sent, the three files of results. Results are read by the names of
//! their columns, since the order differs between versions; rows come in any order. Job states are those of [`super::bulk`].

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader};
use serde_json::json;

use super::bulk_csv::CsvError;
use super::error::Fault;

/// Most bytes of one upload; Salesforce takes 100 MB.
pub const MAX_UPLOAD: usize = 90 << 20;

/// The files that tell what became of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultFile {
    /// Stored.
    Successful,
    /// Refused, each with its reason.
    Failed,
    /// Never tried.
    Unprocessed,
}

/// Path of the jobs.
pub fn jobs_path(data: &str) -> String {
    format!("{data}/jobs/ingest")
}

/// Path of one job.
pub fn job_path(data: &str, id: &str) -> String {
    format!("{data}/jobs/ingest/{id}")
}

/// Path of the upload.
pub fn upload_path(data: &str, id: &str) -> String {
    format!("{data}/jobs/ingest/{id}/batches")
}

/// Path of a file of results.
pub fn results_path(data: &str, id: &str, file: ResultFile) -> String {
    let name = match file {
        ResultFile::Successful => "successfulResults",
        ResultFile::Failed => "failedResults",
        ResultFile::Unprocessed => "unprocessedrecords",
    };
    format!("{data}/jobs/ingest/{id}/{name}/")
}

/// Body that creates a job. `operation`: `insert`, `update`, `upsert`, `delete`.
pub fn create_body(object: &str, operation: &str, external_id: Option<&str>) -> Vec<u8> {
    let mut body = json!({
        "object": object,
        "operation": operation,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    });
    if let Some(field) = external_id {
        body["externalIdFieldName"] = field.into();
    }
    body.to_string().into_bytes()
}

/// Body that moves a job on: `UploadComplete`, `Aborted`.
pub fn state_body(state: &str) -> Vec<u8> {
    json!({ "state": state }).to_string().into_bytes()
}

/// Appends one line of CSV. Cells are quoted where they have to be; a row error awaits spaces around quotes, so there are none.
pub fn push_line<'a>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = Cow<'a, str>>) {
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let plain = !cell.contains(['"', ',', '\n', '\r']) && cell.trim().len() == cell.len();
        if plain {
            out.extend_from_slice(cell.as_bytes());
        } else {
            out.push(b'"');
            out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        }
    }
    out.push(b'\n');
}

/// A file of results.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    /// The rows, in no order.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads a file. Fails on one that was cut.
    pub fn parse(body: &[u8]) -> Result<Self, CsvError> {
        // Every quote of a whole file has its partner; inside a value one is open.
        if body.iter().fold(false, |open, byte| open ^ (*byte == b'"')) {
            return Err(CsvError::Cut);
        }
        let mut lines = lines(body)?.into_iter();
        let header = lines.next().unwrap_or_default();
        let rows: Vec<Vec<String>> = lines.collect();
        for (line, row) in (1_u64..).zip(&rows) {
            if row.len() != header.len() {
                return Err(CsvError::Width { line, found: row.len(), expected: header.len() });
            }
        }
        Ok(Self { header, rows })
    }

    /// Position of a column by its name, without regard to case.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|known| known.eq_ignore_ascii_case(name))
    }
}

fn lines(body: &[u8]) -> Result<Vec<Vec<String>>, CsvError> {
    let mut reader = Reader::new();
    let (mut rest, mut out) = (body, Vec::new());
    let (mut text, mut ends) = (vec![0_u8; 16 << 10], vec![0_usize; 64]);
    let (mut filled, mut ended) = (0, 0);
    loop {
        let (result, read, wrote, more) = reader.read_record(rest, &mut text[filled..], &mut ends[ended..]);
        rest = &rest[read..];
        filled += wrote;
        ended += more;
        match result {
            ReadRecordResult::OutputFull => text.resize(text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::Record => {
                out.push(cells(&text[..filled], &ends[..ended], out.len())?);
                (filled, ended) = (0, 0);
            }
            ReadRecordResult::End => return Ok(out),
        }
    }
}

fn cells(text: &[u8], ends: &[usize], line: usize) -> Result<Vec<String>, CsvError> {
    let text = std::str::from_utf8(text).map_err(|_| CsvError::Encoding(line as u64))?;
    let mut start = 0;
    let mut cells = Vec::with_capacity(ends.len());
    for &end in ends {
        cells.push(text.get(start..end).ok_or(CsvError::Encoding(line as u64))?.to_owned());
        start = end;
    }
    Ok(cells)
}

/// The reason of a row: `CODE:message:FIELD_A,FIELD_B --`.
pub fn row_fault(text: &str) -> Fault {
    let (code, rest) = text.split_once(':').unwrap_or(("", text));
    let rest = rest.trim_end();
    let (message, fields) = match rest.strip_suffix("--").and_then(|rest| rest.rsplit_once(':')) {
        Some((message, fields)) => (message, fields),
        None => (rest, ""),
    };
    let mut fault = Fault::new(code.trim(), message);
    fault.fields =
        fields.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    fault
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Key;

    #[test]
    fn results_as_they_were_recorded() {
        let table = Table::parse(
            b"\"sf__Id\",\"sf__Error\",Name,StageName,external_id__c,CloseDate\n\"\",\"INVALID_FIELD:Failed to deserialize field at col 3. Due to, '2003-04-987' is not a valid value for the type xsd:date:CloseDate --\",\"Noemi\nMiller\",\"GENERATED\",\"external-id-3\",\"2003-04-987\"\n",
        )
        .unwrap();
        assert_eq!((table.column("SF__ERROR"), table.column("Other")), (Some(1), None));
        assert_eq!(table.rows[0][2], "Noemi\nMiller");
        let fault = row_fault(&table.rows[0][1]);
        assert_eq!(
            (fault.code.as_str(), fault.fields.as_slice()),
            ("INVALID_FIELD", &["CloseDate".to_owned()][..])
        );
        assert!(fault.message.ends_with("type xsd:date"));
        let only_header = Table::parse(b"\"sf__Id\",\"sf__Created\",Name\n").unwrap();
        assert!(only_header.rows.is_empty());
        assert_eq!(Table::parse(b"\"sf__Id\",\"a\n"), Err(CsvError::Cut));
        assert!(matches!(Table::parse(b"a,b\n1\n"), Err(CsvError::Width { line: 1, found: 1, expected: 2 })));
    }

    #[test]
    fn reasons_of_rows() {
        let fault = row_fault(
            "DUPLICATE_VALUE:duplicate value found: ExtId__c duplicates value on record with id: 001Hq00001Ab1Cd:--",
        );
        assert_eq!(
            (fault.fields.len(), fault.existing.as_slice()),
            (0, &[Key::salesforce("001Hq00001Ab1Cd")][..])
        );
        let fault =
            row_fault("REQUIRED_FIELD_MISSING:Required fields are missing: [Name, Phone]:Name,Phone --");
        assert_eq!(
            (fault.message.as_str(), fault.fields.len()),
            ("Required fields are missing: [Name, Phone]", 2)
        );
        let fault = row_fault(
            "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: 001Hq00001Ab1CdIAJ:--",
        );
        assert_eq!(fault.code, "UNABLE_TO_LOCK_ROW");
        assert_eq!(row_fault("something else").code, "");
    }

    #[test]
    fn bodies_and_paths() {
        assert_eq!(
            String::from_utf8(create_body("Opportunity", "upsert", Some("external_id__c"))).unwrap(),
            r#"{"object":"Opportunity","operation":"upsert","contentType":"CSV","columnDelimiter":"COMMA","lineEnding":"LF","externalIdFieldName":"external_id__c"}"#
        );
        assert_eq!(
            results_path("/d", "750", ResultFile::Unprocessed),
            "/d/jobs/ingest/750/unprocessedrecords/"
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back(cells in prop::collection::vec(("\\PC*|[\",\r\n #N/A]{0,12}", "[ -~\n]{0,20}"), 1..12)) {
            let mut out = Vec::new();
            push_line(&mut out, ["A".into(), "B".into()]);
            for (a, b) in &cells {
                push_line(&mut out, [Cow::from(a.as_str()), Cow::from(format!("x{b}"))]);
            }
            let table = Table::parse(&out).unwrap();
            let read: Vec<(String, String)> = table.rows.into_iter().map(|row| (row[0].clone(), row[1][1..].to_owned())).collect();
            prop_assert_eq!(read, cells);
        }
    }
}
