//! The components that are simulated. Data only.

use crate::org::ids::Id;

/// An outbound message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: Id,
    pub(crate) object: String,
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) fields: Vec<String>,
    /// `66.0`
    pub(crate) version: String,
}

impl Message {
    /// `Opportunity.Sync_OM`
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.object, self.name)
    }
}

/// A workflow rule that sends messages of its object on every change.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) object: String,
    pub(crate) name: String,
    pub(crate) active: bool,
    /// Names of messages.
    pub(crate) actions: Vec<String>,
}

/// A record-triggered flow with its versions.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    /// Of the definition, `300…`.
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) versions: Vec<FlowVersion>,
    /// Number of the version that runs.
    pub(crate) active: Option<u32>,
}

/// One version of a flow.
#[derive(Debug, Clone)]
pub(crate) struct FlowVersion {
    pub(crate) id: Id,
    pub(crate) number: u32,
    pub(crate) object: String,
    /// Full names of messages.
    pub(crate) actions: Vec<String>,
    /// `Create`, `Update` or `CreateAndUpdate`
    pub(crate) trigger: String,
}

impl Flow {
    /// The version that runs.
    pub(crate) fn running(&self) -> Option<&FlowVersion> {
        self.versions.iter().find(|version| Some(version.number) == self.active)
    }
}
