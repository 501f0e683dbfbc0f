//! A connected app: its client and its resources, shared by all pipelines.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::SecretString;

use super::client::{Call, Client};
use super::fault;
use super::resource::{Resource, unknown};
use crate::connect::ConnectError;
use crate::model::Class;
use crate::spec::{HttpConnection, Request, Template};

/// A connected app.
#[derive(Clone, Debug)]
pub struct HttpApp {
    client: Arc<Client>,
    resources: Arc<HashMap<String, Arc<Resource>>>,
    ping: Option<Request>,
}

impl HttpApp {
    /// The app of a connection file. `secret` fills secrets in.
    pub fn new(
        client: Arc<Client>,
        http: &HttpConnection,
        secret: &dyn Fn(&Template) -> Result<SecretString, ConnectError>,
    ) -> Result<Self, ConnectError> {
        let resource = |spec: &crate::spec::ResourceSpec| {
            let name = spec.name.value.clone();
            Ok((name.clone(), Arc::new(Resource::new(http, &name, secret)?)))
        };
        let resources = http.resources.iter().map(resource).collect::<Result<_, ConnectError>>()?;
        let ping = http.ping.as_ref().map(|entry| entry.value.clone());
        Ok(Self { client, resources: Arc::new(resources), ping })
    }

    /// The client.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// A kind of record by its name.
    pub fn resource(&self, name: &str) -> Result<Arc<Resource>, ConnectError> {
        self.resources.get(name).map(Arc::clone).ok_or_else(|| unknown(name))
    }

    /// Sends the `ping` of the connection. False: it has none, so nobody asked.
    pub async fn ping(&self) -> Result<bool, ConnectError> {
        let Some(Request::Call { method, path, .. }) = &self.ping else { return Ok(false) };
        let method = reqwest::Method::from_bytes(method.as_bytes()).map_err(|_| {
            ConnectError::new("R109", Class::Pipeline, format!("`{method}` is no method of a request"))
        })?;
        let what = format!("{}: {method} {path}", self.client.config().name);
        let call = Call { method, url: self.client.address(path)?, body: None, attempt: None };
        let answer = self.client.send(&call).await?;
        if !answer.is_good() {
            return Err(fault::refused(&what, &answer));
        }
        // What answers with a web page is not the API.
        if !answer.body.is_empty() {
            fault::json(&what, &answer)?;
        }
        Ok(true)
    }
}
