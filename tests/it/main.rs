//! The one integration binary: files by theme.

mod diagnostics;
mod example_sets;
mod layers;
mod salesforce_faults;
mod salesforce_load;
mod salesforce_poll;
mod salesforce_rig;
mod salesforce_session;
