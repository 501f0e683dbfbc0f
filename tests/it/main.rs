//! The one integration binary: files by theme.

mod harness;
mod layers;
mod salesforce_faults;
mod salesforce_load;
mod salesforce_poll;
mod salesforce_rig;
mod salesforce_session;
mod sql_rig;
mod sql_types;
mod sql_write;
