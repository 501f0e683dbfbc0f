//! sfsync keeps Salesforce and the systems around it equal.
//!
//! The layers, from the bottom (see `ARCHITECTURE.md`; a test holds every `use` against the table):
//! [`model`] and [`diag`] are data; [`expr`] and [`spec`] read what people write; [`plan`] validates it; [`sync`]
//! decides, [`connect`] talks to systems and [`store`] remembers; [`runtime`] puts them together; [`serve`] and
//! [`cli`] show it to people and machines.

pub mod cli;
pub mod connect;
pub mod diag;
pub mod expr;
#[cfg(test)]
mod fuzz;
pub mod model;
pub mod plan;
pub mod runtime;
pub mod serve;
pub mod spec;
pub mod store;
pub mod sync;
pub mod telemetry;
