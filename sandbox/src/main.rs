//! The simulated org as a server of its own.
fn main() {}
