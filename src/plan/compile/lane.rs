//! Which lane a pipeline takes. A mirror needs no links: its rows carry the Salesforce id in a column that alone identifies
//! them, so a record can be written without asking what it was before.

use std::collections::BTreeSet;

use super::scripts::Scripts;
use super::unit::Unit;
use crate::expr::Var;
use crate::model::{PipelineName, Side};
use crate::plan::{Lane, WritePolicy};
use crate::spec::{Flow, Links, OnLeave, Scope};

/// The lane, given the pipelines that others look up.
pub(super) fn lane(unit: &Unit<'_>, scripts: &Scripts, looked_up: &BTreeSet<PipelineName>) -> Lane {
    let file = unit.file;
    let plain = file.ops_to(Side::App).create
        && file.ops_to(Side::App).update
        && file.to_salesforce.is_none()
        && file.links() == Links::OneToOne
        && file.manual_links.is_empty()
        && file.salesforce.scope() == Scope::All
        && file.salesforce.on_leave() != OnLeave::Stop;
    let alone = !looked_up.contains(&file.name);
    let rows =
        unit.rows.iter().all(|row| row.spec.lookup.is_none() && row.write != WritePolicy::UnlessEdited);
    let blind = !scripts.iter().any(|(_, script, _)| script.uses(Var::Other) || script.uses(Var::Old));
    if unit.app.is_sql() && plain && alone && rows && blind && mirror_key(unit).is_some() {
        Lane::Mirror
    } else {
        Lane::Linked
    }
}

/// The column that would carry the Salesforce id: the app field of the first `match` row, if that row copies `Id` as it is and
/// the column alone identifies a row of the table, or will once the table is made.
pub(super) fn mirror_key<'a>(unit: &Unit<'a>) -> Option<&'a str> {
    let first = unit.file.match_fields().first()?.value.as_str();
    let row = unit.rows.iter().find(|row| row.field(Side::App).is_some_and(|(path, _)| path == first))?;
    let spec = row.spec;
    let copied = spec.salesforce.as_ref().is_some_and(|entry| entry.value.as_str() == "Id")
        && spec.to_app.as_ref().is_none_or(|entry| entry.value == Flow::Copy)
        && spec.values.is_none()
        && spec.normal_form.is_none()
        && row.write == WritePolicy::Always;
    let unique = unit.app.is_unique(first) || (unit.app.table_missing && unit.app.create_tables);
    let (path, _) = row.field(Side::App)?;
    (copied && unique && !path.contains(['.', '$'])).then_some(path)
}
