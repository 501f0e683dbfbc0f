//! A request as the resources see it: parsed once, also made by composite requests out of their subrequests.
//! Read [`WireRequest`] first.

use std::io::Read;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::org::ApiError;

/// Bodies may have up to 50 MB (section 0.2).
pub(crate) const LARGEST_BODY: usize = 50 * 1024 * 1024;

/// The CSV of a Bulk ingest job may have up to 100 MB (section 8.1).
pub(crate) const LARGEST_UPLOAD: usize = 100 * 1024 * 1024;

/// One request below the domain.
#[derive(Clone, Debug)]
pub(crate) struct WireRequest {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Params,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Decoded parameters of a query string or of a form, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }
}

impl WireRequest {
    pub(crate) fn reads(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The method, or the one that `?_HttpMethod=` puts in the place of POST (section 0.2).
    pub(crate) fn effective_method(&self) -> Method {
        let replaced = self.query.get("_HttpMethod").and_then(|name| name.parse().ok());
        match (&self.method, replaced) {
            (&Method::POST, Some(replaced)) => replaced,
            (method, _) => method.clone(),
        }
    }

    pub(crate) fn accepts_gzip(&self) -> bool {
        self.header("accept-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("gzip"))
    }

    /// The JSON body. A wrong content type is 415, bad JSON is `JSON_PARSER_ERROR`.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let content_type = self.header("content-type").unwrap_or("");
        if !content_type.to_ascii_lowercase().contains("json") {
            let message =
                format!("Content-Type header specified in HTTP request is not supported: {content_type}");
            return Err(ApiError { status: 415, ..ApiError::request("UNSUPPORTED_MEDIA_TYPE", message) });
        }
        let body = self.plain_body()?;
        serde_json::from_slice(&body).map_err(|error| {
            let place = format!("[line:{}, column:{}]", error.line(), error.column());
            ApiError::request("JSON_PARSER_ERROR", format!("{error} at {place}"))
        })
    }

    /// The body without its `Content-Encoding`.
    pub(crate) fn plain_body(&self) -> Result<Bytes, ApiError> {
        if self.header("content-encoding") != Some("gzip") {
            return Ok(self.body.clone());
        }
        let mut plain = Vec::new();
        let limit = LARGEST_UPLOAD as u64;
        flate2::read::GzDecoder::new(self.body.as_ref())
            .take(limit)
            .read_to_end(&mut plain)
            .map_err(|error| ApiError::request("JSON_PARSER_ERROR", error.to_string()))?;
        Ok(plain.into())
    }

    /// A date header such as `If-Modified-Since`; 400 for one that is not a date.
    pub(crate) fn date_header(&self, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.header(name) else { return Ok(None) };
        let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
        let date = parser.parse_timestamp(text).map_err(|_| {
            ApiError::request(
                "INVALID_HEADER",
                format!("The value of the header {name} is not a date: {text}"),
            )
        })?;
        Ok(Some(date))
    }
}

/// `Wed, 11 Mar 2026 09:00:00 GMT`
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `2026-03-11T09:26:53.000+0000`, the form of answers (section 0.2).
pub(crate) fn api_datetime(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let params = Params::parse(b"q=SELECT+Id%2CName&empty=&q=second");
        assert_eq!(params.get("q"), Some("SELECT Id,Name"));
        assert_eq!(params.get("empty"), None);
    }

    #[test]
    fn dates_go_both_ways() {
        let at: Timestamp = "2026-03-11T09:26:53Z".parse().unwrap();
        assert_eq!(http_date(at), "Wed, 11 Mar 2026 09:26:53 GMT");
        assert_eq!(api_datetime(at), "2026-03-11T09:26:53.000+0000");
        let headers = [("if-modified-since", http_date(at))]
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let request = WireRequest {
            method: Method::GET,
            path: String::new(),
            query: Params::default(),
            headers,
            body: Bytes::new(),
        };
        assert_eq!(request.date_header("if-modified-since"), Ok(Some(at)));
        assert_eq!(request.date_header("if-unmodified-since"), Ok(None));
    }
}
