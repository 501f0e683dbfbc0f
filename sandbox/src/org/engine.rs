//! The org: records behind a lock, and everything that can be asked of them.
//! May not keep rules itself: it locks, and hands over. Read [`Org`] first.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::clock::Clock;
use super::config::OrgConfig;
use super::customization::CustomizationError;
use super::error::ApiError;
use super::generate::{self, Population};
use super::ids::Id;
use super::render::csv::{self, CsvStyle};
use super::render::json;
use super::schema::Object;
use super::schema_builder;
use super::setup::{self, Setup};
use super::soql::run::{self, QueryOptions, QueryResult, Rows, Scope};
use super::store::{Reader, Store};
use super::value::{RowRef, Value as FieldValue};
use super::visibility::{Visibility, VisibilityRule};

/// A simulated Salesforce org. Shared as `Arc<Org>`; reads run in parallel, writes one at a time.
pub struct Org {
    clock: Clock,
    config: OrgConfig,
    setup: Setup,
    state: RwLock<State>,
}

struct State {
    store: Store,
    visibility: Visibility,
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
    /// Fails when a customization contradicts itself or names an object that is not there.
    pub fn new(config: OrgConfig) -> Result<Self, CustomizationError> {
        let clock = config.now.map_or_else(Clock::real, Clock::frozen);
        let schema = schema_builder::build(&config)
            .map_err(|reason| CustomizationError::Invalid("customization".to_owned(), reason))?;
        let mut store = Store::new(Arc::new(schema));
        let setup = setup::make(&mut store, &config, clock.now_seconds());
        let state = State { store, visibility: Visibility::default() };
        Ok(Self { clock, config, setup, state: RwLock::new(state) })
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
        self.read().store.id_of(self.setup.organization)
    }

    /// All users, active or not, in order of creation.
    pub fn users(&self) -> Vec<UserInfo> {
        let state = self.read();
        let store = &state.store;
        let Some(object) = store.schema.named("User") else { return Vec::new() };
        let reader = store.reader(self.clock.now_seconds());
        let rows = 0..store.table(object.table).rows();
        rows.map(|row| user_info(reader, object, row)).collect()
    }

    /// The user as whom everything is done that names no other user.
    pub fn integration_user(&self) -> Id {
        self.read().store.id_of(self.setup.integration_user)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn scope<'a>(&self, state: &'a State, include_deleted: bool, bulk: bool) -> Scope<'a> {
        Scope {
            reader: state.store.reader(self.clock.now_seconds()),
            visibility: &state.visibility,
            include_deleted,
            bulk,
            indexed: true,
        }
    }

    /// Replaces all visibility rules. Describe changes with them, and so does its stamp.
    pub fn set_visibility(&self, rules: &[VisibilityRule]) {
        let mut state = self.write();
        state.visibility = Visibility::new(&state.store.schema, rules);
    }

    /// Names of all objects that are visible.
    pub fn object_names(&self) -> Vec<String> {
        let state = self.read();
        (0u16..)
            .zip(&state.store.schema.objects)
            .filter(|(index, _)| state.visibility.sees_object(*index))
            .map(|(_, object)| object.name.clone())
            .collect()
    }

    /// Number of live records, for `/limits/recordCount`; `None` for an unknown or hidden object.
    pub fn record_count(&self, object: &str) -> Option<usize> {
        let state = self.read();
        let schema = &state.store.schema;
        let index = schema.find(object).filter(|index| state.visibility.sees_object(*index))?;
        let object = schema.object(index);
        let table = state.store.table(object.table);
        if object.view.is_none() {
            return Some(table.live_rows());
        }
        let live = |row: &u32| !table.is_deleted(*row) && state.store.in_view(object, *row);
        Some((0..table.rows()).filter(live).count())
    }

    /// Parses and runs a query; the result holds row handles, not values.
    pub fn query(&self, soql: &str, options: &QueryOptions) -> Result<QueryResult, ApiError> {
        let state = self.read();
        run::run(&self.scope(&state, options.include_deleted, options.bulk), soql)
    }

    /// Appends the elements of `records` in `range`, separated by commas, without brackets.
    pub fn render_json(&self, result: &QueryResult, range: Range<usize>, out: &mut Vec<u8>) {
        let state = self.read();
        let scope = self.scope(&state, result.include_deleted, false);
        let writer = json::Writer { scope: &scope };
        let table = state.store.schema.object(result.object_index).table;
        let first = range.start;
        for number in range.start..range.end.min(result.len()) {
            if number > first {
                out.push(b',');
            }
            match &result.rows {
                Rows::Records { rows, selection } => {
                    let at = RowRef { table, row: rows[number] };
                    writer.record(at, &result.object, &selection.nodes, out);
                }
                Rows::Groups(groups) => json::write_group(groups, number, scope.reader, out),
                Rows::Nothing => {}
            }
        }
    }

    /// Appends the header line of a Bulk result.
    pub fn render_csv_header(&self, result: &QueryResult, style: CsvStyle, out: &mut Vec<u8>) {
        csv::write_header(&result.columns, style, out);
    }

    /// Appends the rows in `range` in the form of Bulk API 2.0 (section 7.3).
    pub fn render_csv(&self, result: &QueryResult, range: Range<usize>, style: CsvStyle, out: &mut Vec<u8>) {
        if let Rows::Records { rows, selection } = &result.rows {
            let state = self.read();
            let reader = state.store.reader(self.clock.now_seconds());
            let range = range.start.min(rows.len())..range.end.min(rows.len());
            csv::write_rows(&selection.columns, &rows[range], reader, style, out);
        }
    }

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
    pub fn generate(&self, population: &Population) {
        let mut state = self.write();
        let now = self.clock.now_seconds();
        generate::run(&mut state.store, &self.setup, now, self.config.seed, population);
    }

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

fn user_info(reader: Reader<'_>, object: &Object, row: u32) -> UserInfo {
    let text = |name: &str| {
        let field = object.field(name);
        let value = field.map(|field| reader.read(object, field, row));
        value.and_then(|value| value.as_text().map(str::to_owned)).unwrap_or_default()
    };
    let schema = &reader.store.schema;
    let profile = object.field("ProfileId").map(|field| reader.read(object, field, row));
    let profile_name = match (profile, schema.named("Profile")) {
        (Some(FieldValue::Reference(at)), Some(profile)) => {
            profile.column("Name").map(|column| reader.column(at.table, column, at.row))
        }
        _ => None,
    };
    UserInfo {
        id: reader.store.id_of(RowRef { table: object.table, row }),
        username: text("Username"),
        name: text("Name"),
        email: text("Email"),
        is_active: object
            .column("IsActive")
            .is_some_and(|column| reader.column(object.table, column, row) == FieldValue::Bool(true)),
        profile: profile_name.and_then(|name| name.as_text().map(str::to_owned)).unwrap_or_default(),
    }
}
