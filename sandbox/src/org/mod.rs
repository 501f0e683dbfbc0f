//! The engine of the simulated org: schema, records, SOQL, describe, generator.
//! May not know HTTP, tokens or limits. Read [`Org`] first.

mod clock;
mod config;
mod customization;
mod error;
mod ids;

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use clock::Clock;
pub use config::{Edition, OrgConfig};
pub use customization::{Customization, CustomizationError};
pub use error::ApiError;
pub use ids::{Id, MalformedId};

/// A simulated org. Shared as `Arc<Org>`; reads run in parallel, writes one at a time.
pub struct Org {
    clock: Clock,
    config: OrgConfig,
}

/// How a query is run.
#[derive(Debug, Clone, Default)]
pub struct QueryOptions {
    /// queryAll: also rows in the recycle bin and archived activities.
    pub include_deleted: bool,
    /// Refuse what the Bulk API 2.0 refuses (section 7.6).
    pub bulk: bool,
}

/// The rows that a query found, as handles: values are rendered when a page is asked for.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// Name of the object in FROM.
    pub object: String,
    /// Column names in SELECT order, canonical case, `Owner.Name` for parents.
    pub columns: Vec<String>,
    /// `totalSize` of the answer (for `COUNT()` the count).
    pub total_size: usize,
    rows: Vec<u32>,
}

impl QueryResult {
    /// Number of elements that can be rendered; 0 for `COUNT()`.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is nothing to render.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// How Bulk results are written.
#[derive(Debug, Clone, Copy)]
pub struct CsvStyle {
    /// The byte between values.
    pub delimiter: u8,
    /// CRLF line ends in place of LF.
    pub crlf: bool,
}

impl Default for CsvStyle {
    fn default() -> Self {
        Self { delimiter: b',', crlf: false }
    }
}

/// A describe answer.
#[derive(Debug, Clone)]
pub struct Describe {
    /// The body.
    pub json: Vec<u8>,
    /// For `Last-Modified` and `If-Modified-Since`.
    pub last_modified: Timestamp,
    /// For `ETag`, with quotes.
    pub etag: String,
}

/// The answer of `updated` (section 4.4).
#[derive(Debug, Clone)]
pub struct Updated {
    /// Ids without order.
    pub ids: Vec<Id>,
    /// The start of the next window.
    pub latest_date_covered: Timestamp,
}

/// The answer of `deleted` (section 4.5).
#[derive(Debug, Clone)]
pub struct Deleted {
    /// Ids with the stamp of the delete.
    pub records: Vec<(Id, Timestamp)>,
    /// The delete log reaches back to here.
    pub earliest_date_available: Timestamp,
    /// The start of the next window.
    pub latest_date_covered: Timestamp,
}

/// How many records of each object the generator makes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Population {
    /// Accounts.
    pub accounts: u32,
    /// Contacts.
    pub contacts: u32,
    /// Leads.
    pub leads: u32,
    /// Opportunities.
    pub opportunities: u32,
    /// Tasks.
    pub tasks: u32,
    /// Events.
    pub events: u32,
    /// Cases, with comments.
    pub cases: u32,
    /// Email messages.
    pub emails: u32,
    /// Enhanced notes, with their links.
    pub notes: u32,
    /// Chatter posts.
    pub feed_items: u32,
    /// Campaigns, with members.
    pub campaigns: u32,
}

/// What random edits consist of, as weights.
#[derive(Debug, Clone, Copy)]
pub struct EditMix {
    /// Weight of creates.
    pub creates: u32,
    /// Weight of updates.
    pub updates: u32,
    /// Weight of deletes.
    pub deletes: u32,
    /// Weight of undeletes.
    pub undeletes: u32,
}

impl Default for EditMix {
    fn default() -> Self {
        Self { creates: 10, updates: 80, deletes: 7, undeletes: 3 }
    }
}

/// A user of the org, as sign-in needs it.
#[derive(Debug, Clone)]
pub struct UserInfo {
    /// Id of the user.
    pub id: Id,
    /// Sign-in name.
    pub username: String,
    /// Full name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// Whether the user may sign in.
    pub is_active: bool,
    /// Name of the profile.
    pub profile: String,
}

fn not_there_yet(object: &str) -> ApiError {
    ApiError::request("INVALID_TYPE", format!("sObject type '{object}' is not supported."))
}

#[allow(clippy::unused_self, clippy::needless_pass_by_value, unused_variables)]
impl Org {
    /// A new org with its set-up records (users, profiles, stages) and nothing else.
    pub fn new(config: OrgConfig) -> Self {
        let clock = config.now.map_or_else(Clock::real, Clock::frozen);
        Self { clock, config }
    }

    /// The clock of the org.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What the org was made with.
    pub fn config(&self) -> &OrgConfig {
        &self.config
    }

    /// Id of the organization.
    pub fn org_id(&self) -> Id {
        Id::assemble(*b"00D", *b"Hq", 0, 1)
    }

    /// All users, active or not, in order of creation.
    pub fn users(&self) -> Vec<UserInfo> {
        Vec::new()
    }

    /// The user as whom everything is done that names no other user.
    pub fn integration_user(&self) -> Id {
        Id::assemble(*b"005", *b"Hq", 0, 1)
    }

    /// Names of all objects that are visible.
    pub fn object_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// Number of live records, for `/limits/recordCount`; `None` for an unknown or hidden object.
    pub fn record_count(&self, object: &str) -> Option<usize> {
        None
    }

    /// Parses and runs a query; the result holds row handles, not values.
    pub fn query(&self, soql: &str, options: &QueryOptions) -> Result<QueryResult, ApiError> {
        Err(not_there_yet("?"))
    }

    /// Appends the elements of `records` in `range`, separated by commas, without brackets.
    pub fn render_json(&self, result: &QueryResult, range: Range<usize>, out: &mut Vec<u8>) {}

    /// Appends the header line of a Bulk result.
    pub fn render_csv_header(&self, result: &QueryResult, style: CsvStyle, out: &mut Vec<u8>) {}

    /// Appends the rows in `range` in the form of Bulk API 2.0 (section 7.3).
    pub fn render_csv(&self, result: &QueryResult, range: Range<usize>, style: CsvStyle, out: &mut Vec<u8>) {}

    /// Describe global (section 4.1).
    pub fn describe_global(&self) -> Arc<Describe> {
        Arc::new(Describe { json: Vec::new(), last_modified: self.clock.now(), etag: String::new() })
    }

    /// The entry of describe global for one object, without `urls` differing.
    pub fn describe_brief(&self, object: &str) -> Result<Value, ApiError> {
        Err(ApiError::not_found())
    }

    /// Describe of one object (section 4.2).
    pub fn describe(&self, object: &str) -> Result<Arc<Describe>, ApiError> {
        Err(ApiError::not_found())
    }

    /// Ids created or changed in a window (section 4.4).
    pub fn updated(&self, object: &str, start: Timestamp, end: Timestamp) -> Result<Updated, ApiError> {
        Err(ApiError::not_found())
    }

    /// Ids deleted in a window (section 4.5).
    pub fn deleted(&self, object: &str, start: Timestamp, end: Timestamp) -> Result<Deleted, ApiError> {
        Err(ApiError::not_found())
    }

    /// One record as a JSON object; with `fields`, only those and `Id`.
    pub fn get(&self, object: &str, id: &str, fields: Option<&[&str]>) -> Result<Vec<u8>, ApiError> {
        Err(ApiError::not_found())
    }

    /// The bytes of a base64 field, such as `ContentNote.Content`.
    pub fn blob(&self, object: &str, id: &str, field: &str) -> Result<Vec<u8>, ApiError> {
        Err(ApiError::not_found())
    }

    /// Creates a record as the integration user.
    pub fn insert(&self, object: &str, fields: Map<String, Value>) -> Result<Id, ApiError> {
        Err(not_there_yet(object))
    }

    /// Changes a record as the integration user; `null` clears a field.
    pub fn update(&self, object: &str, id: &str, fields: Map<String, Value>) -> Result<(), ApiError> {
        Err(not_there_yet(object))
    }

    /// Moves a record to the recycle bin, with its children.
    pub fn delete(&self, object: &str, id: &str) -> Result<(), ApiError> {
        Err(not_there_yet(object))
    }

    /// Brings a record back from the recycle bin, with what was deleted with it.
    pub fn undelete(&self, object: &str, id: &str) -> Result<(), ApiError> {
        Err(not_there_yet(object))
    }

    /// Deletes past the recycle bin; queryAll sees the row for 24 hours more.
    pub fn hard_delete(&self, object: &str, id: &str) -> Result<(), ApiError> {
        Err(not_there_yet(object))
    }

    /// Empties the recycle bin.
    pub fn purge_recycle_bin(&self) {}

    /// Takes a stamp now; nothing is visible until [`Txn::commit`], and then with that older stamp.
    pub fn begin(&self) -> Txn<'_> {
        Txn { org: self, stamp: self.clock.now() }
    }

    /// Adds generated records; the same seed and population give the same records.
    pub fn generate(&self, population: &Population) {}

    /// Makes `count` random edits; the same seed on the same org gives the same edits.
    pub fn random_edits(&self, seed: u64, count: usize, mix: &EditMix) {}
}

/// A transaction that commits later than its stamp.
pub struct Txn<'a> {
    org: &'a Org,
    stamp: Timestamp,
}

#[allow(clippy::needless_pass_by_value, unused_variables)]
impl Txn<'_> {
    /// The stamp that every record of this transaction will carry.
    pub fn stamp(&self) -> Timestamp {
        self.stamp
    }

    /// Adds a create.
    pub fn insert(&mut self, object: &str, fields: Map<String, Value>) {}

    /// Adds a change.
    pub fn update(&mut self, object: &str, id: &str, fields: Map<String, Value>) {}

    /// Adds a delete.
    pub fn delete(&mut self, object: &str, id: &str) {}

    /// Makes all of it visible at once, or nothing; gives the ids in the order of the calls.
    pub fn commit(self) -> Result<Vec<Id>, ApiError> {
        let _ = self.org;
        Ok(Vec::new())
    }
}
