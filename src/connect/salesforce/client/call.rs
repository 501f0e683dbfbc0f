//! A request to Salesforce and its answer, before anybody looks at what they say.

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Method;

use crate::connect::salesforce::budget::Purpose;

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Verb.
    pub method: Method,
    /// Path with query, below the instance's address.
    pub path: String,
    /// What is sent.
    pub body: Option<Bytes>,
    /// What the body is: `application/json` or `text/csv`.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// What is asked for: `application/json` or `text/csv`.
    pub accept: &'static str,
    /// What it is for.
    pub purpose: Purpose,
    /// `If-Modified-Since`.
    pub since: Option<Timestamp>,
    /// `If-Unmodified-Since`.
    pub unmodified_since: Option<Timestamp>,
    /// The object and fields that it writes; `None` for everything that only reads.
    pub writes: Option<(String, Vec<String>)>,
}

impl Call {
    /// A request that reads.
    pub fn get(path: impl Into<String>, purpose: Purpose) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: None,
            content_type: "application/json",
            headers: Vec::new(),
            accept: "application/json",
            purpose,
            since: None,
            unmodified_since: None,
            writes: None,
        }
    }

    /// A request that sends JSON and changes no record, such as the creation of a query job.
    pub fn post(path: impl Into<String>, body: impl Into<Bytes>, purpose: Purpose) -> Self {
        Self { method: Method::POST, body: Some(body.into()), ..Self::get(path, purpose) }
    }

    /// Whether Salesforce counts it: the version list and the identity service are free.
    pub(super) fn is_counted(&self) -> bool {
        self.path.starts_with("/services/data/v")
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Status: 2xx or 304.
    pub status: u16,
    /// Body, decompressed.
    pub body: Bytes,
    /// Server time when the request was sent, at the latest; `None` without a `Date` header.
    pub asked_at: Option<Timestamp>,
    /// `Last-Modified`.
    pub last_modified: Option<Timestamp>,
}
