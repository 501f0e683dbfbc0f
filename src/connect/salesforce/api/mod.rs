//! Salesforce on the wire, without I/O: one file for each protocol. Requests are built here and answers are read here;
//! nothing here opens a connection, waits or reads a clock. Read [`error`] first: it is the one table of what can go wrong.

pub mod bulk;
pub mod bulk_csv;
pub mod cell;
pub mod collections;
pub mod columns;
pub(super) mod composite;
pub mod convert;
pub mod describe;
pub mod error;
pub mod graph;
pub mod ingest;
pub mod limits;
pub mod metadata;
pub mod oauth;
pub mod outbound;
pub mod query;
pub mod soql;
