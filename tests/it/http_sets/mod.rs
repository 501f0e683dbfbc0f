//! The sets `worksights`, `startdeliver` and `conversion` as they stand in the repository, between the simulated org and their apps over HTTP:
//! each line of what the hosted product does is a test.

mod bench;
mod conversion;
mod deletes;
mod startdeliver;
mod startdeliver_switches;
mod told;
mod worksights;
mod worksights_timeline;
