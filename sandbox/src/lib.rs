//! A simulated Salesforce org: faithful on the wire, hostile on purpose.
//!
//! [`Sandbox::start`] serves an org on 127.0.0.1 with OAuth, REST, Bulk API 2.0 query and limits as Salesforce has
//! them, faults on demand ([`Sandbox::faults`]), a clock that can be moved ([`org::Clock`]) and a count of the API
//! calls ([`Sandbox::calls`]). The binary `sfsync-sandbox` is the same as a program; what it can do in process, it can
//! do over HTTP below `/_sandbox/`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use serde_json::Map;
//! use sfsync_sandbox::{Fault, FaultKind, ResourceKind, Sandbox, SandboxConfig};
//!
//! let sandbox = Sandbox::start(SandboxConfig::default()).await?;
//! let account = Map::from_iter([("Name".to_owned(), "Acme".into())]);
//! sandbox.org().insert("Account", account)?;
//! // The second query meets a server that is busy.
//! sandbox.faults().add(Fault::new(FaultKind::ServiceUnavailable).on(ResourceKind::Query).nth(2));
//!
//! // Here the program under test signs in at this address with client credentials.
//! let (address, id, secret) = (sandbox.url(), Sandbox::CLIENT_ID, Sandbox::CLIENT_SECRET);
//! # let _ = (address, id, secret);
//!
//! assert_eq!(sandbox.org().record_count("Account"), Some(1));
//! assert_eq!(sandbox.calls().of(ResourceKind::Query), 0);
//! assert!(sandbox.faults().fired().is_empty());
//! sandbox.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod app;
mod callout;
pub mod faults;
pub mod org;
pub mod wire;

pub use faults::{Fault, FaultId, FaultKind, Faults, FiredFault, LimitKind};
pub use org::{
    Customization, EditMix, Edition, EventKind, FlowPolicy, LoggedWrite, Org, OrgConfig, Population,
    Rejection, VisibilityRule, WriteSource,
};
pub use wire::{
    BulkSettings, CallCounts, CallRecord, Clients, EventSettings, JwtKey, Limits, MetadataSettings,
    OAuthClient, ResourceKind, Sandbox, SandboxConfig, StartError, TokensRevoked, Usage,
};
