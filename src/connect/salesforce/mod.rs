//! The Salesforce connector: one [`Client`] for each connection, shared by all its pipelines, and one source and one destination for each pipeline.
//!
//! What travels on the wire is in [`api`], without I/O; this module adds transport, sign-in, budget and reading. It never decides
//! what a record means. Read [`Config`], [`Client`], [`ReadSpec`] and [`WriteSpec`] first.

pub mod api;
mod ask;
mod backfill_bulk;
mod backfill_rest;
mod budget;
mod client;
mod config;
mod currency;
mod delete_log;
mod events;
mod fetch;
mod ids;
mod introduce;
mod messages;
mod notes;
mod ordered;
mod org;
mod poll;
mod read_spec;
mod result_pages;
mod session;
mod setting;
mod source;
mod tokens;
mod transport;
mod versions;
mod web_sign_in;
mod write;

pub use budget::{Admission, Budget, BudgetStatus, Purpose, UsageStore};
pub use client::{Answer, Call, Client, Services};
pub use config::{ApiBudget, Auth, Config, Environment, Transport};
pub use currency::Currencies;
pub use events::{
    ChannelSpec, Event, EventBatch, EventKind, EventStream, Fault, Outlook, Prepared, fault_of,
    outlook as channel_outlook, prepare as prepare_channel, remove as remove_channel,
};
pub use ids::IdScan;
pub use messages::{set_up as set_up_messages, take_down as take_down_messages};
pub use org::{Described, OrgCheck, OrgFacts, ProfileFacts, UserFacts};
pub use read_spec::{Lanes, LoadScope, ReadSpec};
pub use session::Live;
pub use setting::{clear_setting, write_setting};
pub use source::SalesforceSource;
pub use tokens::{MemoryTokens, StoredToken, TokenStore, TokenStoreError};
pub use transport::Opened;
pub use web_sign_in::Callback;
pub use write::{SalesforceDestination, WriteLanes, WriteSpec};

pub use api::oauth::Authorization as WebSignIn;
