//! The custom setting of an installed package that reads where to call: its values for the whole org. Read [`write_setting`].

use serde::Deserialize;
use serde_json::json;

use super::api::soql;
use super::budget::Purpose;
use super::client::{Call, Client};
use crate::connect::ConnectError;

#[derive(Deserialize)]
struct Rows {
    records: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "Id")]
    id: String,
}

/// Writes address and token. This is setup, which `manage` allows by name, so `read_only` does not speak of it.
pub async fn write_setting(client: &Client, object: &str, values: (&str, &str)) -> Result<(), ConnectError> {
    let (url, token) = values;
    let path = format!("{}/sobjects/{object}", client.data_path().await?);
    let call = if let Some(id) = find(client, object).await? {
        let body = json!({ "Url__c": url, "Token__c": token }).to_string();
        Call { method: reqwest::Method::PATCH, ..Call::post(format!("{path}/{id}"), body, Purpose::Control) }
    } else {
        let owner = &client.reach().await?.id;
        let body = json!({ "SetupOwnerId": owner, "Url__c": url, "Token__c": token }).to_string();
        Call::post(path, body, Purpose::Control)
    };
    // An org may repeat a value that it refuses.
    client.send(&call).await.map(drop).map_err(|mut error| {
        error.message = error.message.replace(token, "(the token)");
        error.source = None;
        error
    })
}

/// Empties both; the record stays, because the package may keep more in it. False: there was none.
pub async fn clear_setting(client: &Client, object: &str) -> Result<bool, ConnectError> {
    let Some(id) = find(client, object).await? else { return Ok(false) };
    let path = format!("{}/sobjects/{object}/{id}", client.data_path().await?);
    let body = json!({ "Url__c": null, "Token__c": null }).to_string();
    let call = Call { method: reqwest::Method::PATCH, ..Call::post(path, body, Purpose::Control) };
    client.send(&call).await.map(|_| true)
}

/// The record of the whole org.
async fn find(client: &Client, object: &str) -> Result<Option<String>, ConnectError> {
    let owner = soql::quoted(&client.reach().await?.id);
    let question = format!("SELECT Id FROM {object} WHERE SetupOwnerId = {owner}");
    let data = client.data_path().await?;
    let call = Call::get(soql::query_path(data, false, &question), Purpose::Control);
    let rows: Rows = client.read(&call, |answer| serde_json::from_slice(&answer.body)).await?;
    Ok(rows.records.into_iter().next().map(|row| row.id))
}
