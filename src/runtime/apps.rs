//! Apps behind HTTP: their clients with the secrets filled in, and the readers and writers of their resources.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::world::World;
use crate::connect::http::{
    Auth, Client, Config, HttpApp, HttpDestination, HttpSource, LoadScope, NoKeeper, Oauth, Pairs,
    SourceSpec, TokenKeeper,
};
use crate::connect::{ConnectError, Destination, Source};
use crate::model::{ConnectionName, Side};
use crate::plan::{Pipeline, Scope};
use crate::spec::{ApiKeyPlace, ConnectionFile, Entry, HttpAuth, HttpConnection, Spanned, Template};
use crate::store::Store;

impl World {
    /// The app of a connection file. Nothing is sent yet.
    pub(super) fn app(&self, file: &ConnectionFile, http: &HttpConnection) -> Result<HttpApp, ConnectError> {
        let pairs = |written: &[(Spanned<String>, Spanned<Template>)]| -> Result<Pairs, ConnectError> {
            written.iter().map(|(name, value)| Ok((name.value.clone(), self.secret(&value.value)?))).collect()
        };
        let auth = http.auth.as_ref().map(|entry| self.proof(&entry.value)).transpose()?.unwrap_or_default();
        let config = Config {
            auth,
            headers: pairs(&http.headers)?,
            params: pairs(&http.params)?,
            secrets: self.named_secrets(file),
            rate_limit: http.rate_limit.as_ref().map(|entry| entry.value),
            concurrency: http.concurrency() as usize,
            timeout: http.timeout(),
            idempotency_header: http.idempotency_header.as_ref().map(|entry| entry.value.clone()),
            read_only: file.read_only(),
            protect: file
                .protect
                .iter()
                .map(|field| (field.object.clone(), field.field.to_string()))
                .collect(),
            ..Config::new(file.name.clone(), self.text(&http.base_url.value)?)
        };
        let keeper: Arc<dyn TokenKeeper> = match (&self.store, &config.auth) {
            (Some(store), Auth::Oauth(Oauth { refresh_token: Some(given), .. })) => Arc::new(StoredRefresh {
                store: Arc::clone(store),
                connection: file.name.clone(),
                given: xxh3_64(given.expose_secret().as_bytes()),
            }),
            _ => Arc::new(NoKeeper),
        };
        HttpApp::new(Client::new(config, keeper)?, http, &|template| self.secret(template))
    }

    fn proof(&self, auth: &HttpAuth) -> Result<Auth, ConnectError> {
        let secret = |entry: &Entry<Template>| self.secret(&entry.value);
        let optional = |entry: &Option<Entry<Template>>| entry.as_ref().map(secret).transpose();
        Ok(match auth {
            HttpAuth::Bearer { token } => Auth::Bearer(secret(token)?),
            HttpAuth::Basic { user, password } => Auth::Basic {
                user: self.text(&user.value)?,
                password: optional(password)?.unwrap_or_else(|| SecretString::from(String::new())),
            },
            HttpAuth::ApiKey { key, place: ApiKeyPlace::Header(name) } => {
                Auth::Header { name: name.value.clone(), key: secret(key)? }
            }
            HttpAuth::ApiKey { key, place: ApiKeyPlace::Param(name) } => {
                Auth::Param { name: name.value.clone(), key: secret(key)? }
            }
            HttpAuth::ClientCredentials { token_url, client_id, client_secret, scopes } => {
                Auth::Oauth(Oauth {
                    token_url: self.text(&token_url.value)?,
                    client_id: self.text(&client_id.value)?,
                    client_secret: Some(secret(client_secret)?),
                    refresh_token: None,
                    scopes: scopes.iter().map(|scope| scope.value.clone()).collect(),
                })
            }
            HttpAuth::RefreshToken { token_url, client_id, client_secret, refresh_token, scopes } => {
                Auth::Oauth(Oauth {
                    token_url: self.text(&token_url.value)?,
                    client_id: self.text(&client_id.value)?,
                    client_secret: optional(client_secret)?,
                    refresh_token: Some(secret(refresh_token)?),
                    scopes: scopes.iter().map(|scope| scope.value.clone()).collect(),
                })
            }
        })
    }
}

/// A refresh token that the app replaced, in the state, encrypted there. It counts as long as the file still says the one it replaced.
struct StoredRefresh {
    store: Arc<Store>,
    connection: ConnectionName,
    /// Hash of the token of the file.
    given: u64,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    given: u64,
    token: String,
}

impl TokenKeeper for StoredRefresh {
    fn load(&self) -> Option<String> {
        let bytes = self.store.load_token(&self.connection).ok().flatten()?;
        let kept: Kept = serde_json::from_slice(&bytes).ok()?;
        (kept.given == self.given).then_some(kept.token)
    }

    fn save(&self, token: &str) {
        let kept = Kept { given: self.given, token: token.to_owned() };
        let Ok(bytes) = serde_json::to_vec(&kept) else { return };
        if let Err(error) = self.store.save_token(&self.connection, &bytes) {
            tracing::error!(connection = %self.connection, %error, "a new refresh token could not be stored");
        }
    }
}

/// What reads the resource of a plan.
pub(super) fn source(
    app: &HttpApp,
    pipeline: &Pipeline,
    world: &World,
) -> Result<Box<dyn Source>, ConnectError> {
    let side = &pipeline.app;
    let resource = app.resource(side.resource.as_str())?;
    let mut spec = SourceSpec::new(resource, Arc::clone(&side.schema));
    spec.load = match (&side.backfill, side.scope) {
        (_, Scope::Referenced) => LoadScope::Nothing,
        (range, _) if range.none => LoadScope::Nothing,
        (range, _) => {
            range.last.clone().map_or(LoadScope::All, |(by, last)| LoadScope::Last(by, last.about()))
        }
    };
    Ok(Box::new(HttpSource::new(Arc::clone(app.client()), spec, Arc::clone(&world.clock))))
}

/// What writes the resource of a plan.
pub(super) fn destination(app: &HttpApp, pipeline: &Pipeline) -> Result<Box<dyn Destination>, ConnectError> {
    let side = &pipeline.app;
    let resource = app.resource(side.resource.as_str())?;
    let rows = pipeline.rows.iter().filter(|row| row.flow_to(Side::App).is_on()).filter_map(|row| row.app);
    let archived = side.archive.iter().map(|(field, _)| *field);
    let writes: Vec<usize> =
        if pipeline.to_app.writes() { rows.chain(archived).collect() } else { Vec::new() };
    Ok(Box::new(HttpDestination::new(Arc::clone(app.client()), resource, &side.schema, &writes)?))
}
