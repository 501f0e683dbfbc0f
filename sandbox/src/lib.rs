//! A simulated Salesforce org.

pub mod org;
