//! The three result files of a job (section 8.2): rows in no order, columns in one of two. Read [`results`] first.

use std::sync::Arc;

use super::csv::{self, write_quoted};
use super::job::{IngestJob, Row, Table};
use super::{find, invalid_state};
use crate::org::{ApiError, Rng};
use crate::wire::reply::{Render, Reply};
use crate::wire::resources::Exchange;
use crate::wire::route::ResultFile;
use crate::wire::versions;

const CSV: &str = "text/csv;charset=UTF-8";
/// Rows rendered at a time.
const STEP: usize = 256;

/// `GET /jobs/ingest/{id}/successfulResults`, `failedResults`, `unprocessedrecords`
pub(crate) fn results(exchange: &Exchange, id: &str, file: ResultFile) -> Result<Reply, ApiError> {
    let job = find(exchange, id)?;
    if !job.state().has_ended() {
        return Err(invalid_state("Ingest job is not in a terminal state"));
    }
    let (table, rows) = job.outcome();
    let Some(table) = table else { return Ok(Reply::new(200, CSV, Vec::new())) };
    let mut order: Vec<usize> = (0..rows.len()).filter(|at| belongs(&rows[*at], file)).collect();
    shuffle(&mut order, job.number);
    order.truncate(order.len().saturating_sub(exchange.missing_rows()));
    let columns = columns(&job, &table, file);
    // Before v53 failed rows did not name their record.
    let shows_id = versions::number(&exchange.version).is_some_and(|number| number >= 53);
    Ok(Reply::rendered(CSV, Page { job, table, rows, file, columns, order, shows_id, at: None }))
}

fn belongs(row: &Row, file: ResultFile) -> bool {
    matches!(
        (row, file),
        (Row::Done { .. }, ResultFile::Successful)
            | (Row::Failed { .. }, ResultFile::Failed)
            | (Row::Waiting, ResultFile::Unprocessed)
    )
}

/// Rows come in another order than they were sent, the same for each download.
fn shuffle(order: &mut [usize], seed: u64) {
    let mut random = Rng::new(seed, 4);
    for at in (1..order.len()).rev() {
        order.swap(at, random.index(at + 1));
    }
}

/// The own columns stand as sent or by name: recordings show both, clients have to read by name.
fn columns(job: &IngestJob, table: &Table, file: ResultFile) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..table.header.len()).collect();
    let by_name = match file {
        ResultFile::Successful => job.number.is_multiple_of(2),
        ResultFile::Failed => !job.number.is_multiple_of(2),
        ResultFile::Unprocessed => false,
    };
    if by_name {
        columns.sort_by_key(|at| table.header[*at].to_lowercase());
    }
    columns
}

struct Page {
    job: Arc<IngestJob>,
    table: Arc<Table>,
    rows: Vec<Row>,
    file: ResultFile,
    columns: Vec<usize>,
    order: Vec<usize>,
    shows_id: bool,
    /// The next row; `None` before the header.
    at: Option<usize>,
}

impl Render for Page {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let start = self.at.unwrap_or_else(|| {
            self.header(out);
            0
        });
        let end = (start + STEP).min(self.order.len());
        for at in start..end {
            self.row(self.order[at], out);
        }
        self.at = Some(end);
        end < self.order.len()
    }
}

impl Page {
    fn header(&self, out: &mut Vec<u8>) {
        let own: &[&str] = match self.file {
            ResultFile::Successful => &["\"sf__Id\"", "\"sf__Created\""],
            ResultFile::Failed if self.shows_id => &["\"sf__Id\"", "\"sf__Error\""],
            ResultFile::Failed => &["\"sf__Error\""],
            ResultFile::Unprocessed => &[],
        };
        let sent = self.columns.iter().map(|at| self.table.header[*at].as_str());
        let names: Vec<&str> = own.iter().copied().chain(sent).collect();
        let delimiter = char::from(self.job.order.style.delimiter).to_string();
        out.extend_from_slice(names.join(&delimiter).as_bytes());
        self.end_line(out);
    }

    fn row(&self, row: usize, out: &mut Vec<u8>) {
        let record = &self.table.body[self.table.rows[row].clone()];
        // A record that cannot be cut into cells is shown as one.
        let cells = csv::cells(record, self.job.order.style.delimiter)
            .unwrap_or_else(|_| vec![String::from_utf8_lossy(record).into_owned()]);
        let own: Vec<String> = match &self.rows[row] {
            Row::Done { id, created } => vec![id.to_string(), created.to_string()],
            Row::Failed { id, error } if self.shows_id => vec![id.clone(), error.clone()],
            Row::Failed { error, .. } => vec![error.clone()],
            Row::Waiting | Row::Lost => Vec::new(),
        };
        let sent = self.columns.iter().map(|at| cells.get(*at).map_or("", String::as_str));
        for (number, value) in own.iter().map(String::as_str).chain(sent).enumerate() {
            if number > 0 {
                out.push(self.job.order.style.delimiter);
            }
            write_quoted(value, out);
        }
        self.end_line(out);
    }

    fn end_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.job.order.style.crlf { b"\r\n" } else { b"\n" });
    }
}
