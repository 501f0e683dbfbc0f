//! Answers of composite requests (section 6.1): several answers in one, each with a status of its own.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{parse_body, request_error};
use crate::connect::ConnectError;

/// The answer, its parts in the order in which they were asked for.
#[derive(Deserialize)]
pub(in crate::connect::salesforce) struct Composite<'a> {
    #[serde(borrow, rename = "compositeResponse")]
    pub(in crate::connect::salesforce) parts: Vec<Part<'a>>,
}

/// One of them.
#[derive(Deserialize)]
pub(in crate::connect::salesforce) struct Part<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
    #[serde(rename = "httpStatusCode")]
    status: u16,
}

impl<'a> Part<'a> {
    /// The body of a part that went well; else what the org says about it.
    pub(in crate::connect::salesforce) fn told(&self) -> Result<&'a str, ConnectError> {
        match self.status {
            200 => Ok(self.body.get()),
            status => Err(request_error(status, &parse_body(self.body.get().as_bytes()))),
        }
    }
}
