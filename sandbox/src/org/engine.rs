//! The org: records behind a lock, and everything that can be asked of them.
//! May not keep rules itself: it locks, and hands over. Read [`Org`] first.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::change_log::{Change, ChangeLog};
use super::clock::Clock;
use super::config::OrgConfig;
use super::customization::CustomizationError;
use super::describe::{self, Describe};
use super::dml::Session;
use super::error::ApiError;
use super::generate::edits::{self, EditMix};
use super::generate::rng::Rng;
use super::generate::{self, Population};
use super::ids::Id;
use super::render::csv::{self, CsvStyle};
use super::render::json;
use super::replication::{self, Deleted, Updated};
use super::schema::Object;
use super::schema_builder;
use super::setup::{self, Setup};
use super::single;
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
    /// Describe answers by object, until visibility changes.
    described: Mutex<HashMap<u16, Arc<Describe>>>,
    /// Stamps of transactions that have not committed.
    open: Mutex<Vec<i64>>,
}

struct State {
    store: Store,
    visibility: Visibility,
    /// When describe changed last.
    described_at: Timestamp,
    changes: ChangeLog,
    /// Counts transactions, so that generated records differ from call to call.
    generated: u64,
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

impl Org {
    /// A new org with its set-up records (users, profiles, stages) and nothing else.
    /// Fails when a customization contradicts itself or names an object that is not there.
    pub fn new(config: OrgConfig) -> Result<Self, CustomizationError> {
        let clock = config.now.map_or_else(Clock::real, Clock::frozen);
        let schema = schema_builder::build(&config)
            .map_err(|reason| CustomizationError::Invalid("customization".to_owned(), reason))?;
        let mut store = Store::new(Arc::new(schema));
        let setup = setup::make(&mut store, &config, clock.now_seconds());
        let state = State {
            store,
            visibility: Visibility::default(),
            described_at: clock.now(),
            changes: ChangeLog::default(),
            generated: 0,
        };
        Ok(Self {
            clock,
            config,
            setup,
            state: RwLock::new(state),
            described: Mutex::default(),
            open: Mutex::default(),
        })
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
        state.described_at = self.clock.now();
        lock(&self.described).clear();
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

    /// The rows of a query with or without indexes, for the test that they agree.
    #[cfg(test)]
    pub(crate) fn rows_of(&self, soql: &str, deleted: bool, indexed: bool) -> Result<Vec<u32>, ApiError> {
        let state = self.read();
        let scope = Scope { indexed, ..self.scope(&state, deleted, false) };
        match run::run(&scope, soql)?.rows {
            Rows::Records { rows, .. } => Ok(rows),
            _ => Ok(Vec::new()),
        }
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

    fn sight<'a>(&'a self, state: &'a State) -> describe::Sight<'a> {
        describe::Sight {
            store: &state.store,
            setup: &self.setup,
            visibility: &state.visibility,
            instance_url: &self.config.instance_url,
        }
    }

    /// The index of an object that is visible.
    fn visible(state: &State, object: &str) -> Result<u16, ApiError> {
        let index = state.store.schema.find(object).filter(|index| state.visibility.sees_object(*index));
        index.ok_or_else(ApiError::not_found)
    }

    /// Describe global (section 4.1).
    pub fn describe_global(&self) -> Arc<Describe> {
        let state = self.read();
        Arc::new(Describe::new(&describe::global(self.sight(&state)), state.described_at))
    }

    /// The entry of describe global for one object.
    pub fn describe_brief(&self, object: &str) -> Result<Json, ApiError> {
        let state = self.read();
        let index = Self::visible(&state, object)?;
        Ok(describe::brief(self.sight(&state), index))
    }

    /// Describe of one object (section 4.2).
    pub fn describe(&self, object: &str) -> Result<Arc<Describe>, ApiError> {
        let state = self.read();
        let index = Self::visible(&state, object)?;
        if let Some(known) = lock(&self.described).get(&index) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(Describe::new(&describe::object(self.sight(&state), index), state.described_at));
        lock(&self.described).insert(index, Arc::clone(&made));
        Ok(made)
    }

    /// The picklist values that a record type offers, as the UI API answers them.
    pub fn record_type_picklists(&self, object: &str, record_type: &str) -> Result<Json, ApiError> {
        let state = self.read();
        let index = Self::visible(&state, object)?;
        let id = Id::parse(record_type)?;
        describe::record_type_picklists(self.sight(&state), index, &id).ok_or_else(ApiError::not_found)
    }

    /// Ids created or changed in a window (section 4.4).
    pub fn updated(&self, object: &str, start: Timestamp, end: Timestamp) -> Result<Updated, ApiError> {
        let state = self.read();
        replication::updated(&self.replication(&state, object, start, end)?)
    }

    /// Ids deleted in a window (section 4.5).
    pub fn deleted(&self, object: &str, start: Timestamp, end: Timestamp) -> Result<Deleted, ApiError> {
        let state = self.read();
        replication::deleted(&self.replication(&state, object, start, end)?)
    }

    fn replication<'a>(
        &self,
        state: &'a State,
        object: &str,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<replication::Request<'a>, ApiError> {
        Ok(replication::Request {
            store: &state.store,
            object: state.store.schema.object(Self::visible(state, object)?),
            start,
            end,
            now: self.clock.now_seconds(),
            open: lock(&self.open).iter().min().copied(),
        })
    }

    /// One record as a JSON object (section 5.2); with `fields`, only those and `Id`.
    pub fn get(&self, object: &str, id: &str, fields: Option<&[&str]>) -> Result<Vec<u8>, ApiError> {
        let state = self.read();
        let scope = self.scope(&state, false, false);
        single::get(&scope, Self::visible(&state, object)?, id, fields)
    }

    /// The bytes of a base64 field, such as `ContentNote.Content` (section 5.7).
    pub fn blob(&self, object: &str, id: &str, field: &str) -> Result<Vec<u8>, ApiError> {
        let state = self.read();
        let scope = self.scope(&state, false, false);
        single::blob(&scope, Self::visible(&state, object)?, id, field)
    }

    /// Live records that hold a text in a field, for reads and upserts by external id (section 5.4).
    pub fn find_by(&self, object: &str, field: &str, text: &str) -> Result<Vec<Id>, ApiError> {
        let state = self.read();
        let scope = self.scope(&state, false, false);
        single::find_by(&scope, Self::visible(&state, object)?, field, text)
    }

    /// Creates a record as the integration user.
    pub fn insert(&self, object: &str, fields: Map<String, Json>) -> Result<Id, ApiError> {
        let mut transaction = self.begin();
        transaction.insert(object, fields);
        let ids = transaction.commit()?;
        ids.into_iter().next().ok_or_else(ApiError::not_found)
    }

    /// Changes a record as the integration user; `null` clears a field.
    pub fn update(&self, object: &str, id: &str, fields: Map<String, Json>) -> Result<(), ApiError> {
        let mut transaction = self.begin();
        transaction.update(object, id, fields);
        transaction.commit().map(drop)
    }

    /// Moves a record to the recycle bin, with its children.
    pub fn delete(&self, object: &str, id: &str) -> Result<(), ApiError> {
        let mut transaction = self.begin();
        transaction.delete(object, id);
        transaction.commit().map(drop)
    }

    /// Brings a record back from the recycle bin, with what was deleted with it.
    pub fn undelete(&self, object: &str, id: &str) -> Result<(), ApiError> {
        self.at_once(object, |session, index| session.undelete(index, id))
    }

    /// Deletes past the recycle bin; queryAll sees the row for 24 hours more.
    pub fn hard_delete(&self, object: &str, id: &str) -> Result<(), ApiError> {
        self.at_once(object, |session, index| session.hard_delete(index, id))
    }

    /// Empties the recycle bin.
    pub fn purge_recycle_bin(&self) {
        let mut state = self.write();
        let now = self.clock.now_seconds();
        let State { store, visibility, .. } = &mut *state;
        let mut session = Session::new(store, &self.setup, visibility, now, now);
        session.purge();
        session.finish();
    }

    fn at_once(
        &self,
        object: &str,
        work: impl FnOnce(&mut Session<'_>, u16) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let mut state = self.write();
        let index = Self::visible(&state, object)?;
        let now = self.clock.now_seconds();
        let State { store, visibility, changes, .. } = &mut *state;
        let mut session = Session::new(store, &self.setup, visibility, now, now);
        work(&mut session, index)?;
        changes.extend(session.finish());
        Ok(())
    }

    /// Takes a stamp now; nothing is visible until [`Txn::commit`], and then with that older stamp.
    pub fn begin(&self) -> Txn<'_> {
        let stamp = self.clock.now();
        lock(&self.open).push(stamp.as_second());
        Txn { org: self, stamp, author: None, steps: Vec::new() }
    }

    /// Changes from a sequence number on (0 for all that are kept), and the number to ask for next.
    pub fn changes_since(&self, sequence: u64) -> (Vec<Change>, u64) {
        self.read().changes.since(sequence)
    }

    /// Adds generated records; the same seed and calls give the same records.
    pub fn generate(&self, population: &Population) {
        let mut state = self.write();
        let now = self.clock.now_seconds();
        state.generated += 1;
        let seed = self.config.seed.wrapping_add(state.generated << 32);
        generate::run(&mut state.store, &self.setup, now, seed, population);
    }

    /// Makes `count` random edits; the same seed on the same org gives the same edits.
    pub fn random_edits(&self, seed: u64, count: usize, mix: &EditMix) {
        let mut rng = Rng::new(seed, 2);
        for _ in 0..count {
            let mut state = self.write();
            let now = self.clock.now_seconds();
            let State { store, visibility, changes, .. } = &mut *state;
            let mut session = Session::new(store, &self.setup, visibility, now, now);
            edits::one(&mut session, &mut rng, mix);
            changes.extend(session.finish());
        }
    }
}

/// A transaction that commits later than its stamp. Dropped without a commit, it did nothing.
pub struct Txn<'a> {
    org: &'a Org,
    stamp: Timestamp,
    author: Option<Id>,
    steps: Vec<(String, Step)>,
}

enum Step {
    Insert(Map<String, Json>),
    Update(String, Map<String, Json>),
    Delete(String),
}

impl Txn<'_> {
    /// The stamp that every record of this transaction will carry.
    pub fn stamp(&self) -> Timestamp {
        self.stamp
    }

    /// Another user than the integration user makes the changes.
    pub fn set_author(&mut self, user: Id) {
        self.author = Some(user);
    }

    /// Adds a create.
    pub fn insert(&mut self, object: &str, fields: Map<String, Json>) {
        self.steps.push((object.to_owned(), Step::Insert(fields)));
    }

    /// Adds a change.
    pub fn update(&mut self, object: &str, id: &str, fields: Map<String, Json>) {
        self.steps.push((object.to_owned(), Step::Update(id.to_owned(), fields)));
    }

    /// Adds a delete.
    pub fn delete(&mut self, object: &str, id: &str) {
        self.steps.push((object.to_owned(), Step::Delete(id.to_owned())));
    }

    /// Makes all of it visible at once, or nothing; gives the ids of the records in the order of the calls.
    pub fn commit(self) -> Result<Vec<Id>, ApiError> {
        let mut state = self.org.write();
        let now = self.org.clock.now_seconds();
        let author = self.author.and_then(|id| state.store.find(&id));
        let indexes: Vec<u16> =
            self.steps.iter().map(|(name, _)| Org::visible(&state, name)).collect::<Result<_, _>>()?;
        let State { store, visibility, changes, .. } = &mut *state;
        let mut session = Session::new(store, &self.org.setup, visibility, self.stamp.as_second(), now);
        session.author = author.unwrap_or(session.author);
        let mut ids = Vec::with_capacity(self.steps.len());
        for (index, (_, step)) in indexes.into_iter().zip(&self.steps) {
            let id = match step {
                Step::Insert(fields) => {
                    let at = session.insert(index, fields)?;
                    session.store.id_of(at)
                }
                Step::Update(id, fields) => {
                    session.update(index, id, fields)?;
                    Id::parse(id)?
                }
                Step::Delete(id) => {
                    session.delete(index, id)?;
                    Id::parse(id)?
                }
            };
            ids.push(id);
        }
        changes.extend(session.finish());
        Ok(ids)
    }
}

impl Drop for Txn<'_> {
    fn drop(&mut self) {
        let mut open = lock(&self.org.open);
        if let Some(position) = open.iter().position(|stamp| *stamp == self.stamp.as_second()) {
            open.swap_remove(position);
        }
    }
}

/// A lock whose holder panicked guards a value that is still whole: every change of it is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
