//! Small jobs in one request: job and file as parts of a multipart body (section 8.1). Read [`parts`] first.

use bytes::Bytes;

use super::Wanted;
use crate::org::ApiError;
use crate::wire::multipart;
use crate::wire::request::WireRequest;

/// Characters that the file may have.
const MOST: usize = 100_000;

/// The job and the file of a multipart body; `None` for other bodies.
pub(super) fn parts(request: &WireRequest) -> Result<Option<(Wanted, Bytes)>, ApiError> {
    let Some(found) = multipart::parts(request)? else { return Ok(None) };
    let (mut wanted, mut file) = (None, None);
    for (name, content) in found {
        if name == "job" {
            let parsed = serde_json::from_slice(&content);
            wanted = Some(parsed.map_err(|error| ApiError::request("JSON_PARSER_ERROR", error.to_string()))?);
        } else if name == "content" {
            file = Some(content);
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
