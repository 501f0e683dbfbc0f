//! Tasks of pipelines: they begin, are kept alive, and end at the end of their batches.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Live, Seed, Supervisor};
use crate::connect::ConnectError;
use crate::model::{Class, PipelineName};
use crate::runtime::batch::References;
use crate::runtime::build::{self, Workshop};
use crate::runtime::keeper::{Keeper, News};
use crate::runtime::registry::Running;
use crate::runtime::status::{PipelineStatus, State};
use crate::runtime::task::{Command, Task, TaskObserver, TaskParts};
use crate::runtime::world::System;

/// How long a task may take to come to the end of its batch.
const DEADLINE: Duration = Duration::from_secs(30);

impl Supervisor {
    /// Ends tasks at the end of their batches, all at the same time.
    pub(in crate::runtime) async fn end_all(&self, names: &[PipelineName]) {
        let mut ending = Vec::new();
        for name in names {
            if let Some(live) = self.live.lock().await.remove(name) {
                live.stop.cancel();
                ending.push(self.ended(name, live));
            }
        }
        join_all(ending).await;
    }

    async fn ended(&self, name: &PipelineName, live: Live) {
        let mut keeper = live.keeper;
        if tokio::time::timeout(DEADLINE, &mut keeper).await.is_err() {
            tracing::warn!(pipeline = %name, "the pipeline did not end its batch in time; it will be repeated");
            keeper.abort();
            let _aborted = keeper.await;
        }
        self.registry.remove(name);
    }

    /// Starts the task of a plan. A system that cannot be reached now is tried again by the task's own rules.
    pub(in crate::runtime) async fn begin(self: &Arc<Self>, seed: Seed) {
        let (commands, receiver) = mpsc::channel(16);
        let stop = self.stop.child_token();
        let (plan, made_of) = (Arc::clone(&seed.plan), seed.made_of.clone());
        self.registry.set_beginning(&plan.name, plan.enabled);
        let kept = Arc::clone(self).keep(seed, receiver, stop.clone());
        let keeper = AbortOnDropHandle::new(tokio::spawn(kept));
        let name = plan.name.clone();
        self.live.lock().await.insert(name, Live { made_of, plan, commands, stop, keeper });
    }

    async fn keep(self: Arc<Self>, seed: Seed, commands: mpsc::Receiver<Command>, stop: CancellationToken) {
        let name = seed.plan.name.clone();
        let status = self.status_of(&name);
        if !seed.plan.enabled {
            status.send_modify(|status| {
                status.state = State::Disabled;
                status.message = "enabled: false".to_owned();
                status.next_look = None;
            });
            self.changed.notify_waiters();
            return disabled(commands, stop).await;
        }
        let tell = |news: News<'_>| self.hear(&name, &status, &news);
        let keeper = Keeper { clock: Arc::clone(&self.clock), stop: stop.clone(), tell };
        keeper
            .keep(commands, |receiver| {
                let (supervisor, seed, stop) = (&self, &seed, stop.clone());
                async move { supervisor.task(seed, (receiver, stop)).await.map(Task::run) }
            })
            .await;
        self.registry.remove(&name);
    }

    fn hear(&self, name: &PipelineName, status: &watch::Sender<PipelineStatus>, news: &News<'_>) {
        self.registry.remove(name);
        self.registry.set_beginning(name, false);
        match news {
            News::CannotBegin(error) => {
                tracing::warn!(pipeline = %name, %error, "the pipeline cannot start");
                let help = error.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
                status.send_modify(|status| {
                    status.state = if error.class.is_retried() { State::Degraded } else { State::Blocked };
                    status.message = format!("{}{help}", error.message);
                });
            }
            News::Panicked(count) => {
                tracing::error!(pipeline = %name, count, "the pipeline panicked and begins again; this is a bug");
            }
            News::GivenUp => status.send_modify(|status| {
                status.state = State::Blocked;
                status.message =
                    "it panicked five times in ten minutes; this is a bug, see the log".to_owned();
            }),
        }
        self.changed.notify_waiters();
    }

    async fn task(
        self: &Arc<Self>,
        seed: &Seed,
        (commands, stop): (mpsc::Receiver<Command>, CancellationToken),
    ) -> Result<Task, ConnectError> {
        let plan = &seed.plan;
        self.needs_schema(seed).await?;
        let entered = self.lineage.enter(&self.store, &plan.name, &seed.made, self.clock.now());
        entered.map_err(build::state_failed)?;
        let status = self.status_of(&plan.name);
        let observer = Arc::new(TaskObserver {
            name: plan.name.clone(),
            status: status.clone(),
            changed: Arc::clone(&self.changed),
            registry: Arc::downgrade(&self.registry),
            metrics: Arc::clone(&self.metrics),
            done: std::sync::Mutex::new(0),
        });
        let shop = self.workshop();
        let references: Arc<dyn References> = Arc::clone(&self.registry) as _;
        let runner = build::runner(&shop, plan, (&seed.files, &seed.catalog), references, observer).await?;
        let runner = Arc::new(Mutex::new(runner));
        let wake = Arc::new(Notify::new());
        let running = Running {
            runner: Arc::clone(&runner),
            scope: plan.salesforce.scope,
            looks_up: plan.looks_up.clone(),
            plan: Arc::clone(plan),
            wake: Arc::clone(&wake),
            status: status.subscribe(),
        };
        let listening = self.listen(seed, Arc::clone(&wake)).await?;
        let task = Task::new(TaskParts {
            version: xxhash_rust::xxh3::xxh3_64(seed.made_of.text.as_bytes()),
            runner,
            pipeline: Arc::clone(plan),
            store: Arc::clone(&self.store),
            registry: Arc::clone(&self.registry),
            clock: Arc::clone(&self.clock),
            zone: seed.files.timezone(),
            status,
            changed: Arc::clone(&self.changed),
            wake,
            commands,
            stop,
            metrics: Arc::clone(&self.metrics),
            listening,
        });
        self.registry.insert(plan.name.clone(), running);
        Ok(task)
    }

    /// What runners are made with.
    pub(in crate::runtime) fn workshop(&self) -> Workshop {
        Workshop {
            world: Arc::clone(&self.world),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            limit: self.limit,
            only_looks: false,
        }
    }

    /// A plan that was made while a system could not be reached knows too little to run: it would guess the key of a table and the kinds
    /// of fields. Once the system answers, the files are loaded again.
    async fn needs_schema(&self, seed: &Seed) -> Result<(), ConnectError> {
        let [org, app] = seed.made_of.known;
        let (salesforce, table) = (&seed.plan.salesforce, &seed.plan.app);
        let (connection, what) = match (org, app) {
            (false, _) => (&salesforce.connection, &*salesforce.object),
            (_, false) => (&table.connection, table.resource.as_str()),
            (true, true) => return Ok(()),
        };
        if let Some(file) = seed.files.connection(connection).and_then(|file| file.value())
            && let System::Salesforce(client) = self.world.open(file).await?
        {
            client.reach().await?;
        }
        self.relook.notify_one();
        let message = format!("the schema of {what} in {connection} is not known yet");
        Err(ConnectError::new("R112", Class::TRANSIENT, message))
    }
}

/// Lives without doing anything.
async fn disabled(mut commands: mpsc::Receiver<Command>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            command = commands.recv() => if command.is_none() { return },
        }
    }
}
