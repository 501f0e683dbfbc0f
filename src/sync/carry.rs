//! Rows that stream from Salesforce into a table: the same as [`map`](super::map()), into a row of the target and with the plain values
//! moved instead of copied. What is plain is found once for a batch. Read [`Carrier`] first.

use super::map::{MapInputs, One, Slot, Stop};
use crate::expr::convert::fits;
use crate::model::{Key, Kind, Op, PipelineName, Row, Side};
use crate::plan::{Flow, Mapping, Pipeline};

/// How the records of a pipeline are carried to the app when they are created.
#[derive(Debug)]
pub struct Carrier<'a> {
    pipeline: &'a Pipeline,
    /// In the order of the rows; rows that say nothing are left out.
    steps: Vec<Step>,
    width: usize,
}

/// What happens to one row.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The value goes as it is, if it fits.
    Plain(Plain),
    /// The row with this number is computed, into this field.
    Computed(usize, usize),
}

#[derive(Clone, Copy, Debug)]
struct Plain {
    row: usize,
    from: usize,
    to: usize,
    kind: Kind,
    /// No later row moves the same field.
    last: bool,
}

/// A record that cannot be carried, as it came, and why.
pub type Uncarried = Box<(Row, Stop)>;

impl<'a> Carrier<'a> {
    /// For the records of one batch.
    pub fn new(pipeline: &'a Pipeline) -> Self {
        let mut steps: Vec<Step> = Vec::with_capacity(pipeline.rows.len());
        for (at, row) in pipeline.rows.iter().enumerate() {
            let Some(to) = row.app.filter(|_| row.is_live(Side::App, Op::Create)) else { continue };
            let twice = pipeline.rows.iter().filter(|other| other.app == Some(to)).count() > 1;
            steps.push(match plain(row).filter(|_| !twice) {
                Some(from) => Step::Plain(Plain { row: at, from, to, kind: row.app_kind, last: true }),
                None => Step::Computed(at, to),
            });
        }
        for at in 0..steps.len() {
            let (before, after) = steps.split_at_mut(at + 1);
            if let Some(Step::Plain(this)) = before.last_mut() {
                this.last =
                    !after.iter().any(|step| matches!(step, Step::Plain(next) if next.from == this.from));
            }
        }
        Self { pipeline, steps, width: pipeline.app.schema.len() }
    }

    /// The record in the terms of the app: what [`map`](super::map()) says for a create, in the places of the app's fields. The
    /// record is given back where it cannot be carried.
    pub fn carry(&self, mut source: Row, inputs: &MapInputs<'_>) -> Result<Row, Uncarried> {
        let mut target = Row::absent(self.width);
        let mut wants = Vec::new();
        for step in &self.steps {
            let (row, to) = match step {
                Step::Plain(plain) if fits(source.get(plain.from), plain.kind) => continue,
                Step::Plain(plain) => (plain.row, plain.to),
                Step::Computed(row, to) => (*row, *to),
            };
            match self.compute(row, &source, inputs, &mut wants) {
                Ok(Slot::Value(value)) => target.set(to, value),
                Ok(Slot::Silent | Slot::Pending) => {}
                Err(stop) => return Err(Box::new((source, stop))),
            }
        }
        for step in &self.steps {
            if let Step::Plain(plain) = step {
                plain.carry(&mut source, &mut target);
            }
        }
        Ok(target)
    }

    fn compute(
        &self,
        at: usize,
        source: &Row,
        inputs: &MapInputs<'_>,
        wants: &mut Vec<(PipelineName, Key)>,
    ) -> Result<Slot, Stop> {
        One { pipeline: self.pipeline, row: &self.pipeline.rows[at], at, source, towards: Side::App, inputs }
            .slot(wants)
    }
}

impl Plain {
    fn carry(self, source: &mut Row, target: &mut Row) {
        let (Some(value), Some(place)) = (source.0.get_mut(self.from), target.0.get_mut(self.to)) else {
            return;
        };
        if fits(value, self.kind) {
            *place = if self.last { std::mem::take(value) } else { value.clone() };
        }
    }
}

/// The source field of a row that is copied as it is. What nobody declared may have to be read from text.
fn plain(row: &Mapping) -> Option<usize> {
    let copied = matches!(row.to_app, Flow::Copy)
        && row.lookup.is_none()
        && row.values.is_none()
        && row.form.is_none()
        && row.default.is_none()
        && row.salesforce_kind != Kind::Any;
    row.salesforce.filter(|_| copied)
}
