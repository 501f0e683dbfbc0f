//! `settings.yaml`.

use super::fields::{Fields, Templates, connection_name};
use crate::diag::{Diagnostic, SourceId};
use crate::spec::yaml::Node;
use crate::spec::{LogLevel, Settings};

pub(super) fn decode(root: &Node, source: SourceId, out: &mut Vec<Diagnostic>) -> Settings {
    let Some(fields) = Fields::of(root) else { return Settings::empty(source) };
    let mut templates = Templates { owner: "sfsync", secrets: Vec::new(), out };
    let listen = templates.entry(&fields, "listen");
    let public_url = templates.entry(&fields, "public_url");
    let admin_token = templates.secret(&fields, "admin_token");
    let state = templates.entry(&fields, "state");
    Settings {
        source,
        listen,
        public_url,
        admin_token,
        state,
        timezone: fields.text("timezone"),
        notify: fields.list("notify", connection_name),
        retention: fields.period("retention"),
        log: fields.word("log", LogLevel::from_word),
        secrets: templates.secrets,
    }
}
