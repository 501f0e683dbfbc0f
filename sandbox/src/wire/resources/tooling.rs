//! The Tooling API as far as event channels need it (PlatformEventChannel and PlatformEventChannelMember), and which version of a flow runs.
//! Read [`query`] and [`create`] first.

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Exchange;
use crate::org::{ApiError, FlowPolicy, Id};
use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;

const CHANNEL: &str = "PlatformEventChannel";
const MEMBER: &str = "PlatformEventChannelMember";
const ENRICHED: &str = "EnrichedField";
const DEFINITION: &str = "FlowDefinition";
const FLOW: &str = "Flow";

type Fields = Map<String, Value>;

/// `SELECT a, b FROM X WHERE c = 'd' AND …`: all that is understood.
struct Question {
    fields: Vec<String>,
    object: String,
    conditions: Vec<(String, String)>,
}

fn question(soql: &str) -> Option<Question> {
    let spaced = soql.replace(',', " ").replace('=', " = ");
    let mut words = spaced.split_whitespace().peekable();
    let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
    words.next().filter(|word| is(word, "select"))?;
    let mut fields = Vec::new();
    loop {
        let word = words.next()?;
        if is(word, "from") {
            break;
        }
        fields.push(word.to_owned());
    }
    let object = words.next()?.to_owned();
    let mut conditions = Vec::new();
    while let Some(word) = words.next() {
        if is(word, "order") || is(word, "limit") {
            break;
        }
        if !(is(word, "where") || is(word, "and")) {
            return None;
        }
        let field = words.next()?;
        words.next().filter(|word| *word == "=")?;
        let value = words.next()?.strip_prefix('\'')?.strip_suffix('\'')?;
        conditions.push((field.to_owned(), value.to_owned()));
    }
    Some(Question { fields, object, conditions })
}

/// `GET /tooling/query?q=…`
pub(super) fn query(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let soql = request.query.get("q").unwrap_or("");
    let asked = question(soql)
        .ok_or_else(|| ApiError::request("MALFORMED_QUERY", format!("unexpected token in: {soql}")))?;
    let passes = |row: &Fields| {
        asked.conditions.iter().all(|(field, wanted)| row.get(field).and_then(Value::as_str) == Some(wanted))
    };
    let rows: Vec<Fields> = rows_of(exchange, &asked.object)?.into_iter().filter(passes).collect();
    let counts =
        asked.fields.iter().any(|field| field.eq_ignore_ascii_case("COUNT_DISTINCT(SelectedEntity)"));
    let records: Vec<Value> = if counts {
        let selected = exchange.server.org.events().lock().channels.selected();
        vec![json!({ "attributes": { "type": "AggregateResult" }, "expr0": selected })]
    } else {
        rows.iter().map(|row| record(exchange, &asked, row)).collect::<Result<_, _>>()?
    };
    let size = records.len();
    let body = json!({
        "size": size, "totalSize": size, "done": true, "queryLocator": null,
        "entityTypeName": asked.object, "records": records,
    });
    Ok(Reply::json(200, &body))
}

fn record(exchange: &Exchange, asked: &Question, row: &Fields) -> Result<Value, ApiError> {
    let id = row["Id"].as_str().unwrap_or("");
    let url = format!("{}/tooling/sobjects/{}/{id}", exchange.base(), asked.object);
    let mut out = Map::new();
    out.insert("attributes".to_owned(), json!({ "type": asked.object, "url": url }));
    for name in &asked.fields {
        let value = row.get(name).ok_or_else(|| {
            let message = format!("No such column '{name}' on entity '{}'", asked.object);
            ApiError::request("INVALID_FIELD", message)
        })?;
        out.insert(name.clone(), value.clone());
    }
    Ok(out.into())
}

/// Flows and their versions, as a query sees them.
fn flow_rows(exchange: &Exchange, object: &str) -> Vec<Fields> {
    let inner = exchange.server.org.metadata().lock();
    let mut rows = Vec::new();
    for flow in &inner.flows {
        let id_of = |number: Option<u32>| {
            let version = flow.versions.iter().find(|version| Some(version.number) == number);
            version.map(|version| version.id.to_string())
        };
        if object == DEFINITION {
            let latest = flow.versions.last().map(|version| version.number);
            rows.push(
                json!({ "Id": flow.id.to_string(), "DeveloperName": flow.name, "NamespacePrefix": null,
                "ActiveVersionId": id_of(flow.active), "LatestVersionId": id_of(latest) }),
            );
            continue;
        }
        for version in &flow.versions {
            let status = if flow.active == Some(version.number) { "Active" } else { "Obsolete" };
            rows.push(json!({ "Id": version.id.to_string(), "DefinitionId": flow.id.to_string(),
                "VersionNumber": version.number, "Status": status }));
        }
    }
    rows.into_iter().filter_map(|row| row.as_object().cloned()).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Activation {
    metadata: ActiveVersion,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActiveVersion {
    active_version_number: u32,
}

/// `PATCH /tooling/sobjects/FlowDefinition/{id}`: which version runs, 0 for none.
fn activate(exchange: &Exchange, id: Id, request: &WireRequest) -> Result<Reply, ApiError> {
    let given: Activation = request.json()?;
    let number = Some(given.metadata.active_version_number).filter(|number| *number > 0);
    if number.is_some() && exchange.server.config.metadata.flows != FlowPolicy::Active {
        let message = "The flow can't be activated: it has no test coverage in this org";
        return Err(ApiError::dml("FIELD_INTEGRITY_EXCEPTION", message, &["Metadata"]));
    }
    let mut inner = exchange.server.org.metadata().lock();
    let flow = inner.flows.iter_mut().find(|flow| flow.id == id).ok_or_else(ApiError::not_found)?;
    if number.is_some_and(|number| flow.versions.iter().all(|version| version.number != number)) {
        return Err(ApiError::dml("FIELD_INTEGRITY_EXCEPTION", "no such version of the flow", &["Metadata"]));
    }
    flow.active = number;
    Ok(Reply::empty(204))
}

/// All rows of an object, as a query sees them.
fn rows_of(exchange: &Exchange, object: &str) -> Result<Vec<Fields>, ApiError> {
    if [DEFINITION, FLOW].contains(&object) {
        return Ok(flow_rows(exchange, object));
    }
    let inner = exchange.server.org.events().lock();
    let channels = &inner.channels;
    if channels.limit.is_none() || ![CHANNEL, MEMBER, ENRICHED].contains(&object) {
        let message = format!("sObject type '{object}' is not supported.");
        return Err(ApiError::request("INVALID_TYPE", message));
    }
    let channel_id = |name: &str| {
        let own = channels.channels.iter().find(|channel| channel.name == name);
        own.map_or_else(|| name.to_owned(), |channel| channel.id.to_string())
    };
    let rows: Vec<Value> = match object {
        CHANNEL => channels
            .channels
            .iter()
            .map(|channel| {
                let stem = channel.name.strip_suffix("__chn").unwrap_or(&channel.name);
                json!({ "Id": channel.id.to_string(), "DeveloperName": stem, "ChannelType": "data",
                        "MasterLabel": channel.label, "NamespacePrefix": null })
            })
            .collect(),
        MEMBER => channels
            .members
            .iter()
            .map(|member| {
                json!({ "Id": member.id.to_string(), "DeveloperName": member.name,
                        "EventChannel": channel_id(&member.channel), "FilterExpression": member.filter,
                        "SelectedEntity": member.entity, "NamespacePrefix": null })
            })
            .collect(),
        _ => channels
            .members
            .iter()
            .flat_map(|member| {
                let field = |name: &String| json!({ "Id": member.id.to_string(), "ChannelMemberId": member.id.to_string(), "Field": name });
                member.enriched.iter().map(field)
            })
            .collect(),
    };
    Ok(rows.into_iter().filter_map(|row| row.as_object().cloned()).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    full_name: String,
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    channel_type: String,
    label: String,
    event_channel: String,
    selected_entity: String,
    enriched_fields: Vec<Enriched>,
    filter_expression: Option<String>,
}

#[derive(Deserialize)]
struct Enriched {
    name: String,
}

/// `POST /tooling/sobjects/X`
pub(super) fn create(exchange: &Exchange, object: &str, request: &WireRequest) -> Result<Reply, ApiError> {
    permitted(exchange)?;
    let given: Definition = request.json()?;
    let org = &exchange.server.org;
    let metadata = given.metadata;
    let id = match object {
        CHANNEL if metadata.channel_type != "data" => {
            return Err(ApiError::dml(
                "FIELD_INTEGRITY_EXCEPTION",
                "channelType: only data is simulated",
                &["ChannelType"],
            ));
        }
        CHANNEL => {
            let mut inner = org.events().lock();
            if inner.channels.limit.is_none() {
                return Err(ApiError::not_found());
            }
            inner.channels.add_channel(&given.full_name, &metadata.label)?
        }
        MEMBER => {
            let names = (
                given.full_name.as_str(),
                metadata.event_channel.as_str(),
                metadata.selected_entity.as_str(),
            );
            let enriched = metadata.enriched_fields.into_iter().map(|field| field.name).collect();
            org.add_channel_member(names, enriched, metadata.filter_expression)?
        }
        _ => return Err(ApiError::not_found()),
    };
    let body = json!({ "id": id.to_string(), "success": true, "errors": [], "warnings": [], "infos": [] });
    Ok(Reply::json(201, &body))
}

/// `PATCH` and `DELETE /tooling/sobjects/X/{id}`
pub(super) fn change(
    exchange: &Exchange,
    id: &str,
    method: &Method,
    request: &WireRequest,
) -> Result<Reply, ApiError> {
    permitted(exchange)?;
    let id = Id::parse(id)?;
    if id.prefix() == "300" && *method == Method::PATCH {
        return activate(exchange, id, request);
    }
    let channels = &mut exchange.server.org.events().lock().channels;
    if *method == Method::DELETE {
        return if channels.remove(id) { Ok(Reply::empty(204)) } else { Err(ApiError::not_found()) };
    }
    let given: Definition = request.json()?;
    let member = channels.members.iter_mut().find(|member| member.id == id);
    let member = member.ok_or_else(ApiError::not_found)?;
    if member.channel != given.metadata.event_channel || member.entity != given.metadata.selected_entity {
        let message = "EventChannel and SelectedEntity can't be changed";
        return Err(ApiError::dml("FIELD_INTEGRITY_EXCEPTION", message, &["EventChannel"]));
    }
    member.enriched = given.metadata.enriched_fields.into_iter().map(|field| field.name).collect();
    member.filter = given.metadata.filter_expression;
    Ok(Reply::empty(204))
}

fn permitted(exchange: &Exchange) -> Result<(), ApiError> {
    if exchange.server.config.events.customize {
        return Ok(());
    }
    let message = "insufficient access rights on cross-reference id";
    Err(ApiError { status: 403, ..ApiError::request("INSUFFICIENT_ACCESS", message) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_questions_of_the_reference_are_understood() {
        let asked = question("SELECT Id,DeveloperName FROM X WHERE A='b' AND C = 'd' ORDER BY A").unwrap();
        assert_eq!(asked.fields, ["Id", "DeveloperName"]);
        assert_eq!(asked.conditions, [("A".to_owned(), "b".to_owned()), ("C".to_owned(), "d".to_owned())]);
        assert!(question("SELECT Id FROM X HAVING 1").is_none());
    }
}
