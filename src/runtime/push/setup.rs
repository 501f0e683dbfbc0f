//! What `manage` lets the daemon set up in an org so that it calls: outbound messages with the flows that send them, and the custom setting of an
//! installed package. Done once and remembered with a keyed hash of what was set; done anew when the address, the token or the objects change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::super::registry::PushState;
use super::super::supervisor::Supervisor;
use super::called::{OUTBOUND, rhythm};
use crate::connect::ConnectError;
use crate::connect::salesforce::{Client, clear_setting, set_up_messages, take_down_messages, write_setting};
use crate::model::{ConnectionName, PipelineName};
use crate::plan::Files;
use crate::runtime::hooks::readers;
use crate::runtime::sign_in::{Disconnected, paused_by};
use crate::spec::{ConnectionFile, ConnectionKind, Manage, Push, SalesforceConnection};
use crate::store::Store;

/// Name of the fact that keeps what was set up.
const FACT: &str = "set up";
/// When what the org refused is tried again.
const AGAIN: Duration = Duration::from_secs(600);

/// What was set up in an org; hashes are keyed with the seed of the state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Made {
    /// Objects with a message, and where it goes.
    messages: BTreeMap<String, u64>,
    /// Address and token in the custom setting.
    setting: Option<u64>,
}

/// What files want to have set up.
#[derive(Clone)]
struct Wanted {
    /// Objects, and the pipelines that read them.
    objects: BTreeMap<String, Vec<PipelineName>>,
    /// Where messages go.
    endpoint: SecretString,
    /// The custom setting, its address and its token.
    setting: Option<(String, String, SecretString)>,
}

impl Wanted {
    fn hash(text: &str, store: &Store) -> u64 {
        xxh3_64_with_seed(text.as_bytes(), store.seed())
    }

    fn setting_hash(&self, store: &Store) -> Option<u64> {
        let (object, url, token) = self.setting.as_ref()?;
        Some(Self::hash(&format!("{object}\n{url}\n{}", token.expose_secret()), store))
    }

    fn is_same(&self, other: &Self) -> bool {
        let setting = |wanted: &Self| {
            wanted
                .setting
                .as_ref()
                .map(|(object, url, token)| format!("{object}\n{url}\n{}", token.expose_secret()))
        };
        self.objects == other.objects
            && self.endpoint.expose_secret() == other.endpoint.expose_secret()
            && setting(self) == setting(other)
    }
}

/// A connection that is looked after: ended when it is dropped.
pub(super) struct Tended {
    client: Arc<Client>,
    wanted: Wanted,
    work: AbortOnDropHandle<()>,
}

impl Tended {
    /// Ends the work, and with it its hold on the state.
    pub(super) async fn end(self) {
        self.work.abort();
        // It was told to end; how it did is of no interest.
        let _ended = self.work.await;
    }
}

/// Connections that are looked after.
pub(super) type SetUps = BTreeMap<ConnectionName, Tended>;

impl Supervisor {
    /// Begins to set up what files want, once the connection is open.
    pub(super) fn tend_setup(self: &Arc<Self>, tended: &mut SetUps) {
        let files = Arc::clone(&self.latest().files);
        let all = files.connections.iter().filter_map(|file| file.value());
        let all = all.filter_map(|file| Some((file.name.clone(), self.wanted_setup(&files, file)?)));
        let wanted: BTreeMap<ConnectionName, Wanted> = all.collect();
        for (name, one) in tended.iter() {
            let still = |reader: &PipelineName| {
                wanted
                    .get(name)
                    .is_some_and(|now| now.objects.values().flatten().any(|other| other == reader))
            };
            for reader in one.wanted.objects.values().flatten().filter(|reader| !still(reader)) {
                self.registry.set_push(reader, OUTBOUND, None);
            }
        }
        tended.retain(|name, _| wanted.contains_key(name));
        for (name, wanted) in wanted {
            let Some(client) = self.world.salesforce(&name) else { continue };
            let is_same = |one: &Tended| Arc::ptr_eq(&one.client, &client) && one.wanted.is_same(&wanted);
            if tended.get(&name).is_some_and(is_same) {
                continue;
            }
            tended.remove(&name);
            let (supervisor, org, desired) = (Arc::clone(self), Arc::clone(&client), wanted.clone());
            let connection = name.clone();
            let work = tokio::spawn(async move { supervisor.set_up(&connection, &org, &desired).await });
            tended.insert(name, Tended { client, wanted, work: AbortOnDropHandle::new(work) });
        }
    }

    fn wanted_setup(&self, files: &Files, file: &ConnectionFile) -> Option<Wanted> {
        let ConnectionKind::Salesforce(org) = &file.kind else { return None };
        let token = self.world.secret(&org.webhook.token.as_ref()?.value).ok()?;
        let address = format!("{}/hooks/{}", self.public_url()?.trim_end_matches('/'), file.name);
        if token.expose_secret().is_empty() {
            return None;
        }
        let mut objects: BTreeMap<String, Vec<PipelineName>> = BTreeMap::new();
        if org.manages(Manage::OutboundMessages) {
            for reader in readers::of_org(files, &file.name, Push::OutboundMessage) {
                // What a sign-out stopped wants nothing until somebody signs in again.
                let paused = self.store.paused(&reader.name).ok().flatten().map(|flag| flag.by);
                if paused != Some(paused_by(&file.name)) {
                    objects.entry(reader.what).or_default().push(reader.name);
                }
            }
        }
        let setting = org.webhook.setting.as_ref().filter(|_| org.manages(Manage::WebhookSetting));
        let is_out = self.is_signed_out(files, &file.name);
        let setting =
            setting.filter(|_| !is_out).map(|object| (object.value.clone(), address.clone(), token.clone()));
        let path =
            percent_encoding::utf8_percent_encode(token.expose_secret(), percent_encoding::NON_ALPHANUMERIC);
        let endpoint = SecretString::from(format!("{address}/outbound/{path}"));
        (!objects.is_empty() || setting.is_some()).then_some(Wanted { objects, endpoint, setting })
    }

    fn is_signed_out(&self, files: &Files, connection: &ConnectionName) -> bool {
        let by = paused_by(connection);
        let mine = crate::runtime::visitors::names(files, connection);
        mine.iter().any(|name| self.store.paused(name).ok().flatten().is_some_and(|flag| flag.by == by))
    }

    /// Until all of it is there; what the org refuses is tried again now and then, and when somebody has
    /// signed in.
    async fn set_up(&self, connection: &ConnectionName, client: &Client, wanted: &Wanted) {
        loop {
            let signed_in = self.sign_ins.done();
            tokio::pin!(signed_in);
            signed_in.as_mut().enable();
            let mut is_whole = self.set_up_setting(connection, client, wanted).await;
            for (object, readers) in &wanted.objects {
                let done = self.set_up_message(connection, client, (object, wanted)).await;
                is_whole &= done.is_ok();
                for reader in readers {
                    let problem = done.as_ref().err().map(|error| {
                        let files = &self.latest().files;
                        let poll = files
                            .pipeline(reader)
                            .and_then(|file| file.value())
                            .map(|file| file.salesforce.poll());
                        format!("{}. {}.", error.message, rhythm(poll.unwrap_or_default()))
                    });
                    self.registry.set_push(reader, OUTBOUND, Some(PushState::of(problem)));
                }
            }
            is_whole &= self.take_down_unwanted(connection, client, wanted).await;
            if is_whole {
                return;
            }
            tokio::select! {
                () = self.clock.sleep(AGAIN) => {}
                () = signed_in => {}
            }
        }
    }

    async fn set_up_message(
        &self,
        connection: &ConnectionName,
        client: &Client,
        (object, wanted): (&str, &Wanted),
    ) -> Result<(), ConnectError> {
        let endpoint = wanted.endpoint.expose_secret();
        let hash = Wanted::hash(endpoint, &self.store);
        let mut made = made(&self.store, connection);
        if made.messages.get(object) == Some(&hash) {
            return Ok(());
        }
        let sender = set_up_messages(client, object, endpoint).await.inspect_err(|error| {
            tracing::warn!(%connection, object, %error, "the outbound message could not be set up");
        })?;
        tracing::info!(%connection, object, ?sender, "an outbound message was set up");
        made.messages.insert(object.to_owned(), hash);
        self.keep_made(connection, &made)
    }

    async fn set_up_setting(&self, connection: &ConnectionName, client: &Client, wanted: &Wanted) -> bool {
        let Some((object, url, token)) = &wanted.setting else { return true };
        let hash = wanted.setting_hash(&self.store);
        let mut made = made(&self.store, connection);
        if made.setting == hash {
            return true;
        }
        let written = write_setting(client, object, (url, token.expose_secret())).await;
        let kept = written.and_then(|()| {
            made.setting = hash;
            self.keep_made(connection, &made)
        });
        match kept {
            Ok(()) => {
                tracing::info!(%connection, object, "address and token were written into the custom setting");
                true
            }
            Err(error) => {
                tracing::warn!(%connection, object, %error, "the custom setting could not be written");
                false
            }
        }
    }

    /// Messages of objects that nobody reads any more.
    async fn take_down_unwanted(
        &self,
        connection: &ConnectionName,
        client: &Client,
        wanted: &Wanted,
    ) -> bool {
        let mut made = made(&self.store, connection);
        let mut is_whole = true;
        let unwanted: BTreeSet<String> =
            made.messages.keys().filter(|object| !wanted.objects.contains_key(*object)).cloned().collect();
        for object in unwanted {
            let done = take_down_messages(client, &object).await;
            made.messages.remove(&object);
            if let Err(error) = done.map(drop).and_then(|()| self.keep_made(connection, &made)) {
                tracing::warn!(%connection, object, %error, "the outbound message could not be taken away");
                is_whole = false;
            }
        }
        is_whole
    }

    fn keep_made(&self, connection: &ConnectionName, made: &Made) -> Result<(), ConnectError> {
        self.store.save_fact(connection, FACT, made).map_err(super::super::build::state_failed)
    }
}

fn made(store: &Store, connection: &ConnectionName) -> Made {
    store.fact(connection, FACT).ok().flatten().unwrap_or_default()
}

/// Takes away what was set up, as far as the org lets it, and tells what stays.
pub(in crate::runtime) async fn take_away(
    client: &Client,
    (file, org): (&ConnectionFile, &SalesforceConnection),
    (files, store): (&Files, Option<&Store>),
    done: &mut Disconnected,
) {
    let mut known = store.map(|store| made(store, &file.name)).unwrap_or_default();
    let mut objects: BTreeSet<String> = known.messages.keys().cloned().collect();
    if org.manages(Manage::OutboundMessages) {
        objects.extend(
            readers::of_org(files, &file.name, Push::OutboundMessage).into_iter().map(|one| one.what),
        );
    }
    for object in objects {
        match take_down_messages(client, &object).await {
            Ok(there) => {
                known.messages.remove(&object);
                if there {
                    done.removed.push(format!("the outbound message of {object} and what sends it"));
                }
            }
            Err(error) => {
                tracing::warn!(connection = %file.name, object, %error, "the outbound message stays in the org");
                let way = "remove it in Setup → Flows and Outbound Messages, or run this again";
                done.left.push(format!("the outbound message of {object}: {}; {way}", error.message));
            }
        }
    }
    if let Some(object) = org.webhook.setting.as_ref().filter(|_| org.manages(Manage::WebhookSetting)) {
        match clear_setting(client, &object.value).await {
            Ok(there) => {
                known.setting = None;
                if there {
                    done.removed.push(format!("address and token in the custom setting {}", object.value));
                }
            }
            Err(error) => done.left.push(format!("address and token in {}: {}", object.value, error.message)),
        }
    }
    if let Some(store) = store
        && let Err(error) = store.save_fact(&file.name, FACT, &known)
    {
        tracing::warn!(%error, "what is left in the org could not be noted");
    }
}
