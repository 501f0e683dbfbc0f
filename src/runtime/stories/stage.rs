//! Setting the stage of a story: its records as rows, its lookups as a table, its remembered pairs as links.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Mismatch;
use crate::model::{Key, Kind, Link, LinkState, Op, PipelineName, Row, Side, Value};
use crate::plan::Pipeline;
use crate::runtime::facts::{OrgFacts, RunContext, RunFacts};
use crate::spec::{ChangeSide, Literal, RecordStory, Spanned, TestSpec};
use crate::sync::{
    self, Decision, Fingerprints, Image, Known, LookupTable, MapInputs, Mapped, Match, Mode, Situation, Stop,
};

/// A record of a story.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) key: Key,
    pub(super) row: Row,
}

/// What changed on a side.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The record is now like this.
    Record(Actor),
    /// It was deleted.
    Deleted(Key),
}

/// Everything a story says, ready to be told.
pub(super) struct Stage<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) facts: RunFacts,
    pub(super) org: OrgFacts,
    pub(super) lookups: LookupTable,
    /// Linked and in sync before: every Salesforce record with the app record.
    pub(super) salesforce: Vec<Actor>,
    pub(super) app: Option<Actor>,
    pub(super) links: Vec<Link>,
    /// Exist, not linked.
    pub(super) others: [Vec<Actor>; 2],
    pub(super) salesforce_event: Option<Event>,
    pub(super) app_event: Option<Event>,
}

impl<'a> Stage<'a> {
    /// Reads the story. A value that does not fit its field is a mismatch of its own.
    pub(super) fn set(pipeline: &'a Pipeline, test: &TestSpec) -> Result<Self, Mismatch> {
        let now = test.now.as_ref().map_or_else(default_now, |now| now.value);
        let facts = RunFacts::new(now, TimeZone::UTC, Mode::Changes, Fingerprints::new(1));
        let org = OrgFacts {
            instance_url: "https://example.my.salesforce.com".into(),
            currency: "USD".into(),
            ..OrgFacts::default()
        };
        let mut stage = Self {
            pipeline,
            facts,
            org,
            lookups: lookups(test),
            salesforce: Vec::new(),
            app: None,
            links: Vec::new(),
            others: [Vec::new(), Vec::new()],
            salesforce_event: None,
            app_event: None,
        };
        stage.before(test)?;
        stage.changes(test)?;
        Ok(stage)
    }

    fn before(&mut self, test: &TestSpec) -> Result<(), Mismatch> {
        if let Some(before) = &test.before {
            for record in &before.value.salesforce {
                self.salesforce.push(self.actor(Side::Salesforce, record, None)?);
            }
            for record in &before.value.app {
                self.app = Some(self.actor(Side::App, record, None)?);
            }
        }
        if let Some(others) = &test.others {
            for record in &others.value.salesforce {
                let actor = self.actor(Side::Salesforce, record, None)?;
                self.others[0].push(actor);
            }
            for record in &others.value.app {
                let actor = self.actor(Side::App, record, None)?;
                self.others[1].push(actor);
            }
        }
        let Some(app) = &self.app else { return Ok(()) };
        self.links = self.salesforce.iter().map(|record| self.link(record, app)).collect();
        Ok(())
    }

    fn changes(&mut self, test: &TestSpec) -> Result<(), Mismatch> {
        let Some(change) = &test.change else { return Ok(()) };
        if let Some(side) = &change.value.salesforce {
            self.salesforce_event = Some(self.event(Side::Salesforce, &side.value)?);
        }
        if let Some(side) = &change.value.app {
            self.app_event = Some(self.event(Side::App, &side.value)?);
        }
        Ok(())
    }

    fn event(&self, side: Side, change: &ChangeSide) -> Result<Event, Mismatch> {
        match change {
            ChangeSide::Deleted => {
                let record = self.first(side);
                Ok(Event::Deleted(record.map_or_else(|| Key::app("?"), |record| record.key.clone())))
            }
            ChangeSide::Fields(fields) => {
                let id = if side == Side::Salesforce { fields.get("Id").map(|id| &id.value) } else { None };
                let base = match id {
                    Some(id) => self
                        .salesforce
                        .iter()
                        .find(|record| Some(record.key.as_str()) == key_text(id).as_deref()),
                    None => self.first(side),
                };
                self.actor(side, fields, base).map(Event::Record)
            }
        }
    }

    fn first(&self, side: Side) -> Option<&Actor> {
        match side {
            Side::Salesforce => self.salesforce.first(),
            Side::App => self.app.as_ref(),
        }
    }

    /// A record from its fields, laid over an earlier state. What a story does not name is empty; fields that nothing reads are ignored.
    fn actor(&self, side: Side, record: &RecordStory, base: Option<&Actor>) -> Result<Actor, Mismatch> {
        let schema = self.pipeline.schema(side);
        let mut row = match base {
            Some(base) => base.row.clone(),
            None => Row(vec![Value::Null; schema.len()].into_boxed_slice()),
        };
        for (path, literal) in &record.fields {
            if let Some(at) = schema.position(path.value.as_str()) {
                row.set(at, typed(literal, self.kind(side, at))?);
            }
        }
        let named = match side {
            Side::Salesforce => {
                record.get("Id").and_then(|id| key_text(&id.value)).map(|id| Key::salesforce(&id))
            }
            Side::App => self.key_of(record),
        };
        let key = named.or_else(|| base.map(|base| base.key.clone())).unwrap_or_else(|| Key::app("new"));
        Ok(Actor { key, row })
    }

    fn key_of(&self, record: &RecordStory) -> Option<Key> {
        let name = &self.pipeline.app.schema.fields().get(self.pipeline.app.key)?.name;
        record.get(name).and_then(|key| key_text(&key.value)).map(Key::app)
    }

    fn kind(&self, side: Side, at: usize) -> Kind {
        let modified = match side {
            Side::Salesforce => self.pipeline.salesforce.modified,
            Side::App => self.pipeline.app.modified,
        };
        let kind = self.pipeline.schema(side).fields().get(at).map_or(Kind::Any, |field| field.kind);
        if modified == Some(at) { Kind::DateTime } else { kind }
    }

    fn link(&self, salesforce: &Actor, app: &Actor) -> Link {
        let to_app = self.map(Side::App, &salesforce.row, Some(&app.row), Op::Update).ok();
        let to_salesforce = self.map(Side::Salesforce, &app.row, Some(&salesforce.row), Op::Update).ok();
        let none = Match::None;
        let situation = Situation {
            salesforce: Some(Known { key: &salesforce.key, row: &salesforce.row, modified: None }),
            app: Some(Known { key: &app.key, row: &app.row, modified: None }),
            to_app: to_app.as_ref(),
            to_salesforce: to_salesforce.as_ref(),
            ..self.situation(Side::Salesforce, &none)
        };
        let (salesforce_baseline, app_baseline) = sync::baselines(
            &situation,
            &Image::after(&situation, &Decision::Nothing { kept: Vec::new() }, |_| false),
        );
        Link {
            salesforce: salesforce.key.clone(),
            app: app.key.clone(),
            state: LinkState::Active,
            made: None,
            salesforce_version: None,
            app_version: None,
            row_set: self.pipeline.row_set.id,
            salesforce_baseline,
            app_baseline,
        }
    }

    /// A situation in which nothing is known yet.
    pub(super) fn situation<'s>(&'s self, origin: Side, matched: &'s Match) -> Situation<'s> {
        Situation {
            pipeline: self.pipeline,
            mode: Mode::Changes,
            origin,
            salesforce: None,
            app: None,
            to_app: None,
            to_salesforce: None,
            link: None,
            siblings: &[],
            outdone: false,
            adopting: false,
            take: None,
            matched,
            fingerprints: self.facts.fingerprints,
        }
    }

    /// The record as it was before the change of the story.
    pub(super) fn old(&self, side: Side, row: &Row) -> Option<&Row> {
        let key = match side {
            Side::Salesforce => self.pipeline.salesforce.id,
            Side::App => self.pipeline.app.key,
        };
        let before = match side {
            Side::Salesforce => self.salesforce.iter().find(|actor| actor.row.get(key) == row.get(key)),
            Side::App => self.app.as_ref().filter(|actor| actor.row.get(key) == row.get(key)),
        };
        before.map(|actor| &actor.row).filter(|before| *before != row)
    }

    /// A record in the terms of the other side.
    pub(super) fn map(&self, towards: Side, row: &Row, other: Option<&Row>, op: Op) -> Result<Mapped, Stop> {
        let context = RunContext::new(&self.org, &self.facts, &self.lookups, towards.other());
        let inputs = MapInputs {
            other,
            old: self.old(towards.other(), row),
            op,
            now: self.facts.now,
            today: self.facts.today,
            lookups: &self.lookups,
            context: &context,
        };
        sync::map(self.pipeline, row, towards, &inputs)
    }
}

/// A fixed instant for stories that name none.
fn default_now() -> Timestamp {
    Timestamp::from_second(1_772_366_400).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn lookups(test: &TestSpec) -> LookupTable {
    let mut table = LookupTable::default();
    for story in &test.lookups {
        for (salesforce, app) in &story.pairs {
            let (Some(salesforce), Some(app)) = (key_text(&salesforce.value), key_text(&app.value)) else {
                continue;
            };
            let (salesforce, app) = (Key::salesforce(&salesforce), Key::app(app));
            let pipeline: &PipelineName = &story.pipeline.value;
            table.insert(pipeline.clone(), Side::Salesforce, salesforce.clone(), Some(app.clone()));
            table.insert(pipeline.clone(), Side::App, app, Some(salesforce));
        }
    }
    table
}

/// The text of a key, as written.
fn key_text(literal: &Literal) -> Option<String> {
    literal.text().map(str::to_owned)
}

/// A literal as a value of its field.
pub(super) fn typed(literal: &Spanned<Literal>, kind: Kind) -> Result<Value, Mismatch> {
    literal.value.of_kind(kind).ok_or_else(|| Mismatch {
        expected: format!("a value of kind {}", kind.name()),
        got: literal.value.text().unwrap_or("a list or a map").to_owned(),
        because: None,
        span: Some(literal.span),
    })
}
