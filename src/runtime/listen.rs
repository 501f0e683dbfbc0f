//! News at once from the app: a listener for each pipeline that says `push: listen`, as long as its task lives. News only say where to look:
//! records that are named go into the durable queue of the pipeline, and what may have been missed is found by a look from the cursor.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::build;
use super::registry::{PushSource, PushState, Registry};
use super::supervisor::{Seed, Supervisor};
use super::task::Command;
use crate::connect::{ConnectError, Hint, Hints};
use crate::model::{Key, Side};
use crate::plan::{Pipeline, Push, Scope};
use crate::store::Store;

const LISTEN: PushSource = (Side::App, Push::Listen);

/// What a listener works with.
struct Listener {
    plan: Arc<Pipeline>,
    store: Arc<Store>,
    registry: Arc<Registry>,
    wake: Arc<Notify>,
}

impl Supervisor {
    /// Listens for a pipeline, if its file wants that. A system that cannot be reached is no reason not to begin: it is polled.
    pub(super) async fn listen(
        self: &Arc<Self>,
        seed: &Seed,
        wake: Arc<Notify>,
    ) -> Result<Option<AbortOnDropHandle<()>>, ConnectError> {
        let hints = build::app_hints(&self.workshop(), &seed.plan, &seed.files).await?;
        let Some(hints) = hints.filter(|_| seed.plan.to_salesforce.any()) else {
            self.registry.set_push(&seed.plan.name, LISTEN, None);
            return Ok(None);
        };
        let registry = Arc::clone(&self.registry);
        let (plan, store) = (Arc::clone(&seed.plan), Arc::clone(&self.store));
        let listener = Listener { plan, store, registry, wake };
        let supervisor = Arc::downgrade(self);
        let work = async move {
            let mut hints = hints;
            loop {
                let everything = listener.heard(hints.as_mut()).await;
                let Some(supervisor) = supervisor.upgrade() else { return };
                if everything {
                    supervisor.command(&listener.plan.name, Command::Sync { full: false }).await;
                }
            }
        };
        Ok(Some(AbortOnDropHandle::new(tokio::spawn(work))))
    }
}

impl Listener {
    /// Waits for a hint and does what it asks for; whether everything since the cursor is to be looked at.
    async fn heard(&self, hints: &mut dyn Hints) -> bool {
        match hints.next().await {
            Hint::Keys(keys) => match self.queue(keys) {
                Ok(()) => {
                    self.wake.notify_one();
                    false
                }
                Err(error) => {
                    tracing::warn!(pipeline = %self.plan.name, %error, "news could not be stored; a look finds them");
                    true
                }
            },
            Hint::Everything => {
                self.show(true);
                true
            }
            Hint::Silent(error) => {
                tracing::warn!(pipeline = %self.plan.name, %error, "nothing is heard for now; changes are found by polling");
                self.show(false);
                false
            }
        }
    }

    /// Into the queue of the pipeline, which takes part in everything: where only referenced records do, those that are linked.
    fn queue(&self, keys: Vec<Key>) -> Result<(), crate::store::StoreError> {
        let keys = match self.plan.scope(Side::App) {
            Scope::All => keys,
            Scope::Referenced => {
                let links = self.store.links_by_app(&self.plan.name, self.plan.generation, &keys)?;
                let linked = keys.into_iter().zip(links).filter(|(_, links)| !links.is_empty());
                linked.map(|(key, _)| key).collect()
            }
        };
        self.store.touch(&self.plan.name, Side::App, &keys)
    }

    /// What is not heard is found by polling soon enough that nobody has to be told.
    fn show(&self, up: bool) {
        self.registry.set_push(&self.plan.name, LISTEN, Some(PushState { up, problem: None }));
        self.wake.notify_one();
    }
}
