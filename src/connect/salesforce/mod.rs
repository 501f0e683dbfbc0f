//! The Salesforce connector: one [`Client`] for each connection, shared by all its pipelines, and one source for each pipeline.
//!
//! What travels on the wire is in [`api`], without I/O; this module adds transport, sign-in, budget and reading. It never decides
//! what a record means. Read [`Config`], [`Client`] and [`ReadSpec`] first.

pub mod api;
mod budget;
mod client;
mod config;
mod read_spec;
mod session;
mod tokens;
mod transport;
mod versions;

pub use budget::{Admission, Budget, BudgetStatus, Purpose, UsageStore};
pub use client::{Answer, Call, Client, Services};
pub use config::{ApiBudget, Auth, Config, Environment, Transport};
pub use read_spec::{Lanes, LoadScope, ReadSpec};
pub use session::Live;
pub use tokens::{MemoryTokens, StoredToken, TokenStore, TokenStoreError};
pub use transport::Opened;
