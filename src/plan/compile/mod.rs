//! Pipeline files → plans. Every rule is one `check_*` function in a file of its own; all of them run, so that one look shows
//! everything. A file with errors gives no plan and takes nobody along.
//!
//! Read [`compile_all`] first.

mod app;
mod assemble;
mod backfill;
mod check_app_source;
mod check_connections;
mod check_fields;
mod check_files;
mod check_filters;
mod check_idempotent;
mod check_lookups;
mod check_match;
mod check_object;
mod check_org;
mod check_picklists;
mod check_push;
mod check_read_only;
mod check_required;
mod check_safety;
mod check_scripts;
mod check_tables;
mod check_types;
mod check_writes;
mod circles;
mod columns;
mod kept;
mod lane;
mod literals;
mod mentions;
mod not_yet;
mod order;
mod ownership;
mod row_set;
mod rows;
mod salesforce;
mod scripts;
mod selection;
mod soql;
mod sql;
mod suggest;
mod unit;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

pub use app::AppKind;
pub use check_org::check_org;
pub use kept::Kept;
pub use order::order;
pub(super) use rows::row_name;

use self::kept::{Draft, Part};
use self::mentions::Mention;
use self::scripts::Scripts;
use self::unit::{Out, Unit, World};
use crate::diag::{Diagnostic, SourceId, Span};
use crate::expr::Engine;
use crate::model::{ConnectionName, PipelineName, TableInfo};
use crate::plan::catalog::{Catalog, Knowledge};
use crate::plan::required::RequiredTable;
use crate::plan::{Files, Pipeline};

/// Writes the statements that make a table fit; given by the layer that speaks the dialects.
pub trait TableWriter: Sync {
    /// Statements to paste: the whole table where there is none, else the columns that are missing. `None` if nothing is.
    fn statements(&self, wanted: &RequiredTable, existing: Option<&TableInfo>) -> Option<String>;
}

/// What a compilation needs besides files and catalog.
pub struct Tools<'a> {
    /// The expression engine of the process.
    pub engine: &'a Engine,
    /// The time of the compilation, for ages in notes.
    pub now: Timestamp,
    /// Leave out the refusals of what cannot run yet: inline tests are evaluated without running anything.
    pub ignore_not_yet: bool,
    /// For statements in messages; without it the messages have none.
    pub tables: Option<&'a dyn TableWriter>,
}

/// A file that gives no plan; its messages say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// What came of all files.
#[derive(Debug, Default)]
pub struct Compiled {
    /// One plan per pipeline file without errors.
    pub pipelines: BTreeMap<PipelineName, Result<Arc<Pipeline>, Broken>>,
    /// The connections, `Err` for files with errors.
    pub connections: BTreeMap<ConnectionName, Result<(), Broken>>,
    /// Everything there is to say, those of reading the files included, file by file in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// What was not checked and why, and what will be made.
    pub notes: Vec<String>,
    /// For the next compilation.
    pub kept: Kept,
    /// How many fields of each file were held against the schemas, and which are not there.
    pub fields: BTreeMap<PipelineName, FieldsChecked>,
}

/// The fields that a file names, each once, as far as the schemas are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldsChecked {
    /// Fields held against the org.
    pub salesforce: usize,
    /// Fields held against the app.
    pub app: usize,
    /// Fields that the org does not show to the integration user, with their first places.
    pub unseen: Vec<(String, Span)>,
}

impl Compiled {
    /// The plans in the order in which they should begin.
    pub fn plans(&self) -> Vec<Arc<Pipeline>> {
        let plans: Vec<Arc<Pipeline>> =
            self.pipelines.values().filter_map(|plan| plan.as_ref().ok().map(Arc::clone)).collect();
        let rank: BTreeMap<PipelineName, usize> =
            order(&plans).into_iter().enumerate().map(|(at, name)| (name, at)).collect();
        let mut plans = plans;
        plans.sort_by_key(|plan| rank.get(&plan.name).copied());
        plans
    }
}

/// A unit with its expressions and everything it names, for the checks.
struct Checked<'a> {
    unit: &'a Unit<'a>,
    scripts: &'a Scripts,
    mentions: Vec<Mention>,
    fields: RefCell<FieldsChecked>,
}

type Check = fn(&Checked<'_>, &mut Out);

/// The rules of one file, in the order of section 6 of the language.
const CHECKS: &[Check] = &[
    check_connections::check_connections,
    check_lookups::check_lookups,
    check_match::check_match,
    check_writes::check_writes,
    check_object::check_object,
    check_fields::check_fields,
    check_types::check_types,
    check_types::check_one_of,
    check_read_only::check_read_only,
    check_required::check_required,
    check_picklists::check_picklists,
    check_idempotent::check_idempotent,
    check_push::check_push,
    check_filters::check_filters,
    check_scripts::check_scripts,
    check_safety::check_safety,
];

/// Compiles every file of a folder. Pure: the same files and catalog give the same plans.
pub fn compile_all(files: &Files, catalog: &Catalog, tools: &Tools<'_>) -> Compiled {
    compile_after(files, catalog, tools, &Kept::default())
}

/// Compiles what changed since an earlier compilation and says exactly what [`compile_all`] would: a file keeps its plan and its
/// messages as long as everything that they were made from is the same. Rules that go over all files are looked at each time.
pub fn compile_after(files: &Files, catalog: &Catalog, tools: &Tools<'_>, before: &Kept) -> Compiled {
    let world = World::new(files, catalog, tools.now);
    let units: Vec<Unit<'_>> = files.pipelines.iter().filter_map(|file| Unit::new(&world, file)).collect();
    let mut kept = Kept::around(files);
    let earlier = |unit: &Unit<'_>| before.part(&kept, unit);
    let drafts: Vec<Draft> = units.iter().map(|unit| Draft::of(unit, earlier(unit), tools.engine)).collect();
    let mut across: BTreeMap<usize, Out> = BTreeMap::new();
    for (at, error) in ownership::check_ownership(&units).into_iter().chain(circles::check_circles(&units)) {
        across.entry(at).or_default().push(error);
    }
    let mut compiled = Compiled { notes: notes(&units), ..Compiled::default() };
    let looked_up = looked_up(&units, &drafts);
    for (at, (unit, draft)) in units.iter().zip(drafts).enumerate() {
        let part = draft.finish(unit, &looked_up, tools);
        compiled.add(unit, &part, (across.remove(&at).unwrap_or_default(), tools.ignore_not_yet));
        kept.put(&unit.file.name, part);
    }
    compiled.kept = kept;
    finish(files, &world, &mut compiled);
    compiled
}

impl Compiled {
    /// One file: its own messages around those of the rules that go over all files.
    fn add(&mut self, unit: &Unit<'_>, part: &Part, (across, ignore_not_yet): (Out, bool)) {
        let name = unit.file.name.clone();
        let unread = unit.world.pipeline(&name).is_none_or(|file| file.parsed.has_errors());
        let not_yet = if ignore_not_yet { &[][..] } else { &part.not_yet };
        let messages = [&part.scripts[..], &across, &part.checks, not_yet, &part.tables];
        let broken = unread || messages.iter().any(|all| all.iter().any(Diagnostic::is_error));
        self.diagnostics.extend(messages.into_iter().flatten().cloned());
        self.notes.extend(part.notes.iter().cloned());
        self.fields.insert(name.clone(), part.fields.clone());
        self.pipelines.insert(name, if broken { Err(Broken) } else { Ok(Arc::clone(&part.plan)) });
    }
}

/// Connections, files that could not be read at all, and the order of the messages.
fn finish(files: &Files, world: &World<'_>, compiled: &mut Compiled) {
    let mut waiting: BTreeMap<ConnectionName, Vec<PipelineName>> = BTreeMap::new();
    for file in files.pipelines.iter().filter_map(|file| file.value()) {
        for name in
            BTreeSet::from([file.salesforce.connection_name(), file.app.resource.connection.value.clone()])
        {
            waiting.entry(name).or_default().push(file.name.clone());
        }
    }
    let ranks: BTreeMap<PipelineName, usize> =
        compiled.plans().iter().enumerate().map(|(at, plan)| (plan.name.clone(), at)).collect();
    for names in waiting.values_mut() {
        names.sort_by_key(|name| (ranks.get(name).copied().unwrap_or(usize::MAX), name.clone()));
    }
    for file in &files.connections {
        let mut out = Vec::new();
        if let Some(connection) = file.value() {
            out.extend(check_files::check_secrets(world, connection, &waiting));
            let facts = world.catalog.org(&connection.name).and_then(|org| org.facts.as_ref());
            out.extend(facts.and_then(|facts| check_org(connection, facts)));
        }
        let broken = file.parsed.has_errors() || out.iter().any(Diagnostic::is_error);
        compiled.diagnostics.append(&mut out);
        compiled.connections.insert(file.name.clone(), if broken { Err(Broken) } else { Ok(()) });
    }
    for file in files.pipelines.iter().filter(|file| file.parsed.value.is_none()) {
        compiled.pipelines.insert(file.name.clone(), Err(Broken));
    }
    let read = files.pipelines.iter().flat_map(|file| &file.parsed.diagnostics);
    let read = read.chain(files.connections.iter().flat_map(|file| &file.parsed.diagnostics));
    let read = read.chain(files.settings.iter().flat_map(|parsed| &parsed.diagnostics));
    compiled.diagnostics.extend(read.cloned());
    compiled.diagnostics.extend(check_files::check_names(files));
    let places = places(files);
    let place = |error: &Diagnostic| {
        let span = error.primary.as_ref().map(|label| label.span)?;
        Some((places.get(&span.source).copied(), span.source, span.start))
    };
    compiled.diagnostics.sort_by_key(place);
}

/// The order of the files in messages: settings, connections, pipelines, however often and in which order they were read.
fn places(files: &Files) -> BTreeMap<SourceId, usize> {
    let connections = files.connections.iter().map(|file| file.source);
    let pipelines = files.pipelines.iter().map(|file| file.source);
    connections.chain(pipelines).enumerate().map(|(rank, source)| (source, rank)).collect()
}

/// Pipelines that some other file looks up: they need links.
fn looked_up(units: &[Unit<'_>], drafts: &[Draft]) -> BTreeSet<PipelineName> {
    let rows = units.iter().flat_map(|unit| unit.file.fields.iter());
    let named = rows.filter_map(|row| row.lookup.as_ref()).flat_map(|entry| &entry.value);
    let named = named.map(|name| name.value.clone());
    named.chain(drafts.iter().flat_map(|draft| draft.scripts().linked()).map(|(name, _)| name)).collect()
}

/// What could not be checked, once per connection.
fn notes(units: &[Unit<'_>]) -> Vec<String> {
    let mut without = BTreeSet::new();
    for unit in units {
        if unit.salesforce_connection.is_some() && matches!(unit.salesforce.object, Knowledge::Unknown) {
            without.insert(unit.file.salesforce.connection_name());
        }
        if unit.app.is_sql() && unit.app.table.is_none() && !unit.app.table_missing {
            without.insert(unit.file.app.resource.connection.value.clone());
        }
    }
    without.iter().map(without_schema).collect()
}

/// The note about a connection of which nothing is known.
pub fn without_schema(name: &ConnectionName) -> String {
    format!("checked without the schema of {name}: run with --online")
}
