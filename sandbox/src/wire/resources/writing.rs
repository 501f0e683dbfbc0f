//! How calls write: who, with which headers, and what the faults of the call do to the records.
//! May not shape answers. Read [`Exchange::write_all`] first.

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::Exchange;
use crate::faults::FaultKind;
use crate::org::{
    ApiError, Assignment, DuplicateOptions, Outcomes, Rejecting, Rng, Write, WriteOptions, WriteSource,
    Written,
};
use crate::wire::request::WireRequest;

impl Exchange {
    /// The options of the writes of this call, out of its headers and its fault.
    pub(crate) fn write_options(&self, request: &WireRequest, source: WriteSource) -> WriteOptions {
        WriteOptions {
            author: Some(self.session.grant.user),
            source: Some(source),
            origin: self.origin(request),
            duplicates: duplicate_options(request.header("sforce-duplicate-rule-header").unwrap_or("")),
            assignment: assignment(request.header("sforce-auto-assign")),
            rejecting: self.rejecting(),
            journal: self.journal.clone(),
            ..WriteOptions::default()
        }
    }

    /// What change events say of the caller.
    fn origin(&self, request: &WireRequest) -> String {
        let options = request.header("sforce-call-options").unwrap_or("");
        let client = options.split([';', ',']).find_map(|option| option.trim().strip_prefix("client="));
        let client = client.map(|client| format!(";client={}", client.trim())).unwrap_or_default();
        format!("com/salesforce/api/rest/{}{client}", self.version)
    }

    /// The rejections that the fault of this call asks for.
    pub(crate) fn rejecting(&self) -> Option<Rejecting> {
        let armed = self.fault.as_ref()?;
        let FaultKind::RejectRecords { rejection, object, rate, seed } = &armed.kind else { return None };
        let random = Rng::new(*seed, armed.hit);
        Some(Rejecting { rejection: rejection.clone(), object: object.clone(), rate: *rate, random })
    }

    /// Writes; under [`FaultKind::HoldTransaction`] the rows stay locked until the fault is released.
    pub(crate) fn write_all(&self, writes: &[Write], options: &mut WriteOptions) -> Outcomes {
        let org = &self.server.org;
        let held = self.fault.as_ref().filter(|armed| armed.kind == FaultKind::HoldTransaction);
        let Some(armed) = held else { return org.write_all(writes, options) };
        let locks = org.lock_for(writes);
        options.lock_owner = locks.owner();
        // Resources run on threads that may block.
        Handle::current().block_on(self.server.faults.hold(armed));
        org.write_all(writes, options)
    }

    /// One write.
    pub(crate) fn write(&self, write: Write, mut options: WriteOptions) -> Result<Written, ApiError> {
        self.write_all(&[write], &mut options).pop().unwrap_or_else(|| Err(ApiError::not_found()))
    }
}

fn duplicate_options(header: &str) -> DuplicateOptions {
    let on = |name: &str| {
        header.split(';').filter_map(|part| part.split_once('=')).any(|(key, value)| {
            key.trim().eq_ignore_ascii_case(name) && value.trim().eq_ignore_ascii_case("true")
        })
    };
    DuplicateOptions { allow_save: on("allowSave"), include_record_details: on("includeRecordDetails") }
}

/// Without the header the active rule runs (section 5.6).
fn assignment(header: Option<&str>) -> Assignment {
    match header.map(str::trim) {
        None => Assignment::Active,
        Some(text) if text.eq_ignore_ascii_case("true") => Assignment::Active,
        Some(text) if text.eq_ignore_ascii_case("false") => Assignment::Off,
        Some(rule) => Assignment::Rule(rule.to_owned()),
    }
}

/// An error as it stands in a list of many records: a record that is not there is a bad reference (section 10.2).
pub(crate) fn row_error(error: ApiError) -> ApiError {
    if error.code == "NOT_FOUND" {
        return ApiError::dml("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]);
    }
    error
}

/// The element of `errors` of a save result: `statusCode` in the place of `errorCode` (section 10.1).
pub(crate) fn save_errors(error: &ApiError) -> Vec<Value> {
    let one = |error: &ApiError| {
        let fields = error.fields.clone().unwrap_or_default();
        let mut out = json!({ "statusCode": error.code, "message": error.message, "fields": fields });
        if let Some(found) = &error.duplicates {
            out["duplicateResult"] = (**found).clone();
        }
        out
    };
    error.each().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_documented() {
        let options = duplicate_options("allowSave=true; includeRecordDetails=FALSE; runAsCurrentUser=true");
        assert!(options.allow_save && !options.include_record_details);
        assert_eq!(assignment(None), Assignment::Active);
        assert_eq!(assignment(Some("FALSE")), Assignment::Off);
        assert_eq!(assignment(Some("01QHq")), Assignment::Rule("01QHq".to_owned()));
    }
}
