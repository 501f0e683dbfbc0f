//! How a sandbox is started. Data only; read [`SandboxConfig`] first.

use jiff::SignedDuration;

use super::oauth::OAuthClient;
use crate::org::{Edition, FlowPolicy, OrgConfig, Population};

/// Everything about a sandbox that is decided before it starts; `SandboxConfig::default()` is an empty Enterprise
/// org on a free port.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The org. `instance_url` is overwritten with the sandbox's own address.
    pub org: OrgConfig,
    /// Records to generate before the first call; `None`: only the set-up records of every org.
    pub population: Option<Population>,
    /// Clients besides the one for the demo, see [`Sandbox::demo_client`](super::Sandbox::demo_client).
    pub clients: Vec<OAuthClient>,
    /// API calls per 24 hours; `None`: what the edition has.
    pub allocation: Option<u64>,
    /// Idle time after which an access token dies, on the org's clock.
    pub session_idle: SignedDuration,
    /// Username who approves the authorize page at once, without a page; for tests of the web-server flow.
    pub auto_approve: Option<String>,
    /// How Bulk jobs behave.
    pub bulk: BulkSettings,
    /// How event streams behave.
    pub events: EventSettings,
    /// How deployments behave.
    pub metadata: MetadataSettings,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            port: 0,
            org: OrgConfig::default(),
            population: None,
            clients: Vec::new(),
            allocation: None,
            session_idle: SignedDuration::from_hours(2),
            auto_approve: None,
            bulk: BulkSettings::default(),
            events: EventSettings::default(),
            metadata: MetadataSettings::default(),
        }
    }
}

/// How event streams behave, in real time.
#[derive(Clone, Copy, Debug)]
pub struct EventSettings {
    /// An empty response is sent after so many milliseconds without a word.
    pub keepalive_millis: u64,
    /// A stream without credit ends after so many milliseconds.
    pub patience_millis: u64,
    /// Whether the user may change channels ("Customize Application").
    pub customize: bool,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { keepalive_millis: 270_000, patience_millis: 60_000, customize: true }
    }
}

/// How deployments behave.
#[derive(Clone, Copy, Debug)]
pub struct MetadataSettings {
    /// Whether the user may deploy ("Modify Metadata Through Metadata API Functions").
    pub permitted: bool,
    /// Status polls that a deployment answers with `InProgress` before it is done.
    pub polls: u32,
    /// What becomes of active flows.
    pub flows: FlowPolicy,
    /// Whether new workflow rules can be made.
    pub rules: bool,
}

impl Default for MetadataSettings {
    fn default() -> Self {
        Self { permitted: true, polls: 1, flows: FlowPolicy::Active, rules: true }
    }
}

/// How Bulk jobs behave.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a property of the org that is on or off
pub struct BulkSettings {
    /// Status polls that a job answers with `InProgress` before it is complete.
    pub polls: u32,
    /// Real milliseconds that a job takes at least.
    pub millis: u64,
    /// Rows of a result page when `maxRecords` is not given.
    pub page_rows: usize,
    /// Rows of an internal batch of an ingest job.
    pub batch_rows: usize,
    /// Internal batches that run at the same time: where two of them write below one parent, one finds its row locked.
    pub parallel_batches: usize,
    /// Internal batches per 24 hours; rows beyond are in none of the result files.
    pub daily_batches: u64,
    /// Ingest jobs are done when they are closed, before the answer; otherwise beside the calls.
    pub ingest_at_once: bool,
    /// Whether the user may run `hardDelete` jobs.
    pub hard_delete: bool,
    /// Whether an upload may be compressed, which the documentation does not say.
    pub gzip_upload: bool,
}

impl Default for BulkSettings {
    fn default() -> Self {
        Self {
            polls: 1,
            millis: 0,
            page_rows: 50_000,
            batch_rows: 10_000,
            parallel_batches: 4,
            daily_batches: 15_000,
            ingest_at_once: false,
            hard_delete: false,
            gzip_upload: false,
        }
    }
}

impl SandboxConfig {
    /// Calls per 24 hours: those given, or those of the edition with forty licences (section 9.3).
    pub(crate) fn allocation(&self) -> u64 {
        const LICENCES: u64 = 40;
        self.allocation.unwrap_or(match self.org.edition {
            Edition::Developer => 15_000,
            Edition::Professional | Edition::Enterprise => 100_000 + LICENCES * 1_000,
            Edition::Unlimited => 100_000 + LICENCES * 5_000,
        })
    }

    /// Requests of 20 s or more at the same time (section 9.3).
    pub(crate) fn concurrent(&self) -> usize {
        if self.org.edition == Edition::Developer { 5 } else { 25 }
    }
}
