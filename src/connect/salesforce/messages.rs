//! Setting up outbound messages in an org and taking them away: a message and a flow for each object, a workflow rule where the org refuses the flow.
//! What travels is in [`super::api::metadata`]. Read [`set_up`].

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::api::metadata::{self, DeployResult, Deployment, MessageSpec, Sender};
use super::api::soql;
use super::budget::Purpose;
use super::client::{Call, Client};
use crate::connect::ConnectError;
use crate::model::Class;

/// Pauses between two looks at a deployment, at first and later.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];
/// Looks at one deployment: about ten minutes.
const LOOKS: u32 = 120;

#[derive(Deserialize)]
struct Records<T> {
    records: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DefinitionRow {
    id: String,
    #[serde(default)]
    active_version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionRow {
    version_number: u32,
}

/// Makes the message of an object, or changes where it goes, and has it sent on every change. Tells what sends it.
pub async fn set_up(client: &Client, object: &str, endpoint: &str) -> Result<Sender, ConnectError> {
    // An org may repeat what it refuses, and the address holds a secret.
    let masked = |text: String| text.replace(endpoint, "(the address)");
    let user = client.check().await?.user.username;
    let version = version(client).await?;
    let spec = MessageSpec { object, endpoint, user: &user, version: &version };
    let result = deploy(client, metadata::creation(&spec, Sender::Flow)).await?;
    if result.success && is_active(client, object).await? {
        return Ok(Sender::Flow);
    }
    // Nothing but the flow is wrong: the org does not let it run. Rules are older than that question.
    let only_flow = result.errors().all(|failure| failure.component_type == "Flow");
    if !result.success && !(only_flow && result.errors().count() > 0) {
        return Err(refused(object, &masked(result.reason())));
    }
    let why = if result.success { "its flow is not active".to_owned() } else { masked(result.reason()) };
    tracing::info!(object, why, "the org does not let a flow send messages; a workflow rule is tried");
    let second = deploy(client, metadata::creation(&spec, Sender::Rule)).await?;
    if second.success {
        return Ok(Sender::Rule);
    }
    Err(refused(object, &format!("{why}; {}", masked(second.reason()))))
}

fn refused(object: &str, why: &str) -> ConnectError {
    let text = format!("the org takes no outbound message for {object}: {why}");
    ConnectError::new("R128", Class::Pipeline, text).help(
        "the integration user needs \"Modify Metadata Through Metadata API Functions\"; or use `push: cdc`",
    )
}

/// Whether the flow of an object runs.
async fn is_active(client: &Client, object: &str) -> Result<bool, ConnectError> {
    Ok(definition(client, object).await?.is_some_and(|row| row.active_version_id.is_some()))
}

/// Takes away what was made for an object. False: there was nothing.
pub async fn take_down(client: &Client, object: &str) -> Result<bool, ConnectError> {
    let name = metadata::name_of(object);
    let version = version(client).await?;
    let mut senders = vec![("WorkflowRule", format!("{object}.{name}"))];
    if let Some(definition) = definition(client, object).await? {
        deactivate(client, &definition.id).await?;
        let question = format!("SELECT VersionNumber FROM Flow WHERE DefinitionId = '{}'", definition.id);
        let versions: Vec<VersionRow> = query(client, &question).await?;
        senders.extend(versions.iter().map(|row| ("Flow", format!("{name}-{}", row.version_number))));
    }
    // What sends it goes first: a message that something uses cannot be deleted.
    let mut gone = false;
    for components in [senders, vec![("WorkflowOutboundMessage", format!("{object}.{name}"))]] {
        let result = deploy(client, metadata::removal(&components, &version)).await?;
        if !result.success {
            return Err(ConnectError::new("R128", Class::Pipeline, result.reason()));
        }
        gone |= result.details.component_failures.len() < components.len();
    }
    Ok(gone)
}

async fn definition(client: &Client, object: &str) -> Result<Option<DefinitionRow>, ConnectError> {
    let name = metadata::name_of(object);
    let question = format!("SELECT Id, ActiveVersionId FROM FlowDefinition WHERE DeveloperName = '{name}'");
    Ok(query(client, &question).await?.into_iter().next())
}

/// A flow that runs cannot be deleted.
async fn deactivate(client: &Client, id: &str) -> Result<(), ConnectError> {
    let path = format!("{}/tooling/sobjects/FlowDefinition/{id}", client.data_path().await?);
    let body = json!({ "Metadata": { "activeVersionNumber": 0 } }).to_string();
    let call = Call { method: reqwest::Method::PATCH, ..Call::post(path, body, Purpose::Control) };
    client.send(&call).await.map(drop)
}

async fn query<T: serde::de::DeserializeOwned>(
    client: &Client,
    question: &str,
) -> Result<Vec<T>, ConnectError> {
    let data = format!("{}/tooling", client.data_path().await?);
    let call = Call::get(soql::query_path(&data, false, question), Purpose::Control);
    let found: Records<T> = client.read(&call, |answer| serde_json::from_slice(&answer.body)).await?;
    Ok(found.records)
}

/// `66.0`
async fn version(client: &Client) -> Result<String, ConnectError> {
    Ok(client.data_path().await?.rsplit('v').next().unwrap_or_default().to_owned())
}

/// Deploys an archive and waits for what comes of it.
async fn deploy(client: &Client, archive: Result<Vec<u8>, String>) -> Result<DeployResult, ConnectError> {
    let archive = archive.map_err(|error| {
        ConnectError::new(
            "R128",
            Class::Pipeline,
            format!("the archive of a deployment cannot be made: {error}"),
        )
    })?;
    let path = format!("{}/metadata/deployRequest", client.data_path().await?);
    let body = metadata::request(&archive);
    let call =
        Call { content_type: metadata::CONTENT_TYPE, ..Call::post(path.as_str(), body, Purpose::Control) };
    let begun: Deployment = client.read(&call, |answer| serde_json::from_slice(&answer.body)).await?;
    let call = Call::get(format!("{path}/{}?includeDetails=true", begun.id), Purpose::Control);
    for look in 0..LOOKS {
        let seen: Deployment = client.read(&call, |answer| serde_json::from_slice(&answer.body)).await?;
        if seen.deploy_result.done {
            return Ok(seen.deploy_result);
        }
        client.clock().sleep(PAUSES[usize::from(look > 10)]).await;
    }
    Err(ConnectError::new("R128", Class::TRANSIENT, "the org has not finished a deployment in ten minutes"))
}
