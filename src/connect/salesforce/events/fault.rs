//! How a call of the event bus ended, and what that means. Read [`Fault`] first.

use std::time::Duration;

use crate::connect::ConnectError;
use crate::model::Class;

/// What every code of Salesforce begins with.
const PREFIX: &str = "sfdc.platform.eventbus.grpc.";

/// The status that ends a call: number, Salesforce's own code, words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("status {number}, {code}: {message}")]
pub(super) struct Status {
    /// The number of gRPC.
    pub(super) number: u16,
    /// Without what every code begins with; empty where there is none.
    pub(super) code: String,
    /// Salesforce's words.
    pub(super) message: String,
}

/// What a failure of the event bus means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The position is too old, or of another stream: begin with what is new, and look at everything.
    Position,
    /// There is no such topic: nobody selected the object, or the channel is not there.
    Topic,
    /// The user or the org may not.
    Permission,
    /// A limit of the day or of the number of streams.
    Limit,
    /// The session ended.
    Session,
    /// Anything that may work in a moment.
    Passing,
}

impl Status {
    /// Out of the trailers of a call; `None` for a good end.
    pub(super) fn of(trailers: &http::HeaderMap) -> Option<Self> {
        let text = |name: &str| trailers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let number: u16 = text("grpc-status").parse().unwrap_or(2);
        let message =
            percent_encoding::percent_decode_str(text("grpc-message")).decode_utf8_lossy().into_owned();
        let code = text("error-code");
        let code = code.strip_prefix(PREFIX).unwrap_or(code).to_owned();
        (number != 0).then_some(Self { number, code, message })
    }

    /// By Salesforce's code, else by the number.
    pub(super) fn fault(&self) -> Fault {
        match self.code.as_str() {
            "subscription.fetch.replayid.corrupted" | "subscription.fetch.replayid.validation.failed" => {
                Fault::Position
            }
            "topic.not.found" => Fault::Topic,
            "subscription.topic.cannot.subscribe"
            | "topic.meta.permission"
            | "schema.meta.permission"
            | "service.tenant.license" => Fault::Permission,
            "subscription.limit.exceeded"
            | "concurrent.client.limit.exceeded"
            | "service.protection.triggered"
            | "service.protection.stream.limit.triggered" => Fault::Limit,
            "service.auth.error" | "service.auth.refresh.invalid" => Fault::Session,
            _ => match self.number {
                5 => Fault::Topic,
                7 => Fault::Permission,
                8 => Fault::Limit,
                16 => Fault::Session,
                _ => Fault::Passing,
            },
        }
    }

    pub(super) fn error(self) -> ConnectError {
        const LATER: Class = Class::Transient { retry_after: Some(Duration::from_secs(300)) };
        let (code, class, help) = match self.fault() {
            Fault::Position => ("R127", Class::TRANSIENT, ""),
            Fault::Topic => (
                "R120",
                Class::Pipeline,
                "select the object for Change Data Capture, or `manage: [cdc_channel]`",
            ),
            Fault::Permission => {
                ("R120", Class::Pipeline, "the user needs to view all records of the object")
            }
            Fault::Limit => ("R103", LATER, ""),
            Fault::Session => ("R104", Class::Session, ""),
            Fault::Passing => ("R102", Class::TRANSIENT, ""),
        };
        let words = self.message.split(" rpcId:").next().unwrap_or_default().trim();
        let text = format!("salesforce ended the stream of changes: {words} ({})", self.number);
        let error = ConnectError::new(code, class, text).remote(self.code.clone()).caused_by(self);
        if help.is_empty() { error } else { error.help(help) }
    }
}

/// What a failure of the event bus means.
pub fn fault_of(error: &ConnectError) -> Fault {
    let status = error.source.as_ref().and_then(|source| source.downcast_ref::<Status>());
    match (status, error.class) {
        (Some(status), _) => status.fault(),
        (None, Class::Session) => Fault::Session,
        (None, Class::Pipeline) => Fault::Permission,
        (None, _) => Fault::Passing,
    }
}

/// A connection or a stream that broke.
pub(super) fn broken(what: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectError {
    ConnectError::new("R105", Class::TRANSIENT, format!("the stream of changes: {what}")).caused_by(cause)
}

/// An answer that makes no sense.
pub(super) fn senseless(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectError {
    ConnectError::new("R106", Class::TRANSIENT, "the stream of changes brought something unreadable")
        .caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_before_numbers() {
        let fault =
            |number, code: &str| Status { number, code: code.to_owned(), message: String::new() }.fault();
        assert_eq!(fault(3, "subscription.fetch.replayid.corrupted"), Fault::Position);
        assert_eq!((fault(5, "topic.not.found"), fault(7, "topic.not.found")), (Fault::Topic, Fault::Topic));
        assert_eq!((fault(13, "service.unavailable"), fault(14, "")), (Fault::Passing, Fault::Passing));
        assert_eq!((fault(16, ""), fault(8, "")), (Fault::Session, Fault::Limit));
    }

    #[test]
    fn trailers_are_read() {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        assert_eq!(Status::of(&trailers), None);
        trailers.insert("grpc-status", "3".parse().unwrap());
        trailers.insert("grpc-message", "No%20way. rpcId: 1".parse().unwrap());
        trailers.insert("error-code", format!("{PREFIX}topic.not.found").parse().unwrap());
        let status = Status::of(&trailers).unwrap();
        assert_eq!((status.code.as_str(), status.message.as_str()), ("topic.not.found", "No way. rpcId: 1"));
        assert_eq!(fault_of(&status.error()), Fault::Topic);
    }
}
