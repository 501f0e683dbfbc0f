//! Connection files: one system each.

use super::{HttpConnection, PostgresConnection, SecretRef, SqliteConnection, Template};
use crate::diag::{SourceId, Span};
use crate::model::ConnectionName;
use crate::spec::spanned::says_the_same;
use crate::spec::values::{Path, Share};
use crate::spec::words::words;
use crate::spec::{Entry, Spanned};

words! {
    /// Which kind of org a connection is for.
    pub enum Environment {
        Production = "production", "login.salesforce.com";
        Sandbox = "sandbox", "test.salesforce.com";
    }
}

words! {
    /// Salesforce setup the daemon may create, and removes on `sfsync disconnect`.
    pub enum Manage {
        CdcChannel = "cdc_channel", "the private channel and its members";
        OutboundMessages = "outbound_messages", "outbound messages and the flows that send them";
        WebhookSetting = "webhook_setting", "address and token in the custom setting of an installed package";
    }
}

words! {
    /// What happens to a record that a duplicate rule of the org warns about.
    pub enum Duplicates {
        Block = "block", "it is held, with the records it resembles";
        Allow = "allow", "it is saved; rules that block still do";
    }
}

/// `Account.OwnerId`: a field no pipeline may write.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtectedField {
    /// Object or resource.
    pub object: String,
    /// The field there.
    pub field: Path,
}

/// What a connection file says. Made by [`crate::spec::read_connection`].
#[derive(Clone, Debug)]
pub struct ConnectionFile {
    /// The file.
    pub source: SourceId,
    /// The name of the file without its extension.
    pub name: ConnectionName,
    /// Where `type` is said.
    pub type_span: Span,
    /// `description`
    pub description: Option<Entry<String>>,
    /// `read_only`, default false
    pub read_only: Option<Entry<bool>>,
    /// `protect`
    pub protect: Vec<Spanned<ProtectedField>>,
    /// Every secret the file refers to, in order.
    pub secrets: Vec<SecretRef>,
    /// The rest, by type.
    pub kind: ConnectionKind,
}

says_the_same!(ConnectionFile { source, type_span } { name, description, read_only, protect, secrets, kind });

impl ConnectionFile {
    /// Whether nobody may write there (default: no).
    pub fn read_only(&self) -> bool {
        self.read_only.as_ref().is_some_and(|entry| entry.value)
    }
}

/// The settings of a connection, by its type.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectionKind {
    /// `type: salesforce`
    Salesforce(Box<SalesforceConnection>),
    /// `type: http`
    Http(Box<HttpConnection>),
    /// `type: postgres`
    Postgres(Box<PostgresConnection>),
    /// `type: sqlite`
    Sqlite(Box<SqliteConnection>),
    /// `type: slack`
    Slack(SlackConnection),
    /// `type: email`
    Email(Box<EmailConnection>),
    /// `type: webhook`
    Webhook(WebhookConnection),
}

impl ConnectionKind {
    /// The word of `type:`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Salesforce(_) => "salesforce",
            Self::Http(_) => "http",
            Self::Postgres(_) => "postgres",
            Self::Sqlite(_) => "sqlite",
            Self::Slack(_) => "slack",
            Self::Email(_) => "email",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Whether records live there, so that a pipeline can name it in `app:`.
    pub fn is_app(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Postgres(_) | Self::Sqlite(_))
    }

    /// Whether `notify:` can name it.
    pub fn is_notification(&self) -> bool {
        matches!(self, Self::Slack(_) | Self::Email(_) | Self::Webhook(_))
    }
}

/// `auth` of Salesforce, by `flow`.
#[derive(Clone, Debug, PartialEq)]
pub enum SalesforceAuth {
    /// `authorization_code`: sign in once in a browser.
    AuthorizationCode {
        /// `client_id`
        client_id: Entry<Template>,
        /// `client_secret`; a public client has none
        client_secret: Option<Entry<Template>>,
    },
    /// `client_credentials`
    ClientCredentials {
        /// `client_id`
        client_id: Entry<Template>,
        /// `client_secret`
        client_secret: Entry<Template>,
    },
    /// `jwt_bearer`
    JwtBearer {
        /// `client_id`
        client_id: Entry<Template>,
        /// `username`
        username: Entry<Template>,
        /// `private_key`: PEM
        private_key: Entry<Template>,
    },
}

/// `webhook` of Salesforce.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SalesforceWebhook {
    /// `token`: what callers have to show
    pub token: Option<Entry<Template>>,
    /// `setting`: the custom setting for address and token
    pub setting: Option<Entry<String>>,
}

/// `type: salesforce`
#[derive(Clone, Debug, PartialEq)]
pub struct SalesforceConnection {
    /// `environment`
    pub environment: Entry<Environment>,
    /// `domain`: the host of My Domain
    pub domain: Option<Entry<Template>>,
    /// `login_url`
    pub login_url: Option<Entry<Template>>,
    /// `pubsub_url`
    pub pubsub_url: Option<Entry<Template>>,
    /// `auth`
    pub auth: Entry<SalesforceAuth>,
    /// `api_version`: `64.0`; `None` is the newest known to both
    pub api_version: Option<Entry<String>>,
    /// `api_budget`, default half of the org's limit
    pub api_budget: Option<Entry<Share>>,
    /// `concurrency`
    pub concurrency: Option<Entry<u32>>,
    /// `duplicates`
    pub duplicates: Option<Entry<Duplicates>>,
    /// `assignment_rules`
    pub assignment_rules: Option<Entry<bool>>,
    /// `cdc_channel`
    pub cdc_channel: Option<Entry<String>>,
    /// `manage`
    pub manage: Vec<Spanned<Manage>>,
    /// `webhook`
    pub webhook: SalesforceWebhook,
    /// `default_currency`
    pub default_currency: Option<Entry<String>>,
}

impl SalesforceConnection {
    /// `concurrency` (default: 4 requests at once).
    pub fn concurrency(&self) -> u32 {
        self.concurrency.as_ref().map_or(4, |entry| entry.value)
    }

    /// Whether records are saved although a duplicate rule warns (default: no).
    pub fn allows_duplicates(&self) -> bool {
        self.duplicates.as_ref().is_some_and(|entry| entry.value == Duplicates::Allow)
    }

    /// Whether the org's assignment rules choose owners (default: no).
    pub fn assignment_rules(&self) -> bool {
        self.assignment_rules.as_ref().is_some_and(|entry| entry.value)
    }

    /// `api_budget` (default: 50 %).
    pub fn api_budget(&self) -> Share {
        self.api_budget.as_ref().map_or(Share::Percent(rust_decimal::Decimal::from(50)), |entry| entry.value)
    }

    /// `cdc_channel` (default: `Sfsync`); `default` stands for `/data/ChangeEvents`.
    pub fn cdc_channel(&self) -> &str {
        self.cdc_channel.as_ref().map_or("Sfsync", |entry| &entry.value)
    }

    /// Whether the daemon may create a kind of setup.
    pub fn manages(&self, what: Manage) -> bool {
        self.manage.iter().any(|item| item.value == what)
    }
}

/// `type: slack`
#[derive(Clone, Debug, PartialEq)]
pub struct SlackConnection {
    /// `url`: an incoming webhook
    pub url: Entry<Template>,
}

/// `type: email`
#[derive(Clone, Debug, PartialEq)]
pub struct EmailConnection {
    /// `smtp`: host and port
    pub smtp: Entry<Template>,
    /// `user`
    pub user: Option<Entry<Template>>,
    /// `password`
    pub password: Option<Entry<Template>>,
    /// `from`
    pub from: Entry<Template>,
    /// `to`
    pub to: Entry<Vec<Template>>,
}

/// `type: webhook`
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookConnection {
    /// `url`
    pub url: Entry<Template>,
    /// `headers`
    pub headers: Vec<(Spanned<String>, Spanned<Template>)>,
}
