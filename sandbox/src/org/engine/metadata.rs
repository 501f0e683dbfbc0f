//! Deployments, and the messages that changes send because of them.
//! May not know HTTP. Read [`Org::deploy`].

use super::Org;
use crate::org::change_log::{Change, ChangeKind};
use crate::org::ids::Id;
use crate::org::metadata::{self, FlowPolicy, Known, Message, Metadata, Package, Parcel, Told};

/// A message as it is sent.
pub(crate) struct Sending {
    pub(crate) endpoint: String,
    pub(crate) envelope: String,
}

impl Org {
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Does a deployment; tells what came of each component.
    pub(crate) fn deploy(&self, package: &Package, flows: FlowPolicy, rules: bool) -> Vec<Told> {
        let users = self.users();
        let state = self.read();
        let schema = &state.store.schema;
        let object = |name: &str| schema.named(name).is_some();
        let field = |object: &str, field: &str| {
            schema.named(object).is_some_and(|object| object.field(field).is_some())
        };
        let user = |name: &str| users.iter().any(|user| user.username.eq_ignore_ascii_case(name));
        let known = Known { object: &object, field: &field, user: &user, flows, rules };
        metadata::apply(&mut self.metadata.lock(), package, &known)
    }

    /// Queues the messages that changes send.
    pub(super) fn send_messages(&self, changes: &[Change]) {
        let mut inner = self.metadata.lock();
        let inner = &mut *inner;
        if inner.messages.is_empty() {
            return;
        }
        let now = self.clock.now_seconds();
        for change in changes {
            for message in fired(inner, change) {
                let (ids, queue) = (&mut inner.ids, &mut inner.queue);
                queue.add((message, change.id), now, || {
                    *ids += 1;
                    Id::assemble(*b"04l", *b"Hq", 0, *ids)
                });
            }
        }
        self.metadata.poke();
    }

    /// What is to be sent next, with the newest values.
    pub(crate) fn next_sending(&self) -> Option<(Parcel, Option<Sending>)> {
        let parcel = self.metadata.lock().queue.due(self.clock.now_seconds())?;
        let message = self.metadata.lock().messages.iter().find(|one| one.id == parcel.message).cloned();
        let sending = message.map(|message| Sending {
            envelope: self.envelope(&message, &parcel),
            endpoint: message.endpoint,
        });
        Some((parcel, sending))
    }

    /// It was sent, and taken or not.
    pub(crate) fn sent(&self, parcel: &Parcel, taken: bool) {
        self.metadata.lock().queue.answered(parcel, taken, self.clock.now_seconds());
    }

    /// How many outbound messages wait to be taken.
    pub fn waiting_messages(&self) -> usize {
        self.metadata.lock().queue.len()
    }

    /// How many outbound messages were given up after a day.
    pub fn given_up_messages(&self) -> usize {
        self.metadata.lock().queue.given_up
    }

    /// Full names of all outbound messages, flows and rules that deployments made, as an administrator sees them in Setup.
    pub fn deployed(&self) -> Vec<String> {
        let inner = self.metadata.lock();
        let messages = inner.messages.iter().map(|one| format!("message {}", one.full_name()));
        let rules = inner.rules.iter().map(|one| format!("rule {}.{}", one.object, one.name));
        let flows = inner.flows.iter().map(|flow| {
            let state = if flow.active.is_some() { "active" } else { "inactive" };
            format!("flow {} ({state})", flow.name)
        });
        messages.chain(rules).chain(flows).collect()
    }

    fn envelope(&self, message: &Message, parcel: &Parcel) -> String {
        let org = self.org_id();
        let mut body = String::new();
        for (id, record) in &parcel.records {
            body.push_str(&self.notification(message, (id, record)));
        }
        let instance = &self.config.instance_url;
        let version = &message.version;
        let url = |kind: char| format!("{instance}/services/Soap/{kind}/{version}/{}", org.short());
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n <soapenv:Body>\n  \
             <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">\n   <OrganizationId>{org}</OrganizationId>\n   \
             <ActionId>{}</ActionId>\n   <SessionId xsi:nil=\"true\"/>\n   <EnterpriseUrl>{}</EnterpriseUrl>\n   \
             <PartnerUrl>{}</PartnerUrl>\n{body}  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>",
            message.id,
            url('c'),
            url('u'),
        )
    }

    fn notification(&self, message: &Message, (id, record): (&Id, &Id)) -> String {
        let mut fields: Vec<&str> =
            message.fields.iter().map(String::as_str).filter(|name| *name != "Id").collect();
        fields.sort_unstable();
        fields.dedup();
        let found = self.get(&message.object, &record.to_string(), Some(&fields)).unwrap_or_default();
        let values: serde_json::Value = serde_json::from_slice(&found).unwrap_or_default();
        let mut elements = format!("     <sf:Id>{record}</sf:Id>\n");
        for name in fields {
            let text = match &values[name] {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => escaped(&text.replace("+0000", "Z")),
                other => other.to_string(),
            };
            elements.push_str(&format!("     <sf:{name}>{text}</sf:{name}>\n"));
        }
        format!(
            "   <Notification>\n    <Id>{id}</Id>\n    <sObject xsi:type=\"sf:{}\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">\n\
             {elements}    </sObject>\n   </Notification>\n",
            message.object
        )
    }
}

/// The messages that a change sends.
fn fired(inner: &metadata::Inner, change: &Change) -> Vec<Id> {
    let fits = |trigger: &str| match change.kind {
        ChangeKind::Create => matches!(trigger, "Create" | "CreateAndUpdate"),
        ChangeKind::Update => matches!(trigger, "Update" | "CreateAndUpdate"),
        ChangeKind::Delete | ChangeKind::Undelete => false,
    };
    let running = inner.flows.iter().filter_map(metadata::Flow::running);
    let flows = running
        .filter(|flow| flow.object == change.object && fits(&flow.trigger))
        .flat_map(|flow| flow.actions.clone());
    let is_fired =
        |rule: &&metadata::Rule| rule.active && rule.object == change.object && fits("CreateAndUpdate");
    let rules = inner.rules.iter().filter(is_fired);
    let rules = rules.flat_map(|rule| rule.actions.iter().map(|action| format!("{}.{action}", rule.object)));
    let names: std::collections::BTreeSet<String> = flows.chain(rules).collect();
    inner.messages.iter().filter(|one| names.contains(&one.full_name())).map(|one| one.id).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
