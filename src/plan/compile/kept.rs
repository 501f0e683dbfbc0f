//! What a compilation leaves to the next one. A plan is made anew only if something changed that it was made from: the text of the file,
//! a connection, the time zone, the answers of the catalog, the files that it looks up, whether somebody looks it up.
//!
//! Everything in here is shared and compared, never trusted: read [`Part::fits`] first.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::mentions::mentions;
use super::salesforce::Answer;
use super::scripts::Scripts;
use super::unit::{Out, Unit};
use super::{CHECKS, Checked, Tools, assemble, check_tables, not_yet};
use crate::expr::Engine;
use crate::model::{ConnectionName, ObjectInfo, PipelineName, TableInfo};
use crate::plan::{Files, Pipeline};
use crate::spec::{ConnectionFile, Parsed, PipelineFile};

/// The plans of a compilation and what they were made from. The next one has to use the same tools.
#[derive(Clone, Default)]
pub struct Kept {
    connections: Vec<(ConnectionName, Arc<Parsed<ConnectionFile>>)>,
    timezone: Option<jiff::tz::TimeZone>,
    parts: HashMap<PipelineName, Arc<Part>>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}

impl Kept {
    /// Nothing yet, among these connections and settings.
    pub(super) fn around(files: &Files) -> Self {
        let connections = files.connections.iter().map(|file| (file.name.clone(), Arc::clone(&file.parsed)));
        Self {
            connections: connections.collect(),
            timezone: Some(files.timezone()),
            parts: HashMap::with_capacity(files.pipelines.len()),
        }
    }

    pub(super) fn put(&mut self, name: &PipelineName, part: Arc<Part>) {
        self.parts.insert(name.clone(), part);
    }

    /// What is kept of a file whose text is the same, if what stands around all files is the same as in `now`.
    pub(super) fn part(&self, now: &Self, unit: &Unit<'_>) -> Option<&Arc<Part>> {
        let part =
            self.parts.get(&unit.file.name).filter(|part| Arc::ptr_eq(&part.from.file, unit.parsed))?;
        self.is_among(now).then_some(part)
    }

    fn is_among(&self, now: &Self) -> bool {
        let pairs = self.connections.iter().zip(&now.connections);
        self.timezone == now.timezone
            && self.connections.len() == now.connections.len()
            && pairs.into_iter().all(|(one, other)| one.0 == other.0 && Arc::ptr_eq(&one.1, &other.1))
    }
}

/// What came of one file, without the rules that go over all files.
pub(super) struct Part {
    from: Sources,
    compiled: Arc<Scripts>,
    /// Messages of its expressions.
    pub(super) scripts: Out,
    /// Messages of its own rules.
    pub(super) checks: Out,
    /// What cannot run yet.
    pub(super) not_yet: Out,
    /// Messages that came of putting the plan together, and about its table.
    pub(super) tables: Out,
    pub(super) notes: Vec<String>,
    /// The plan; with errors it is not used.
    pub(super) plan: Arc<Pipeline>,
}

/// What a part was made from, besides connections and settings.
struct Sources {
    file: Arc<Parsed<PipelineFile>>,
    is_looked_up: bool,
    objects: Vec<(String, Answer<ObjectInfo>)>,
    table: (Option<Arc<TableInfo>>, bool),
    looks_up: Vec<(PipelineName, Arc<Parsed<PipelineFile>>)>,
    has_passing_messages: bool,
}

impl Part {
    /// Whether a compilation now would come to the same.
    fn fits(&self, unit: &Unit<'_>, looked_up: &BTreeSet<PipelineName>) -> bool {
        let from = &self.from;
        let same_table = match (&from.table.0, &unit.app.table) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now) || before.says_the_same(now),
            (None, None) => from.table.1 == unit.app.table_missing,
            _ => false,
        };
        let is_there = |(name, file): &(PipelineName, Arc<Parsed<PipelineFile>>)| {
            unit.world.pipeline(name).is_some_and(|now| Arc::ptr_eq(&now.parsed, file))
        };
        same_table
            && !from.has_passing_messages
            && from.is_looked_up == looked_up.contains(&unit.file.name)
            && unit.salesforce.answers_the_same(&from.objects)
            && from.looks_up.iter().all(is_there)
    }

    fn make(
        unit: &Unit<'_>,
        (compiled, scripts): (Arc<Scripts>, Out),
        looked_up: &BTreeSet<PipelineName>,
        tools: &Tools<'_>,
    ) -> Self {
        let checked = Checked { unit, scripts: &compiled, mentions: mentions(unit, &compiled) };
        let (mut checks, mut not_yet, mut tables, mut notes) =
            (Out::new(), Out::new(), Out::new(), Vec::new());
        for check in CHECKS {
            check(&checked, &mut checks);
        }
        not_yet::check_not_yet(&checked, &mut not_yet);
        let plan = assemble::assemble(&checked, looked_up, &mut tables);
        check_tables::check_tables(&checked, &plan, tools.tables, (&mut tables, &mut notes));
        let others = plan.looks_up.iter().filter_map(|name| unit.world.pipeline(name));
        let from = Sources {
            file: Arc::clone(unit.parsed),
            is_looked_up: looked_up.contains(&unit.file.name),
            objects: unit.salesforce.asked(),
            table: (unit.app.table.clone(), unit.app.table_missing),
            looks_up: others.map(|file| (file.name.clone(), Arc::clone(&file.parsed))).collect(),
            has_passing_messages: unit.has_passing_messages(),
        };
        Self { from, compiled, scripts, checks, not_yet, tables, notes, plan: Arc::new(plan) }
    }
}

/// A file of which it is not known yet who looks it up.
pub(super) enum Draft {
    /// Its text is that of an earlier compilation.
    Known(Arc<Part>),
    /// It is new, with the messages of its expressions.
    New(Arc<Scripts>, Out),
}

impl Draft {
    pub(super) fn of(unit: &Unit<'_>, earlier: Option<&Arc<Part>>, engine: &Engine) -> Self {
        if let Some(part) = earlier {
            return Self::Known(Arc::clone(part));
        }
        let mut messages = Out::new();
        let scripts = Scripts::compile(unit, engine, &mut messages);
        Self::New(Arc::new(scripts), messages)
    }

    pub(super) fn scripts(&self) -> &Scripts {
        match self {
            Self::Known(part) => &part.compiled,
            Self::New(scripts, _) => scripts,
        }
    }

    /// The part as it is now; expressions depend on the text alone.
    pub(super) fn finish(
        self,
        unit: &Unit<'_>,
        looked_up: &BTreeSet<PipelineName>,
        tools: &Tools<'_>,
    ) -> Arc<Part> {
        match self {
            Self::Known(part) if part.fits(unit, looked_up) => part,
            Self::Known(part) => {
                let expressions = (Arc::clone(&part.compiled), part.scripts.clone());
                Arc::new(Part::make(unit, expressions, looked_up, tools))
            }
            Self::New(scripts, messages) => Arc::new(Part::make(unit, (scripts, messages), looked_up, tools)),
        }
    }
}
