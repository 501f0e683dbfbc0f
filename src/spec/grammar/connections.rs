//! Connection files but HTTP.

use super::http::{HTTP, PROOF};
use super::shape::{ByWord, Each, Key, Mapping, Shape, key, required, word};
use crate::spec::{Choice, Duplicates, Environment, Manage, TlsMode};

pub(super) const TYPES: &[Choice] = &[
    word("salesforce", "a Salesforce org"),
    word("http", "an app with an HTTP API"),
    word("postgres", "a PostgreSQL database"),
    word("sqlite", "a SQLite file"),
    word("slack", "a Slack channel, for `notify`"),
    word("email", "a mailbox, for `notify`"),
    word("webhook", "an address that is called, for `notify`"),
];

pub(crate) static CONNECTION: ByWord = ByWord {
    name: "connection",
    key: "type",
    cases: &[
        (TYPES[0], &SALESFORCE),
        (TYPES[1], &HTTP),
        (TYPES[2], &POSTGRES),
        (TYPES[3], &SQLITE),
        (TYPES[4], &SLACK),
        (TYPES[5], &EMAIL),
        (TYPES[6], &WEBHOOK),
    ],
};

pub(super) const TYPE: Key = required("type", Shape::Choice(TYPES), "What kind of system it is.");
pub(super) const DESCRIPTION: Key = key("description", Shape::Text, "For people.");
pub(super) const READ_ONLY: Key = key(
    "read_only",
    Shape::Bool,
    "`true` makes every pipeline that writes there an error; the client refuses anyway.",
)
.or("false");
pub(super) const PROTECT: Key = key(
    "protect",
    Shape::List(&Shape::Protected),
    "Fields no pipeline may write: `Account.OwnerId`, `customers.email`.",
)
.or("[]");

static SALESFORCE: Mapping = Mapping {
    name: "connection of type salesforce",
    noun: "a connection of type salesforce",
    doc: "A Salesforce org.",
    keys: &[
        TYPE,
        DESCRIPTION,
        READ_ONLY,
        PROTECT,
        required("environment", Shape::Choice(Environment::CHOICES), "Compared with `Organization.IsSandbox` after sign-in; a difference stops the connection."),
        key("domain", Shape::Template, "My Domain, such as `acme.my.salesforce.com`; required for `client_credentials`."),
        key("login_url", Shape::Url, "Another address to sign in at, such as a simulated org; plain `http` only to loopback.").or("by `environment` or `domain`"),
        key("pubsub_url", Shape::Url, "Where change events come from; plain `http` only to loopback.").or("Salesforce's global endpoint"),
        required("auth", Shape::ByWord(&AUTH), "How to sign in."),
        key("api_version", Shape::Text, "Such as `64.0`.").or("the newest known to both"),
        key("api_budget", Shape::Share, "Of the org's API calls per 24 h. At 80 % of it backfills and reconciliation pause, at 100 % everything but push.").or("50%"),
        key("concurrency", Shape::Int { min: 1, max: 100 }, "Requests at once.").or("4"),
        key("duplicates", Shape::Choice(Duplicates::CHOICES), "What happens to a record that a duplicate rule of the org warns about.").or("block"),
        key("assignment_rules", Shape::Bool, "Whether active assignment rules choose the owner of accounts, cases and leads that are written.").or("false"),
        key("cdc_channel", Shape::Text, "Private channel `/data/<name>__chn`; `default` uses `/data/ChangeEvents`.").or("Sfsync"),
        key("manage", Shape::List(&Shape::Choice(Manage::CHOICES)), "The Salesforce setup the daemon may create, and removes on `sfsync disconnect`.").or("[]"),
        key("webhook", Shape::Map(&SALESFORCE_WEBHOOK), "For `push: webhook` and `outbound_message`."),
        key("default_currency", Shape::Text, "What `currency_of` returns in a single-currency org.").or("the org's"),
    ],
};

static SALESFORCE_WEBHOOK: Mapping = Mapping {
    name: "webhook of salesforce",
    noun: "`webhook`",
    doc: "Calls from Salesforce.",
    keys: &[
        key("token", Shape::Secret, "What callers have to show."),
        key(
            "setting",
            Shape::Object,
            "Custom setting into whose `Url__c` and `Token__c` the daemon writes address and token, for an installed package.",
        ),
    ],
};

const FLOWS: &[Choice] = &[
    word("authorization_code", "sign in once in a browser with `sfsync connect`"),
    word("client_credentials", "no person needed; the app has a run-as user"),
    word("jwt_bearer", "no person needed; a certificate signs"),
];

const CLIENT_ID: Key = required("client_id", Shape::Template, "Consumer key of the external client app.");
const FLOW: Key = required("flow", Shape::Choice(FLOWS), "How to sign in.");

static AUTH: ByWord = ByWord {
    name: "auth of salesforce",
    key: "flow",
    cases: &[(FLOWS[0], &AUTHORIZATION_CODE), (FLOWS[1], &CLIENT_CREDENTIALS), (FLOWS[2], &JWT_BEARER)],
};

static AUTHORIZATION_CODE: Mapping = Mapping {
    name: "auth of salesforce, flow authorization_code",
    noun: "`auth` with flow authorization_code",
    doc: "Sign in once in a browser with `sfsync connect`; the refresh token is kept encrypted in the state.",
    keys: &[
        FLOW,
        CLIENT_ID,
        key("client_secret", Shape::Secret, "Consumer secret; a public client has none."),
    ],
};

static CLIENT_CREDENTIALS: Mapping = Mapping {
    name: "auth of salesforce, flow client_credentials",
    noun: "`auth` with flow client_credentials",
    doc: "The app signs in as its run-as user; needs `domain`.",
    keys: &[FLOW, CLIENT_ID, required("client_secret", Shape::Secret, "Consumer secret.")],
};

static JWT_BEARER: Mapping = Mapping {
    name: "auth of salesforce, flow jwt_bearer",
    noun: "`auth` with flow jwt_bearer",
    doc: "A signed token for one user.",
    keys: &[
        FLOW,
        CLIENT_ID,
        required("username", Shape::Template, "The integration user."),
        required("private_key", Shape::Secret, "PEM."),
    ],
};

const TABLES: Key = key(
    "resources",
    Shape::MapOf(&EACH_TABLE),
    "Only for tables that need more than their name; `app: warehouse.clients` is the table `clients`.",
);
const CREATE_TABLES: Key =
    key("create_tables", Shape::Bool, "Whether missing tables and columns may be created.").or("false");

const CALLS: Key = key(
    "webhook",
    Shape::Map(&PROOF),
    "How calls to `POST {public_url}/hooks/<connection>/<table>` prove themselves, for `push: webhook`.",
);

static POSTGRES: Mapping = Mapping {
    name: "connection of type postgres",
    noun: "a connection of type postgres",
    doc: "A PostgreSQL database: `url`, or its parts. Columns and types come from the database.",
    keys: &[
        TYPE,
        DESCRIPTION,
        READ_ONLY,
        PROTECT,
        key("url", Shape::Url, "`postgres://user@host/database`; or the keys below."),
        key("host", Shape::Template, "Host."),
        key("port", Shape::Int { min: 1, max: 65_535 }, "Port.").or("5432"),
        key("database", Shape::Template, "Database."),
        key("user", Shape::Template, "User."),
        key("password", Shape::Secret, "Password."),
        key("tls", Shape::Choice(TlsMode::CHOICES), "Encryption.").or("required"),
        key("schema", Shape::Text, "Schema of the tables.").or("public"),
        key("pool", Shape::Int { min: 1, max: 1000 }, "Connections at once.").or("8"),
        CREATE_TABLES,
        CALLS,
        TABLES,
    ],
};

static SQLITE: Mapping = Mapping {
    name: "connection of type sqlite",
    noun: "a connection of type sqlite",
    doc: "A SQLite file.",
    keys: &[
        TYPE,
        DESCRIPTION,
        READ_ONLY,
        PROTECT,
        required("path", Shape::Template, "Of the file."),
        CREATE_TABLES,
        CALLS,
        TABLES,
    ],
};

static EACH_TABLE: Each = Each { key: Shape::Text, value: Shape::Map(&SQL_RESOURCE) };

static SQL_RESOURCE: Mapping = Mapping {
    name: "resource of a database",
    noun: "a table",
    doc: "A table, where it needs more than its name.",
    keys: &[
        key("table", Shape::Text, "Name of the table.").or("the name of the resource"),
        key("key", Shape::Path, "Column that identifies a row.").or("the primary key"),
        key("updated_at", Shape::Path, "Column with the time of the last change."),
        key("deleted_at", Shape::Path, "Column that is not empty on deleted rows."),
        key(
            "listen",
            Shape::Text,
            "Channel of NOTIFY with the key as payload, for `push: listen`. PostgreSQL only.",
        ),
    ],
};

static SLACK: Mapping = Mapping {
    name: "connection of type slack",
    noun: "a connection of type slack",
    doc: "Notifications into a Slack channel.",
    keys: &[TYPE, DESCRIPTION, required("url", Shape::Secret, "Incoming webhook of the channel.")],
};

static EMAIL: Mapping = Mapping {
    name: "connection of type email",
    noun: "a connection of type email",
    doc: "Notifications by mail.",
    keys: &[
        TYPE,
        DESCRIPTION,
        required("smtp", Shape::Template, "Host and port of the mail server."),
        key("user", Shape::Template, "User."),
        key("password", Shape::Secret, "Password."),
        required("from", Shape::Template, "Sender."),
        required("to", Shape::List(&Shape::Template), "Recipients."),
    ],
};

static WEBHOOK: Mapping = Mapping {
    name: "connection of type webhook",
    noun: "a connection of type webhook",
    doc: "Notifications as JSON to an address.",
    keys: &[
        TYPE,
        DESCRIPTION,
        required("url", Shape::Url, "Where they are posted."),
        key("headers", Shape::MapOf(&Each { key: Shape::Text, value: Shape::Template }), "Sent with each."),
    ],
};
