//! A simulated Salesforce org: faithful on the wire, hostile on purpose.
//!
//! [`Sandbox::start`] serves an org on 127.0.0.1 with OAuth, REST, Bulk API 2.0 query and limits as Salesforce has
//! them, faults on demand ([`Sandbox::faults`]), a clock that can be moved ([`org::Clock`]) and a count of the API
//! calls ([`Sandbox::calls`]). The binary `sfsync-sandbox` is the same as a program.

pub mod faults;
pub mod org;
pub mod wire;

pub use faults::{Fault, FaultId, FaultKind, Faults, FiredFault, LimitKind};
pub use org::{Customization, EditMix, Edition, Org, OrgConfig, Population};
pub use wire::{
    BulkSettings, CallCounts, CallRecord, Clients, JwtKey, Limits, OAuthClient, ResourceKind, Sandbox,
    SandboxConfig, StartError, TokensRevoked, Usage,
};
