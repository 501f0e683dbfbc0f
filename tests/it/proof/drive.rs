//! Makes pipelines look, and waits on their typed status until they have.

use std::sync::Arc;
use std::time::Duration;

use sfsync::model::PipelineName;
use sfsync::runtime::control::{Control as _, FailureFilter, FailureView};
use sfsync::runtime::doors::Door;
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync::runtime::supervisor::Supervisor;
use sfsync::runtime::task::Command;

use crate::harness::rig::PATIENCE;

/// Between two wishes for a pass that failed: nobody waits for the pauses between tries.
const IMPATIENCE: Duration = Duration::from_millis(100);

/// What differs for so long will differ for ever, on a machine that is busy with other tests, too.
const LULL: Duration = Duration::from_secs(20);

/// Waits until all of them have made their first load.
pub async fn loaded(supervisor: &Arc<Supervisor>, names: &[&str]) {
    if supervisor.statuses().iter().any(|status| status.state == State::Invalid) {
        let report = supervisor.reload_now(true).await.expect("the folder is readable");
        let said: Vec<String> =
            report.diagnostics.iter().map(|said| format!("{} {}", said.code, said.title)).collect();
        panic!("files that do not load: {said:#?}");
    }
    for name in names {
        pass(supervisor, name, false, 0).await;
    }
}

/// Every pipeline looks once, in this order, and then everything that they owe each other is settled.
pub async fn look(supervisor: &Supervisor, names: &[&str]) {
    for name in names {
        let passes = passes(supervisor, name);
        ask(supervisor, name, false).await;
        pass(supervisor, name, false, passes).await;
    }
    settled(supervisor, names).await;
}

/// One pipeline compares everything.
pub async fn look_at_everything(supervisor: &Supervisor, name: &str) {
    let passes = passes(supervisor, name);
    ask(supervisor, name, true).await;
    pass(supervisor, name, true, passes).await;
}

fn passes(supervisor: &Supervisor, name: &str) -> u64 {
    let status = supervisor.status_receiver(&PipelineName::from(name)).expect("the pipeline is there");
    status.borrow().passes
}

async fn ask(supervisor: &Supervisor, name: &str, full: bool) {
    supervisor.command(&PipelineName::from(name), Command::Sync { full }).await;
}

/// Waits for a complete pass after so many, and asks again where one failed.
async fn pass(supervisor: &Supervisor, name: &str, full: bool, before: u64) {
    let mut status = supervisor.status_receiver(&PipelineName::from(name)).expect("the pipeline is there");
    let begun = std::time::Instant::now();
    loop {
        let is_done = |status: &PipelineStatus| status.passes > before && status.state == State::Running;
        let left = (PATIENCE * 4).saturating_sub(begun.elapsed());
        let waits = status.wait_for(|status| is_done(status) || rests_in_trouble(status));
        let now = tokio::time::timeout(left, waits).await.map(|now| now.expect("it lives").clone());
        let now = now.unwrap_or_else(|_| panic!("{name} never came to it: {:?}", supervisor.statuses()));
        if is_done(&now) {
            return;
        }
        ask(supervisor, name, full).await;
        drop(tokio::time::timeout(IMPATIENCE, std::future::pending::<()>()).await);
    }
}

/// A pass failed and the next one is not under way: asked for again, that would only be interrupted.
fn rests_in_trouble(status: &PipelineStatus) -> bool {
    matches!(status.state, State::Degraded | State::Blocked) && status.next_look.is_some()
}

/// Waits until nothing is queued that somebody could settle now: what waits for a lookup stays.
async fn settled(supervisor: &Supervisor, names: &[&str]) {
    for name in names {
        let mut status =
            supervisor.status_receiver(&PipelineName::from(*name)).expect("the pipeline is there");
        let done = status.wait_for(|status| status.state == State::Running);
        drop(
            tokio::time::timeout(PATIENCE, done)
                .await
                .unwrap_or_else(|_| panic!("{name}: {:?}", supervisor.statuses())),
        );
    }
}

/// Compares until it is equal, or until nothing has changed for a while: records that were kept back are looked at when what they waited
/// for is linked, which no pass announces.
pub async fn eventually(
    supervisor: &Arc<Supervisor>,
    mut differences: impl AsyncFnMut() -> Vec<String>,
) -> Vec<String> {
    let (mut before, mut since) = (Vec::new(), std::time::Instant::now());
    loop {
        let found = differences().await;
        if found.is_empty() || (found == before && since.elapsed() > LULL) {
            return found;
        }
        if found != before {
            (before, since) = (found, std::time::Instant::now());
        }
        let mut changes: Vec<_> = supervisor
            .statuses()
            .iter()
            .filter_map(|status| supervisor.status_receiver(&status.name))
            .map(|mut status| Box::pin(async move { drop(status.changed().await) }))
            .collect();
        let any = futures_util::future::select_all(changes.drain(..));
        drop(tokio::time::timeout(Duration::from_millis(500), any).await);
    }
}

/// What is listed as failed, held or waiting.
pub async fn failures(supervisor: &Arc<Supervisor>) -> Vec<FailureView> {
    Door(Arc::clone(supervisor)).failures(FailureFilter::default()).await.expect("failures are listed")
}

/// What failed is tried again now, as a person would ask for it.
pub async fn retry(supervisor: &Arc<Supervisor>) {
    Door(Arc::clone(supervisor)).retry(FailureFilter::default()).await.expect("failures are tried again");
}
