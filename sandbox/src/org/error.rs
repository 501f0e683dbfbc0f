//! Errors as the org's API answers them.
//! May not know HTTP beyond the status number. Read [`ApiError`] first.

use super::ids::MalformedId;

/// One error of a resource: status, code, text and the fields that it names (section 10 of the REST reference).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// HTTP status of a single-record call.
    pub status: u16,
    /// The machine-readable code, such as `INVALID_FIELD`.
    pub code: &'static str,
    /// The text for people.
    pub message: String,
    /// The fields that the error is about; `None` for errors of the request itself, whose body has no such key.
    pub fields: Option<Vec<String>>,
}

impl ApiError {
    /// An error of the request (query, address): HTTP 400, no `fields` key.
    pub fn request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), fields: None }
    }

    /// An error of a write: HTTP 400 with the fields concerned.
    pub fn dml(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = Some(fields.iter().map(|field| (*field).to_owned()).collect());
        Self { status: 400, code, message: message.into(), fields }
    }

    /// HTTP 404 for an object, record or resource that does not exist or is hidden.
    pub fn not_found() -> Self {
        let message = "The requested resource does not exist".to_owned();
        Self { status: 404, code: "NOT_FOUND", message, fields: None }
    }

    /// HTTP 404 for a record in the recycle bin.
    pub fn entity_is_deleted() -> Self {
        let message = "entity is deleted".to_owned();
        Self { status: 404, code: "ENTITY_IS_DELETED", message, fields: Some(Vec::new()) }
    }

    /// The body of an answer: an array with this one error.
    pub fn body(&self) -> Vec<u8> {
        let mut error = serde_json::Map::new();
        error.insert("message".into(), self.message.clone().into());
        error.insert("errorCode".into(), self.code.into());
        if let Some(fields) = &self.fields {
            error.insert("fields".into(), fields.clone().into());
        }
        serde_json::Value::Array(vec![error.into()]).to_string().into_bytes()
    }
}

impl From<MalformedId> for ApiError {
    fn from(error: MalformedId) -> Self {
        Self::dml("MALFORMED_ID", error.to_string(), &["Id"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_fields_only_for_writes() {
        let request = ApiError::request("MALFORMED_QUERY", "unexpected token: 'FORM'");
        assert_eq!(
            String::from_utf8(request.body()).unwrap(),
            r#"[{"message":"unexpected token: 'FORM'","errorCode":"MALFORMED_QUERY"}]"#
        );
        assert_eq!(
            String::from_utf8(ApiError::entity_is_deleted().body()).unwrap(),
            r#"[{"message":"entity is deleted","errorCode":"ENTITY_IS_DELETED","fields":[]}]"#
        );
    }
}
