//! The HTTP face of the simulated org: sign-in, REST, Bulk API 2.0, limits, and the control interface.
//! May not decide what a query finds or what a record holds; that is [`crate::org`]. Read [`Sandbox`] first, then
//! `gate` for the way of a call.

mod bulk;
mod calls;
mod config;
mod connection;
mod control;
mod cursors;
mod events;
mod gate;
mod life;
mod limits;
mod messages;
mod metadata;
mod mishap;
mod multipart;
mod oauth;
mod package;
mod reply;
mod request;
mod resources;
mod route;
mod sandbox;
mod send;
mod server;
mod versions;

pub use calls::{CallCounts, CallRecord};
pub use config::{BulkSettings, EventSettings, MetadataSettings, SandboxConfig};
pub use limits::{Limits, Usage};
pub use oauth::{JwtKey, NotAKey, OAuthClient};
pub use route::ResourceKind;
pub use sandbox::{Sandbox, StartError, TokensRevoked};
pub use server::Clients;
