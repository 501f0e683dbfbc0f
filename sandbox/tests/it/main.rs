//! The sandbox as a client sees it: over HTTP, on loopback, each test with an org of its own.
#![allow(clippy::unwrap_used)] // a test that cannot go on fails

mod app;
mod bulk;
mod collections;
mod composite;
mod control;
mod deploy;
mod describe;
mod events;
mod faults;
mod ingest;
mod limits;
mod oauth;
mod pubsub;
mod query;
mod rig;
mod rows;
mod rules;
mod writes;
