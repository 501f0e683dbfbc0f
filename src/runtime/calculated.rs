//! What Salesforce calculates: formulas, roll-ups and fields of parents move without the stamp of the record, and no event tells of it. Between
//! two comparisons they are read by themselves, ids and what such rows need and nothing else, and held against what the pairs agreed on.
//! Records of which one has moved go into the queue and are read and decided as ever. Nothing is decided here.

use jiff::{SignedDuration, Timestamp};

use super::batch::align;
use super::facts::RunContext;
use super::pass::{PassError, Runner};
use super::schedule;
use crate::connect::{ConnectError, Limit, Source};
use crate::expr::Var;
use crate::model::{Change, ChangeEvent, Cursor, Field, Key, Link, ObjectInfo, Op, Read, Row, Schema, Side};
use crate::plan::{Flow, Lane, Mapping, Pipeline, Scope};
use crate::spec::values::Schedule;
use crate::sync::{Fingerprints, LookupTable, MapInputs, Mode, has_moved};

/// From one beginning to the next.
const PERIOD: SignedDuration = SignedDuration::from_hours(1);
/// Records of one look at most; the next look goes on.
const AT_ONCE: usize = 100_000;
/// Records that are held in memory.
const BATCH: usize = 2_000;

/// What a pipeline reads of what Salesforce calculates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Narrow {
    /// Rows that need such a field.
    rows: Vec<usize>,
    /// What these rows need, by position in the schema of the pipeline.
    columns: Vec<usize>,
}

impl Narrow {
    /// Of a pipeline that remembers its pairs; others know what both sides said only by reading both. `None`: nothing moves unseen.
    pub(super) fn of(pipeline: &Pipeline, object: &ObjectInfo) -> Option<Self> {
        let compares = pipeline.lane == Lane::Linked && pipeline.reconcile != Schedule::Off;
        if !compares || !pipeline.to_app.update || pipeline.scope(Side::Salesforce) == Scope::Referenced {
            return None;
        }
        let fields = pipeline.salesforce.schema.fields();
        let unseen = |at: &usize| fields.get(*at).is_some_and(|field| moves_unseen(object, &field.name));
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        for (at, row) in pipeline.rows.iter().enumerate() {
            let Some(needs) = needs(row).filter(|needs| needs.iter().any(unseen)) else { continue };
            rows.push(at);
            columns.extend(needs);
        }
        columns.sort_unstable();
        columns.dedup();
        (!rows.is_empty()).then_some(Self { rows, columns })
    }

    /// The columns as they are asked for.
    pub(super) fn schema(&self, pipeline: &Pipeline) -> Schema {
        let fields = pipeline.salesforce.schema.fields();
        let field = |at: &usize| {
            fields.get(*at).map(|Field { name, kind }| Field { name: name.clone(), kind: *kind })
        };
        Schema::new(self.columns.iter().filter_map(field))
    }

    /// A record as a pipeline reads it, as far as it was read.
    fn widened(&self, pipeline: &Pipeline, narrow: &Row) -> Row {
        let mut row = Row::absent(pipeline.salesforce.schema.len());
        for (at, column) in self.columns.iter().enumerate() {
            row.set(*column, narrow.get(at).clone());
        }
        row
    }
}

/// What a row needs of the record to say something in an update; `None` where it does not, or needs more than the record.
fn needs(row: &Mapping) -> Option<Vec<usize>> {
    if !row.is_live(Side::App, Op::Update) || row.lookup.is_some() {
        return None;
    }
    match &row.to_app {
        Flow::Copy => Some(row.salesforce.into_iter().collect()),
        Flow::Compute(bound) => {
            let script = bound.script();
            let more = script.uses(Var::Other) || script.uses(Var::Old) || script.linked().next().is_some();
            let value = row.salesforce.filter(|_| script.uses(Var::Value));
            (!more)
                .then(|| bound.positions(Var::Record).unwrap_or_default().into_iter().chain(value).collect())
        }
        Flow::Off | Flow::Const(_) => None,
    }
}

/// Formulas and roll-ups, and what is read over a lookup.
fn moves_unseen(object: &ObjectInfo, name: &str) -> bool {
    name.contains('.') || object.field(name).is_some_and(|field| field.calculated)
}

/// A reader of what Salesforce calculates, and how far it is.
pub struct Calculated {
    narrow: Narrow,
    source: Box<dyn Source>,
    /// When the reading that is under way or was last began.
    begun: Option<Timestamp>,
    /// Where it goes on; `None` where none is under way.
    cursor: Option<Cursor>,
}

impl Calculated {
    pub(super) fn new(narrow: Narrow, source: Box<dyn Source>) -> Self {
        Self { narrow, source, begun: None, cursor: None }
    }

    /// Everything was read just now: by a comparison.
    fn is_fresh(&mut self, now: Timestamp) {
        (self.begun, self.cursor) = (Some(now), None);
    }

    /// Whether to read now. What was just begun was just loaded or compared; names are spread.
    fn is_due(&mut self, now: Timestamp, name: &str) -> bool {
        let spread = || now - SignedDuration::try_from(schedule::soon(name)).unwrap_or_default();
        let begun = *self.begun.get_or_insert_with(spread);
        let is_due = self.cursor.is_some() || now.duration_since(begun) >= PERIOD;
        if is_due && self.cursor.is_none() {
            self.begun = Some(now);
        }
        is_due
    }

    async fn next(&mut self) -> Result<Vec<ChangeEvent>, ConnectError> {
        let limit = Limit { records: BATCH, ..Limit::default() };
        let read = self.source.read(self.cursor.as_ref(), limit).await;
        self.cursor = None;
        let Read::Batch { events, next, .. } = read? else { return Ok(Vec::new()) };
        self.cursor = Some(next).filter(|next| matches!(next, Cursor::Backfill { .. }));
        Ok(events)
    }
}

impl Runner {
    /// Looks for records of which something calculated has moved, once an hour, and queues them. What cannot be read now is read later: it is
    /// no reason to stop what follows changes.
    pub(super) async fn refresh(&mut self) -> Result<(), PassError> {
        let Some(mut calculated) = self.calculated.take() else { return Ok(()) };
        let refreshed = self.refresh_with(&mut calculated).await;
        self.calculated = Some(calculated);
        match refreshed {
            Err(PassError::Connect(error)) => {
                tracing::warn!(pipeline = %self.name(), %error, "calculated fields were not read; they are in an hour, or by the next comparison");
                Ok(())
            }
            other => other,
        }
    }

    /// A comparison has read them.
    pub(super) fn refreshed(&mut self) {
        let now = self.clock.now();
        if let Some(calculated) = &mut self.calculated {
            calculated.is_fresh(now);
        }
    }

    async fn refresh_with(&mut self, calculated: &mut Calculated) -> Result<(), PassError> {
        if !calculated.is_due(self.clock.now(), self.name().as_str()) {
            return Ok(());
        }
        let (mut read, mut queued) = (0, 0);
        loop {
            let events = calculated.next().await?;
            read += events.len();
            let moved = self.moved(&calculated.narrow, events)?;
            queued += moved.len();
            if !moved.is_empty() {
                self.store.touch(self.name(), Side::Salesforce, &moved)?;
            }
            let interrupted = self.interrupt.load(std::sync::atomic::Ordering::Relaxed);
            if calculated.cursor.is_none() || read >= AT_ONCE || interrupted {
                tracing::debug!(pipeline = %self.name(), read, queued, "calculated fields were read");
                return Ok(());
            }
        }
    }

    /// The linked records that say something else than their pairs agreed on.
    fn moved(&self, narrow: &Narrow, events: Vec<ChangeEvent>) -> Result<Vec<Key>, PassError> {
        let rows = events.into_iter().filter_map(|event| match event.change {
            Change::Upsert(row) => Some((event.key, narrow.widened(&self.pipeline, &row))),
            _ => None,
        });
        let (keys, rows): (Vec<Key>, Vec<Row>) = rows.unzip();
        let generation = self.pipeline.generation;
        let links = self.store.links_of(self.name(), generation, (Side::Salesforce, &keys))?;
        let setting = self.gathered(Mode::Changes, Side::Salesforce).setting;
        let (facts, lookups) = (&setting.facts, LookupTable::default());
        let context = RunContext::new(&self.org, facts, &lookups, Side::Salesforce);
        let inputs = MapInputs {
            other: None,
            old: None,
            op: Op::Update,
            now: facts.now,
            today: facts.today,
            lookups: &lookups,
            context: &context,
        };
        let mut moved = Vec::new();
        for ((key, row), links) in keys.into_iter().zip(&rows).zip(links) {
            let says_else = |link: Link| {
                let link = align(&self.pipeline, &self.row_sets, link);
                let agreed: (Fingerprints, &Link) = (facts.fingerprints, &link);
                narrow.rows.iter().any(|at| has_moved(&self.pipeline, (*at, row), &inputs, agreed))
            };
            if links.into_iter().any(says_else) {
                moved.push(key);
            }
        }
        Ok(moved)
    }
}
