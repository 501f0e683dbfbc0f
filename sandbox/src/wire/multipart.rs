//! Bodies of several parts. Read [`parts`].

use bytes::Bytes;

use super::request::WireRequest;
use crate::org::ApiError;

/// The parts of a multipart body with their names, in lower case; `None` for other bodies.
pub(crate) fn parts(request: &WireRequest) -> Result<Option<Vec<(String, Bytes)>>, ApiError> {
    let content_type = request.header("content-type").unwrap_or("");
    if !content_type.to_ascii_lowercase().starts_with("multipart/form-data") {
        return Ok(None);
    }
    let body = request.plain_body()?;
    let mut found = Vec::new();
    for part in boundary(content_type).into_iter().flat_map(|boundary| split(&body, &boundary)) {
        let Some(at) = find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..at]).to_ascii_lowercase();
        let name = head.split(" name=\"").nth(1).and_then(|rest| rest.split('"').next());
        found.push((name.unwrap_or_default().to_owned(), Bytes::copy_from_slice(&part[at + 4..])));
    }
    Ok(Some(found))
}

fn boundary(content_type: &str) -> Option<String> {
    let (_, rest) = content_type.split_once("boundary=")?;
    let value = rest.split(';').next()?.trim().trim_matches('"');
    (!value.is_empty()).then(|| value.to_owned())
}

/// What stands between the boundaries, without the line end before each.
fn split<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(at) = find(rest, mark.as_bytes()) {
        let before = &rest[..at];
        parts.push(before.strip_suffix(b"\r\n").unwrap_or(before));
        rest = &rest[at + mark.len()..];
        rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
    }
    parts
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
