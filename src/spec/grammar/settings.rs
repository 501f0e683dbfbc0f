//! `settings.yaml`.

use super::shape::{Mapping, Shape, key};
use crate::spec::LogLevel;

pub(crate) static SETTINGS: Mapping = Mapping {
    name: "settings.yaml",
    noun: "settings.yaml",
    doc: "The daemon: its address, notifications, time zone. `notify`, `retention`, `timezone` and `log` are hot; the rest needs a restart.",
    keys: &[
        key("listen", Shape::Template, "Address of HTTP: status, metrics, hooks.").or("127.0.0.1:8480"),
        key(
            "public_url",
            Shape::Url,
            "How Salesforce and apps reach this daemon; required for webhooks and outbound messages.",
        ),
        key(
            "admin_token",
            Shape::Secret,
            "Needed for every endpoint that changes something; without it those answer only on the unix socket.",
        ),
        key("state", Shape::Template, "Where links, cursors, failures and the last good files are kept. A relative path begins at the configuration folder.")
            .or("/var/lib/sfsync"),
        key("timezone", Shape::Timezone, "For schedules, and for date ↔ date-time.").or("UTC"),
        key(
            "notify",
            Shape::List(&Shape::Name),
            "Connections that are told of problems, for pipelines that do not say.",
        )
        .or("[]"),
        key(
            "retention",
            Shape::Period,
            "How long resolved failures, the audit log and the state of removed pipelines are kept.",
        )
        .or("30 days"),
        key("log", Shape::Choice(LogLevel::CHOICES), "How much is logged.").or("info"),
    ],
};
