//! Apps behind HTTP: the connector against the app of the harness, and whole pipelines between it and the simulated org.

mod bench;
mod flow;
mod liar;
mod lies;
mod reading;
mod rig;
mod secrets;
mod signing;
mod writing;
