//! Bulk API 2.0 query jobs (section 7): requests, job states, paths of results. The rows are read by [`super::bulk_csv`].

use serde::Deserialize;
use serde_json::json;

use super::error::Fault;

/// State of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum JobState {
    /// Being created, of ingest jobs only.
    Open,
    /// Queued.
    UploadComplete,
    /// Running.
    InProgress,
    /// Results are ready.
    JobComplete,
    /// Somebody cancelled it.
    Aborted,
    /// See the error message.
    Failed,
}

/// What a job says about itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Id, prefix 750.
    pub id: String,
    /// Its state.
    pub state: JobState,
    /// Rows so far, or of the whole result once it is complete.
    #[serde(default)]
    pub number_records_processed: Option<u64>,
    /// Rows of an ingest job that were refused; they are among the processed ones.
    #[serde(default)]
    pub number_records_failed: Option<u64>,
    /// Why it failed.
    #[serde(default)]
    pub error_message: Option<String>,
}

impl Job {
    /// The reason of a failed job, which starts with a code: `QUERY_TIMEOUT: …`, `InvalidBatch : …`.
    pub fn fault(&self) -> Fault {
        let text = self.error_message.as_deref().unwrap_or_default();
        let (code, message) = text.split_once(':').unwrap_or(("", text));
        let code = code.trim();
        let is_code = !code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_code { Fault::new(code, message.trim()) } else { Fault::new("", text) }
    }
}

/// Path of the jobs: `/services/data/v66.0/jobs/query`.
pub fn jobs_path(data: &str) -> String {
    format!("{data}/jobs/query")
}

/// Path of one job.
pub fn job_path(data: &str, id: &str) -> String {
    format!("{data}/jobs/query/{id}")
}

/// Body that creates a job. `all`: with deleted rows.
pub fn create_body(soql: &str, all: bool) -> Vec<u8> {
    json!({
        "operation": if all { "queryAll" } else { "query" },
        "query": soql,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    })
    .to_string()
    .into_bytes()
}

/// Path of one page of results; the first has the empty locator. `rows`: at most so many.
pub fn results_path(data: &str, id: &str, locator: &str, rows: u32) -> String {
    let mut path = format!("{data}/jobs/query/{id}/results?maxRecords={rows}");
    if !locator.is_empty() {
        path.push_str("&locator=");
        path.extend(percent_encoding::utf8_percent_encode(locator, percent_encoding::NON_ALPHANUMERIC));
    }
    path
}

/// The locator of the next page out of the header; `None` after the last, which says `null`.
pub fn next_locator(header: Option<&str>) -> Option<String> {
    header.filter(|locator| !locator.is_empty() && *locator != "null").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_read_in_every_state() {
        let job: Job = serde_json::from_str(
            r#"{"id":"750Hq00000JbQ1aIAF","operation":"queryAll","object":"Account","state":"JobComplete","apiVersion":66.0,
                "jobType":"V2Query","numberRecordsProcessed":740003,"retries":0,"isPkChunkingSupported":true}"#,
        )
        .unwrap();
        assert_eq!((job.state, job.number_records_processed), (JobState::JobComplete, Some(740_003)));
        let job: Job = serde_json::from_str(r#"{"id":"750","state":"UploadComplete"}"#).unwrap();
        assert_eq!((job.state, job.number_records_processed), (JobState::UploadComplete, None));
        assert!(serde_json::from_str::<Job>(r#"{"id":"750","state":"Dreaming"}"#).is_err());
    }

    #[test]
    fn reasons_of_failed_jobs() {
        let fault = |text: &str| {
            Job {
                id: String::new(),
                state: JobState::Failed,
                number_records_processed: None,
                number_records_failed: None,
                error_message: Some(text.into()),
            }
            .fault()
        };
        assert_eq!(
            fault("QUERY_TIMEOUT: Your query request was running for too long."),
            Fault::new("QUERY_TIMEOUT", "Your query request was running for too long.")
        );
        assert_eq!(
            fault("InvalidBatch : Field name not found : X"),
            Fault::new("InvalidBatch", "Field name not found : X")
        );
        assert_eq!(fault("it broke: badly"), Fault::new("", "it broke: badly"));
    }

    #[test]
    fn paths_and_locators() {
        assert_eq!(
            results_path("/services/data/v66.0", "750", "", 50),
            "/services/data/v66.0/jobs/query/750/results?maxRecords=50"
        );
        assert!(results_path("/d", "750", "MTAw=", 50).ends_with("&locator=MTAw%3D"));
        assert_eq!(next_locator(Some("null")), None);
        assert_eq!(next_locator(None), None);
        assert_eq!(next_locator(Some("MTAw")), Some("MTAw".into()));
    }
}
