//! Apps behind an HTTP API, as their connection files describe them.
//!
//! Read [`Resource`] first: the requests of one kind of record, and where things are in the answers. A [`Client`] signs in, keeps the pace
//! and tells whether a request may have reached the app. [`HttpSource`] walks lists, [`HttpDestination`] asks and writes record by record.

mod app;
mod auth;
mod client;
mod config;
mod destination;
mod fault;
mod finder;
mod hidden;
mod index;
mod kept;
mod links;
mod listing;
mod overlap;
mod pace;
mod pages;
mod record;
mod resource;
mod several;
mod single;
mod source;
mod spelling;
mod walk;
mod write;

pub use app::HttpApp;
pub use client::Client;
pub use config::{Auth, Config, NoKeeper, Oauth, Pairs, TokenKeeper};
pub use destination::HttpDestination;
pub use resource::Resource;
pub use source::{HttpSource, LoadScope, SourceSpec};
