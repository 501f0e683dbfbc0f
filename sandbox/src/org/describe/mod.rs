//! Describe: what objects and fields look like to the user (section 4).
//! May not read records, except record types. Read [`object`] first.

mod field;
mod object;

pub(crate) use object::{Sight, brief, global, object, record_type_picklists};

use jiff::Timestamp;

/// A describe answer.
#[derive(Debug, Clone)]
pub struct Describe {
    /// The body.
    pub json: Vec<u8>,
    /// For `Last-Modified` and `If-Modified-Since`.
    pub last_modified: Timestamp,
    /// For `ETag`, with quotes.
    pub etag: String,
}

impl Describe {
    pub(crate) fn new(value: &serde_json::Value, last_modified: Timestamp) -> Self {
        let json = value.to_string().into_bytes();
        let etag = format!("\"{:08x}\"", fingerprint(&json));
        Self { json, last_modified, etag }
    }
}

/// FNV-1a: enough to tell two describes apart.
fn fingerprint(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
