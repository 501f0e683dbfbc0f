//! The table against section 10.2, row by row, and the shapes of section 10.1.

use super::oauth::OAUTH;
use super::*;

const T: Class = Class::TRANSIENT;
const Q: Class = Class::Quota;
const S: Class = Class::Session;
const R: Class = Class::Record;
const P: Class = Class::Pipeline;

/// (status, code, message, class of a request, class of a record) as the reference has them.
#[rustfmt::skip]
const REFERENCE: &[(u16, &str, &str, Class, Class)] = &[
    (401, "INVALID_SESSION_ID", "Session expired or invalid", S, S),
    (401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API", P, P),
    (401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", P, P),
    (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Q, Q),
    (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", T, T),
    (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", T, T),
    (503, "SERVER_UNAVAILABLE", "Server Unavailable", T, T),
    (503, "SERVER_UNAVAILABLE", "server too busy", T, T),
    (500, "REQUEST_RUNNING_TOO_LONG", "", T, T),
    (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support: 1", T, T),
    (500, "INTERNAL_ERROR", "", T, T),
    (403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", P, P),
    (403, "API_CURRENTLY_DISABLED", "API is disabled for this User", P, P),
    (403, "FUNCTIONALITY_NOT_ENABLED", "", P, P),
    (403, "INSUFFICIENT_ACCESS", "", P, R),
    (400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", P, R),
    (400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "insufficient access rights on cross-reference id", P, R),
    (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted: Campaign", P, R),
    (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: execution of AfterUpdate caused by: UNABLE_TO_LOCK_ROW", T, T),
    (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: System.LimitException: Apex CPU time limit exceeded", P, R),
    (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Too many batch retries in the presence of Apex triggers and partial failures.", P, R),
    (400, "CANNOT_EXECUTE_FLOW_TRIGGER", "We can't save this record", P, R),
    (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Please enter a number", P, R),
    (400, "FIELD_FILTER_VALIDATION_EXCEPTION", "Value does not exist or does not match filter criteria.", P, R),
    (400, "FIELD_INTEGRITY_EXCEPTION", "field integrity exception", P, R),
    (400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", P, R),
    (400, "MISSING_ARGUMENT", "Id not specified in an update call", P, R),
    (400, "INVALID_FIELD", "No such column 'X' on sobject of type Account", P, R),
    (400, "INVALID_FIELD", "The Id field should not be specified in the sobject data.", P, R),
    (400, "INVALID_FIELD", "duplicate field selected: Id", P, R),
    (400, "INVALID_FIELD", "Failed to deserialize field at col 3.", P, R),
    (400, "INVALID_FIELD", "Foreign key external ID: xyz not found for field ExtId__c in entity Account", P, R),
    (400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: MasterRecordId.", P, R),
    (400, "INVALID_TYPE", "sObject type 'X' is not supported.", P, P),
    (400, "INVALID_TYPE_ON_FIELD_IN_RECORD", "Amount: value not of required type: abc", P, R),
    (400, "JSON_PARSER_ERROR", "Cannot deserialize instance of date", P, R),
    (400, "XML_PARSER_ERROR", "", P, R),
    (400, "MALFORMED_QUERY", "unexpected token: 'FORM'", P, P),
    (400, "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc", P, P),
    (400, "MALFORMED_SEARCH", "No search term found.", P, P),
    (400, "QUERY_TIMEOUT", "Your query request was running for too long.", T, T),
    (400, "QUERY_TOO_COMPLICATED", "", P, P),
    (400, "OPERATION_TOO_LARGE", "exceeded 100000 distinct who/what's", P, P),
    (400, "INVALID_QUERY_LOCATOR", "invalid query locator", T, T),
    (400, "EXCEEDED_ID_LIMIT", "record limit reached.", P, P),
    (400, "EXCEEDED_MAX_SEMIJOIN_SUBSELECTS", "", P, P),
    (400, "INVALID_REPLICATION_DATE", "", P, P),
    (400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000", P, R),
    (400, "MALFORMED_ID", "malformed id 001Hq", P, R),
    (400, "INVALID_ID_FIELD", "", P, R),
    (400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", P, R),
    (404, "ENTITY_IS_DELETED", "entity is deleted", R, R),
    (400, "ENTITY_IS_LOCKED", "the entity is locked for editing", T, T),
    (400, "ENTITY_IS_ARCHIVED", "", R, R),
    (404, "NOT_FOUND", "The requested resource does not exist", P, R),
    (405, "METHOD_NOT_ALLOWED", "HTTP Method 'PATCH' not allowed.", P, P),
    (415, "UNSUPPORTED_MEDIA_TYPE", "", P, P),
    (410, "INVALID_VERSION", "", P, P),
    (500, "UNSUPPORTED_API_VERSION", "", P, P),
    (400, "DUPLICATE_VALUE", "duplicate value found: ExtId__c duplicates value on record with id: 001", P, R),
    (400, "DUPLICATE_EXTERNAL_ID", "Duplicate external id specified: A-100", P, R),
    (400, "DUPLICATES_DETECTED", "Use one of these records?", P, R),
    (300, "", "", R, R),
    (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Stage Name: bad value", P, R),
    (400, "TOO_MANY_ENUM_VALUE", "", P, R),
    (400, "STRING_TOO_LONG", "市区郡: 値が大きすぎます", P, R),
    (400, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: X", P, R),
    (400, "INVALID_CURRENCY_ISO", "", P, R),
    (400, "INACTIVE_OWNER_OR_USER", "operation performed with inactive user", P, R),
    (400, "TRANSFER_REQUIRES_READ", "", P, R),
    (400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", R, R),
    (400, "CANNOT_REPARENT_RECORD", "", P, R),
    (400, "CIRCULAR_DEPENDENCY", "", P, R),
    (400, "DELETE_FAILED", "", P, R),
    (400, "DELETE_REQUIRED_ON_CASCADE", "", P, R),
    (400, "DEPENDENCY_EXISTS", "", P, R),
    (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", T, T),
    (400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back", T, T),
    (400, "PROCESSING_HALTED", "The transaction was rolled back", T, T),
    (412, "BATCH_PROCESSING_HALTED", "", T, T),
    (403, "STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", Q, Q),
    (400, "LIMIT_EXCEEDED", "Max bulk v2 query jobs (10000) per 24 hrs has been reached", Q, Q),
    (400, "EXCEEDED_QUOTA", "", Q, Q),
    (400, "LICENSE_LIMIT_EXCEEDED", "", P, R),
    (403, "TXN_SECURITY_NO_ACCESS", "", P, P),
    (403, "TXN_SECURITY_METERING_ERROR", "", T, T),
    (503, "TOO_MANY_APEX_REQUESTS", "", T, T),
    (400, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "", T, T),
    (400, "MIXED_DML_OPERATION", "", P, R),
    (412, "MATCH_PRECONDITION_FAILED", "", R, R),
    (428, "MATCH_PRECONDITION_REQUIRED", "", R, R),
    (400, "INVALIDENTITY", "entity 'CaseStatus' is not supported by the Bulk API.", P, P),
    (400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed", T, T),
    (400, "API_ERROR", "Implementation restriction: ...", P, P),
    (400, "TooManyLockFailure", "Too many lock failure retries", T, T),
    (400, "INVALID_OPERATION", "", T, T),
    (400, "UNAVAILABLE_RECORDTYPE_EXCEPTION", "", P, R),
    (400, "INVALID_RECORD_TYPE", "", P, R),
    (413, "EXCEEDED_MAX_SIZE_REQUEST", "", P, P),
    (409, "CONFLICT", "", P, P),
    (400, "QUERY_LOCATOR_EXPIRED", "", T, T),
    (400, "SOMETHING_NEW", "", P, P),
    (503, "", "", T, T),
    (502, "", "", T, T),
    (420, "", "", T, T),
    (406, "", "", T, T),
    (429, "", "", T, T),
    (429, "REQUEST_LIMIT_EXCEEDED", "Too many requests", T, T),
    (418, "", "", P, P),
];

#[test]
fn every_row_of_the_reference_has_its_class() {
    for (status, code, message, request, record) in REFERENCE {
        let fault = Fault::new(code, message);
        assert_eq!(
            verdict(*status, &fault, Scope::Request).class,
            *request,
            "request {status} {code} {message}"
        );
        assert_eq!(
            verdict(*status, &fault, Scope::Record).class,
            *record,
            "record {status} {code} {message}"
        );
    }
}

#[test]
fn every_row_of_the_table_is_tested_or_an_alias() {
    let aliases = [
        "InvalidSessionId",
        "MAX_STATEMENT_SIZE",
        "INVALID_BATCH_SIZE",
        "TEMPORARY_QUERY_MORE_FAILURE",
        "InvalidBatch",
        "INVALID_QUERY_LOCATOR_FORMAT",
        "LOCATOR_LOCATION_EXCEEDS_SIZE",
        "QUERY_LOCATOR_NOT_FOUND",
        "UNAUTHORIZED_USER_FOR_CURSOR",
        "PRECONDITION_FAILED",
        "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE",
    ];
    for rule in TABLE {
        let tested = REFERENCE.iter().any(|row| row.1 == rule.code && row.2.contains(rule.word));
        assert!(tested || aliases.contains(&rule.code), "{} {}", rule.code, rule.word);
    }
}

#[test]
fn no_row_is_hidden_by_an_earlier_one() {
    for (at, rule) in TABLE.iter().enumerate() {
        let hidden = TABLE[..at].iter().any(|earlier| earlier.code == rule.code && earlier.word.is_empty());
        assert!(!hidden, "{} {}", rule.code, rule.word);
    }
}

#[test]
fn sign_in_errors_have_their_class() {
    for (error, description, class) in [
        ("invalid_grant", "expired access/refresh token", S),
        ("invalid_grant", "expired authorization code", S),
        ("invalid_grant", "invalid authorization code", S),
        ("invalid_grant", "ip restricted", P),
        ("invalid_grant", "inactive user", P),
        ("invalid_grant", "inactive organization", P),
        ("invalid_grant", "authentication failure - Invalid Password", P),
        ("invalid_grant", "no client credentials user enabled", P),
        ("invalid_grant", "user hasn't approved this consumer", P),
        ("invalid_grant", "audience is invalid", P),
        ("invalid_grant", "request not supported on this domain", P),
        ("invalid_client_id", "client identifier invalid", P),
        ("invalid_client", "invalid client credentials", P),
        ("invalid_app_access", "user is not admin approved to access this app", P),
        ("unsupported_grant_type", "grant type not supported", P),
        ("invalid_request", "missing required code challenge", P),
        ("invalid_scope", "", P),
        ("redirect_uri_mismatch", "redirect_uri must match configuration", P),
        ("rate_limit_exceeded", "login rate exceeded", Q),
        ("server_error", "", T),
        ("something_new", "", P),
    ] {
        let fault = Fault::new(error, description);
        assert_eq!(oauth_verdict(400, Some(&fault)).class, class, "{error} {description}");
    }
    assert_eq!(oauth_verdict(503, None).class, T);
    assert!(OAUTH.iter().all(|row| !row.help.is_empty()));
}

#[test]
fn all_shapes_of_bodies() {
    let one = |code: &str, message: &str, fields: &[&str]| {
        vec![Fault {
            code: code.into(),
            message: message.into(),
            fields: fields.iter().map(|f| (*f).into()).collect(),
            existing: Vec::new(),
        }]
    };
    for (body, expected) in [
        (r#"[{"message":"m","errorCode":"C","fields":["F"]}]"#, one("C", "m", &["F"])),
        (r#"{"message":"m","errorCode":"C"}"#, one("C", "m", &[])),
        (r#"[{"message":"m","statusCode":"C","fields":[]}]"#, one("C", "m", &[])),
        (r#"{"error":"invalid_grant","error_description":"d"}"#, one("invalid_grant", "d", &[])),
        (r#"{"exceptionCode":"InvalidSessionId","exceptionMessage":"m"}"#, one("InvalidSessionId", "m", &[])),
        ("Bad_OAuth_Token", one("INVALID_SESSION_ID", "Bad_OAuth_Token", &[])),
        ("<html>Data Not Available</html>", Vec::new()),
        ("[{", Vec::new()),
        ("", Vec::new()),
    ] {
        assert_eq!(parse_body(body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn duplicates_are_named() {
    let existing = |body: &str| -> Vec<String> {
        let faults = parse_body(body.as_bytes());
        record_error(400, &faults[0]).existing.keys().iter().map(ToString::to_string).collect()
    };
    for key in ["duplicateResult", "duplicateResut"] {
        let body = format!(
            r#"[{{"{key}":{{"allowSave":true,"matchResults":[{{"matchRecords":[
                {{"matchConfidence":100.0,"record":{{"attributes":{{"type":"Contact"}},"Id":"003Hq00002Pq4RsIAJ"}}}},
                {{"record":{{"Id":"003Hq00002Pq4Rt"}}}}]}}]}},"errorCode":"DUPLICATES_DETECTED","message":"Use one of these records?"}}]"#
        );
        assert_eq!(existing(&body), ["003Hq00002Pq4RsIAJ", "003Hq00002Pq4RtIAJ"]);
    }
    let value =
        |message: &str| existing(&format!(r#"[{{"errorCode":"DUPLICATE_VALUE","message":"{message}"}}]"#));
    let english = "duplicate value found: ExtId__c duplicates value on record with id: 001Hq00001Ab1Cd";
    assert_eq!(value(english), ["001Hq00001Ab1CdIAJ"]);
    assert_eq!(value("重複する値が見つかりました: id: 001Hq00001Ab1Cd、"), ["001Hq00001Ab1CdIAJ"]);
    assert!(
        value("duplicate value found: <unknown> duplicates value on record with id: <unknown>").is_empty()
    );
    let odd = r#"[{"duplicateResult":7,"errorCode":"DUPLICATES_DETECTED","message":"m"}]"#;
    assert!(existing(odd).is_empty());
}

#[test]
fn a_message_shows_the_reason_without_the_query() {
    let message = "\nSELECT Id, Fooo FROM Account WHERE Name = 'Acme'\n           ^\nERROR at Row:1:Column:12\nNo such column 'Fooo' on entity 'Account'.";
    let error = request_error(400, &[Fault::new("INVALID_FIELD", message)]);
    assert_eq!(
        error.message,
        "salesforce answered INVALID_FIELD: No such column 'Fooo' on entity 'Account'."
    );
    assert_eq!(reaction(&error), Reaction::Redescribe);
    assert_eq!((error.code, error.class), ("R122", P));
}
