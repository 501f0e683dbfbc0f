//! What is remembered of a pair: the two views of each row in common terms, their fingerprints, and the baseline after a write.

use std::borrow::Cow;

use super::decide::{Decision, SideWrite, Situation};
use super::map::{MapInputs, Mapped, Slot, says};
use super::merge::Baseline;
use crate::expr::normal;
use crate::model::{self, Fingerprint, Link, Row, Side, Value};
use crate::plan::{Flow, Mapping, Pipeline, WritePolicy};

/// Both sides of a row in common terms: those of the app if the row flows there, else those of Salesforce.
#[derive(Clone, Debug)]
pub struct Views<'a> {
    /// What Salesforce has to say.
    pub salesforce: Cow<'a, Value>,
    /// What the app has to say.
    pub app: &'a Value,
}

/// The views of a row, if both sides are known and the row has something to say.
pub(super) fn views<'a>(situation: &Situation<'a>, at: usize) -> Option<Views<'a>> {
    let mapping = situation.pipeline.rows.get(at)?;
    if is_pending(situation.to_app, at) || is_pending(situation.to_salesforce, at) {
        // Settled now, it would count as equal before it was ever filled in.
        return None;
    }
    if mapping.to_app.is_on() {
        let salesforce = spoken(situation.to_app, at)?;
        let app = situation.app?.row.get(mapping.app?);
        return (!app.is_absent()).then_some(Views { salesforce: Cow::Borrowed(salesforce), app });
    }
    let app = spoken(situation.to_salesforce, at)?;
    let salesforce = situation.salesforce?.row.get(mapping.salesforce?);
    (!salesforce.is_absent()).then_some(Views { salesforce: Cow::Borrowed(salesforce), app })
}

/// Whether the row waits for a record of another pipeline (`missing: empty`).
fn is_pending(mapped: Option<&Mapped>, at: usize) -> bool {
    mapped.is_some_and(|mapped| matches!(mapped.slots.get(at), Some(Slot::Pending)))
}

fn spoken(mapped: Option<&Mapped>, at: usize) -> Option<&Value> {
    match mapped?.slots.get(at)? {
        Slot::Value(value) if !value.is_absent() => Some(value),
        _ => None,
    }
}

/// Whether both sides of a row mean the same. Two views that differ still do if a side holds just what it makes of what the other
/// says: the difference is how that side stores a value, and nobody made it.
pub(super) fn agree(situation: &Situation<'_>, at: usize, now: Baseline) -> bool {
    now.salesforce == now.app
        || stores(situation, at, Side::App).unwrap_or(false)
        || stores(situation, at, Side::Salesforce).unwrap_or(false)
}

/// Whether what a side holds is what it makes of what the other says. Of a computed value only the storing is forgiven: two
/// expressions need not be the way back of each other.
fn stores(situation: &Situation<'_>, at: usize, side: Side) -> Option<bool> {
    let (mapped, record) = match side {
        Side::App => (situation.to_app, situation.app),
        Side::Salesforce => (situation.to_salesforce, situation.salesforce),
    };
    let mapping = situation.pipeline.rows.get(at)?;
    let (said, held) = (spoken(mapped, at)?, record?.row.get(mapping.field_on(side)?));
    if held.is_absent() || !mapping.flow_to(side).is_on() {
        return None;
    }
    let make = situation.fingerprints;
    let (said, held) = (in_form(mapping, side, said), make.of(mapping, held));
    let forgiven = match said {
        Cow::Owned(_) => true,
        Cow::Borrowed(_) => mapping.is_copied_to(side),
    };
    Some(forgiven && make.of(mapping, &said) == held)
}

/// A value as a side will store it; borrowed where that changes nothing.
pub(super) fn in_form<'a>(mapping: &Mapping, side: Side, value: &'a Value) -> Cow<'a, Value> {
    match mapping.stored_on(side).map(|form| form.apply(value)) {
        Some(stored) if !model::same_value(&stored, value) => Cow::Owned(stored),
        _ => Cow::Borrowed(value),
    }
}

/// Makes the keyed fingerprints of values: with another seed the same values give other fingerprints.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprints {
    seed: u64,
    region: Option<[u8; 2]>,
}

impl Fingerprints {
    /// With the secret seed of the state.
    pub fn new(seed: u64) -> Self {
        Self { seed, region: None }
    }

    /// With the country of phone numbers that do not say theirs.
    #[must_use]
    pub fn at_home_in(self, region: Option<&str>) -> Self {
        Self { region: region.and_then(|region| region.as_bytes().try_into().ok()), ..self }
    }

    /// The country of phone numbers that do not say theirs.
    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_ref().and_then(|region| std::str::from_utf8(region).ok())
    }

    /// Of a value of a row, in the row's normal form.
    pub fn of(self, mapping: &Mapping, value: &Value) -> Fingerprint {
        match mapping.form {
            Some(form) => model::fingerprint(&normal::normalise(value, form, self.region()), self.seed),
            None => model::fingerprint(value, self.seed),
        }
    }

    /// Of both views of a row.
    pub fn of_views(self, mapping: &Mapping, views: &Views<'_>) -> Baseline {
        let salesforce = self.of(mapping, &views.salesforce);
        // Most rows say the same on both sides.
        let is_same = *views.app == *views.salesforce;
        let app = if is_same { salesforce } else { self.of(mapping, views.app) };
        Baseline { salesforce, app }
    }
}

/// What a side says in a row now, as its baseline would have it.
pub fn seen(situation: &Situation<'_>, at: usize, side: Side) -> Fingerprint {
    let row = situation.pipeline.rows.get(at).zip(views(situation, at));
    let now = row.map(|(mapping, views)| situation.fingerprints.of_views(mapping, &views));
    now.map_or(Fingerprint::UNKNOWN, |now| if side == Side::App { now.app } else { now.salesforce })
}

/// The stored baseline of a row.
pub(super) fn stored(link: &Link, at: usize) -> Baseline {
    Baseline {
        salesforce: link.salesforce_baseline.get(at).copied().unwrap_or_default(),
        app: link.app_baseline.get(at).copied().unwrap_or_default(),
    }
}

/// Fingerprints of what a record of a side says, row by row, in common terms; `UNKNOWN` where it says nothing. `mapped` is the record in
/// the terms of the other side. For `is_unchanged` before anything is fetched.
pub fn fingerprints(
    pipeline: &Pipeline,
    (side, record): (Side, &Row),
    mapped: &Mapped,
    make: Fingerprints,
) -> Box<[Fingerprint]> {
    let rows = pipeline.rows.iter().zip(&mapped.slots);
    rows.map(|(mapping, slot)| match (slot, mapping.field_on(side)) {
        (Slot::Value(value), _) if !value.is_absent() && terms(mapping) != side => make.of(mapping, value),
        (Slot::Value(_), Some(field)) if !record.get(field).is_absent() => {
            make.of(mapping, record.get(field))
        }
        _ => Fingerprint::UNKNOWN,
    })
    .collect()
}

/// The side in whose terms a row is compared.
fn terms(mapping: &Mapping) -> Side {
    if mapping.to_app.is_on() { Side::App } else { Side::Salesforce }
}

/// Whether what a side says now is what it said when the pair was last settled: an echo or a re-read, nothing to do.
pub fn is_unchanged(now: &[Fingerprint], then: &[Fingerprint]) -> bool {
    now.len() == then.len() && now.iter().zip(then).all(|(now, then)| !now.is_known() || now == then)
}

/// Whether a side of a pair is, in every row, as it was when both sides agreed. Where this holds of both sides they agree now, whatever the
/// policy: nobody has to bring them together to see it. A row in which the side that is mapped says nothing is nobody's.
pub fn is_as_agreed(
    pipeline: &Pipeline,
    (side, record): (Side, &Row),
    mapped: &Mapped,
    (make, link): (Fingerprints, &Link),
) -> bool {
    pipeline.rows.iter().enumerate().all(|(at, mapping)| {
        let then = stored(link, at);
        let maps = terms(mapping) != side;
        let now = match (maps, mapping.field_on(side)) {
            (true, _) => spoken(Some(mapped), at),
            (false, Some(field)) => Some(record.get(field)).filter(|value| !value.is_absent()),
            (false, None) => None,
        };
        match now {
            _ if then.salesforce != then.app => false,
            None => true,
            Some(_) if !then.is_known() => !maps,
            Some(value) => make.of(mapping, value) == then.salesforce,
        }
    })
}

/// Whether a row of a Salesforce record, of which only what the row needs was read, says something else than the pair agreed on. Where it
/// cannot say anything by itself, or never agreed, nobody knows: a comparison of everything sees to it.
pub fn has_moved(
    pipeline: &Pipeline,
    (at, record): (usize, &Row),
    inputs: &MapInputs<'_>,
    (make, link): (Fingerprints, &Link),
) -> bool {
    let then = stored(link, at).salesforce;
    let Some(mapping) = pipeline.rows.get(at).filter(|_| then.is_known() && !link.state.is_gone()) else {
        return false;
    };
    match says(pipeline, (at, record), Side::App, inputs) {
        Some(value) => !value.is_absent() && make.of(mapping, &value) != then,
        None => false,
    }
}

/// The pair as it is after the writes of a decision were stored: what the next look is compared with.
#[derive(Clone, Debug)]
pub struct Image {
    /// The Salesforce record after the write.
    pub salesforce: Row,
    /// The app record after the write.
    pub app: Row,
    /// Rows by which Salesforce was told what the app says.
    told: Vec<usize>,
    /// Rows whose write was not stored: whoever changed them last is still owed an answer.
    owed: Vec<usize>,
}

impl Image {
    /// The records of a situation with the values of a decision laid over them, as far as they were `written`.
    pub fn after(situation: &Situation<'_>, decision: &Decision, written: impl Fn(Side) -> bool) -> Self {
        let blank = |side: Side| Row::absent(situation.pipeline.schema(side).len());
        let mut image = Self {
            salesforce: situation
                .salesforce
                .map_or_else(|| blank(Side::Salesforce), |known| known.row.clone()),
            app: situation.app.map_or_else(|| blank(Side::App), |known| known.row.clone()),
            told: Vec::new(),
            owed: Vec::new(),
        };
        match decision {
            Decision::Create { on, row } if written(*on) => {
                image.overlay(situation.pipeline, *on, row, true);
                if *on == Side::Salesforce {
                    image.told = (0..situation.pipeline.rows.len()).collect();
                }
            }
            Decision::Update { writes, .. } => {
                for write in writes {
                    image.update(situation.pipeline, write, written(write.side));
                }
            }
            _ => {}
        }
        image
    }

    fn update(&mut self, pipeline: &Pipeline, write: &SideWrite, written: bool) {
        if !written {
            self.owed.extend(&write.rows);
            return;
        }
        self.overlay(pipeline, write.side, &write.row, false);
        if write.side == Side::Salesforce {
            self.told.extend(&write.rows);
        }
    }

    /// The views of a row that Salesforce was told and nobody has mapped back yet: it says what the app says, as it stores that. Rows
    /// with expressions may say something else, which only the next look tells.
    fn echo(&self, pipeline: &Pipeline, at: usize) -> Option<Views<'_>> {
        let mapping = pipeline.rows.get(at).filter(|_| self.told.contains(&at))?;
        let copied = |side: Side| matches!(mapping.flow_to(side), Flow::Copy);
        if !copied(Side::App) || !copied(Side::Salesforce) || mapping.write == WritePolicy::Off {
            return None;
        }
        let app = self.app.get(mapping.app?);
        let is_copied = mapping.is_copied_to(Side::Salesforce);
        let salesforce = if is_copied { in_form(mapping, Side::Salesforce, app) } else { Cow::Borrowed(app) };
        (!app.is_absent()).then_some(Views { salesforce, app })
    }

    /// Lays what was written over a record, in the form in which the side stores it.
    fn overlay(&mut self, pipeline: &Pipeline, side: Side, row: &Row, created: bool) {
        let target = match side {
            Side::Salesforce => &mut self.salesforce,
            Side::App => &mut self.app,
        };
        for (at, value) in row.0.iter().enumerate() {
            match value {
                Value::Absent if created => target.set(at, Value::Null),
                Value::Absent => {}
                value => target.set(at, value.clone()),
            }
        }
        for mapping in &pipeline.rows {
            let (Some(field), Some(form)) = (mapping.field_on(side), mapping.stored_on(side)) else {
                continue;
            };
            if created || !row.get(field).is_absent() {
                let stored = form.apply(target.get(field));
                target.set(field, stored);
            }
        }
    }
}

/// The baselines of a pair after it was settled. `after` is the situation of the image: both rows and both mappings as they are now.
/// A row that was kept although it differs keeps the baseline of its target, so that `unless_edited` goes on seeing the edit. A row whose
/// write was refused keeps all of its baseline, so that the change is seen again.
pub fn baselines(after: &Situation<'_>, image: &Image) -> (Box<[Fingerprint]>, Box<[Fingerprint]>) {
    let rows = after.pipeline.rows.iter().enumerate();
    let pairs = rows.map(|(at, mapping)| {
        let then = after.link.map_or(Baseline::default(), |link| stored(link, at));
        if image.owed.contains(&at) {
            return then;
        }
        let pending = is_pending(after.to_salesforce, at);
        let echo = if pending { None } else { image.echo(after.pipeline, at) };
        match echo.or_else(|| views(after, at)) {
            Some(views) => {
                let now = after.fingerprints.of_views(mapping, &views);
                settled(after.pipeline, mapping, (now, agree(after, at, now)), then)
            }
            None => then,
        }
    });
    let (salesforce, app): (Vec<_>, Vec<_>) = pairs.map(|pair| (pair.salesforce, pair.app)).unzip();
    (salesforce.into_boxed_slice(), app.into_boxed_slice())
}

fn settled(
    pipeline: &Pipeline,
    mapping: &Mapping,
    (now, agree): (Baseline, bool),
    then: Baseline,
) -> Baseline {
    let two_way = super::undo::flows_both_ways(pipeline, mapping);
    if agree || two_way && mapping.write != WritePolicy::UnlessEdited {
        return now;
    }
    // One way, and the target differs: it holds what somebody else wrote, so its own baseline stays what we last wrote.
    if mapping.to_app.is_on() {
        Baseline { app: then.app, ..now }
    } else {
        Baseline { salesforce: then.salesforce, ..now }
    }
}
