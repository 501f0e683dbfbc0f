//! What Salesforce's refusals mean: the one table from (status, code) to class, code of our message and way out (section 10).
//!
//! Codes decide, never messages, which come in the user's language. The few words that tell two cases of one code apart are
//! identifiers that are not translated (`TotalRequests`). What the table does not know stops the pipeline, loudly.
//! Read [`Rule`] and [`TABLE`] first.

mod body;
mod oauth;
mod refusal;
mod table;

pub use body::{Fault, WireFault, parse_body};
pub use oauth::{OauthFault, oauth_verdict};
pub use refusal::{Refusal, maybe_stored, record_of};
pub use table::TABLE;

use crate::connect::ConnectError;
use crate::model::{Class, RecordError};

/// What a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A whole request: a query, a job, a describe.
    Request,
    /// One record of a write.
    Record,
}

/// What the caller can do besides waiting or giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing special.
    None,
    /// Renew the session once, repeat once.
    Renew,
    /// Fewer requests at once.
    Slower,
    /// Ask `/limits` when to go on.
    AskLimits,
    /// Start the query again from the last settled place.
    RestartQuery,
    /// A narrower window, fewer rows, or bulk.
    Narrow,
    /// Read the object over REST; Bulk refuses it.
    UseRest,
    /// Read describe again: a field or object went away or was hidden.
    Redescribe,
    /// Resend the others without the failed records.
    Resend,
    /// Look the other record up and link to it.
    LookUp,
    /// Treat the record as deleted.
    Gone,
    /// Wait for the record it refers to.
    WaitForParent,
    /// Read the record again and decide again.
    Reread,
    /// Compare everything: the changes since the cursor cannot be told.
    Compare,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Salesforce's code.
    pub code: &'static str,
    /// An untranslated word of the message that this row needs; empty for any message.
    pub word: &'static str,
    /// Class when a whole request fails with it.
    pub request: Class,
    /// Class when one record fails with it.
    pub record: Class,
    /// Code of our message.
    pub message_code: &'static str,
    /// What the caller can do.
    pub reaction: Reaction,
    /// What a person can do.
    pub help: &'static str,
}

/// What is to be thought of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What can be done about it.
    pub class: Class,
    /// Code of our message.
    pub message_code: &'static str,
    /// What the caller can do.
    pub reaction: Reaction,
    /// What a person can do; may be empty.
    pub help: &'static str,
}

/// Looks a fault up: by code, else by status, else it is unknown and stops the pipeline.
pub fn verdict(status: u16, fault: &Fault, scope: Scope) -> Verdict {
    // The edge slows callers down with 429 under a code that else means the day's allocation.
    let known = if status == 429 { None } else { rule(&fault.code, &fault.message) };
    match known {
        Some(rule) => Verdict {
            class: if scope == Scope::Record { rule.record } else { rule.request },
            message_code: rule.message_code,
            reaction: rule.reaction,
            help: rule.help,
        },
        None => by_status(status),
    }
}

/// The row of a code whose word is in the message; rows with a word come before the row without.
fn rule(code: &str, message: &str) -> Option<&'static Rule> {
    TABLE.iter().find(|rule| rule.code == code && (rule.word.is_empty() || message.contains(rule.word)))
}

/// What a caller can do about an error that came out of this table.
pub fn reaction(error: &ConnectError) -> Reaction {
    match (error.remote.as_deref(), Refusal::of(error)) {
        (Some(code), _) => rule(code, &error.message).map_or(Reaction::None, |rule| rule.reaction),
        (None, Some(refusal)) => by_status(refusal.status).reaction,
        (None, None) => Reaction::None,
    }
}

/// Answers without a code: edge servers, maintenance pages, empty bodies (sections 0.2 and 9.5).
fn by_status(status: u16) -> Verdict {
    let of = |class, message_code, reaction, help| Verdict { class, message_code, reaction, help };
    match status {
        401 => of(Class::Session, "R104", Reaction::Renew, "sign in again: sfsync connect"),
        406 | 408 | 420 | 429 | 500..=599 => of(
            Class::TRANSIENT,
            "R102",
            Reaction::None,
            "it is tried again; if it lasts, look at status.salesforce.com",
        ),
        300 => of(
            Class::Record,
            "R232",
            Reaction::LookUp,
            "several records have this external id: decide which one is right",
        ),
        301..=308 => of(
            Class::Pipeline,
            "R125",
            Reaction::None,
            "the org answers at another address: correct `domain`",
        ),
        404 => of(
            Class::Pipeline,
            "R122",
            Reaction::Redescribe,
            "check the object's name and the user's permissions",
        ),
        410 => of(
            Class::Pipeline,
            "R122",
            Reaction::None,
            "this API version is retired: remove `api_version` from the connection",
        ),
        412 | 428 => of(Class::Record, "R237", Reaction::Reread, ""),
        413 | 414 | 431 => {
            of(Class::Pipeline, "R122", Reaction::Narrow, "map fewer fields or shorten the filter")
        }
        200..=299 => of(
            Class::TRANSIENT,
            "R106",
            Reaction::None,
            "a page of text came instead of data; it is tried again",
        ),
        _ => of(Class::Pipeline, "R124", Reaction::None, "this answer is not known: please report it"),
    }
}

/// The error of a request that failed as a whole.
pub fn request_error(status: u16, faults: &[Fault]) -> ConnectError {
    let refusal = Refusal { status, faults: faults.to_vec() };
    let Some(fault) = faults.first() else {
        let verdict = by_status(status);
        let text = format!("salesforce answered {status} without a reason");
        let error = ConnectError::new(verdict.message_code, verdict.class, text).caused_by(refusal);
        return with_help(error, verdict.help);
    };
    let verdict = verdict(status, fault, Scope::Request);
    let text = format!("salesforce answered {}: {}", fault.code, fault.last_line());
    let error = ConnectError::new(verdict.message_code, verdict.class, text).remote(&fault.code);
    with_help(error.caused_by(refusal), verdict.help)
}

/// The error of one record of a write.
pub fn record_error(status: u16, fault: &Fault) -> RecordError {
    let verdict = verdict(status, fault, Scope::Record);
    RecordError {
        code: verdict.message_code,
        remote: Some(fault.code.clone()),
        message: fault.message.clone(),
        fields: fault.fields.clone(),
        existing: fault.existing.iter().cloned().collect(),
        class: verdict.class,
    }
}

fn with_help(error: ConnectError, help: &str) -> ConnectError {
    if help.is_empty() { error } else { error.help(help) }
}

#[cfg(test)]
mod tests;
