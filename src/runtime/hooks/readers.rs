//! Who listens to calls: the pipelines whose files say so. The files decide, not what runs at the moment: what is queued for a pipeline that rests
//! is there when it goes on.

use crate::model::ConnectionName;
use crate::model::{PipelineName, ResourceName, Side};
use crate::plan::Files;
use crate::spec::{AppPush, PipelineFile, Push, Scope};

/// A pipeline that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::runtime) struct Listens {
    pub(in crate::runtime) name: PipelineName,
    /// The side that calls.
    pub(in crate::runtime) side: Side,
    /// The object or the table.
    pub(in crate::runtime) what: String,
    /// Only records that are linked are of interest.
    pub(in crate::runtime) linked_only: bool,
}

/// The pipelines that hear of an org in a way.
pub(in crate::runtime) fn of_org(files: &Files, connection: &ConnectionName, way: Push) -> Vec<Listens> {
    let listens = |name: &PipelineName, file: &PipelineFile| {
        let side = &file.salesforce;
        let hears = side.connection_name() == *connection
            && side.push().any(|push| push.value == way)
            && file.enabled()
            && file.ops_to(Side::App).any();
        hears.then(|| Listens {
            name: name.clone(),
            side: Side::Salesforce,
            what: side.object.value.clone(),
            linked_only: side.scope() == Scope::Referenced,
        })
    };
    all(files, listens)
}

/// The pipelines that hear of a resource of an app.
pub(super) fn of_app(files: &Files, connection: &ConnectionName, resource: &ResourceName) -> Vec<Listens> {
    let listens = |name: &PipelineName, file: &PipelineFile| {
        let side = &file.app;
        let hears = side.resource.connection.value == *connection
            && side.resource.resource.value == *resource
            && side.push() == AppPush::Webhook
            && file.enabled()
            && file.ops_to(Side::Salesforce).any();
        hears.then(|| Listens {
            name: name.clone(),
            side: Side::App,
            what: resource.to_string(),
            linked_only: side.scope() == Scope::Referenced,
        })
    };
    all(files, listens)
}

fn all(files: &Files, listens: impl Fn(&PipelineName, &PipelineFile) -> Option<Listens>) -> Vec<Listens> {
    files.pipelines.iter().filter_map(|file| listens(&file.name, file.value()?)).collect()
}
