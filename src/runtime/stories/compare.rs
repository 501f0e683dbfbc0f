//! Holding what happened against what the story expects.

use super::stage::typed;
use super::{Happened, Mismatch, op_name};
use crate::diag::Span;
use crate::model::{Kind, Side, Value};
use crate::plan::Pipeline;
use crate::spec::{Expect, RecordStory, TestSpec};
use crate::sync::SideWrite;

/// All differences.
pub(super) fn compare(pipeline: &Pipeline, test: &TestSpec, happened: &Happened) -> Vec<Mismatch> {
    let Some(expect) = &test.expect else { return Vec::new() };
    let mut all = Differences { pipeline, happened, found: Vec::new() };
    all.op(&expect.value);
    all.side(Side::App, &expect.value.app);
    all.side(Side::Salesforce, &expect.value.salesforce);
    all.untouched(&expect.value);
    if expect.value.exact.as_ref().is_some_and(|exact| exact.value) {
        all.exact(&expect.value);
    }
    all.error(&expect.value);
    all.found
}

struct Differences<'a> {
    pipeline: &'a Pipeline,
    happened: &'a Happened,
    found: Vec<Mismatch>,
}

impl Differences<'_> {
    fn add(&mut self, expected: String, got: String, row: Option<usize>, span: Option<Span>) {
        let because = row.and_then(|row| self.because(row)).or_else(|| self.happened.reason.clone());
        self.found.push(Mismatch { expected, got, because, span });
    }

    /// Why the row did not write.
    fn because(&self, row: usize) -> Option<String> {
        let name = self.pipeline.rows.get(row).map(|row| row.name.to_string())?;
        let (_, kept) = self.happened.kept.iter().find(|(at, _)| *at == row)?;
        Some(format!("row {} ({name}): {}", row + 1, kept.reason()))
    }

    fn op(&mut self, expect: &Expect) {
        let Some(op) = &expect.op else { return };
        if self.happened.op != Some(op.value) {
            let (expected, got) =
                (format!("op: {}", op_name(Some(op.value))), format!("op: {}", op_name(self.happened.op)));
            self.add(expected, got, None, Some(op.span));
        }
    }

    fn side(&mut self, side: Side, records: &[RecordStory]) {
        for record in records {
            let write = self.write_of(side, record, records.len()).cloned();
            for (path, literal) in &record.fields {
                if side == Side::Salesforce && path.value.as_str() == "Id" && records.len() > 1 {
                    continue;
                }
                self.field(side, path.value.as_str(), literal, write.as_ref());
            }
        }
    }

    fn write_of(&self, side: Side, record: &RecordStory, of: usize) -> Option<&SideWrite> {
        let mut writes = self.happened.writes.iter().filter(|write| write.side == side);
        let id = record.get("Id").and_then(|id| id.value.text());
        match id {
            Some(id) if of > 1 => writes.find(|write| write.key == crate::model::Key::salesforce(id)),
            _ => writes.next(),
        }
    }

    fn field(
        &mut self,
        side: Side,
        name: &str,
        literal: &crate::spec::Spanned<crate::spec::Literal>,
        write: Option<&SideWrite>,
    ) {
        let position = self.pipeline.schema(side).position(name);
        let kind = position.map_or(Kind::Any, |at| self.pipeline.schema(side).fields()[at].kind);
        let wanted = match typed(literal, kind) {
            Ok(value) => value,
            Err(mismatch) => return self.found.push(mismatch),
        };
        let got = match (write, position) {
            (Some(write), Some(at)) => write.row.get(at).clone(),
            _ => Value::Absent,
        };
        if !same(&wanted, &got) {
            let row = self.row_of(side, name);
            let got =
                if got.is_absent() { self.nothing(side) } else { format!("{side}.{name} = {}", shown(&got)) };
            self.add(format!("{side}.{name} = {}", shown(&wanted)), got, row, Some(literal.span));
        }
    }

    fn nothing(&self, side: Side) -> String {
        let other: Vec<String> = self.happened.writes.iter().map(|write| self.shown_write(write)).collect();
        let place = if side == Side::Salesforce { "Salesforce" } else { "the app" };
        if other.is_empty() {
            return format!("nothing written to {place}");
        }
        format!("it is not written; written: {}", other.join("; "))
    }

    fn shown_write(&self, write: &SideWrite) -> String {
        let fields = self.pipeline.schema(write.side).fields();
        let values = fields.iter().zip(&write.row.0).filter(|(_, value)| !value.is_absent());
        values
            .map(|(field, value)| format!("{}.{} = {}", write.side, field.name, shown(value)))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn row_of(&self, side: Side, name: &str) -> Option<usize> {
        let position = self.pipeline.schema(side).position(name)?;
        self.pipeline.rows.iter().position(|row| row.field_on(side) == Some(position))
    }

    fn untouched(&mut self, expect: &Expect) {
        for path in &expect.untouched {
            for side in [Side::App, Side::Salesforce] {
                let Some(at) = self.pipeline.schema(side).position(path.value.as_str()) else { continue };
                let writes = self.happened.writes.iter().filter(|write| write.side == side);
                let written = writes.map(|write| write.row.get(at)).find(|value| !value.is_absent()).cloned();
                if let Some(value) = written {
                    let expected = format!("{side}.{} is not written", path.value);
                    self.add(
                        expected,
                        format!("{side}.{} = {}", path.value, shown(&value)),
                        None,
                        Some(path.span),
                    );
                }
            }
        }
    }

    fn exact(&mut self, expect: &Expect) {
        for write in &self.happened.writes {
            let records = if write.side == Side::App { &expect.app } else { &expect.salesforce };
            let fields = self.pipeline.schema(write.side).fields();
            for (field, value) in fields.iter().zip(&write.row.0).filter(|(_, value)| !value.is_absent()) {
                if !records.iter().any(|record| record.get(&field.name).is_some()) {
                    let got = format!("{}.{} = {}", write.side, field.name, shown(value));
                    self.found.push(Mismatch {
                        expected: "exact: true, no other fields".to_owned(),
                        got,
                        because: None,
                        span: Some(expect.span),
                    });
                }
            }
        }
    }

    fn error(&mut self, expect: &Expect) {
        let Some(error) = &expect.error else { return };
        let got = self.happened.reason.clone().unwrap_or_default();
        if !got.contains(&error.value) {
            self.add(
                format!("error: {}", error.value),
                if got.is_empty() { "no error".to_owned() } else { got },
                None,
                Some(error.span),
            );
        }
    }
}

/// As the product compares, and where a field's kind is unknown, by the text.
fn same(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (_, Value::Absent) => false,
        (wanted, got) if wanted.is_null() || got.is_null() => wanted.is_null() == got.is_null(),
        (wanted, got) => crate::model::same_value(wanted, got) || wanted.to_string() == got.to_string(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        value => value.to_string(),
    }
}
