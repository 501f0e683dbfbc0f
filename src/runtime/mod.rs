//! Putting it together: passes of pipelines, their tasks and supervision, hot reload. The thin shell around the policy of
//! [`crate::sync`]; nothing in here knows HTTP.
//!
//! Read [`pass`] for what one pipeline does, [`supervisor`] for how they live together, [`control`] for the door to it.

mod ahead;
mod apps;
pub mod backoff;
pub mod batch;
pub mod build;
mod calculated;
pub mod catalogs;
pub mod clock;
mod compare;
pub mod control;
pub mod doors;
pub mod facts;
pub mod folder;
pub mod follow;
mod gathering;
pub mod hooks;
pub mod keeper;
pub mod kept;
pub mod lineage;
mod listen;
pub mod load;
mod looked_at;
pub mod mass;
pub mod metrics;
pub mod news;
mod notify;
mod org_specs;
pub mod pass;
pub mod planner;
pub mod planning;
pub mod preview;
mod push;
mod refused;
pub mod registry;
mod reload;
pub mod schedule;
pub mod schemas;
pub mod service;
mod settling;
pub mod sign_in;
pub mod state;
pub mod status;
pub mod stories;
mod stream;
pub mod supervisor;
pub mod tables;
pub mod task;
pub mod undo;
pub mod visitors;
pub mod watch;
mod why;
pub mod words;
pub mod workbench;
pub mod world;
