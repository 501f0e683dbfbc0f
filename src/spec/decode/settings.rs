//! `settings.yaml`.

use super::fields::{Fields, Templates, connection_name};
use crate::diag::{Diagnostic, SourceId};
use crate::spec::yaml::Node;
use crate::spec::{Entry, LogLevel, Settings, Template};

pub(super) fn decode(root: &Node, source: SourceId, out: &mut Vec<Diagnostic>) -> Settings {
    let Some(fields) = Fields::of(root) else { return Settings::empty(source) };
    let mut templates = Templates { owner: "sfsync", secrets: Vec::new(), out };
    let listen = templates.entry(&fields, "listen");
    let public_url = templates.entry(&fields, "public_url");
    let admin_token = templates.secret(&fields, "admin_token");
    let state = templates.entry(&fields, "state");
    let secrets = templates.secrets;
    check_listen(listen.as_ref(), out);
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
        secrets,
    }
}

/// A host and a port. Whether it is an address of this machine is known when the daemon listens there.
fn check_listen(listen: Option<&Entry<Template>>, out: &mut Vec<Diagnostic>) {
    let Some((listen, address)) = listen.and_then(|entry| Some((entry, entry.value.plain()?))) else {
        return;
    };
    let parts = address.rsplit_once(':');
    if parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        return;
    }
    let title = format!("`listen` is an address with a port, not `{address}`");
    out.push(Diagnostic::error("E103", title, listen.span, "").help("listen: 127.0.0.1:8480"));
}
