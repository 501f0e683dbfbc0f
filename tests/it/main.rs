//! The one integration binary: files by theme.

// Tests may unwrap, also outside functions that are marked as such; a test binary has no outside that `pub` could reach.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod bad_input;
mod both_ways;
mod carry;
mod cli;
mod crash_points;
mod diagnostics;
mod doors;
mod example_sets;
mod harness;
mod hooks;
mod hostile;
mod http_app;
mod http_sets;
mod kills;
mod layers;
mod notify;
mod one_way_policies;
mod proof;
mod push;
mod push_tls;
mod quickstart;
mod reconciled;
mod reload_changes;
mod reload_files;
mod reload_identity;
mod reload_incremental;
mod reload_systems;
mod salesforce_currency;
mod salesforce_events;
mod salesforce_faults;
mod salesforce_load;
mod salesforce_notes;
mod salesforce_poll;
mod salesforce_rig;
mod salesforce_session;
mod salesforce_write;
mod salesforce_write_bulk;
mod salesforce_write_reads;
mod salesforce_write_rig;
mod sets;
mod sql_faults;
mod sql_laws;
mod sql_rig;
mod sql_schema;
mod sql_source;
mod sql_source_laws;
mod sql_types;
mod sql_write;
mod stored_forms;
mod stories;
mod two_way;
mod walk;
mod worksights_news;
