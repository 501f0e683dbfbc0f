//! Which pipelines are called from outside, for `status`: a call comes when it comes, so the way is open as long as the connection can tell who calls.

use std::collections::BTreeMap;

use super::super::registry::{PushSource, PushState};
use super::super::supervisor::Supervisor;
use crate::model::{PipelineName, Side};
use crate::plan::Push;
use crate::spec::{AppPush, PipelineFile, Poll, Push as Said};

/// What was shown last.
pub(super) type Called = BTreeMap<(PipelineName, PushSource), PushState>;

impl Supervisor {
    /// Shows who can be called, and no longer who cannot.
    pub(super) fn tend_called(&self, shown: &mut Called) {
        let files = &self.latest().files;
        let mut now = Called::new();
        for (name, pipeline) in files.pipelines.iter().filter_map(|file| Some((&file.name, file.value()?))) {
            for source in ways(pipeline) {
                let state = PushState::of(self.why_not(pipeline, source.0));
                now.insert((name.clone(), source), state);
            }
        }
        for (name, source) in shown.keys().filter(|way| !now.contains_key(*way)) {
            self.registry.set_push(name, *source, None);
        }
        for ((name, source), state) in &now {
            self.registry.set_push(name, *source, Some(state.clone()));
        }
        *shown = now;
    }

    /// Why nobody can call in, and what happens instead.
    fn why_not(&self, pipeline: &PipelineFile, side: Side) -> Option<String> {
        let (connection, poll) = match side {
            Side::Salesforce => (pipeline.salesforce.connection_name(), pipeline.salesforce.poll()),
            Side::App => (pipeline.app.resource.connection.value.clone(), pipeline.app.poll()),
        };
        let latest = self.latest();
        let file = latest.files.connection(&connection).and_then(|file| file.value());
        let proof = file.and_then(|file| self.hook_proof(file));
        if proof.is_some() {
            return None;
        }
        let rhythm = match poll {
            Poll::Every(period) => format!("Polling every {period}"),
            Poll::Off => "`poll` is off".to_owned(),
        };
        Some(format!(
            "nobody can call in: the secret of `webhook` of connection {connection} is not set. {rhythm}."
        ))
    }
}

fn ways(pipeline: &PipelineFile) -> Vec<PushSource> {
    let mut ways = Vec::new();
    if !pipeline.enabled() {
        return ways;
    }
    let org = pipeline.ops_to(Side::App).any();
    if org && pipeline.salesforce.push().any(|push| push.value == Said::Webhook) {
        ways.push((Side::Salesforce, Push::Webhook));
    }
    if pipeline.ops_to(Side::Salesforce).any() && pipeline.app.push() == AppPush::Webhook {
        ways.push((Side::App, Push::Webhook));
    }
    ways
}
