//! The org: records behind a lock, and everything that can be asked of them.
//! May not keep rules itself: it locks, and hands over. Read [`Org`] first.

mod describing;
mod events;
mod many;
mod metadata;
mod names;
mod reads;
mod transaction;
mod writes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

pub(crate) use self::events::{Delivered, Topic};
pub use self::many::{Atomic, Journal, Outcomes};
pub(crate) use self::many::{CHUNK, doubled_keys};
pub(crate) use self::metadata::Sending;
pub use self::transaction::Txn;
use super::change_log::ChangeLog;
use super::clock::Clock;
use super::config::OrgConfig;
use super::customization::CustomizationError;
use super::describe::Describe;
use super::error::ApiError;
use super::events::Events;
use super::ids::Id;
use super::locks::Locks;
use super::metadata::Metadata;
use super::rules;
use super::schema::Object;
use super::schema_builder;
use super::setup::{self, Setup};
use super::soql::run::Scope;
use super::store::{Reader, Store};
use super::value::{RowRef, Value};
use super::visibility::Visibility;
use super::write_log::WriteLog;

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
    /// Held by whoever writes, over all parts of an atomic request.
    turn: Mutex<()>,
    locks: Locks,
    events: Events,
    metadata: Metadata,
}

struct State {
    store: Store,
    visibility: Visibility,
    /// When describe changed last.
    described_at: Timestamp,
    changes: ChangeLog,
    writes: WriteLog,
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
        let mut setup = setup::make(&mut store, &config, clock.now_seconds());
        setup.rules = rules::build(&store, &config)
            .map_err(|reason| CustomizationError::Invalid("customization".to_owned(), reason))?;
        let state = State {
            store,
            visibility: Visibility::default(),
            described_at: clock.now(),
            changes: ChangeLog::default(),
            writes: WriteLog::default(),
            generated: 0,
        };
        Ok(Self {
            events: Events::new(config.edition),
            clock,
            config,
            setup,
            state: RwLock::new(state),
            described: Mutex::default(),
            open: Mutex::default(),
            turn: Mutex::default(),
            locks: Locks::default(),
            metadata: Metadata::default(),
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

    /// The index of an object that is visible.
    fn visible(state: &State, object: &str) -> Result<u16, ApiError> {
        let index = state.store.schema.find(object).filter(|index| state.visibility.sees_object(*index));
        index.ok_or_else(ApiError::not_found)
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
        (Some(Value::Reference(at)), Some(profile)) => {
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
            .is_some_and(|column| reader.column(object.table, column, row) == Value::Bool(true)),
        profile: profile_name.and_then(|name| name.as_text().map(str::to_owned)).unwrap_or_default(),
    }
}
