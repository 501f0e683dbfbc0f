//! The kinds of faults, each with what the wire reference says about it. Data only; read [`FaultKind`].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::org::Rejection;
use crate::wire::ResourceKind;

/// What goes wrong. In JSON a name in snake case, `"bad_gateway"`, or a map of it, `{"connection_reset": {"after_bytes": 1000}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 503 with the JSON body `SERVER_UNAVAILABLE` (section 9.5).
    ServiceUnavailable,
    /// 502 with an HTML body of the edge.
    BadGateway,
    /// 420 with an HTML body: the edge has no route for this host.
    NoRoute,
    /// 406 with an empty body.
    NotAcceptable,
    /// 429; Salesforce itself never sends `Retry-After`, the edge may.
    TooManyRequests {
        /// Seconds in `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 500 `UNKNOWN_EXCEPTION` with an error id.
    InternalError,
    /// The work is done, then the connection is dropped after so many bytes of the body.
    ConnectionReset {
        /// Bytes of the body, as sent, before the cut. A shorter body is cut at its end.
        after_bytes: u64,
    },
    /// The body ends early although the transfer ends properly. With gzip the trailer is lost, too.
    TruncatedBody {
        /// Bytes of the body, as sent, before the end; `None`: all but the last twelve.
        #[serde(default)]
        after_bytes: Option<u64>,
    },
    /// 200 with a maintenance page in HTML in place of the answer.
    HtmlPage,
    /// The right body under a wrong `Content-Type`.
    WrongContentType {
        /// The value of the header.
        content_type: String,
    },
    /// 401 `INVALID_SESSION_ID`; the token stays good.
    Unauthorized,
    /// 401 `INVALID_SESSION_ID`; the access token of the call is revoked for good.
    TokenRevoked,
    /// 403 `REQUEST_LIMIT_EXCEEDED`.
    RequestLimit {
        /// Which of the limits the message names.
        limit: LimitKind,
    },
    /// 400 `QUERY_TIMEOUT`.
    QueryTimeout,
    /// 400 `INVALID_QUERY_LOCATOR`.
    InvalidQueryLocator,
    /// 403 `API_DISABLED_FOR_ORG`.
    ApiDisabledForOrg,
    /// 403 `API_CURRENTLY_DISABLED`: the user lacks the permission.
    ApiCurrentlyDisabled,
    /// The Bulk job that this call creates ends in state Failed.
    BulkJobFailed {
        /// `errorMessage` of the job.
        message: String,
    },
    /// The Bulk job that this call creates ends in state Aborted, as if somebody else had stopped it.
    BulkJobAborted,
    /// 404 for a result page that exists.
    MissingResultPage,
    /// Fewer rows arrive than the answer announces.
    FewerRows {
        /// How many rows at the end of the page are left out.
        missing: usize,
    },
    /// The answer comes late.
    Delay {
        /// Milliseconds of real time.
        millis: u64,
    },
    /// The answer waits until [`Faults::release`](super::Faults::release) is called.
    Hold,
    /// A change that was stamped before this call was answered becomes visible only after it.
    LateCommit {
        /// Object of the record.
        object: String,
        /// The record to change; `None` creates one.
        #[serde(default)]
        id: Option<String>,
        /// The fields to write.
        fields: Map<String, Value>,
    },
    /// The work is done, then the connection is closed without a byte of the answer.
    LostAnswer,
    /// The connection is closed, and nothing was done: for the client the same as a lost answer.
    LostRequest,
    /// The work is done at once, the answer comes late.
    SlowAnswer {
        /// Milliseconds of real time.
        millis: u64,
    },
    /// The write has its row locks and waits until [`Faults::release`](super::Faults::release) is called, then goes
    /// on. Other writes to the same records or below the same parents fail with `UNABLE_TO_LOCK_ROW` meanwhile.
    HoldTransaction,
    /// Records of the call are refused by chance; of a Bulk job when its creation meets the fault.
    RejectRecords {
        /// With which error.
        rejection: Rejection,
        /// Only records of this object.
        #[serde(default)]
        object: Option<String>,
        /// Chance of each record, 0 to 1.
        #[serde(default = "certain")]
        rate: f64,
        /// Seed of the chance; each hit of the fault draws anew.
        #[serde(default)]
        seed: u64,
    },
    /// 400 `INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE`: reads work, writes wait.
    ReadOnlyMode,
    /// The Bulk ingest job that this call creates stops early; what was saved stays, the rest is unprocessed.
    IngestStops {
        /// Rows that are done before, in whole transactions of 200.
        after_rows: usize,
        /// Whether it ends in state Aborted, as if somebody else had stopped it; otherwise Failed.
        #[serde(default)]
        aborted: bool,
        /// `errorMessage` of the failed job.
        #[serde(default = "retried_too_often")]
        message: String,
    },
    /// 400 of the token endpoint.
    OauthError {
        /// `error`, such as `rate_limit_exceeded`.
        error: String,
        /// `error_description`.
        description: String,
    },
}

fn certain() -> f64 {
    1.0
}

fn retried_too_often() -> String {
    "TooManyLockFailure : Too many lock failure retries".to_owned()
}

/// The limits that 403 `REQUEST_LIMIT_EXCEEDED` speaks of (section 9.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// The allocation of 24 hours.
    Total,
    /// Requests of 20 seconds or more at the same time.
    Concurrent,
    /// Long Apex transactions at the same time.
    LongTransactions,
}

impl FaultKind {
    /// Whether this kind hits calls of `resource` when the fault names no resource itself.
    pub fn concerns(&self, resource: ResourceKind) -> bool {
        use FaultKind as F;
        use ResourceKind as R;
        match self {
            F::QueryTimeout => matches!(resource, R::Query | R::QueryAll | R::QueryMore),
            F::InvalidQueryLocator => resource == R::QueryMore,
            F::BulkJobFailed { .. } | F::BulkJobAborted => resource == R::BulkCreate,
            F::MissingResultPage => matches!(resource, R::BulkResults | R::IngestResults),
            F::FewerRows { .. } => {
                matches!(resource, R::BulkResults | R::IngestResults | R::Query | R::QueryAll | R::QueryMore)
            }
            F::LostAnswer | F::LostRequest | F::SlowAnswer { .. } => {
                resource.writes() || matches!(resource, R::IngestUpload | R::IngestChange)
            }
            F::HoldTransaction => resource.writes() && resource != R::IngestCreate,
            F::RejectRecords { .. } | F::ReadOnlyMode => resource.writes(),
            F::IngestStops { .. } => resource == R::IngestCreate,
            F::LateCommit { .. } => matches!(resource, R::Query | R::QueryAll | R::BulkCreate),
            F::OauthError { .. } => resource == R::Token,
            _ => resource.is_api(),
        }
    }
}
