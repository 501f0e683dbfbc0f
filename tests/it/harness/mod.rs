//! What the tests of several themes share.

pub mod app;
pub mod clock;
pub mod inbox;
pub mod plans;
pub mod postgres;
pub mod rig;
pub mod small;
pub mod whole;
