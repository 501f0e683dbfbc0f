//! A call from outside, in the words of the door: what stands in front of its body, what becomes of it, why it is refused.

use std::sync::Arc;
use std::time::Duration;

use super::proof::{Signature, Signing};
use crate::model::ConnectionName;

/// Largest message of an org: a hundred records with all their fields.
pub(super) const SOAP_BODY: usize = 2 << 20;
/// Largest body of a JSON call.
pub(super) const JSON_BODY: usize = 256 << 10;

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookTarget<'a> {
    /// `POST /hooks/<connection>`: a flow or Apex of the org.
    Org,
    /// `POST /hooks/<connection>/<resource>`: an app.
    Resource(&'a str),
    /// `POST /hooks/<connection>/outbound/<token>`: outbound messages of an org.
    Messages,
}

/// What is known of a call before its body is read.
pub struct HookHead<'a> {
    /// The connection it names.
    pub connection: &'a str,
    /// What it is about.
    pub target: HookTarget<'a>,
    /// The token of its `Authorization` header.
    pub bearer: Option<&'a [u8]>,
    /// The token of its address.
    pub token: Option<&'a [u8]>,
    /// Its other headers.
    pub header: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

/// Who calls, within a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Org,
    Messages,
    Resource(String),
}

/// A call whose body may be read.
pub struct HookOpen {
    /// Who calls, by connection.
    pub connection: ConnectionName,
    /// How much of it is read.
    pub limit: usize,
    pub(super) caller: Caller,
    pub(super) signed: Option<(Signature, Arc<Signing>)>,
}

impl HookOpen {
    /// Whether it is known already who calls. Otherwise the body tells, and few of those are read at a time.
    pub fn is_proven(&self) -> bool {
        self.signed.is_none()
    }

    /// Whose allowance it takes from: the connection and the resource.
    pub(super) fn source(&self) -> String {
        match &self.caller {
            Caller::Resource(resource) => format!("{}/{resource}", self.connection),
            Caller::Messages => format!("{}/outbound/", self.connection),
            Caller::Org => self.connection.to_string(),
        }
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookTaken {
    /// Records that it named.
    pub records: usize,
    /// Pipelines that look.
    pub pipelines: usize,
    /// It was heard before, so nothing was done.
    pub repeated: bool,
}

/// Why a call is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookRefusal {
    /// Nobody listens at that address.
    Unknown,
    /// It does not prove who it is.
    Unproven,
    /// It comes from an org that the connection does not reach.
    OtherOrg,
    /// It cannot be understood; in one sentence, without what it says.
    Unreadable(String),
    /// It says that it was made at another time than about now.
    Stale,
    /// It comes too soon after too many others.
    TooOften(Duration),
    /// It cannot be stored now.
    Busy(Duration),
}

impl HookRefusal {
    /// One word, for the counters.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Unproven => "unproven",
            Self::OtherOrg => "other_org",
            Self::Unreadable(_) => "unreadable",
            Self::Stale => "stale",
            Self::TooOften(_) => "too_often",
            Self::Busy(_) => "busy",
        }
    }
}
