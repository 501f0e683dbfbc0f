//! `/composite/graph`: composite requests that are all or nothing each, and independent of each other (section 6.3).
//! Read [`graphs`] first.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Exchange;
use super::composite::{Outcome, Part, atomically, responses};
use crate::org::ApiError;
use crate::wire::reply::Reply;
use crate::wire::request::WireRequest;

const MOST_GRAPHS: usize = 75;
const MOST_NODES: usize = 500;
/// Failed graphs after which the rest is not tried.
const MOST_FAILED: usize = 14;

#[derive(Deserialize)]
struct Body {
    graphs: Vec<Graph>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Graph {
    graph_id: String,
    composite_request: Vec<Part>,
}

/// `POST /composite/graph`
pub(super) fn graphs(exchange: &Exchange, request: &WireRequest) -> Result<Reply, ApiError> {
    let body: Body = request.json()?;
    check(&body)?;
    let mut failed = 0;
    let mut answers = Vec::new();
    for graph in &body.graphs {
        let parts = &graph.composite_request;
        let outcomes = if failed < MOST_FAILED {
            atomically(exchange, request, parts)
        } else {
            parts.iter().map(|_| Outcome::halted()).collect()
        };
        let success = !outcomes.iter().any(Outcome::has_failed);
        failed += usize::from(!success);
        answers.push(json!({
            "graphId": graph.graph_id,
            "graphResponse": { "compositeResponse": responses(outcomes, parts) },
            "isSuccessful": success,
        }));
    }
    Ok(Reply::json(200, &json!({ "graphs": Value::Array(answers) })))
}

fn check(body: &Body) -> Result<(), ApiError> {
    let nodes: usize = body.graphs.iter().map(|graph| graph.composite_request.len()).sum();
    if body.graphs.len() > MOST_GRAPHS || nodes > MOST_NODES {
        let message = format!("at most {MOST_GRAPHS} graphs and {MOST_NODES} nodes are allowed");
        return Err(ApiError::request("LIMIT_EXCEEDED", message));
    }
    let legal = |id: &str| {
        id.len() < 40 && !id.contains('.') && id.starts_with(|first: char| first.is_ascii_alphanumeric())
    };
    let on_objects = |part: &Part| part.url.contains("/sobjects/") && !part.url.contains("/composite/");
    match body
        .graphs
        .iter()
        .find(|graph| !legal(&graph.graph_id) || !graph.composite_request.iter().all(on_objects))
    {
        None => Ok(()),
        Some(graph) => {
            let message = format!("invalid graph: {}", graph.graph_id);
            Err(ApiError::request("INVALID_INPUT", message))
        }
    }
}
