//! The proof that records are right: an expectation written by hand from the files of a set and the org's own data, against every row
//! and column of the database.

mod drive;
mod faults;
mod operating;
mod operating_runs;
mod org_rows;
mod smvue;
mod smvue_runs;
mod tables;
