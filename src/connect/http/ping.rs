//! Whether an app answers: the request that its file names, for `check --online`.

use super::client::{Call, Client};
use super::fault;
use crate::connect::ConnectError;
use crate::model::Class;
use crate::spec::Request;

/// Sends the `ping` of a connection. An app without one is not asked.
pub async fn ping(client: &Client, request: &Request) -> Result<(), ConnectError> {
    let Request::Call { method, path, .. } = request else { return Ok(()) };
    let method = reqwest::Method::from_bytes(method.as_bytes()).map_err(|_| {
        ConnectError::new("R109", Class::Pipeline, format!("`{method}` is no method of a request"))
    })?;
    let what = format!("{}: {method} {path}", client.config().name);
    let call = Call { method, url: client.address(path)?, body: None, attempt: None };
    let answer = client.send(&call).await?;
    if !answer.is_good() {
        return Err(fault::refused(&what, &answer));
    }
    // What answers with a web page is not the API.
    if !answer.body.is_empty() {
        fault::json(&what, &answer)?;
    }
    Ok(())
}
