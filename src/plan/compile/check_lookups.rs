//! E203, E212: what `lookup` names.

use super::Checked;
use super::salesforce::SalesforceField;
use super::suggest::nearest;
use super::unit::{Out, RowView, Unit};
use crate::diag::{Diagnostic, Span};
use crate::model::{ConnectionName, PipelineName, Side};
use crate::spec::PipelineFile;

pub(super) fn check_lookups(checked: &Checked<'_>, out: &mut Out) {
    let unit = checked.unit;
    for row in &unit.rows {
        for name in row.spec.lookup.iter().flat_map(|entry| &entry.value) {
            match unit.world.pipeline(&name.value) {
                None => out.push(unknown(unit, &name.value, name.span)),
                // What is wrong with the other file is said there.
                Some(file) => {
                    if let Some(target) = file.value().filter(|_| !file.parsed.has_errors()) {
                        check_sides(unit, target, name.span, out);
                        check_reference(unit, row, target, name.span, out);
                    }
                }
            }
        }
    }
    for (name, span) in checked.scripts.linked() {
        if unit.world.pipeline(&name).is_none() {
            out.push(unknown(unit, &name, span));
        }
    }
}

fn unknown(unit: &Unit<'_>, name: &PipelineName, span: Span) -> Diagnostic {
    unit.is_of_the_moment();
    let files = unit.world.files;
    let path = files.path_beside(unit.file.source, name.as_str());
    let error = Diagnostic::error(
        "E203",
        "`lookup` names a pipeline that does not exist",
        span,
        format!("no file {path}"),
    );
    match nearest(name.as_str(), files.pipelines.iter().map(|file| file.name.as_str())) {
        Some(near) => error.help(format!("did you mean `{near}`?")).fix(span, near),
        None => error.help("`lookup` takes the name of another pipeline file of this folder, without .yaml"),
    }
}

/// A linked id only means something where it comes from.
fn check_sides(unit: &Unit<'_>, target: &PipelineFile, span: Span, out: &mut Out) {
    let is_there = |name: &ConnectionName| unit.world.files.connection(name).is_some();
    let (here, there) = (&unit.file.app.resource.connection.value, &target.app.resource.connection.value);
    if here != there && is_there(here) && is_there(there) {
        let title = format!("`{}` links records of {there}, not of {here}", target.name);
        let error = Diagnostic::error("E212", title, span, format!("its ids mean nothing in {here}"));
        out.push(error.help(format!("look up a pipeline whose `app` is in {here}")));
    }
    let (here, there) = (unit.file.salesforce.connection_name(), target.salesforce.connection_name());
    if here != there && is_there(&here) && is_there(&there) {
        let title = format!("`{}` links records of the org {there}, not of {here}", target.name);
        let error = Diagnostic::error("E212", title, span, format!("its ids mean nothing in {here}"));
        out.push(error.help(format!("look up a pipeline whose `salesforce.connection` is {here}")));
    }
}

/// A reference that can never hold an id of that object.
fn check_reference(unit: &Unit<'_>, row: &RowView<'_>, target: &PipelineFile, span: Span, out: &mut Out) {
    let Some((path, place)) = row.field(Side::Salesforce) else { return };
    let computed = row.spec.expression_to(Side::App).is_some();
    let SalesforceField::Field(field, _) = unit.salesforce.field(path) else { return };
    let object = &target.salesforce.object.value;
    if computed || field.reference_to.is_empty() || field.reference_to.iter().any(|name| name == object) {
        return;
    }
    let refers = field.reference_to.join(", ");
    let title = format!("`{path}` never refers to a record of `{}`", target.name);
    let warning = Diagnostic::warning("W212", title, span, format!("links {object}"));
    out.push(warning.also(place, format!("refers to {refers}")));
}
