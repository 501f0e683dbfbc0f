//! `settings.yaml`.

use super::{SecretRef, Template};
use crate::diag::SourceId;
use crate::model::ConnectionName;
use crate::spec::spanned::says_the_same;
use crate::spec::values::{Period, Unit};
use crate::spec::words::words;
use crate::spec::{Entry, Spanned};

words! {
    /// How much is logged.
    pub enum LogLevel {
        Error = "error", "";
        Warn = "warn", "";
        Info = "info", "";
        Debug = "debug", "";
    }
}

/// What `settings.yaml` says. Made by [`crate::spec::read_settings`]. Only `notify`, `retention`, `timezone` and `log` may
/// change while the daemon runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file.
    pub source: SourceId,
    /// `listen`
    pub listen: Option<Entry<Template>>,
    /// `public_url`
    pub public_url: Option<Entry<Template>>,
    /// `admin_token`
    pub admin_token: Option<Entry<Template>>,
    /// `state`
    pub state: Option<Entry<Template>>,
    /// `timezone`: a name of the IANA database that exists
    pub timezone: Option<Entry<String>>,
    /// `notify`
    pub notify: Option<Entry<Vec<Spanned<ConnectionName>>>>,
    /// `retention`
    pub retention: Option<Entry<Period>>,
    /// `log`
    pub log: Option<Entry<LogLevel>>,
    /// Every secret the file refers to.
    pub secrets: Vec<SecretRef>,
}

says_the_same!(Settings { source } { listen, public_url, admin_token, state, timezone, notify, retention, log, secrets });

impl Settings {
    /// `listen` (default).
    pub const LISTEN: &'static str = "127.0.0.1:8480";
    /// `state` (default).
    pub const STATE: &'static str = "/var/lib/sfsync";

    /// The settings of a folder without `settings.yaml`.
    pub fn empty(source: SourceId) -> Self {
        Self {
            source,
            listen: None,
            public_url: None,
            admin_token: None,
            state: None,
            timezone: None,
            notify: None,
            retention: None,
            log: None,
            secrets: Vec::new(),
        }
    }

    /// `timezone` (default: UTC).
    pub fn timezone(&self) -> &str {
        self.timezone.as_ref().map_or("UTC", |entry| &entry.value)
    }

    /// `retention` (default: 30 days).
    pub fn retention(&self) -> Period {
        self.retention.as_ref().map_or(Period::new(30, Unit::Days), |entry| entry.value)
    }

    /// `log` (default: info).
    pub fn log(&self) -> LogLevel {
        self.log.as_ref().map_or(LogLevel::Info, |entry| entry.value)
    }
}
