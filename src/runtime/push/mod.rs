//! News at once from Salesforce: which connections are listened to, and for whom. What an event does stands in [`line`].
//!
//! News only say where to look. A record that an event names is put into the queue of its pipelines first, durably; only then the place in
//! the stream moves. What is lost before it is published is found by `poll`, which never rests. Read [`Wanted`] first.

mod called;
mod line;
mod setup;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use self::called::Called;
use self::line::Line;
use self::setup::SetUps;
pub(super) use self::setup::take_away;
use super::registry::PushSource;
use super::sign_in::paused_by;
use super::supervisor::Supervisor;
use crate::connect::salesforce::{ChannelSpec, Client};
use crate::model::{ConnectionName, PipelineName, Side};
use crate::plan::{self, Files};
use crate::spec::{ConnectionKind, Manage, Poll, Push, Scope};
use crate::store::Store;

/// Change events.
const CDC: PushSource = (Side::Salesforce, plan::Push::Cdc);
/// How often the desk looks whether a connection is open now.
const TEND: Duration = Duration::from_secs(60);

/// A pipeline that wants news of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    pub(super) name: PipelineName,
    /// Only records that are linked are of interest.
    pub(super) linked_only: bool,
    /// How it finds changes otherwise, in words.
    pub(super) rhythm: String,
}

/// Who wants news of a connection, by object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) channel: ChannelSpec,
    pub(super) readers: BTreeMap<String, Vec<Reader>>,
}

impl Wanted {
    /// All readers.
    pub(super) fn all(&self) -> impl Iterator<Item = &Reader> {
        self.readers.values().flatten()
    }
}

/// What the files want, by connection. The files say it, not what runs at the moment: a channel does not shrink because a task begins anew.
fn wanted(files: &Files, store: &Store) -> BTreeMap<ConnectionName, Wanted> {
    let mut all: BTreeMap<ConnectionName, Wanted> = BTreeMap::new();
    for file in files.pipelines.iter().filter_map(|file| Some((&file.name, file.value()?))) {
        let (name, pipeline) = file;
        let side = &pipeline.salesforce;
        let hears = side.push().any(|push| push.value == Push::Cdc);
        if !hears || !pipeline.enabled() || !pipeline.ops_to(Side::App).any() {
            continue;
        }
        let connection = side.connection_name();
        // What a sign-out stopped wants nothing until somebody signs in again.
        let paused = store.paused(name).ok().flatten().map(|flag| flag.by);
        if paused == Some(paused_by(&connection)) {
            continue;
        }
        let Some(ConnectionKind::Salesforce(org)) =
            files.connection(&connection).and_then(|file| file.value()).map(|file| &file.kind)
        else {
            continue;
        };
        let entry = all.entry(connection).or_insert_with(|| Wanted {
            channel: ChannelSpec {
                name: org.cdc_channel().to_owned(),
                manage: org.manages(Manage::CdcChannel),
            },
            readers: BTreeMap::new(),
        });
        let rhythm = match side.poll() {
            Poll::Every(period) => format!("Polling every {period}"),
            Poll::Off => "`poll` is off".to_owned(),
        };
        let linked_only = side.scope() == Scope::Referenced;
        let reader = Reader { name: name.clone(), linked_only, rhythm };
        entry.readers.entry(side.object.value.clone()).or_default().push(reader);
    }
    all
}

/// A line that is open: ended when it is dropped.
struct Open {
    client: Arc<Client>,
    wanted: Wanted,
    line: AbortOnDropHandle<()>,
}

impl Supervisor {
    /// Listens to the connections whose pipelines want it, until the daemon stops.
    pub(super) async fn hear_changes(self: Arc<Self>) {
        let mut lines: BTreeMap<ConnectionName, Open> = BTreeMap::new();
        let mut called = Called::new();
        let mut set_up = SetUps::new();
        loop {
            self.tend(&mut lines);
            self.tend_called(&mut called);
            self.tend_setup(&mut set_up);
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.registry.moved() => {}
                () = self.clock.sleep(TEND) => {}
            }
        }
        for (_, open) in lines {
            open.line.abort();
            // It was told to end; how it did is of no interest.
            let _ended = open.line.await;
        }
        for (_, tended) in set_up {
            tended.end().await;
        }
    }

    fn tend(self: &Arc<Self>, lines: &mut BTreeMap<ConnectionName, Open>) {
        let wanted = wanted(&self.latest().files, &self.store);
        for (name, open) in lines.iter() {
            let still = wanted.get(name);
            for reader in open.wanted.all() {
                if !still.is_some_and(|still| still.all().any(|other| other.name == reader.name)) {
                    self.registry.set_push(&reader.name, CDC, None);
                }
            }
        }
        lines.retain(|name, _| wanted.contains_key(name));
        for (name, wanted) in wanted {
            // A connection is opened by the pipelines that read it.
            let Some(client) = self.world.salesforce(&name) else { continue };
            let same = |open: &Open| Arc::ptr_eq(&open.client, &client) && open.wanted == wanted;
            if lines.get(&name).is_some_and(same) {
                continue;
            }
            let line = Line::new(Arc::clone(self), (name.clone(), Arc::clone(&client)), wanted.clone());
            // The old one ends first: both write the same place.
            lines.remove(&name);
            let line = AbortOnDropHandle::new(tokio::spawn(line.run()));
            lines.insert(name, Open { client, wanted, line });
        }
    }
}
