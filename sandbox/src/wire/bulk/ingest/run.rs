//! The work of a job: internal batches, several of them at the same time, in transactions of 200 rows (section 8.4).
//! Knows no HTTP. Read [`run`] first.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::job::{IngestJob, Row, State, Table};
use super::rows;
use crate::org::{
    ApiError, Assignment, CHUNK, Dialect, Write, WriteOptions, WriteSource, Written, doubled_keys,
};
use crate::wire::resources::row_error;
use crate::wire::server::Server;

/// Does a job from its file to its end.
pub(super) fn run(server: &Server, job: &IngestJob, body: Bytes) {
    let table = match rows::table(&server.org, job, body) {
        Ok(table) => Arc::new(table),
        Err(message) => return job.end(State::Failed(message)),
    };
    job.begin(table.clone());
    let settings = server.config.bulk;
    let size = settings.batch_rows.max(1);
    let count = table.rows.len();
    let batches: Vec<Range<usize>> =
        (0..count).step_by(size).map(|start| start..(start + size).min(count)).collect();
    let allowed = server.ingest.take_batches(batches.len() as u64, settings.daily_batches, server.now());
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).min(batches.len());
    job.settle(batches[allowed..].iter().cloned().flatten().map(|row| (row, Row::Lost)));
    let mut work = Work::new(server, job, table);
    for wave in batches[..allowed].chunks(settings.parallel_batches.max(1)) {
        if let Some(ending) = work.wave(wave) {
            return job.end(ending);
        }
    }
    job.end(State::Complete);
}

struct Work<'a> {
    server: &'a Server,
    job: &'a IngestJob,
    table: Arc<Table>,
    options: WriteOptions,
    done: usize,
}

/// One internal batch: its rows as writes, and the errors that are known before any is done.
struct Batch {
    first: usize,
    writes: Vec<Result<Write, ApiError>>,
}

impl<'a> Work<'a> {
    fn new(server: &'a Server, job: &'a IngestJob, table: Arc<Table>) -> Self {
        let order = &job.order;
        let options = WriteOptions {
            author: Some(order.user),
            source: Some(WriteSource::Bulk),
            origin: "com/salesforce/api/bulkapi/66.0".to_owned(),
            assignment: order.assignment_rule.clone().map_or(Assignment::Off, Assignment::Rule),
            dialect: Dialect::Csv(table.header.clone()),
            rejecting: order.rejecting.clone(),
            ..WriteOptions::default()
        };
        Self { server, job, table, options, done: 0 }
    }

    /// Batches that run at the same time, step by step; says how the job ends if it ends here.
    fn wave(&mut self, ranges: &[Range<usize>]) -> Option<State> {
        let batches: Vec<Batch> = ranges.iter().map(|range| self.batch(range)).collect();
        let longest = batches.iter().map(|batch| batch.writes.len()).max().unwrap_or(0);
        for start in (0..longest).step_by(CHUNK) {
            // The locks of one step are held until all batches have done it.
            let mut held = Vec::new();
            for batch in &batches {
                let end = (start + CHUNK).min(batch.writes.len());
                let Some(chunk) = batch.writes.get(start..end).filter(|chunk| !chunk.is_empty()) else {
                    continue;
                };
                if let Some(stop) = self.job.order.stop.as_ref().filter(|stop| self.done >= stop.after_rows) {
                    return Some(stop.ending.clone());
                }
                if batches.len() > 1 {
                    let writes: Vec<Write> = chunk.iter().filter_map(|write| write.clone().ok()).collect();
                    let locks = self.server.org.lock_for(&writes);
                    self.options.lock_owner = locks.owner();
                    held.push(locks);
                }
                if !self.chunk(batch.first + start, chunk) {
                    return Some(State::Aborted);
                }
            }
        }
        None
    }

    fn batch(&self, range: &Range<usize>) -> Batch {
        let mut writes: Vec<Result<Write, ApiError>> =
            range.clone().map(|row| rows::write(self.job, &self.table, row)).collect();
        // The same key twice in one internal batch: all of these rows fail.
        let (places, good): (Vec<usize>, Vec<Write>) =
            writes.iter().enumerate().filter_map(|(at, write)| Some((at, write.clone().ok()?))).unzip();
        let doubled: HashMap<usize, ApiError> = doubled_keys(&good);
        for (at, error) in doubled {
            writes[places[at]] = Err(error);
        }
        Batch { first: range.start, writes }
    }

    /// One transaction; false once the job was aborted.
    fn chunk(&mut self, first: usize, chunk: &[Result<Write, ApiError>]) -> bool {
        let good: Vec<Write> = chunk.iter().filter_map(|write| write.clone().ok()).collect();
        let mut outcomes = self.server.org.write_all(&good, &mut self.options).into_iter();
        let rows: Vec<(usize, Row)> = chunk
            .iter()
            .enumerate()
            .map(|(at, write)| {
                let outcome = match write {
                    Ok(_) => outcomes.next().unwrap_or_else(|| Err(ApiError::not_found())),
                    Err(error) => Err(error.clone()),
                };
                (first + at, row(write.as_ref().ok(), outcome))
            })
            .collect();
        self.done += rows.len();
        self.job.settle(rows)
    }
}

fn row(write: Option<&Write>, outcome: Result<Written, ApiError>) -> Row {
    match outcome {
        Ok(written) => Row::Done { id: written.id, created: written.created },
        Err(error) => {
            let id = write.and_then(|write| write.action.id()).unwrap_or_default().to_owned();
            Row::Failed { id, error: error_cell(&row_error(error)) }
        }
    }
}

/// `sf__Error`: `STATUS_CODE:message:fields --`, several errors behind each other (section 8.2).
fn error_cell(error: &ApiError) -> String {
    let one = |error: &ApiError| {
        let fields = error.fields.as_deref().unwrap_or_default().join(",");
        let end = if fields.is_empty() { "--".to_owned() } else { format!("{fields} --") };
        format!("{}:{}:{end}", error.code, error.message)
    };
    error.each().map(one).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_form_of_the_documentation() {
        let missing =
            ApiError::dml("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", &["Name"]);
        let wrong = ApiError::dml("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]);
        assert_eq!(
            error_cell(&missing),
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
        );
        assert_eq!(error_cell(&wrong), "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--");
        let both = ApiError::joined([missing, wrong]).unwrap();
        assert!(error_cell(&both).contains(":Name --;INVALID_CROSS_REFERENCE_KEY:"));
    }
}
