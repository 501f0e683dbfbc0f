//! The systems that are connected: one client per Salesforce org, one pool per database, shared by all pipelines and opened again when
//! their connection file or its secrets change.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use xxhash_rust::xxh3::xxh3_64;

use crate::connect::ConnectError;
use crate::connect::http::HttpApp;
use crate::connect::salesforce::{
    self, ApiBudget, Auth, Client, Environment, Services, StoredToken, TokenStore, TokenStoreError,
    UsageStore,
};
use crate::connect::sql::{Guard, PostgresConfig, SqlConnection, SqliteConfig, Tls};
use crate::model::{Class, Clock, ConnectionName};
use crate::spec::values::Share;
use crate::spec::{
    self, ConnectionFile, ConnectionKind, Entry, PostgresConnection, SalesforceAuth, SalesforceConnection,
    SecretRef, SqlResource, SqliteConnection, Template, TlsMode,
};
use crate::store::Store;

/// Where secrets come from: the environment and files of the daemon; tests and the demo bring their own.
pub trait Secrets: Send + Sync {
    /// The value of a reference, or `None` where it is not set.
    fn get(&self, source: &spec::SecretSource) -> Option<String>;
}

/// The environment and the files of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessSecrets;

impl Secrets for ProcessSecrets {
    fn get(&self, source: &spec::SecretSource) -> Option<String> {
        match source {
            spec::SecretSource::Env(name) => std::env::var(name).ok(),
            spec::SecretSource::File(path) => {
                let text = std::fs::read_to_string(path).ok()?;
                Some(text.trim_end_matches(['\n', '\r']).to_owned())
            }
        }
    }
}

/// A connected system.
#[derive(Clone)]
pub enum System {
    /// A Salesforce org.
    Salesforce(Arc<Client>),
    /// A database.
    Sql(SqlConnection),
    /// An app behind HTTP.
    Http(HttpApp),
}

/// All connected systems.
pub struct World {
    pub(super) clock: Arc<dyn Clock>,
    secrets: Arc<dyn Secrets>,
    pub(super) store: Option<Arc<Store>>,
    systems: Mutex<HashMap<ConnectionName, (u64, System)>>,
    only_look: AtomicBool,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// Nothing is connected yet. Without a state, tokens live in memory.
    pub fn new(clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets>, store: Option<Arc<Store>>) -> Self {
        Self { clock, secrets, store, systems: Mutex::default(), only_look: AtomicBool::new(false) }
    }

    /// Nothing outside may be begun from now on, not even an empty file: for checks and plans.
    pub fn only_look(&self) {
        self.only_look.store(true, Ordering::Relaxed);
    }

    /// Where secrets come from.
    pub fn secrets(&self) -> &Arc<dyn Secrets> {
        &self.secrets
    }

    /// The system of a connection file, opened if it is new or has changed.
    pub async fn open(&self, file: &ConnectionFile) -> Result<System, ConnectError> {
        let identity = self.identity(file);
        if let Some((known, system)) = self.lock().get(&file.name)
            && *known == identity
        {
            return Ok(system.clone());
        }
        let system = self.connect(file).await?;
        self.lock().insert(file.name.clone(), (identity, system.clone()));
        Ok(system)
    }

    /// A Salesforce connection that is open.
    pub fn salesforce(&self, name: &ConnectionName) -> Option<Arc<Client>> {
        match self.lock().get(name) {
            Some((_, System::Salesforce(client))) => Some(Arc::clone(client)),
            _ => None,
        }
    }

    /// All Salesforce clients that are open, by name.
    pub fn clients(&self) -> Vec<(ConnectionName, Arc<Client>)> {
        let systems = self.lock();
        let clients = systems.iter().filter_map(|(name, (_, system))| match system {
            System::Salesforce(client) => Some((name.clone(), Arc::clone(client))),
            System::Sql(_) | System::Http(_) => None,
        });
        clients.collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionName, (u64, System)>> {
        self.systems.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes when the file or the value of a secret changes. A hash only: secrets stay where they are.
    pub fn identity(&self, file: &ConnectionFile) -> u64 {
        let mut text = format!("{:?} {}", file.kind, file.read_only());
        for protected in &file.protect {
            _ = write!(text, " {}.{}", protected.object, protected.field);
        }
        for secret in &file.secrets {
            text.push_str(&self.secrets.get(&secret.source).unwrap_or_default());
            text.push('\n');
        }
        xxh3_64(text.as_bytes())
    }

    async fn connect(&self, file: &ConnectionFile) -> Result<System, ConnectError> {
        match &file.kind {
            ConnectionKind::Salesforce(org) => self.org(file, org).map(System::Salesforce),
            ConnectionKind::Sqlite(database) => {
                let opened = self.sqlite(file, database).await?;
                Ok(System::Sql(opened.guarded(guard(file, &database.resources))))
            }
            ConnectionKind::Postgres(database) => {
                let opened = self.postgres(database).await?;
                Ok(System::Sql(opened.guarded(guard(file, &database.resources))))
            }
            ConnectionKind::Http(app) => self.app(file, app).map(System::Http),
            other => {
                let message =
                    format!("connection {} ({}) cannot be opened by this version", file.name, other.word());
                Err(ConnectError::new("R109", Class::Pipeline, message))
            }
        }
    }

    fn org(&self, file: &ConnectionFile, org: &SalesforceConnection) -> Result<Arc<Client>, ConnectError> {
        let config = salesforce::Config {
            name: file.name.clone(),
            environment: match org.environment.value {
                spec::Environment::Production => Environment::Production,
                spec::Environment::Sandbox => Environment::Sandbox,
            },
            domain: self.optional(org.domain.as_ref())?,
            login_url: self.optional(org.login_url.as_ref())?,
            pubsub_url: self.optional(org.pubsub_url.as_ref())?,
            auth: self.auth(&org.auth.value)?,
            api_version: org.api_version.as_ref().map(|entry| entry.value.clone()),
            api_budget: budget(org.api_budget()),
            concurrency: org.concurrency() as usize,
            read_only: file.read_only(),
            protect: file.protect.iter().map(|field| format!("{}.{}", field.object, field.field)).collect(),
            allow_duplicates: org.allows_duplicates(),
            assignment_rules: org.assignment_rules(),
            gzip: None,
            transport: salesforce::Transport::default(),
        };
        let tokens: Arc<dyn TokenStore> = match &self.store {
            Some(store) => Arc::new(StoredTokens { store: Arc::clone(store), connection: file.name.clone() }),
            None => Arc::new(salesforce::MemoryTokens::default()),
        };
        let usage = self.store.as_ref().map(|store| -> Arc<dyn UsageStore> {
            Arc::new(StoredUsage {
                store: Arc::clone(store),
                connection: file.name.clone(),
                clock: Arc::clone(&self.clock),
            })
        });
        Client::new(config, Services { clock: Arc::clone(&self.clock), tokens, usage })
    }

    fn auth(&self, auth: &SalesforceAuth) -> Result<Auth, ConnectError> {
        Ok(match auth {
            SalesforceAuth::AuthorizationCode { client_id, client_secret } => Auth::AuthorizationCode {
                client_id: self.text(&client_id.value)?,
                client_secret: client_secret.as_ref().map(|secret| self.secret(&secret.value)).transpose()?,
            },
            SalesforceAuth::ClientCredentials { client_id, client_secret } => Auth::ClientCredentials {
                client_id: self.text(&client_id.value)?,
                client_secret: self.secret(&client_secret.value)?,
            },
            SalesforceAuth::JwtBearer { client_id, username, private_key } => Auth::JwtBearer {
                client_id: self.text(&client_id.value)?,
                username: self.text(&username.value)?,
                private_key: self.secret(&private_key.value)?,
            },
        })
    }

    async fn sqlite(
        &self,
        file: &ConnectionFile,
        database: &SqliteConnection,
    ) -> Result<SqlConnection, ConnectError> {
        let mut config = SqliteConfig::new(PathBuf::from(self.text(&database.path.value)?));
        config.read_only = file.read_only();
        config.only_look = self.only_look.load(Ordering::Relaxed);
        SqlConnection::sqlite(config).await
    }

    async fn postgres(&self, database: &PostgresConnection) -> Result<SqlConnection, ConnectError> {
        let secret = |entry: &Option<Entry<Template>>| {
            entry.as_ref().map(|entry| self.secret(&entry.value)).transpose()
        };
        let config = PostgresConfig {
            url: secret(&database.url)?,
            host: self.optional(database.host.as_ref())?,
            port: database.port.as_ref().and_then(|port| u16::try_from(port.value).ok()),
            database: self.optional(database.database.as_ref())?,
            user: self.optional(database.user.as_ref())?,
            password: secret(&database.password)?,
            tls: database.tls.as_ref().map(|tls| match tls.value {
                TlsMode::Required => Tls::Required,
                TlsMode::Off => Tls::Off,
            }),
            schema: database.schema.as_ref().map(|schema| schema.value.clone()),
            pool: database.pool() as usize,
            timeout: Duration::from_secs(10),
        };
        SqlConnection::postgres(&config).await
    }

    fn optional(&self, entry: Option<&Entry<Template>>) -> Result<Option<String>, ConnectError> {
        entry.map(|entry| self.text(&entry.value)).transpose()
    }

    pub(super) fn text(&self, template: &Template) -> Result<String, ConnectError> {
        self.secret(template).map(|secret| secret.expose_secret().to_owned())
    }

    /// A template with its secrets filled in.
    pub fn secret(&self, template: &Template) -> Result<SecretString, ConnectError> {
        let mut text = String::new();
        for part in &template.parts {
            match part {
                spec::TemplatePart::Text(piece) => text.push_str(piece),
                spec::TemplatePart::Secret(secret) => text.push_str(&self.resolve(secret)?),
            }
        }
        Ok(SecretString::from(text))
    }

    /// The secrets of a connection file, each by how the file writes it. One that is not set is told where it is needed.
    pub(super) fn named_secrets(&self, file: &ConnectionFile) -> Vec<(String, SecretString)> {
        let set = file.secrets.iter().filter_map(|secret| {
            let value = self.secrets.get(&secret.source)?;
            Some((secret.source.to_string(), SecretString::from(value)))
        });
        set.collect()
    }

    fn resolve(&self, secret: &SecretRef) -> Result<String, ConnectError> {
        self.secrets.get(&secret.source).ok_or_else(|| {
            let message = format!("secret {} is not set", secret.source);
            ConnectError::new("E601", Class::Pipeline, message).help("set it for the service and reload")
        })
    }
}

fn budget(share: Share) -> ApiBudget {
    use rust_decimal::prelude::ToPrimitive as _;
    match share {
        Share::Percent(percent) => {
            let thousandths = (percent * rust_decimal::Decimal::from(10)).to_u16().unwrap_or(500);
            ApiBudget::PerMille(thousandths)
        }
        Share::Count(calls) => ApiBudget::Calls(calls),
    }
}

/// Tokens in the state, encrypted there.
struct StoredTokens {
    store: Arc<Store>,
    connection: ConnectionName,
}

impl TokenStore for StoredTokens {
    fn load(&self) -> Result<Option<StoredToken>, TokenStoreError> {
        let bytes =
            self.store.load_token(&self.connection).map_err(|error| TokenStoreError(error.to_string()))?;
        bytes.map(|bytes| StoredToken::from_bytes(&bytes)).transpose()
    }

    fn save(&self, token: &StoredToken) -> Result<(), TokenStoreError> {
        let bytes = token.to_bytes()?;
        self.store.save_token(&self.connection, &bytes).map_err(|error| TokenStoreError(error.to_string()))
    }

    fn forget(&self) -> Result<(), TokenStoreError> {
        self.store.drop_token(&self.connection).map_err(|error| TokenStoreError(error.to_string()))
    }
}

/// Own API calls by hour, in the state, so that the budget holds over restarts.
struct StoredUsage {
    store: Arc<Store>,
    connection: ConnectionName,
    clock: Arc<dyn Clock>,
}

impl UsageStore for StoredUsage {
    fn load(&self) -> Vec<(i64, u64)> {
        let since = self.clock.now() - SignedDuration::from_hours(25);
        let hours = self.store.api_calls(&self.connection, since).unwrap_or_default();
        hours.into_iter().map(|(hour, calls)| (hour.as_second() / 3600, calls)).collect()
    }

    fn save(&self, hour: i64, calls: u64) {
        let Ok(at) = Timestamp::from_second(hour * 3600) else { return };
        let known = self.load().into_iter().find(|(known, _)| *known == hour).map_or(0, |(_, calls)| calls);
        if let Err(error) = self.store.add_api_calls(&self.connection, at, calls.saturating_sub(known)) {
            tracing::warn!(connection = %self.connection, %error, "API calls could not be counted");
        }
    }
}

/// What a connection file forbids, with the tables that its resources stand for.
fn guard(file: &ConnectionFile, resources: &[SqlResource]) -> Guard {
    let table = |name: &str| {
        let resource = resources.iter().find(|resource| resource.name.value == name);
        let table = resource.and_then(|resource| resource.table.as_ref());
        table.map_or_else(|| name.to_owned(), |table| table.value.clone())
    };
    let protect = file.protect.iter().map(|field| (table(&field.object), field.field.to_string()));
    Guard { read_only: file.read_only(), protect: protect.collect() }
}
