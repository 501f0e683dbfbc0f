//! Writes results: JSON of the REST API and CSV of the Bulk API 2.0.
//! May not choose rows or fields. Read [`json::Writer`] and [`csv::write_rows`] first.

pub(crate) mod csv;
pub(crate) mod json;
mod number;

/// The API version in every address that an answer contains.
pub(crate) const API_VERSION: &str = "v66.0";
