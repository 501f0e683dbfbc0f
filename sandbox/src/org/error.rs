//! Errors as the org's API answers them.
//! May not know HTTP beyond the status number. Read [`ApiError`] first.

use serde_json::{Map, Value as Json};

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
    /// What a duplicate rule found, the `duplicateResult` of the body.
    pub duplicates: Option<Box<Json>>,
    /// Further errors of the same record.
    pub also: Vec<ApiError>,
}

impl ApiError {
    /// An error of the request (query, address): HTTP 400, no `fields` key.
    pub fn request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), fields: None, duplicates: None, also: Vec::new() }
    }

    /// An error of a write: HTTP 400 with the fields concerned.
    pub fn dml(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = Some(fields.iter().map(|field| (*field).to_owned()).collect());
        Self { fields, ..Self::request(code, message) }
    }

    /// HTTP 404 for an object, record or resource that does not exist or is hidden.
    pub fn not_found() -> Self {
        Self { status: 404, ..Self::request("NOT_FOUND", "The requested resource does not exist") }
    }

    /// HTTP 404 for a record in the recycle bin.
    pub fn entity_is_deleted() -> Self {
        Self { status: 404, ..Self::dml("ENTITY_IS_DELETED", "entity is deleted", &[]) }
    }

    /// Several errors of one record as one value; `None` when there are none.
    pub fn joined(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        first.also.extend(errors);
        Some(first)
    }

    /// This error and those that came with it.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.also)
    }

    /// The body of an answer: an array of the errors.
    pub fn body(&self) -> Vec<u8> {
        let errors: Vec<Json> = self.each().map(Self::rest_form).collect();
        Json::Array(errors).to_string().into_bytes()
    }

    fn rest_form(&self) -> Json {
        let mut error = Map::new();
        if let Some(found) = &self.duplicates {
            error.insert("duplicateResult".into(), (**found).clone());
            error.insert("errorCode".into(), self.code.into());
            error.insert("message".into(), self.message.clone().into());
            return error.into();
        }
        error.insert("message".into(), self.message.clone().into());
        error.insert("errorCode".into(), self.code.into());
        if let Some(fields) = &self.fields {
            error.insert("fields".into(), fields.clone().into());
        }
        error.into()
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
