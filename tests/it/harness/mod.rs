//! What the tests of several themes share.

pub mod postgres;
pub mod rig;
pub mod small;
