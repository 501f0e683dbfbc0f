//! Small jobs in one request: job and file as parts of a multipart body (section 8.1). Read [`parts`] first.

use bytes::Bytes;

use super::Wanted;
use crate::org::ApiError;
use crate::wire::request::WireRequest;

/// Characters that the file may have.
const MOST: usize = 100_000;

/// The job and the file of a multipart body; `None` for other bodies.
pub(super) fn parts(request: &WireRequest) -> Result<Option<(Wanted, Bytes)>, ApiError> {
    let content_type = request.header("content-type").unwrap_or("");
    if !content_type.to_ascii_lowercase().starts_with("multipart/form-data") {
        return Ok(None);
    }
    let (mut wanted, mut file) = (None, None);
    let body = request.plain_body()?;
    for part in boundary(content_type).into_iter().flat_map(|boundary| split(&body, &boundary)) {
        let Some(at) = find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..at]).to_ascii_lowercase();
        let content = &part[at + 4..];
        if head.contains("name=\"job\"") {
            let parsed = serde_json::from_slice(content);
            wanted = Some(parsed.map_err(|error| ApiError::request("JSON_PARSER_ERROR", error.to_string()))?);
        } else if head.contains("name=\"content\"") {
            file = Some(Bytes::copy_from_slice(content));
        }
    }
    let (Some(wanted), Some(file)) = (wanted, file) else {
        return Err(super::invalid_job("a multipart request needs the parts job and content".to_owned()));
    };
    if file.len() > MOST {
        return Err(super::invalid_job(format!("the content part has more than {MOST} characters")));
    }
    Ok(Some((wanted, file)))
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
