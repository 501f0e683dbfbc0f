//! From the changes of a transaction to its events.
//! May not deliver. Read [`Publisher::events`] first.

use std::sync::Arc;

use super::avro;
use super::bitmap::bitmaps;
use super::diff;
use super::event::{Event, EventKind, Values};
use super::event_schema::{EventField, EventSchema, Shape};
use crate::org::change_log::{Change, ChangeKind};
use crate::org::schema::{FieldRef, Object};
use crate::org::store::Reader;
use crate::org::value::{RowRef, Value};
use crate::org::visibility::Visibility;

/// Reads records for events.
pub(crate) struct Publisher<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) visibility: &'a Visibility,
}

/// What all events of a transaction have in common.
pub(super) struct Transaction<'a> {
    pub(super) key: String,
    pub(super) commit: i64,
    pub(super) origin: &'a str,
    pub(super) now: i64,
}

/// All changes of one record in one transaction.
pub(super) struct Told<'a> {
    pub(super) change: &'a Change,
    pub(super) kind: EventKind,
    fields: Vec<&'a str>,
    replaced: Vec<&'a (String, String)>,
    /// Place in the transaction, from 1.
    pub(super) sequence: i64,
}

/// One entry for each record: the first change gives the kind, a delete at the end wins.
pub(super) fn told(changes: &[Change]) -> Vec<Told<'_>> {
    let mut told: Vec<Told<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for change in changes {
        let kind = match change.kind {
            ChangeKind::Create => EventKind::Create,
            ChangeKind::Update => EventKind::Update,
            ChangeKind::Delete => EventKind::Delete,
            ChangeKind::Undelete => EventKind::Undelete,
        };
        let next = told.len();
        let at = *places.entry(change.id).or_insert(next);
        if at == next {
            let sequence = i64::try_from(next + 1).unwrap_or(i64::MAX);
            told.push(Told { change, kind, fields: Vec::new(), replaced: Vec::new(), sequence });
        }
        let known = &mut told[at];
        if kind == EventKind::Delete {
            known.kind = kind;
        }
        known.fields.extend(change.fields.iter().map(String::as_str));
        known.replaced.extend(&change.replaced);
    }
    told
}

impl Publisher<'_> {
    /// The event of one record; `None` where nothing moved that events have.
    pub(super) fn event(
        &self,
        object: u16,
        schema: &Arc<EventSchema>,
        told: &Told<'_>,
        transaction: &Transaction<'_>,
    ) -> Option<Event> {
        let definition = self.reader.store.schema.object(object);
        let at = self.reader.store.find(&told.change.id)?;
        let mut event = Event {
            object,
            object_name: definition.name.clone(),
            schema: Arc::clone(schema),
            uuid: String::new(),
            kind: told.kind,
            ids: vec![told.change.id.to_string()],
            origin: transaction.origin.to_owned(),
            transaction: transaction.key.clone(),
            sequence: told.sequence,
            at_millis: transaction.now * 1_000,
            commit: transaction.commit,
            user: told.change.author.to_string(),
            nulled: Vec::new(),
            diff: Vec::new(),
            changed: Vec::new(),
            values: Vec::new(),
        };
        match told.kind {
            EventKind::Create | EventKind::Undelete => event.values = self.everything(object, schema, at),
            EventKind::Update => self.update(object, &mut event, told, at)?,
            _ => {}
        }
        Some(event)
    }

    /// Fields by name as they are now, for an event that does not have them.
    pub(crate) fn enriched(&self, event: &Event, names: &[String], at: RowRef) -> Values {
        let fields = event.schema.fields.iter().enumerate().filter(|(_, field)| names.contains(&field.name));
        let missing = fields.filter(|(place, _)| !event.values.iter().any(|(known, _)| known == place));
        missing
            .filter_map(|(place, field)| Some((place, self.value(event.object, field, at, None)?)))
            .collect()
    }

    fn everything(&self, object: u16, schema: &EventSchema, at: RowRef) -> Values {
        let all = |field: &EventField| self.value(object, field, at, None);
        let values = schema.fields.iter().enumerate();
        values.filter_map(|(place, field)| Some((place, all(field)?))).collect()
    }

    fn update(&self, object: u16, event: &mut Event, told: &Told<'_>, at: RowRef) -> Option<()> {
        let definition = self.reader.store.schema.object(object);
        let schema = Arc::clone(&event.schema);
        let modified = self.named(definition, "LastModifiedDate", at);
        if told.fields.is_empty() && modified != Value::Stamp(told.change.stamp.as_second()) {
            // SystemModstamp alone moved: no event has it.
            return None;
        }
        let names = told.fields.iter().copied().chain(["LastModifiedDate"]);
        let fields = names.filter_map(|name| definition.field_index(name));
        let mut places: Vec<(usize, Option<usize>)> =
            fields.filter_map(|field| schema.place_of(field)).collect();
        places.sort_unstable();
        places.dedup();
        let is_null = |(place, part): &(usize, Option<usize>)| {
            let field = &schema.fields[*place];
            let own = part.map_or(field.field, |part| field.parts[part].field);
            own.is_none_or(|own| self.read(object, own, at).is_null())
        };
        let nulled: Vec<_> = places.iter().copied().filter(is_null).collect();
        let mut differing = Vec::new();
        let mut done = None;
        for (place, _) in &places {
            if done == Some(*place) {
                continue;
            }
            done = Some(*place);
            let field = &schema.fields[*place];
            let parts: Vec<usize> =
                places.iter().filter(|(other, _)| other == place).filter_map(|(_, part)| *part).collect();
            if let Some(text) = self.difference(object, field, told, at) {
                differing.push((*place, None));
                event.values.push((*place, text));
            } else if let Some(value) = self.value(object, field, at, Some(&parts)) {
                event.values.push((*place, value));
            }
        }
        event.changed = bitmaps(&places);
        event.nulled = bitmaps(&nulled);
        event.diff = bitmaps(&differing);
        Some(())
    }

    /// A long text as the difference to what it replaced.
    fn difference(&self, object: u16, field: &EventField, told: &Told<'_>, at: RowRef) -> Option<Vec<u8>> {
        let (_, old) = told.replaced.iter().find(|(name, _)| *name == field.name)?;
        let now = self.read(object, field.field?, at);
        let text = diff::unified(old, now.as_text()?)?;
        let mut out = vec![2];
        avro::text(&text, &mut out);
        Some(out)
    }

    /// A field as it is written, with these parts of a compound field (`None`: all); nothing for null.
    pub(super) fn value(
        &self,
        object: u16,
        field: &EventField,
        at: RowRef,
        parts: Option<&[usize]>,
    ) -> Option<Vec<u8>> {
        if field.parts.is_empty() {
            return self.plain(&self.read(object, field.field?, at), field.shape);
        }
        let mut out = vec![2];
        let mut any = parts.is_some();
        for (number, part) in field.parts.iter().enumerate() {
            let wanted = parts.is_none_or(|parts| parts.contains(&number));
            let value = part.field.filter(|_| wanted).map(|own| self.read(object, own, at));
            match value.and_then(|value| self.plain(&value, part.shape)) {
                Some(bytes) => {
                    any = true;
                    out.extend_from_slice(&bytes);
                }
                None => out.push(0),
            }
        }
        any.then_some(out)
    }

    fn plain(&self, value: &Value<'_>, shape: Shape) -> Option<Vec<u8>> {
        let mut out = vec![2];
        match (shape, value) {
            (Shape::Bool, Value::Bool(on)) => out.push(u8::from(*on)),
            (Shape::Int, Value::Number(mantissa, scale)) => {
                avro::long(mantissa / 10i64.pow(u32::from(*scale)), &mut out);
            }
            (Shape::Double, Value::Number(mantissa, scale)) => {
                #[allow(clippy::cast_precision_loss)] // what a double is
                let number = *mantissa as f64 / 10f64.powi(i32::from(*scale));
                out.extend_from_slice(&number.to_le_bytes());
            }
            (Shape::Date | Shape::Stamp, Value::Date(days)) => {
                avro::long(i64::from(*days) * 86_400_000, &mut out);
            }
            (Shape::Stamp, Value::Stamp(seconds)) => avro::long(seconds * 1_000, &mut out),
            (Shape::Date, Value::Stamp(seconds)) => {
                avro::long(seconds.div_euclid(86_400) * 86_400_000, &mut out);
            }
            (_, Value::Reference(to)) => avro::text(&self.reader.store.id_of(*to).to_string(), &mut out),
            (Shape::Text | Shape::Reference | Shape::Switchable, Value::Text(text)) => {
                avro::text(text, &mut out);
            }
            _ => return None,
        }
        Some(out)
    }

    /// What a field holds; null where the user may not see it.
    fn read(&self, object: u16, field: u16, at: RowRef) -> Value<'_> {
        if !self.visibility.sees(FieldRef { object, field }) {
            return Value::Null;
        }
        let definition = self.reader.store.schema.object(object);
        self.reader.read(definition, &definition.fields[usize::from(field)], at.row)
    }

    fn named(&self, object: &Object, name: &str, at: RowRef) -> Value<'_> {
        object.field(name).map_or(Value::Null, |field| self.reader.read(object, field, at.row))
    }
}
