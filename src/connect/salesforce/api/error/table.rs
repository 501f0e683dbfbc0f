//! The rows. Order matters only among rows of one code: those with a word first.

use super::{Reaction, Rule};
use crate::model::Class;

const T: Class = Class::TRANSIENT;
const Q: Class = Class::Quota;
const S: Class = Class::Session;
const R: Class = Class::Record;
const P: Class = Class::Pipeline;

const fn row(
    (code, word): (&'static str, &'static str),
    (request, record): (Class, Class),
    message_code: &'static str,
    reaction: Reaction,
    help: &'static str,
) -> Rule {
    Rule { code, word, request, record, message_code, reaction, help }
}

const REST: &str = "it is tried again";
const BUG: &str = "this is a defect of sfsync: please report it";
const RIGHTS: &str = "give the integration user the permission";
const SCHEMA: &str = "check the name and whether the integration user may see it";
const VALUE: &str = "correct the value; it syncs by itself then";
const HALT: &str = "another record of the same request failed";

/// Section 10.2 of the API, row by row: code and word, class of a request and of a record, code of our message, reaction, help.
#[rustfmt::skip]
pub const TABLE: &[Rule] = &[
    // Session and limits.
    row(("INVALID_SESSION_ID", "not valid for use with the REST API"), (P, P), "R104", Reaction::Renew, "the app needs the scope `api`, or API access control blocks it"),
    row(("INVALID_SESSION_ID", ""), (S, S), "R104", Reaction::Renew, "sign in again: sfsync connect"),
    row(("InvalidSessionId", ""), (S, S), "R104", Reaction::Renew, "sign in again: sfsync connect"),
    row(("INVALID_AUTH_HEADER", ""), (P, P), "R239", Reaction::None, BUG),
    row(("REQUEST_LIMIT_EXCEEDED", "Concurrent"), (T, T), "R103", Reaction::Slower, REST),
    row(("REQUEST_LIMIT_EXCEEDED", ""), (Q, Q), "R103", Reaction::AskLimits, "the org's API calls of the day are used up; it goes on by itself"),
    row(("LIMIT_EXCEEDED", ""), (Q, Q), "R103", Reaction::AskLimits, "an allocation of the day is used up; it goes on by itself"),
    row(("EXCEEDED_QUOTA", ""), (Q, Q), "R103", Reaction::None, "an allocation of the org is used up"),
    row(("LICENSE_LIMIT_EXCEEDED", ""), (P, R), "R103", Reaction::None, "the org has too few licences"),
    row(("STORAGE_LIMIT_EXCEEDED", ""), (Q, Q), "R235", Reaction::None, "the org's data storage is full: an administrator has to make room"),
    // Server trouble.
    row(("SERVER_UNAVAILABLE", ""), (T, T), "R102", Reaction::None, REST),
    row(("REQUEST_RUNNING_TOO_LONG", ""), (T, T), "R101", Reaction::Narrow, REST),
    row(("UNKNOWN_EXCEPTION", ""), (T, T), "R102", Reaction::None, "it is tried again a few times; give the ErrorId to Salesforce support if it lasts"),
    row(("INTERNAL_ERROR", ""), (T, T), "R102", Reaction::None, REST),
    row(("TOO_MANY_APEX_REQUESTS", ""), (T, T), "R102", Reaction::Slower, REST),
    row(("TXN_SECURITY_METERING_ERROR", ""), (T, T), "R102", Reaction::None, REST),
    row(("TEMPORARY_QUERY_MORE_FAILURE", ""), (T, T), "R102", Reaction::None, REST),
    row(("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", ""), (T, T), "R238", Reaction::None, "the org is read-only during maintenance; reading goes on"),
    // Features and permissions.
    row(("API_DISABLED_FOR_ORG", ""), (P, P), "R120", Reaction::None, "the edition has no API: it can be bought as an add-on"),
    row(("API_CURRENTLY_DISABLED", ""), (P, P), "R120", Reaction::None, "give the integration user the permission \"API Enabled\""),
    row(("FUNCTIONALITY_NOT_ENABLED", ""), (P, P), "R120", Reaction::UseRest, "the feature is off in this org"),
    row(("INSUFFICIENT_ACCESS", ""), (P, R), "R120", Reaction::Redescribe, RIGHTS),
    row(("INSUFFICIENT_ACCESS_OR_READONLY", ""), (P, R), "R211", Reaction::None, RIGHTS),
    row(("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", ""), (P, R), "R211", Reaction::None, "give the integration user the permission on the parent record"),
    row(("TXN_SECURITY_NO_ACCESS", ""), (P, P), "R120", Reaction::None, "a security policy of the org forbids it: ask the administrator"),
    // Automation and validation of the org.
    row(("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "UNABLE_TO_LOCK_ROW"), (T, T), "R212", Reaction::None, REST),
    row(("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "LimitException"), (P, R), "R214", Reaction::Narrow, "an Apex trigger of the org ran out of its limits, even with this record alone"),
    row(("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Too many batch retries"), (P, R), "R214", Reaction::Narrow, "an Apex trigger of the org cannot cope with this record"),
    row(("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", ""), (P, R), "R211", Reaction::None, "an Apex trigger or a licence of the org refused it"),
    row(("CANNOT_EXECUTE_FLOW_TRIGGER", ""), (P, R), "R211", Reaction::None, "a flow of the org failed: show its text to the administrator"),
    row(("FIELD_CUSTOM_VALIDATION_EXCEPTION", ""), (P, R), "R211", Reaction::None, VALUE),
    row(("FIELD_FILTER_VALIDATION_EXCEPTION", ""), (P, R), "R211", Reaction::None, "the lookup filter of the field does not allow this record"),
    row(("FIELD_INTEGRITY_EXCEPTION", ""), (P, R), "R211", Reaction::None, VALUE),
    row(("REQUIRED_FIELD_MISSING", ""), (P, R), "R211", Reaction::None, "map the field, or give it a default"),
    row(("MISSING_ARGUMENT", ""), (P, R), "R239", Reaction::None, BUG),
    // Fields, objects, values.
    row(("INVALID_FIELD", "Foreign key external ID"), (P, R), "R233", Reaction::WaitForParent, "the record it refers to is not there yet"),
    row(("INVALID_FIELD", ""), (P, R), "R122", Reaction::Redescribe, SCHEMA),
    row(("INVALID_FIELD_FOR_INSERT_UPDATE", ""), (P, R), "R211", Reaction::Redescribe, "the field is read-only for the integration user"),
    row(("INVALID_TYPE", ""), (P, P), "R122", Reaction::Redescribe, SCHEMA),
    row(("INVALID_TYPE_ON_FIELD_IN_RECORD", ""), (P, R), "R211", Reaction::None, VALUE),
    row(("JSON_PARSER_ERROR", ""), (P, R), "R239", Reaction::None, BUG),
    row(("XML_PARSER_ERROR", ""), (P, R), "R239", Reaction::None, BUG),
    row(("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ""), (P, R), "R211", Reaction::None, "map the value to one of the picklist's"),
    row(("TOO_MANY_ENUM_VALUE", ""), (P, R), "R211", Reaction::None, "a multi-picklist takes at most 100 values"),
    row(("STRING_TOO_LONG", ""), (P, R), "R211", Reaction::None, "shorten the value, or cut it with `as:`"),
    row(("INVALID_EMAIL_ADDRESS", ""), (P, R), "R211", Reaction::None, VALUE),
    row(("INVALID_CURRENCY_ISO", ""), (P, R), "R211", Reaction::None, "map the value to a currency of the org"),
    row(("NUMBER_OUTSIDE_VALID_RANGE", ""), (P, R), "R211", Reaction::None, VALUE),
    row(("UNAVAILABLE_RECORDTYPE_EXCEPTION", ""), (P, R), "R211", Reaction::Redescribe, "map a record type that the integration user may use"),
    row(("INVALID_RECORD_TYPE", ""), (P, R), "R211", Reaction::Redescribe, "map a record type that the integration user may use"),
    // Queries.
    row(("MALFORMED_QUERY", ""), (P, P), "R122", Reaction::None, "correct `where` or the filter"),
    row(("INVALID_QUERY_FILTER_OPERATOR", ""), (P, P), "R122", Reaction::None, "correct `where` or the filter"),
    row(("MALFORMED_SEARCH", ""), (P, P), "R239", Reaction::None, BUG),
    row(("MAX_STATEMENT_SIZE", ""), (P, P), "R122", Reaction::Narrow, "map fewer fields or shorten the filter"),
    row(("QUERY_TIMEOUT", ""), (T, T), "R101", Reaction::Narrow, "the query is made smaller; an indexed field in the filter helps"),
    row(("QUERY_TOO_COMPLICATED", ""), (P, P), "R122", Reaction::Narrow, "map fewer formula fields or shorten the filter"),
    row(("OPERATION_TOO_LARGE", ""), (P, P), "R120", Reaction::Narrow, "give the integration user \"View All Data\", or narrow the filter"),
    row(("EXCEEDED_MAX_SEMIJOIN_SUBSELECTS", ""), (P, P), "R122", Reaction::None, "the filter has too many subqueries"),
    row(("EXCEEDED_ID_LIMIT", ""), (P, P), "R239", Reaction::Narrow, BUG),
    row(("INVALID_BATCH_SIZE", ""), (P, P), "R239", Reaction::None, BUG),
    row(("INVALID_REPLICATION_DATE", ""), (P, P), "R122", Reaction::Compare, "everything is compared again"),
    row(("INVALID_QUERY_LOCATOR", ""), (T, T), "R102", Reaction::RestartQuery, REST),
    row(("INVALID_QUERY_LOCATOR_FORMAT", ""), (T, T), "R102", Reaction::RestartQuery, REST),
    row(("LOCATOR_LOCATION_EXCEEDS_SIZE", ""), (T, T), "R102", Reaction::RestartQuery, REST),
    row(("QUERY_LOCATOR_EXPIRED", ""), (T, T), "R102", Reaction::RestartQuery, REST),
    row(("QUERY_LOCATOR_NOT_FOUND", ""), (T, T), "R102", Reaction::RestartQuery, REST),
    row(("UNAUTHORIZED_USER_FOR_CURSOR", ""), (T, T), "R102", Reaction::RestartQuery, REST),
    // Ids and references.
    row(("MALFORMED_ID", ""), (P, R), "R231", Reaction::None, "the linked id is broken: sfsync links shows it"),
    row(("INVALID_ID_FIELD", ""), (P, R), "R231", Reaction::None, "the linked id is broken: sfsync links shows it"),
    row(("INVALID_CROSS_REFERENCE_KEY", ""), (P, R), "R233", Reaction::WaitForParent, "the record it refers to is deleted or hidden"),
    row(("ENTITY_IS_DELETED", ""), (R, R), "R231", Reaction::Gone, ""),
    row(("ENTITY_IS_LOCKED", ""), (T, T), "R234", Reaction::None, "an approval process locks the record; it is tried again"),
    row(("ENTITY_IS_ARCHIVED", ""), (R, R), "R234", Reaction::None, "archived activities cannot be changed"),
    row(("NOT_FOUND", ""), (P, R), "R231", Reaction::Redescribe, SCHEMA),
    row(("CANNOT_UPDATE_CONVERTED_LEAD", ""), (R, R), "R234", Reaction::Reread, "the lead was converted"),
    row(("CANNOT_REPARENT_RECORD", ""), (P, R), "R211", Reaction::None, "the master of a detail record cannot be changed"),
    row(("CIRCULAR_DEPENDENCY", ""), (P, R), "R211", Reaction::None, "the parents form a circle"),
    row(("DELETE_FAILED", ""), (P, R), "R211", Reaction::None, "other records need this one"),
    row(("DELETE_REQUIRED_ON_CASCADE", ""), (P, R), "R211", Reaction::None, RIGHTS),
    row(("DEPENDENCY_EXISTS", ""), (P, R), "R211", Reaction::None, "other records need this one"),
    row(("INACTIVE_OWNER_OR_USER", ""), (P, R), "R211", Reaction::None, "map another owner"),
    row(("TRANSFER_REQUIRES_READ", ""), (P, R), "R211", Reaction::None, "the owner may not read this object: map another owner"),
    // Duplicates.
    row(("DUPLICATE_VALUE", ""), (P, R), "R232", Reaction::LookUp, "another record has this value: link to it"),
    row(("DUPLICATE_EXTERNAL_ID", ""), (P, R), "R232", Reaction::LookUp, "several records have this external id"),
    row(("DUPLICATES_DETECTED", ""), (P, R), "R232", Reaction::LookUp, "a duplicate rule found similar records: link to one, or allow saving"),
    // Locks and neighbours.
    row(("UNABLE_TO_LOCK_ROW", ""), (T, T), "R212", Reaction::None, REST),
    row(("ALL_OR_NONE_OPERATION_ROLLED_BACK", ""), (T, T), "R236", Reaction::Resend, HALT),
    row(("PROCESSING_HALTED", ""), (T, T), "R236", Reaction::Resend, HALT),
    row(("BATCH_PROCESSING_HALTED", ""), (T, T), "R236", Reaction::Resend, HALT),
    row(("MIXED_DML_OPERATION", ""), (P, R), "R239", Reaction::Resend, BUG),
    row(("MATCH_PRECONDITION_FAILED", ""), (R, R), "R237", Reaction::Reread, ""),
    row(("PRECONDITION_FAILED", ""), (R, R), "R237", Reaction::Reread, ""),
    row(("MATCH_PRECONDITION_REQUIRED", ""), (R, R), "R237", Reaction::Reread, ""),
    row(("ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", ""), (R, R), "R237", Reaction::Reread, ""),
    // The request itself.
    row(("METHOD_NOT_ALLOWED", ""), (P, P), "R239", Reaction::None, BUG),
    row(("UNSUPPORTED_MEDIA_TYPE", ""), (P, P), "R239", Reaction::None, BUG),
    row(("EXCEEDED_MAX_SIZE_REQUEST", ""), (P, P), "R239", Reaction::Narrow, BUG),
    row(("INVALID_VERSION", ""), (P, P), "R122", Reaction::None, "this API version is retired: remove `api_version` from the connection"),
    row(("UNSUPPORTED_API_VERSION", ""), (P, P), "R122", Reaction::None, "this API version is retired: remove `api_version` from the connection"),
    row(("CONFLICT", ""), (P, P), "R239", Reaction::None, BUG),
    row(("INVALID_OPERATION", ""), (T, T), "R234", Reaction::None, "the record is locked by an approval, or the job is not ready; it is tried again"),
    // Bulk API 2.0.
    row(("INVALIDENTITY", ""), (P, P), "R123", Reaction::UseRest, "Bulk does not know this object"),
    row(("INVALIDJOBSTATE", ""), (T, T), "R123", Reaction::None, REST),
    row(("API_ERROR", ""), (P, P), "R123", Reaction::UseRest, "Bulk refuses this query"),
    row(("TooManyLockFailure", ""), (T, T), "R212", Reaction::None, REST),
    row(("InvalidBatch", ""), (P, P), "R123", Reaction::Redescribe, SCHEMA),
];
