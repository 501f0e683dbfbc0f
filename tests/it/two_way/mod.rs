//! Pipelines that flow both ways, between two systems in memory: scenarios, and random histories that have to converge.

mod breaker;
mod comparison;
mod convergence;
mod lost_answers;
mod mass;
mod old;
mod scenarios;
mod standstill;
mod undo;
mod vanished;
mod world;
