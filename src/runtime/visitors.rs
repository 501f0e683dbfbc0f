//! Signing in and out of a connection, by a running daemon, to which the browser comes back and whose pipelines go on or stop, and by a
//! command that has the state for itself.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::control::{ControlError, ControlErrorKind, SignInBegun, SignInState};
use super::news;
use super::push;
use super::sign_in::{self, Asked, Connected, Disconnected};
use super::supervisor::Supervisor;
use super::task::Command;
use super::workbench::Workbench;
use crate::connect::salesforce::{Callback, ChannelSpec, Client, WebSignIn, remove_channel};
use crate::model::{ConnectionName, PipelineName};
use crate::plan::Files;
use crate::spec::{ConnectionFile, ConnectionKind, Manage};
use crate::store::Store;

/// The port of this machine that a command listens on; the usual one for tools that sign in to Salesforce.
const CALLBACK_PORT: u16 = 1717;
/// How long one question after a sign-in waits for the person at the browser.
const WAIT: Duration = Duration::from_secs(60);

impl Supervisor {
    /// Where browsers come back to: `GET /oauth/callback` as they reach this daemon. Set once it listens.
    pub fn is_reached_at(&self, callback: String) {
        *self.callback.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(callback);
    }

    /// `public_url` of the settings: how others reach this daemon.
    pub(super) fn public_url(&self) -> Option<String> {
        let latest = self.latest();
        let settings = latest.files.settings.as_ref()?.value.as_ref()?;
        let url = self.world.secret(&settings.public_url.as_ref()?.value).ok()?;
        Some(url.expose_secret().to_owned())
    }

    pub(super) async fn begin_sign_in(&self, name: &ConnectionName) -> Result<SignInBegun, ControlError> {
        let latest = self.latest();
        let file = connection(&latest.desired, name)?;
        let client = sign_in::client(&self.world, file).await?;
        let needs = news::needs(&latest.desired, file);
        if !sign_in::needs_a_person(&client) {
            client.sign_in().await?;
            return Ok(SignInBegun { url: None, callback: None, needs });
        }
        let callback = self.callback.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let Some(callback) = callback else {
            let text = "no browser can come back to this daemon: it does not listen yet";
            return Err(ControlError::new(ControlErrorKind::Conflict, text));
        };
        let url = self.sign_ins.begin(&client, &callback)?;
        Ok(SignInBegun { url: Some(url), callback: Some(callback), needs })
    }

    pub(super) async fn end_sign_in(self: &Arc<Self>, query: &str) -> Result<String, ControlError> {
        let Some((name, result)) = self.sign_ins.finish(query).await else {
            let text = "this sign-in was begun before the daemon started, or another one has replaced it";
            return Err(ControlError::new(ControlErrorKind::NotFound, text)
                .help("begin again with: sfsync connect <connection>"));
        };
        if let Err(error) = result {
            tracing::warn!(connection = %name, %error, "the sign-in failed");
            return Err(error);
        }
        tracing::info!(connection = %name, "signed in");
        // The browser does not wait until everything was described.
        let supervisor = Arc::clone(self);
        let connection = name.clone();
        self.attend_to(async move { supervisor.go_on(&connection).await });
        Ok(format!("Connection {name} is signed in. You can close this window."))
    }

    /// Waits for the sign-in, if one was begun, and tells who it is.
    pub(super) async fn who_signed_in(
        self: &Arc<Self>,
        name: &ConnectionName,
    ) -> Result<SignInState, ControlError> {
        if let Some(mut outcome) = self.sign_ins.outcome(name) {
            let came = tokio::time::timeout(WAIT, outcome.wait_for(Option::is_some)).await;
            match came.ok().and_then(Result::ok).and_then(|outcome| outcome.clone()) {
                None => return Ok(SignInState { connected: None }),
                Some(result) => result?,
            }
        } else {
            self.go_on(name).await;
        }
        Ok(SignInState { connected: Some(self.tell_sign_in(name).await?) })
    }

    async fn tell_sign_in(&self, name: &ConnectionName) -> Result<Connected, ControlError> {
        let latest = self.latest();
        let file = connection(&latest.desired, name)?;
        let asked = Asked {
            files: &latest.desired,
            world: &self.world,
            store: Some(&self.store),
            engine: &self.engine,
            catalog: (*latest.catalog).clone(),
            clock: &*self.clock,
        };
        let mut report = sign_in::report(file, asked).await?;
        report.pipelines = names(&latest.files, name).iter().map(ToString::to_string).collect();
        Ok(report)
    }

    /// What waited for the sign-in begins: files that could not be checked are loaded again, pipelines look at once, and those that a
    /// sign-out has stopped are resumed.
    async fn go_on(self: &Arc<Self>, name: &ConnectionName) {
        self.sign_ins.tell_done();
        if let Err(error) = self.reload_now(true).await {
            tracing::warn!(%error, "the files could not be loaded after the sign-in");
        }
        let stopped_by = sign_in::paused_by(name);
        for pipeline in names(&self.latest().files, name) {
            let paused = self.store.paused(&pipeline).ok().flatten();
            let command = match paused {
                Some(mark) if mark.by == stopped_by => Command::Resume,
                _ => Command::Sync { full: false },
            };
            self.command(&pipeline, command).await;
        }
    }

    pub(super) async fn sign_out(&self, name: &ConnectionName) -> Result<Disconnected, ControlError> {
        let latest = self.latest();
        let client = sign_in::client(&self.world, connection(&latest.desired, name)?).await?;
        let mut done = Disconnected { connection: name.to_string(), ..Disconnected::default() };
        for pipeline in names(&latest.files, name) {
            let is_paused = self.store.paused(&pipeline).ok().flatten().is_some();
            if is_paused || self.command(&pipeline, Command::Pause { by: sign_in::paused_by(name) }).await {
                done.stopped.push(pipeline.to_string());
            }
        }
        self.registry.tell_moved();
        let state = (&*latest.files, Some(&*self.store));
        take_away(&client, connection(&latest.desired, name)?, state, &mut done).await;
        match client.revoke().await {
            Ok(revoked) => done.revoked = revoked,
            Err(error) => {
                tracing::warn!(connection = %name, %error, "the tokens could not be ended");
                done.failed = Some(error.message);
            }
        }
        Ok(done)
    }
}

/// A web sign-in by a command: it listens itself for the browser to come back.
pub struct Browser {
    client: Arc<Client>,
    callback: Callback,
    sign_in: WebSignIn,
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("callback", &self.callback.redirect_uri()).finish_non_exhaustive()
    }
}

impl Browser {
    /// Begins to listen. `None` for connections that need no person.
    pub async fn open(workbench: &Workbench, name: &ConnectionName) -> Result<Option<Self>, ControlError> {
        let client = workbench.client(name).await?;
        if !sign_in::needs_a_person(&client) {
            return Ok(None);
        }
        let callback = Callback::bind(CALLBACK_PORT).await?;
        let sign_in = client.begin_sign_in(callback.redirect_uri())?;
        Ok(Some(Self { client, callback, sign_in }))
    }

    /// The address to open.
    pub fn url(&self) -> &str {
        self.sign_in.url.as_str()
    }

    /// Where the browser comes back to.
    pub fn callback(&self) -> &str {
        self.callback.redirect_uri()
    }

    /// Waits for the browser; the tokens are stored then.
    pub async fn finish(self) -> Result<(), ControlError> {
        let query = self.callback.wait().await?;
        self.client.finish_sign_in(&self.sign_in, &query).await?;
        Ok(())
    }
}

impl Workbench {
    /// What the org of a connection has to have, told before anybody signs in.
    pub fn needs_of(&self, name: &ConnectionName) -> Result<Vec<String>, ControlError> {
        let files = &self.loaded.files;
        Ok(news::needs(files, connection(files, name)?))
    }

    /// The client of a Salesforce connection.
    pub async fn client(&self, name: &ConnectionName) -> Result<Arc<Client>, ControlError> {
        Ok(sign_in::client(&self.world, connection(&self.loaded.files, name)?).await?)
    }

    /// Signs in where no person is needed, and tells who is signed in.
    pub async fn report_sign_in(&self, name: &ConnectionName) -> Result<Connected, ControlError> {
        let files = &self.loaded.files;
        let asked = Asked {
            files,
            world: &self.world,
            store: self.store.as_deref(),
            engine: &self.engine,
            catalog: self.looked.catalog.clone(),
            clock: &*self.clock,
        };
        let mut report = sign_in::report(connection(files, name)?, asked).await?;
        if let Some(store) = &self.store {
            let stopped_by = sign_in::paused_by(name);
            for pipeline in names(files, name) {
                if store.paused(&pipeline).ok().flatten().is_some_and(|mark| mark.by == stopped_by) {
                    let resumed = store.set_paused(&pipeline, None, self.clock.now());
                    resumed
                        .map_err(|error| ControlError::new(ControlErrorKind::Failed, error.to_string()))?;
                }
            }
        }
        report.pipelines = names(files, name).iter().map(ToString::to_string).collect();
        Ok(report)
    }

    /// Ends the tokens of a connection and forgets them; its pipelines stay stopped until somebody signs in again.
    pub async fn sign_out(&self, name: &ConnectionName) -> Result<Disconnected, ControlError> {
        let client = self.client(name).await?;
        let mut done = Disconnected { connection: name.to_string(), ..Disconnected::default() };
        if let Some(store) = &self.store {
            for pipeline in names(&self.loaded.files, name) {
                if store.paused(&pipeline).ok().flatten().is_none() {
                    let paused =
                        store.set_paused(&pipeline, Some(&sign_in::paused_by(name)), self.clock.now());
                    paused.map_err(|error| ControlError::new(ControlErrorKind::Failed, error.to_string()))?;
                }
                done.stopped.push(pipeline.to_string());
            }
        }
        let state = (&self.loaded.files, self.store.as_deref());
        take_away(&client, connection(&self.loaded.files, name)?, state, &mut done).await;
        match client.revoke().await {
            Ok(revoked) => done.revoked = revoked,
            Err(error) => done.failed = Some(error.message),
        }
        Ok(done)
    }
}

/// Takes away what `manage` let the daemon set up, as far as the org lets it.
async fn take_away(
    client: &Client,
    file: &ConnectionFile,
    state: (&Files, Option<&Store>),
    done: &mut Disconnected,
) {
    let ConnectionKind::Salesforce(org) = &file.kind else { return };
    push::take_away(client, (file, org), state, done).await;
    if org.manages(Manage::CdcChannel) {
        let channel = ChannelSpec { name: org.cdc_channel().to_owned(), manage: true };
        match remove_channel(client, &channel).await {
            Ok(true) => done.removed.push(format!("the channel {} and its members", channel.topic())),
            Ok(false) => {}
            Err(error) => done.left.push(format!("the channel {}: {error}", channel.topic())),
        }
    }
    for left in &done.left {
        tracing::warn!(connection = %file.name, left, "what was set up stays in the org");
    }
}

/// The file of a connection, or which there are.
pub fn connection<'a>(files: &'a Files, name: &ConnectionName) -> Result<&'a ConnectionFile, ControlError> {
    files.connection(name).and_then(|file| file.value()).ok_or_else(|| {
        let known: Vec<&str> = files.connections.iter().map(|file| file.name.as_str()).collect();
        ControlError::new(
            ControlErrorKind::NotFound,
            format!("there is no connection {name}, or its file has errors"),
        )
        .help(format!("the folder has: {}; sfsync check shows errors", known.join(", ")))
    })
}

/// The pipelines of a connection.
pub fn names(files: &Files, connection: &ConnectionName) -> Vec<PipelineName> {
    let mine = files.pipelines.iter().filter(|file| {
        file.value().is_some_and(|pipeline| pipeline.salesforce.connection_name() == *connection)
    });
    mine.map(|file| file.name.clone()).collect()
}
