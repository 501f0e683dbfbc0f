//! Putting it together: passes of pipelines, their tasks and supervision, hot reload. The thin shell around the policy of
//! [`crate::sync`]; nothing in here knows HTTP.
//!
//! Read [`pass`] for what one pipeline does, [`supervisor`] for how they live together.

pub mod batch;
pub mod facts;
pub mod pass;
pub mod status;
pub mod stories;
pub mod words;
