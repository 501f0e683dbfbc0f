//! What a record of one side says in the terms of the other, row by row: source field → expression → lookup → values → as →
//! default → conversion. Writing policies come later, in `merge`.

use jiff::Timestamp;
use jiff::civil::Date;

use super::lookups::{LookupTable, key_value, lookup_key};
use crate::expr::{self, Bound, Context, Eval, Inputs};
use crate::model::{Class, Key, Kind, Op, PipelineName, RecordError, Row, Side, Value};
use crate::plan::{Flow, Lookup, Mapping, Missing, OnError, Pipeline, ValueMap};

/// What a row has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Nothing: it does not flow this way, was told to keep the field, or its source was not provided.
    Silent,
    /// The value that the target should hold.
    Value(Value),
    /// Its lookup is not linked yet and `missing: empty` says to fill it in later.
    Pending,
}

/// A record in the terms of a side: one slot per row of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// In the order of the rows.
    pub slots: Box<[Slot]>,
    /// Lookups that were not linked although the record goes on (`missing: empty`): to be filled in when they are.
    pub wants: Vec<(PipelineName, Key)>,
}

/// Why a record cannot be mapped now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Leave it out; the lookup, if one was the reason, makes it come back when linked.
    Skip {
        /// Row that decided.
        row: usize,
        /// Reason for people.
        reason: String,
        /// The link it waits for, where there is one.
        want: Option<(PipelineName, Key)>,
    },
    /// Keep it back until this is linked.
    Wait {
        /// Row that waits.
        row: usize,
        /// Pipeline that has to link it.
        pipeline: PipelineName,
        /// Record that has to be linked.
        key: Key,
    },
    /// It fails.
    Fail {
        /// Row that failed.
        row: usize,
        /// Why.
        error: RecordError,
    },
}

/// Everything that mapping a record may look at besides the record.
pub struct MapInputs<'a> {
    /// The linked record on the target side, where it is known.
    pub other: Option<&'a Row>,
    /// The record as it was last settled; `None` the first time.
    pub old: Option<&'a Row>,
    /// Whether the target would be created or updated.
    pub op: Op,
    /// One instant for the whole run.
    pub now: Timestamp,
    /// Its date in the time zone of the settings.
    pub today: Date,
    /// Answers about other pipelines.
    pub lookups: &'a LookupTable,
    /// Facts of the org and the rest that expressions may ask.
    pub context: &'a dyn Context,
}

/// Maps a record towards a side. Rows that cannot write in this operation (switched off, `on_create` in an update) say nothing
/// and therefore neither wait nor fail.
pub fn map(pipeline: &Pipeline, source: &Row, towards: Side, inputs: &MapInputs<'_>) -> Result<Mapped, Stop> {
    let mut slots = Vec::with_capacity(pipeline.rows.len());
    let mut wants = Vec::new();
    for (at, row) in pipeline.rows.iter().enumerate() {
        let one = One { pipeline, row, at, source, towards, inputs };
        slots.push(if row.is_live(towards, inputs.op) { one.slot(&mut wants)? } else { Slot::Silent });
    }
    Ok(Mapped { slots: slots.into_boxed_slice(), wants })
}

/// What a row would say in an update if its policy let it (`on_create`, a group that is off): for people who ask why a field stays. Nothing
/// where it cannot be told now.
pub fn would_say(
    pipeline: &Pipeline,
    (at, source): (usize, &Row),
    towards: Side,
    inputs: &MapInputs<'_>,
) -> Option<Value> {
    let row = pipeline.rows.get(at)?;
    if row.is_live(towards, Op::Update) || !row.flow_to(towards).is_on() {
        return None;
    }
    says(pipeline, (at, source), towards, inputs)
}

/// What one row says by itself; nothing where it cannot be told now.
pub(super) fn says(
    pipeline: &Pipeline,
    (at, source): (usize, &Row),
    towards: Side,
    inputs: &MapInputs<'_>,
) -> Option<Value> {
    let row = pipeline.rows.get(at)?;
    match (One { pipeline, row, at, source, towards, inputs }).slot(&mut Vec::new()) {
        Ok(Slot::Value(value)) => Some(value),
        _ => None,
    }
}

/// One row of one record on its way.
pub(super) struct One<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) row: &'a Mapping,
    pub(super) at: usize,
    pub(super) source: &'a Row,
    pub(super) towards: Side,
    pub(super) inputs: &'a MapInputs<'a>,
}

impl One<'_> {
    pub(super) fn slot(&self, wants: &mut Vec<(PipelineName, Key)>) -> Result<Slot, Stop> {
        let value = match self.raw()? {
            Eval::Value(Value::Absent) | Eval::Keep => return Ok(Slot::Silent),
            Eval::Value(value) => value,
            Eval::Skip(reason) => return Err(Stop::Skip { row: self.at, reason, want: None }),
            Eval::Fail(reason) => return Err(self.fail("R404", reason)),
        };
        let value = match &self.row.lookup {
            Some(lookup) => match self.look_up(lookup, &value, wants)? {
                Some(value) => value,
                None => return Ok(Slot::Pending),
            },
            None => value,
        };
        self.finish(value)
    }

    /// Source field and expression.
    fn raw(&self) -> Result<Eval, Stop> {
        let field = self.row.field_on(self.towards.other());
        let value = field.map_or(&Value::Null, |field| self.source.get(field));
        match self.row.flow_to(self.towards) {
            Flow::Off => Ok(Eval::Keep),
            Flow::Copy => Ok(Eval::Value(value.clone())),
            Flow::Const(value) => Ok(Eval::Value(value.clone())),
            Flow::Compute(script) => self.compute(script, value),
        }
    }

    fn compute(&self, script: &Bound, value: &Value) -> Result<Eval, Stop> {
        let inputs = Inputs {
            value,
            record: self.source,
            other: self.inputs.other,
            old: self.inputs.old,
            op: self.inputs.op,
            now: self.inputs.now,
            today: self.inputs.today,
            pipeline: (self.pipeline.name.as_str(), self.pipeline.generation),
            context: self.inputs.context,
        };
        match (script.eval(&inputs), self.row.on_error) {
            (Ok(eval), _) => Ok(eval),
            (Err(_), OnError::Skip) => Ok(Eval::Keep),
            (Err(error), OnError::Fail) => Err(self.fail(error.code, error.to_string())),
        }
    }

    /// The linked id; `None`: pending.
    fn look_up(
        &self,
        lookup: &Lookup,
        value: &Value,
        wants: &mut Vec<(PipelineName, Key)>,
    ) -> Result<Option<Value>, Stop> {
        let from = self.towards.other();
        let Some(key) = lookup_key(value, from) else {
            return match lookup.missing {
                Missing::Skip => {
                    Err(Stop::Skip { row: self.at, reason: "it has no reference".to_owned(), want: None })
                }
                _ => Ok(Some(Value::Null)),
            };
        };
        let kind = self.row.kind_on(self.towards);
        for pipeline in &lookup.pipelines {
            if let Some(linked) = self.inputs.lookups.linked(pipeline, from, &key) {
                return Ok(Some(key_value(linked, kind)));
            }
        }
        self.missing(lookup, key, wants).map(|()| None)
    }

    fn missing(&self, lookup: &Lookup, key: Key, wants: &mut Vec<(PipelineName, Key)>) -> Result<(), Stop> {
        let Some(pipeline) = lookup.pipelines.first().cloned() else { return Ok(()) };
        let row = self.at;
        match lookup.missing {
            Missing::Empty => {
                wants.extend(lookup.pipelines.iter().map(|pipeline| (pipeline.clone(), key.clone())));
                Ok(())
            }
            Missing::Wait => Err(Stop::Wait { row, pipeline, key }),
            Missing::Skip => {
                let reason = format!("it has no link in {pipeline} (missing: skip)");
                Err(Stop::Skip { row, reason, want: Some((pipeline, key)) })
            }
            Missing::Fail => Err(self.fail("R304", format!("{key} is not linked in {pipeline}"))),
        }
    }

    /// `values`, `as`, `default`, conversion.
    fn finish(&self, value: Value) -> Result<Slot, Stop> {
        let mut value = match &self.row.values {
            Some(map) => match translate(map, &value, self.towards) {
                Some(value) => value,
                None => return self.unusable("R405", "the value is not listed in `values`".to_owned()),
            },
            None => value,
        };
        if let (Some(form), Side::App) = (self.row.form, self.towards) {
            value = expr::normal::normalise(&value, form, self.inputs.context.default_region());
        }
        if let (true, Some(default)) = (value.is_blank(), &self.row.default) {
            value = default.clone();
        }
        let zone = self.inputs.context.timezone();
        match expr::convert::convert(value, self.said_kind(), self.row.kind_on(self.towards), zone) {
            Ok(value) => Ok(Slot::Value(value)),
            Err(error) => self.unusable("R406", error.to_string()),
        }
    }

    /// Kind of what the row says before conversion: that of the field if it is copied as it is, else whatever came out.
    fn said_kind(&self) -> Kind {
        let plain = self.row.lookup.is_none() && self.row.values.is_none() && self.row.default.is_none();
        match self.row.flow_to(self.towards) {
            Flow::Copy if plain => self.row.kind_on(self.towards.other()),
            _ => Kind::Any,
        }
    }

    fn unusable(&self, code: &'static str, message: String) -> Result<Slot, Stop> {
        match self.row.on_error {
            OnError::Skip => Ok(Slot::Silent),
            OnError::Fail => Err(self.fail(code, message)),
        }
    }

    fn fail(&self, code: &'static str, message: String) -> Stop {
        let field = self.row.field_on(self.towards.other()).map(|field| self.field_name(field));
        Stop::Fail { row: self.at, error: RecordError::new(code, Class::Record, message).about(field) }
    }

    fn field_name(&self, field: usize) -> String {
        let schema = self.pipeline.schema(self.towards.other());
        schema.fields().get(field).map(|field| field.name.to_string()).unwrap_or_default()
    }
}

/// A value through `values:`. Towards Salesforce the first listed value; the merge keeps the current one if it means the same.
fn translate(map: &ValueMap, value: &Value, towards: Side) -> Option<Value> {
    if value.is_blank() && !has_entry(map, value, towards) {
        return map.otherwise.clone().filter(|_| towards == Side::App).or(Some(Value::Null));
    }
    let text = value_text(value);
    match towards {
        Side::App => map.to_app.get(&text).or(map.otherwise.as_ref()).cloned(),
        Side::Salesforce => map.to_salesforce.get(&text).and_then(|all| all.first()).cloned(),
    }
}

fn has_entry(map: &ValueMap, value: &Value, towards: Side) -> bool {
    let text = value_text(value);
    match towards {
        Side::App => map.to_app.contains_key(&text),
        Side::Salesforce => map.to_salesforce.contains_key(&text),
    }
}

/// How `values:` spells a value: lower case, trimmed.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::Null | Value::Absent => String::new(),
        value => value.to_string().trim().to_lowercase(),
    }
}
