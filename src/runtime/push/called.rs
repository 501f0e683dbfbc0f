//! Which pipelines are called from outside, for `status`: a call comes when it comes, so the way is open as long as the connection can tell who calls.

use std::collections::BTreeMap;

use super::super::registry::{PushSource, PushState};
use super::super::supervisor::Supervisor;
use crate::model::{PipelineName, Side};
use crate::plan::Push;
use crate::spec::{AppPush, ConnectionKind, Manage, PipelineFile, Poll, Push as Said};

/// Outbound messages.
pub(super) const OUTBOUND: PushSource = (Side::Salesforce, Push::OutboundMessage);

/// What was shown last.
pub(super) type Called = BTreeMap<(PipelineName, PushSource), PushState>;

impl Supervisor {
    /// Shows who can be called, and no longer who cannot.
    pub(super) fn tend_called(&self, shown: &mut Called) {
        let files = &self.latest().files;
        let mut now = Called::new();
        for (name, pipeline) in files.pipelines.iter().filter_map(|file| Some((&file.name, file.value()?))) {
            for source in ways(pipeline) {
                let problem = self.why_not(pipeline, source);
                // Whether a message that the daemon sets up is there is told by what sets it up.
                if source != OUTBOUND || problem.is_some() || !self.sets_up(pipeline) {
                    now.insert((name.clone(), source), PushState::of(problem));
                }
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
    fn why_not(&self, pipeline: &PipelineFile, (side, way): PushSource) -> Option<String> {
        let (connection, poll) = match side {
            Side::Salesforce => (pipeline.salesforce.connection_name(), pipeline.salesforce.poll()),
            Side::App => (pipeline.app.resource.connection.value.clone(), pipeline.app.poll()),
        };
        let latest = self.latest();
        let file = latest.files.connection(&connection).and_then(|file| file.value());
        let why = match file.and_then(|file| self.hook_proof(file)) {
            None => format!("the secret of `webhook` of connection {connection} is not set"),
            Some(_) if way == Push::OutboundMessage && self.public_url().is_none() => {
                "settings.yaml has no `public_url`".to_owned()
            }
            Some(_) => return None,
        };
        Some(format!("nobody can call in: {why}. {}.", rhythm(poll)))
    }

    /// Whether the daemon sets the messages of a pipeline up itself.
    fn sets_up(&self, pipeline: &PipelineFile) -> bool {
        let latest = self.latest();
        let file = latest.files.connection(&pipeline.salesforce.connection_name());
        match file.and_then(|file| file.value()).map(|file| &file.kind) {
            Some(ConnectionKind::Salesforce(org)) => org.manages(Manage::OutboundMessages),
            _ => false,
        }
    }
}

/// How changes are found otherwise.
pub(super) fn rhythm(poll: Poll) -> String {
    match poll {
        Poll::Every(period) => format!("Polling every {period}"),
        Poll::Off => "`poll` is off".to_owned(),
    }
}

fn ways(pipeline: &PipelineFile) -> Vec<PushSource> {
    let mut ways = Vec::new();
    if !pipeline.enabled() {
        return ways;
    }
    let says = |way| pipeline.salesforce.push().any(|push| push.value == way);
    if pipeline.ops_to(Side::App).any() {
        if says(Said::Webhook) {
            ways.push((Side::Salesforce, Push::Webhook));
        }
        if says(Said::OutboundMessage) {
            ways.push(OUTBOUND);
        }
    }
    if pipeline.ops_to(Side::Salesforce).any() && pipeline.app.push() == AppPush::Webhook {
        ways.push((Side::App, Push::Webhook));
    }
    ways
}
