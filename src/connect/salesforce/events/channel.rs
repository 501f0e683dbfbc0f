//! The channel whose events are read, and its members, over the Tooling API: looked at, made, extended, shrunk, taken away.
//! Read [`prepare`] first.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::connect::ConnectError;
use crate::connect::salesforce::api::soql;
use crate::connect::salesforce::budget::Purpose;
use crate::connect::salesforce::client::{Call, Client};
use crate::model::Class;

/// The channel that every org has.
const DEFAULT: &str = "ChangeEvents";
/// Why no channel is made or changed.
const MAY_NOT: &str =
    "the integration user may not change channels: it needs the permission Customize Application";
/// Objects that an org may select without the add-on.
const SLOTS: usize = 5;

/// What a connection says of its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSpec {
    /// `cdc_channel`: a name, or `default`.
    pub name: String,
    /// Whether channel and members may be changed.
    pub manage: bool,
}

impl ChannelSpec {
    fn is_default(&self) -> bool {
        self.name == "default"
    }

    fn full_name(&self) -> String {
        if self.is_default() { DEFAULT.to_owned() } else { format!("{}__chn", self.name) }
    }

    /// What is subscribed to.
    pub fn topic(&self) -> String {
        format!("/data/{}", self.full_name())
    }
}

/// What became of the objects that are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Objects whose events will not come, with the reason.
    pub missing: BTreeMap<String, String>,
    /// Whether anything was made or taken away.
    pub changed: bool,
}

/// What would become of the objects that are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// How many objects are selected, and how many may be; `None` where the org has no change events.
    pub selected: Option<(usize, usize)>,
    /// Objects whose events would not come, with the reason.
    pub missing: BTreeMap<String, String>,
}

/// Looks at the channel without changing anything.
pub async fn outlook(
    client: &Client,
    spec: &ChannelSpec,
    objects: &BTreeSet<String>,
) -> Result<Outlook, ConnectError> {
    let members = match members(client).await {
        Ok(members) => members,
        Err(error) if knows_no_channels(&error) => {
            let why = no_events(client).await?;
            return Ok(Outlook { selected: None, missing: all_missing(objects, &why).missing });
        }
        // Who may not look at the setup may still hear the events of a channel that an administrator made.
        Err(error) if error.class == Class::Pipeline && !spec.manage => return Ok(Outlook::default()),
        Err(error) if error.class == Class::Pipeline => {
            return Ok(Outlook { selected: None, missing: all_missing(objects, &refusal(&error)).missing });
        }
        Err(error) => return Err(error),
    };
    let may = if spec.manage { client.permissions().await? } else { None };
    let may_change = may.is_none_or(|may| may.channels);
    let mut selected: BTreeSet<String> =
        members.iter().map(|member| member.selected_entity.clone()).collect();
    let mut outlook = Outlook { selected: Some((selected.len(), SLOTS)), ..Outlook::default() };
    if client.limits().await?.contains_key("MonthlyPlatformEventsUsageEntitlement") {
        return Ok(outlook);
    }
    for object in objects {
        let entity = entity_of(object);
        if selected.contains(&entity) {
            continue;
        }
        if selected.len() >= SLOTS {
            let why = format!("no CDC slot, {SLOTS} of {SLOTS} objects are selected");
            outlook.missing.insert(object.clone(), why);
        } else if !spec.manage {
            let why =
                format!("it is not selected for {}, and `manage` does not allow to do it", spec.topic());
            outlook.missing.insert(object.clone(), why);
        } else if !may_change {
            outlook.missing.insert(object.clone(), MAY_NOT.to_owned());
        } else {
            selected.insert(entity);
        }
    }
    Ok(outlook)
}

#[derive(Deserialize)]
struct Records<T> {
    records: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChannelRow {
    id: String,
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MemberRow {
    id: String,
    event_channel: String,
    selected_entity: String,
}

/// `AccountChangeEvent` for `Account`, `Employee__ChangeEvent` for `Employee__c`.
fn entity_of(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(stem) => format!("{stem}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    }
}

/// Sees to it that the channel brings the events of these objects, as far as the connection allows; says what will not come.
pub async fn prepare(
    client: &Client,
    spec: &ChannelSpec,
    wanted: &BTreeSet<String>,
) -> Result<Prepared, ConnectError> {
    let members = match members(client).await {
        Ok(members) => members,
        Err(error) if knows_no_channels(&error) => {
            return Ok(all_missing(wanted, &no_events(client).await?));
        }
        // Who may not look at the setup may still hear the events of a channel that an administrator made.
        Err(error) if error.class == Class::Pipeline && !spec.manage => return Ok(Prepared::default()),
        Err(error) if error.class == Class::Pipeline => return Ok(all_missing(wanted, &refusal(&error))),
        Err(error) => return Err(error),
    };
    let channel = match channel(client, spec).await {
        Ok(Some(channel)) => channel,
        Ok(None) => {
            let why = format!(
                "there is no channel {}: `manage: [cdc_channel]` lets sfsync make it",
                spec.full_name()
            );
            return Ok(all_missing(wanted, &why));
        }
        Err(error) if error.class == Class::Pipeline => return Ok(all_missing(wanted, &refusal(&error))),
        Err(error) => return Err(error),
    };
    Setup { client, spec, channel, members }.fill(wanted).await
}

/// Takes the private channel away with its members; false if there is none. That of the org stays: others use it too.
pub async fn remove(client: &Client, spec: &ChannelSpec) -> Result<bool, ConnectError> {
    let found = if spec.is_default() { None } else { find(client, spec).await? };
    match found {
        Some(id) => delete(client, "PlatformEventChannel", &id).await.map(|()| true),
        None => Ok(false),
    }
}

/// Of an edition without change events the Tooling API does not know channels either.
fn knows_no_channels(error: &ConnectError) -> bool {
    matches!(error.remote.as_deref(), Some("INVALID_TYPE" | "NOT_FOUND"))
}

async fn no_events(client: &Client) -> Result<String, ConnectError> {
    let edition = client.reach().await?.edition.clone();
    Ok(format!("{} has no Change Data Capture", edition.as_deref().unwrap_or("this edition")))
}

/// Why the org lets nothing be changed.
fn refusal(error: &ConnectError) -> String {
    match error.remote.as_deref() {
        Some("INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY") => MAY_NOT.to_owned(),
        _ => error.message.clone(),
    }
}

fn all_missing(wanted: &BTreeSet<String>, why: &str) -> Prepared {
    let missing = wanted.iter().map(|object| (object.clone(), why.to_owned())).collect();
    Prepared { missing, changed: false }
}

struct Setup<'a> {
    client: &'a Client,
    spec: &'a ChannelSpec,
    /// As members name it.
    channel: String,
    members: Vec<MemberRow>,
}

impl Setup<'_> {
    async fn fill(mut self, wanted: &BTreeSet<String>) -> Result<Prepared, ConnectError> {
        let mut prepared = Prepared::default();
        if self.spec.manage && !self.spec.is_default() {
            prepared.changed = self.shrink(wanted).await?;
        }
        for object in wanted {
            let entity = entity_of(object);
            if self.own().any(|member| member.selected_entity == entity) {
                continue;
            }
            if !self.spec.manage {
                let why = format!(
                    "{object} is not selected on {}: `manage: [cdc_channel]` lets sfsync do it",
                    self.spec.full_name()
                );
                prepared.missing.insert(object.clone(), why);
                continue;
            }
            // Asked for and refused, it would count as a limit of the day; so it is not asked for.
            if !self.has_room(&entity).await? {
                prepared.missing.insert(object.clone(), self.no_slot(object));
                continue;
            }
            match self.add(&entity).await {
                Ok(id) => {
                    prepared.changed = true;
                    let event_channel = self.channel.clone();
                    self.members.push(MemberRow { id, event_channel, selected_entity: entity });
                }
                Err(error) if matches!(error.class, Class::Transient { .. } | Class::Session) => {
                    return Err(error);
                }
                Err(error) => {
                    let why = format!("{object} cannot be selected for change events: {}", refusal(&error));
                    prepared.missing.insert(object.clone(), why);
                }
            }
        }
        Ok(prepared)
    }

    fn own(&self) -> impl Iterator<Item = &MemberRow> {
        self.members.iter().filter(|member| member.event_channel == self.channel)
    }

    /// Takes away what nobody wants any more, first, so that its slot is free.
    async fn shrink(&mut self, wanted: &BTreeSet<String>) -> Result<bool, ConnectError> {
        let entities: BTreeSet<String> = wanted.iter().map(|object| entity_of(object)).collect();
        let unwanted = self.own().filter(|member| !entities.contains(&member.selected_entity));
        let unwanted: Vec<String> = unwanted.map(|member| member.id.clone()).collect();
        for id in &unwanted {
            delete(self.client, "PlatformEventChannelMember", id).await?;
        }
        self.members.retain(|member| !unwanted.contains(&member.id));
        Ok(!unwanted.is_empty())
    }

    async fn add(&self, entity: &str) -> Result<String, ConnectError> {
        let stem = self.spec.full_name().replace("__", "_");
        let name = format!("{stem}_{}", entity.replace("__", "_"));
        let metadata = json!({ "eventChannel": self.spec.full_name(), "selectedEntity": entity });
        create(self.client, "PlatformEventChannelMember", &name, &metadata).await
    }

    fn selected(&self) -> BTreeSet<&str> {
        self.members.iter().map(|member| member.selected_entity.as_str()).collect()
    }

    /// Whether one more object may be selected: less than five are, it is one of them, or the org has the add-on.
    async fn has_room(&self, entity: &str) -> Result<bool, ConnectError> {
        let selected = self.selected();
        if selected.len() < SLOTS || selected.contains(entity) {
            return Ok(true);
        }
        let path = format!("{}/limits", self.client.data_path().await?);
        let answer = self.client.send(&Call::get(path, Purpose::Control)).await?;
        let limits: Json = serde_json::from_slice(&answer.body).map_err(unreadable)?;
        Ok(limits.get("MonthlyPlatformEventsUsageEntitlement").is_some())
    }

    fn no_slot(&self, object: &str) -> String {
        let all = self.selected().len();
        let own: BTreeSet<&str> = self.own().map(|member| member.selected_entity.as_str()).collect();
        let (own, others) = (own.len(), all - own.len());
        format!(
            "no CDC slot for {object}: {all} of {SLOTS} objects selected (by others {others}, sfsync {own})"
        )
    }
}

async fn members(client: &Client) -> Result<Vec<MemberRow>, ConnectError> {
    query(client, "SELECT Id, EventChannel, SelectedEntity FROM PlatformEventChannelMember").await
}

async fn find(client: &Client, spec: &ChannelSpec) -> Result<Option<String>, ConnectError> {
    let name = &spec.name;
    let question = format!("SELECT Id FROM PlatformEventChannel WHERE DeveloperName = '{name}'");
    let rows: Vec<ChannelRow> = query(client, &question).await?;
    Ok(rows.into_iter().next().map(|row| row.id))
}

/// The channel as members name it, made if need be; `None` if it is not there and may not be made.
async fn channel(client: &Client, spec: &ChannelSpec) -> Result<Option<String>, ConnectError> {
    if spec.is_default() {
        return Ok(Some(DEFAULT.to_owned()));
    }
    if let Some(id) = find(client, spec).await? {
        return Ok(Some(id));
    }
    if !spec.manage {
        return Ok(None);
    }
    let metadata = json!({ "channelType": "data", "label": spec.name });
    match create(client, "PlatformEventChannel", &spec.full_name(), &metadata).await {
        Ok(id) => Ok(Some(id)),
        // Somebody was faster.
        Err(error) if error.remote.as_deref() == Some("DUPLICATE_DEVELOPER_NAME") => find(client, spec).await,
        Err(error) => Err(error),
    }
}

async fn query<T: DeserializeOwned>(client: &Client, question: &str) -> Result<Vec<T>, ConnectError> {
    let data = format!("{}/tooling", client.data_path().await?);
    let call = Call::get(soql::query_path(&data, false, question), Purpose::Control);
    let answer = client.send(&call).await?;
    let records: Records<T> = serde_json::from_slice(&answer.body).map_err(unreadable)?;
    Ok(records.records)
}

async fn create(client: &Client, kind: &str, name: &str, metadata: &Json) -> Result<String, ConnectError> {
    let path = format!("{}/tooling/sobjects/{kind}", client.data_path().await?);
    let body = json!({ "FullName": name, "Metadata": metadata }).to_string();
    let answer = client.send(&Call::post(path, body, Purpose::Control)).await?;
    let made: Made = serde_json::from_slice(&answer.body).map_err(unreadable)?;
    Ok(made.id)
}

async fn delete(client: &Client, kind: &str, id: &str) -> Result<(), ConnectError> {
    let path = format!("{}/tooling/sobjects/{kind}/{id}", client.data_path().await?);
    let call = Call { method: reqwest::Method::DELETE, ..Call::get(path, Purpose::Control) };
    match client.send(&call).await {
        Err(error) if error.remote.as_deref() != Some("NOT_FOUND") => Err(error),
        _ => Ok(()),
    }
}

fn unreadable(cause: serde_json::Error) -> ConnectError {
    ConnectError::new("R106", Class::TRANSIENT, "salesforce answered something unreadable about channels")
        .caused_by(cause)
}
