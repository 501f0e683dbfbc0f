//! One pipeline while it is compiled: its file, what is known of both sides, what its rows effectively do.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::app::AppFacts;
use super::salesforce::SalesforceFacts;
use crate::diag::{Diagnostic, Span};
use crate::model::{ConnectionName, Kind, PipelineName, Side};
use crate::plan::catalog::{Catalog, age};
use crate::plan::{FileOf, Files, WritePolicy};
use crate::spec::{self, ConnectionFile, GroupPolicy, Parsed, PipelineFile, RowSpec, Write};

/// What all units of one compilation see.
pub(super) struct World<'a> {
    pub(super) files: &'a Files,
    pub(super) catalog: &'a Catalog,
    pub(super) timezone: jiff::tz::TimeZone,
    now: Timestamp,
    by_name: HashMap<&'a PipelineName, &'a FileOf<PipelineName, PipelineFile>>,
}

impl<'a> World<'a> {
    pub(super) fn new(files: &'a Files, catalog: &'a Catalog, now: Timestamp) -> Self {
        let by_name = files.pipelines.iter().rev().map(|file| (&file.name, file)).collect();
        Self { files, catalog, timezone: files.timezone(), now, by_name }
    }

    /// A pipeline file by its name.
    pub(super) fn pipeline(&self, name: &PipelineName) -> Option<&'a FileOf<PipelineName, PipelineFile>> {
        self.by_name.get(name).copied()
    }
}

/// One pipeline.
pub(super) struct Unit<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) file: &'a PipelineFile,
    /// The same, as it is shared between loads.
    pub(super) parsed: &'a Arc<Parsed<PipelineFile>>,
    /// When the name was first loaded.
    pub(super) since: Option<Timestamp>,
    pub(super) salesforce: SalesforceFacts<'a>,
    pub(super) salesforce_connection: Option<&'a ConnectionFile>,
    pub(super) app: AppFacts,
    pub(super) app_connection: Option<&'a ConnectionFile>,
    pub(super) rows: Vec<RowView<'a>>,
    of_the_moment: Cell<bool>,
}

/// Where messages go.
pub(super) type Out = Vec<Diagnostic>;

impl<'a> Unit<'a> {
    /// `None` for a file that could not be read.
    pub(super) fn new(world: &'a World<'a>, of: &'a FileOf<PipelineName, PipelineFile>) -> Option<Self> {
        let file = of.value()?;
        let connection = |name: &ConnectionName| world.files.connection(name).and_then(|file| file.value());
        let (salesforce_name, resource) = (file.salesforce.connection_name(), &file.app.resource);
        let app_connection = connection(&resource.connection.value);
        let app = app_connection.map_or_else(
            || AppFacts::unknown(resource.resource.value.as_str()),
            |found| AppFacts::of(found, resource.resource.value.as_str(), world.catalog),
        );
        let org = world.catalog.org(&salesforce_name);
        Some(Self {
            world,
            file,
            parsed: &of.parsed,
            since: of.since,
            salesforce: SalesforceFacts::of(&file.salesforce.object.value, org),
            salesforce_connection: connection(&salesforce_name),
            app,
            app_connection,
            rows: file.fields.iter().map(|row| RowView::new(file, row)).collect(),
            of_the_moment: Cell::new(false),
        })
    }

    /// How old something is, in words.
    pub(super) fn age(&self, read_at: Timestamp) -> String {
        self.is_of_the_moment();
        age(read_at, self.world.now)
    }

    /// Says that a message tells more than what this pipeline is made from: the time, names of other files. It holds for this
    /// compilation only.
    pub(super) fn is_of_the_moment(&self) {
        self.of_the_moment.set(true);
    }

    /// Whether there is such a message.
    pub(super) fn has_passing_messages(&self) -> bool {
        self.of_the_moment.get()
    }

    /// Kind of a field of a side; `Any` where it is not known.
    pub(super) fn kind_of(&self, side: Side, path: &str) -> Kind {
        match side {
            Side::Salesforce => self.salesforce.kind_of(path),
            Side::App => self.app.kind_of(path),
        }
    }

    /// What messages call the records of a side: `Opportunity`, `projects`.
    pub(super) fn record_name(&self, side: Side) -> &str {
        match side {
            Side::Salesforce => self.salesforce.object_name,
            Side::App => self.file.app.resource.resource.value.as_str(),
        }
    }

    /// What messages call a side: `Salesforce`, `operating`.
    pub(super) fn side_name(&self, side: Side) -> &str {
        match side {
            Side::Salesforce => "Salesforce",
            Side::App => self.file.app.resource.connection.value.as_str(),
        }
    }

    /// The connection of a side.
    pub(super) fn connection(&self, side: Side) -> Option<&'a ConnectionFile> {
        match side {
            Side::Salesforce => self.salesforce_connection,
            Side::App => self.app_connection,
        }
    }

    /// `connection.resource`
    pub(super) fn resource_name(&self) -> String {
        let resource = &self.file.app.resource;
        format!("{}.{}", resource.connection.value, resource.resource.value)
    }

    /// The list of operations towards a side.
    pub(super) fn ops_entry(&self, side: Side) -> Option<&'a spec::Entry<spec::OpList>> {
        match side {
            Side::App => self.file.to_app.as_ref(),
            Side::Salesforce => self.file.to_salesforce.as_ref(),
        }
    }
}

/// A row and what it effectively does in its pipeline.
#[derive(Clone, Copy)]
pub(super) struct RowView<'a> {
    pub(super) spec: &'a RowSpec,
    /// The stricter of row and group.
    pub(super) write: WritePolicy,
    /// It writes to the app.
    pub(super) to_app: bool,
    /// It writes to Salesforce.
    pub(super) to_salesforce: bool,
}

impl<'a> RowView<'a> {
    fn new(file: &PipelineFile, spec: &'a RowSpec) -> Self {
        let write = effective(file, spec);
        let writes =
            |side: Side| file.ops_to(side).writes() && spec.writes(side) && write != WritePolicy::Off;
        Self { spec, write, to_app: writes(Side::App), to_salesforce: writes(Side::Salesforce) }
    }

    /// Whether it writes to a side.
    pub(super) fn writes(&self, side: Side) -> bool {
        match side {
            Side::App => self.to_app,
            Side::Salesforce => self.to_salesforce,
        }
    }

    /// Path and place of its field on a side.
    pub(super) fn field(&self, side: Side) -> Option<(&'a str, Span)> {
        self.spec.field(side).map(|entry| (entry.value.as_str(), entry.span))
    }
}

/// `write` of the row and the policy of its group: the stricter.
fn effective(file: &PipelineFile, row: &RowSpec) -> WritePolicy {
    let own = match row.write() {
        Write::Always => WritePolicy::Always,
        Write::UnlessEdited => WritePolicy::UnlessEdited,
        Write::IfEmpty => WritePolicy::IfEmpty,
        Write::OnCreate => WritePolicy::OnCreate,
    };
    let group = row.group.as_ref().and_then(|name| file.group(&name.value));
    let group = group.map_or(WritePolicy::Always, |group| match group.policy.value {
        GroupPolicy::Always => WritePolicy::Always,
        GroupPolicy::UnlessEdited => WritePolicy::UnlessEdited,
        GroupPolicy::IfEmpty => WritePolicy::IfEmpty,
        GroupPolicy::OnCreate => WritePolicy::OnCreate,
        GroupPolicy::Off => WritePolicy::Off,
    });
    own.max(group)
}
