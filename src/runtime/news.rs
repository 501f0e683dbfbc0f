//! What `connect` and `check --online` tell of news at once before anything runs: which objects have no change events and why, what may be set up in
//! the org, and what a person has to do. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret as _;

use super::sign_in;
use super::workbench::Workbench;
use super::world::World;
use crate::connect::ConnectError;
use crate::connect::salesforce::{ChannelSpec, Client, channel_outlook};
use crate::model::{Class, PipelineName, Side};
use crate::plan::Files;
use crate::spec::{ConnectionFile, ConnectionKind, Manage, PipelineFile, Poll, Push, SalesforceConnection};

/// Why no outbound message is made.
const MAY_NOT_DEPLOY: &str = "the integration user may not deploy: it needs the permission Modify Metadata Through Metadata API Functions";

/// One sentence for each thing to know.
pub async fn news(
    client: &Client,
    file: &ConnectionFile,
    (files, world): (&Files, &World),
) -> Result<Vec<String>, ConnectError> {
    let ConnectionKind::Salesforce(org) = &file.kind else { return Ok(Vec::new()) };
    let mut told = events(client, org, &wanted(files, file, Push::Cdc)).await?;
    told.extend(messages(file, org, (files, world)));
    told.extend(refused(client, file, org, files).await?);
    Ok(told)
}

/// What the org has to have for what the files ask: it can be told before anybody is signed in, when the edition is not known yet.
pub fn needs(files: &Files, file: &ConnectionFile) -> Vec<String> {
    let readers = wanted(files, file, Push::Cdc);
    let mut names: Vec<&str> = readers.values().flatten().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "Change events (push: cdc in {}) need Enterprise, Performance, Unlimited or Developer Edition; without them these pipelines only poll.",
        names.join(", ")
    )]
}

type Readers<'f> = BTreeMap<String, Vec<(&'f PipelineName, &'f PipelineFile)>>;

/// Objects that pipelines of the connection want to hear of in a way.
fn wanted<'f>(files: &'f Files, file: &ConnectionFile, way: Push) -> Readers<'f> {
    let mut all = Readers::new();
    for (name, pipeline) in files.pipelines.iter().filter_map(|one| Some((&one.name, one.value()?))) {
        let side = &pipeline.salesforce;
        let hears = side.connection_name() == file.name
            && side.push().any(|push| push.value == way)
            && pipeline.ops_to(Side::App).any();
        if hears && pipeline.enabled() {
            all.entry(side.object.value.clone()).or_default().push((name, pipeline));
        }
    }
    all
}

async fn events(
    client: &Client,
    org: &SalesforceConnection,
    readers: &Readers<'_>,
) -> Result<Vec<String>, ConnectError> {
    if readers.is_empty() {
        return Ok(Vec::new());
    }
    let channel = ChannelSpec { name: org.cdc_channel().to_owned(), manage: org.manages(Manage::CdcChannel) };
    let objects: BTreeSet<String> = readers.keys().cloned().collect();
    let outlook = channel_outlook(client, &channel, &objects).await?;
    let mut told = Vec::new();
    if let Some((selected, slots)) = outlook.selected {
        told.push(format!("CDC: {selected} of {slots} objects selected"));
    }
    for (object, why) in &outlook.missing {
        told.extend(readers.get(object).into_iter().flatten().map(|reader| instead(object, why, reader)));
    }
    Ok(told)
}

/// Why news of an object will not come to a pipeline, and what happens instead.
fn instead(object: &str, why: &str, (name, pipeline): &(&PipelineName, &PipelineFile)) -> String {
    let rhythm = match pipeline.salesforce.poll() {
        Poll::Every(period) => format!("would be polled every {period}"),
        Poll::Off => "would not be followed: `poll` is off".to_owned(),
    };
    format!("{object}: {why}; {name} {rhythm}")
}

/// What `manage` allows the daemon and the org does not allow its user.
async fn refused(
    client: &Client,
    file: &ConnectionFile,
    org: &SalesforceConnection,
    files: &Files,
) -> Result<Vec<String>, ConnectError> {
    let mut told = Vec::new();
    let readers = wanted(files, file, Push::OutboundMessage);
    if org.manages(Manage::OutboundMessages) && !readers.is_empty() {
        let may = client.permissions().await?;
        if may.is_some_and(|may| !may.metadata) {
            let all =
                readers.iter().flat_map(|(object, readers)| readers.iter().map(move |one| (object, one)));
            told.extend(all.map(|(object, reader)| instead(object, MAY_NOT_DEPLOY, reader)));
        }
    }
    let setting = org.webhook.setting.as_ref().filter(|_| org.manages(Manage::WebhookSetting));
    if let Some(setting) = setting {
        let object = &setting.value;
        match client.describe(object, None).await {
            Ok(Some(described)) if !(described.object.createable && described.object.updateable) => {
                told.push(format!("{object}: the integration user may read it and not write it"));
            }
            Err(error) if error.class == Class::Pipeline => {
                told.push(format!("{object}: it is not there, or the integration user may not see it"));
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(told)
}

fn messages(
    file: &ConnectionFile,
    org: &SalesforceConnection,
    (files, world): (&Files, &World),
) -> Vec<String> {
    let objects = wanted(files, file, Push::OutboundMessage);
    let settings = files.settings.as_ref().and_then(|parsed| parsed.value.as_ref());
    let url = settings.and_then(|settings| settings.public_url.as_ref());
    let url = url.and_then(|url| world.secret(&url.value).ok()).map(|url| url.expose_secret().to_owned());
    let names: Vec<&str> = objects.keys().map(String::as_str).collect();
    let (names, mut told) = (names.join(", "), Vec::new());
    let setting = org.webhook.setting.as_ref();
    let Some(url) = url.as_deref().map(|url| url.trim_end_matches('/')) else {
        if !objects.is_empty() || setting.is_some() {
            told.push(
                "settings.yaml needs `public_url`, the address at which Salesforce reaches the daemon"
                    .to_owned(),
            );
        }
        return told;
    };
    let address = format!("{url}/hooks/{}", file.name);
    if !objects.is_empty() {
        told.push(if org.manages(Manage::OutboundMessages) {
            format!("allowed by `manage`, made by the daemon: an outbound message and a flow for {names}")
        } else {
            format!(
                "an administrator has to make, for each of {names}: an outbound message to {address}/outbound/<token of `webhook`> and a flow that \
                 sends it on every change; or allow it: manage: [outbound_messages]"
            )
        });
    }
    if let Some(setting) = setting {
        let object = &setting.value;
        told.push(if org.manages(Manage::WebhookSetting) {
            format!("allowed by `manage`, written by the daemon: Url__c and Token__c of {object}")
        } else {
            format!(
                "an administrator has to write {address} and the token into Url__c and Token__c of {object}; or allow it: manage: [webhook_setting]"
            )
        });
    }
    told
}

impl Workbench {
    /// News of all orgs of the files, with the name of the connection; an org that cannot be reached has been told of already.
    pub async fn news(&self) -> Vec<String> {
        let files = &self.loaded.files;
        let mut told = Vec::new();
        for file in files.connections.iter().filter_map(|file| file.value()) {
            let Ok(client) = sign_in::client(&self.world, file).await else { continue };
            let lines = news(&client, file, (files, &self.world)).await.unwrap_or_default();
            told.extend(lines.into_iter().map(|line| format!("{}: {line}", file.name)));
        }
        told
    }
}
