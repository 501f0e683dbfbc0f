//! News at once over HTTP: calls of an org or of an app. A call only says where to look: the records it names go into the queues of the pipelines
//! that listen, durably, and then it is answered. A call that is lost is found by `poll`; one that is repeated costs a read.
//!
//! In the order of a call: `Supervisor::hook` decides by its head whether the body may be read, `Supervisor::hook_body` takes it.

mod body;
mod call;
mod desk;
mod pace;
mod proof;
pub(super) mod readers;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::body::{Hint, Said};
use self::call::{Caller, JSON_BODY, SOAP_BODY};
pub use self::call::{HookHead, HookOpen, HookRefusal, HookTaken, HookTarget};
pub(super) use self::desk::HookDesk;
use self::desk::store_together;
use self::pace::FRESH;
pub use self::proof::TokenDigest;
use self::proof::{Proof, Signature, Signing};
use self::readers::Listens;
use super::supervisor::Supervisor;
use super::task::Command;
pub use crate::connect::salesforce::api::outbound::answer as acknowledgement;
use crate::model::{ConnectionName, Key, ResourceName};
use crate::plan::Files;
use crate::spec::{ConnectionFile, ConnectionKind, Push, WebhookProof};
use crate::store::{StoreError, Touch};

/// When a call that could not be stored may come again.
const LATER: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Whether the body of a call may be read, by what stands in front of it.
    pub(super) fn hook(&self, head: &HookHead<'_>) -> Result<HookOpen, HookRefusal> {
        let opened = self.hook_opened(head);
        if let Err(refusal) = &opened {
            self.refused(head.connection, refusal);
        }
        opened
    }

    fn hook_opened(&self, head: &HookHead<'_>) -> Result<HookOpen, HookRefusal> {
        let latest = self.latest();
        let connection = ConnectionName::from(head.connection);
        let file = latest.files.connection(&connection).and_then(|file| file.value());
        let file = file.ok_or(HookRefusal::Unknown)?;
        let caller = match (head.target, &file.kind) {
            (HookTarget::Org, ConnectionKind::Salesforce(_)) => Caller::Org,
            (HookTarget::Messages, ConnectionKind::Salesforce(_)) => Caller::Messages,
            (HookTarget::Resource(name), kind)
                if kind.is_app() && is_known(&latest.files, &connection, name) =>
            {
                Caller::Resource(name.to_owned())
            }
            _ => return Err(HookRefusal::Unknown),
        };
        let signed = match self.hook_proof(file).ok_or(HookRefusal::Unknown)? {
            Proof::Token(digest) => {
                // Addresses are written down in many places, so a flow says its token in a header. A message has none.
                let in_address = head.token.filter(|_| caller != Caller::Org);
                let shown = head.bearer.or(in_address).ok_or(HookRefusal::Unproven)?;
                if !digest.is(shown) {
                    return Err(HookRefusal::Unproven);
                }
                None
            }
            Proof::Signature(signing) => {
                let header = (head.header)(&signing.header).ok_or(HookRefusal::Unproven)?;
                Some((Signature::read(&header).ok_or(HookRefusal::Unproven)?, Arc::new(signing)))
            }
        };
        let limit = if caller == Caller::Messages { SOAP_BODY } else { JSON_BODY };
        let open = HookOpen { connection, limit, caller, signed };
        if open.is_proven() {
            self.allow(&open)?;
        }
        Ok(open)
    }

    fn allow(&self, open: &HookOpen) -> Result<(), HookRefusal> {
        self.hooks.allow(open.source(), self.clock.now()).map_err(HookRefusal::TooOften)
    }

    /// How calls of a connection prove themselves. One that says nothing, or whose secret is not set, takes no calls.
    pub(super) fn hook_proof(&self, file: &ConnectionFile) -> Option<Proof> {
        let version = self.latest().connections.get(&file.name).copied();
        let version = version.unwrap_or_else(|| self.world.identity(file));
        self.hooks.proof(&file.name, version, || self.proof_of(file))
    }

    fn proof_of(&self, file: &ConnectionFile) -> Option<Proof> {
        let token = |template| {
            let token = self.world.secret(template).ok()?;
            TokenDigest::new(&token).map(Proof::Token)
        };
        let app = match &file.kind {
            ConnectionKind::Salesforce(org) => return token(&org.webhook.token.as_ref()?.value),
            ConnectionKind::Http(http) => http.webhook.as_ref(),
            ConnectionKind::Postgres(database) => database.webhook.as_ref(),
            ConnectionKind::Sqlite(database) => database.webhook.as_ref(),
            _ => None,
        };
        match &app?.value {
            WebhookProof::Token(template) => token(&template.value),
            WebhookProof::Hmac { secret, header } => {
                let secret = self.world.secret(&secret.value).ok()?;
                Signing::new(&secret, &header.value).map(Proof::Signature)
            }
        }
    }

    /// Takes the body of a call: stored when this returns.
    pub(super) async fn hook_body(
        self: &Arc<Self>,
        open: HookOpen,
        body: Bytes,
    ) -> Result<HookTaken, HookRefusal> {
        let connection = open.connection.clone();
        let taken = self.hook_taken(open, body).await;
        match &taken {
            Ok(taken) => {
                let word = if taken.repeated { "repeated" } else { "taken" };
                self.metrics.hook(connection.as_str(), word);
            }
            Err(refusal) => self.refused(connection.as_str(), refusal),
        }
        taken
    }

    async fn hook_taken(self: &Arc<Self>, open: HookOpen, body: Bytes) -> Result<HookTaken, HookRefusal> {
        if let Some((signature, signing)) = &open.signed {
            if !signing.signs(signature, &body) {
                return Err(HookRefusal::Unproven);
            }
            self.allow(&open)?;
        }
        let files = Arc::clone(&self.latest().files);
        let (said, listens) = understood(&files, &open, &body)?;
        let (source, now) = (open.source(), self.clock.now());
        if said.at.is_some_and(|at| now.duration_since(at).abs() > FRESH) {
            return Err(HookRefusal::Stale);
        }
        if let Some(org) = &said.org {
            self.same_org(&open.connection, org)?;
        }
        let records = said.hints.iter().map(|hint| hint.keys.len()).sum();
        if said.nonce.as_ref().is_some_and(|nonce| self.hooks.knows(&source, nonce)) {
            return Ok(HookTaken { records, pipelines: 0, repeated: true });
        }
        let pipelines = self.take_hints(&said.hints, &listens).await?;
        if let Some(nonce) = &said.nonce {
            self.hooks.remember(&source, nonce, now);
        }
        Ok(HookTaken { records, pipelines, repeated: false })
    }

    /// The org of a connection, compared by the part of the id that all spellings have.
    fn same_org(&self, connection: &ConnectionName, org: &str) -> Result<(), HookRefusal> {
        let client = self.world.salesforce(connection).ok_or(HookRefusal::Busy(LATER))?;
        let known = client.known_org().ok_or(HookRefusal::Busy(LATER))?;
        let same = known.get(..15).is_some_and(|known| org.get(..15) == Some(known));
        if same { Ok(()) } else { Err(HookRefusal::OtherOrg) }
    }

    /// Queues what is named and tells the rest to look. Returns how many pipelines are concerned.
    async fn take_hints(self: &Arc<Self>, hints: &[Hint], listens: &[Listens]) -> Result<usize, HookRefusal> {
        let mut touches: Vec<Touch> = Vec::new();
        let mut looks: Vec<&Listens> = Vec::new();
        let mut concerned = 0;
        for pipeline in listens {
            let mine = |hint: &&Hint| {
                hint.object.as_ref().is_none_or(|object| object.eq_ignore_ascii_case(&pipeline.what))
            };
            let mine: Vec<&Hint> = hints.iter().filter(mine).collect();
            if mine.is_empty() {
                continue;
            }
            concerned += 1;
            if mine.iter().any(|hint| hint.keys.is_empty()) {
                looks.push(pipeline);
            }
            for gone in [false, true] {
                let named = mine.iter().filter(|hint| hint.gone == gone);
                let keys: Vec<Key> = named.flat_map(|hint| hint.keys.iter().cloned()).collect();
                let keys = self.of_interest(pipeline, keys).map_err(|error| self.not_stored(&error))?;
                if !keys.is_empty() {
                    touches.push(Touch { pipeline: pipeline.name.clone(), side: pipeline.side, keys, gone });
                }
            }
        }
        if !touches.is_empty() {
            match self.hooks.store(touches).await {
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(self.not_stored(&error)),
                None => return Err(HookRefusal::Busy(Duration::from_secs(1))),
            }
        }
        for pipeline in looks {
            self.tell_to_look(pipeline);
        }
        Ok(concerned)
    }

    /// All of them; where only referenced records take part, those that are linked.
    fn of_interest(&self, pipeline: &Listens, mut keys: Vec<Key>) -> Result<Vec<Key>, StoreError> {
        if pipeline.linked_only && !keys.is_empty() {
            let links = self.store.links_of_current(&pipeline.name, (pipeline.side, &keys))?;
            let mut linked = links.into_iter().map(|links| !links.is_empty());
            keys.retain(|_| linked.next().unwrap_or(false));
        }
        Ok(keys)
    }

    fn not_stored(&self, error: &dyn std::fmt::Display) -> HookRefusal {
        tracing::warn!(%error, "a call could not be stored; it is asked to come again");
        HookRefusal::Busy(LATER)
    }

    /// Tells a pipeline to look, without waiting until it listens. However many calls say so meanwhile, it is told once more.
    fn tell_to_look(self: &Arc<Self>, pipeline: &Listens) {
        if !self.hooks.begin_telling(&pipeline.name) {
            return;
        }
        let supervisor = Arc::clone(self);
        let name = pipeline.name.clone();
        // Ends with the process: a daemon that begins looks by itself.
        tokio::spawn(async move {
            loop {
                // One that does not run looks when it begins.
                supervisor.command(&name, Command::Sync { full: false }).await;
                if !supervisor.hooks.told(&name) {
                    return;
                }
            }
        });
    }

    fn refused(&self, connection: &str, refusal: &HookRefusal) {
        // Names that anybody may invent are no labels.
        let known = self.latest().files.connection(&ConnectionName::from(connection)).is_some();
        let connection = if known { connection } else { "" };
        self.metrics.hook(connection, refusal.word());
        tracing::debug!(connection, why = refusal.word(), "a call was refused");
    }

    /// Stores calls, those that wait together in one transaction, until the daemon stops.
    pub(super) async fn take_calls(self: Arc<Self>) {
        let Some(mut jobs) = self.hooks.take_jobs() else { return };
        loop {
            let job = tokio::select! {
                () = self.stop.cancelled() => break,
                job = jobs.recv() => job,
            };
            let Some(job) = job else { return };
            self.stored_calls(job, &mut jobs).await;
        }
        jobs.close();
        while let Some(job) = jobs.recv().await {
            self.stored_calls(job, &mut jobs).await;
        }
    }

    async fn stored_calls(&self, job: desk::Job, jobs: &mut tokio::sync::mpsc::Receiver<desk::Job>) {
        for name in store_together(&self.store, job, jobs).await {
            if let Some(running) = self.registry.get(&name) {
                running.wake.notify_one();
            }
        }
    }
}

/// Whether a pipeline uses a resource; others have no address.
fn is_known(files: &Files, connection: &ConnectionName, resource: &str) -> bool {
    files.pipelines.iter().filter_map(|file| file.value()).any(|pipeline| {
        let named = &pipeline.app.resource;
        named.connection.value == *connection && named.resource.value.as_str() == resource
    })
}

/// What a call says, and to whom.
fn understood(files: &Files, open: &HookOpen, body: &[u8]) -> Result<(Said, Vec<Listens>), HookRefusal> {
    let resource = match &open.caller {
        Caller::Resource(resource) => resource,
        Caller::Org => {
            let said = body::of_org(body).map_err(HookRefusal::Unreadable)?;
            return Ok((said, readers::of_org(files, &open.connection, Push::Webhook)));
        }
        Caller::Messages => {
            let said = body::of_message(body).map_err(HookRefusal::Unreadable)?;
            return Ok((said, readers::of_org(files, &open.connection, Push::OutboundMessage)));
        }
    };
    let file = files.connection(&open.connection).and_then(|file| file.value());
    let spec = match file.map(|file| &file.kind) {
        Some(ConnectionKind::Http(http)) => http.resource(resource),
        _ => None,
    };
    let hook = spec.and_then(|spec| spec.webhook.as_ref());
    let mut said = body::of_app(body, hook.map(|entry| &entry.value)).map_err(HookRefusal::Unreadable)?;
    if spec.is_some_and(|spec| spec.parent.is_some()) {
        // The id of a record does not say below which parent it is, so all that is known is that there is something new.
        said.hints.iter_mut().for_each(|hint| hint.keys.clear());
    }
    Ok((said, readers::of_app(files, &open.connection, &ResourceName::from(resource.as_str()))))
}
