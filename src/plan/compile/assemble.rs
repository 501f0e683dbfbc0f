//! The parts of a plan put together.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::columns::Layout;
use super::rows::{archive, mappings};
use super::selection::{app_condition, choices, salesforce_condition, selection};
use super::unit::{Out, Unit};
use super::{Checked, backfill, lane, row_set};
use crate::expr::Var;
use crate::model::{Key, PipelineName, Side};
use crate::plan::{
    AppSide, Lane, LinkRule, ManualLink, ManualRecord, OnLeave, Pipeline, Push, SalesforceSide, Scope,
};
use crate::spec::{self, AppPush, Links, OwnRecords, PairSelector, Poll};

/// Makes the plan of a unit, also of one with errors: what is wrong was said, and the plan is then not used.
pub(super) fn assemble(checked: &Checked<'_>, looked_up: &BTreeSet<PipelineName>, out: &mut Out) -> Pipeline {
    let (unit, file) = (checked.unit, checked.unit.file);
    let lane = lane::lane(unit, checked.scripts, looked_up);
    let mirror_key = if lane == Lane::Mirror { lane::mirror_key(unit) } else { None };
    let layout = Layout::new(unit, &checked.mentions, mirror_key.unwrap_or(&unit.app.key));
    let rows = mappings(unit, checked.scripts, &layout, out);
    Pipeline {
        name: file.name.clone(),
        file: Arc::from(unit.world.files.path(file.source)),
        generation: file.generation(),
        enabled: file.enabled(),
        salesforce: salesforce(checked, &layout, out),
        app: app(checked, &layout, out),
        to_app: file.ops_to(Side::App),
        to_salesforce: file.ops_to(Side::Salesforce),
        matching: matching(unit),
        links: match file.links() {
            Links::OneToOne => LinkRule::OneToOne,
            Links::ManyToOne => LinkRule::ManyToOne,
        },
        manual_links: manual_links(unit, &layout),
        row_set: row_set::row_set(&rows, &layout.salesforce, &layout.app, both_update(unit)),
        rows,
        reconcile: file.reconcile(),
        max_deletes: file.max_deletes(),
        max_changes: file.max_changes(),
        retries: file.retries(),
        pause_after: file.pause_after(),
        notify: file.notify.iter().flat_map(|entry| &entry.value).map(|name| name.value.clone()).collect(),
        lane,
        looks_up: looks_up(checked),
        reads_other: checked.scripts.iter().any(|(_, script, _)| script.uses(Var::Other)),
        reads_old: [Side::Salesforce, Side::App].map(|side| reads_old(checked, &layout, side)),
    }
}

/// The fields that expressions over records of a side ask of their last state.
fn reads_old(checked: &Checked<'_>, layout: &Layout, side: Side) -> Option<Box<[usize]>> {
    let here = checked.scripts.iter().filter(|(at, ..)| at.record() == side);
    let asked = here.filter_map(|(at, ..)| checked.scripts.bound(at, layout)?.positions(Var::Old));
    let all = asked.reduce(|mut all, more| {
        all.extend(more);
        all
    })?;
    Some(all.into_iter().collect::<BTreeSet<usize>>().into_iter().collect())
}

fn both_update(unit: &Unit<'_>) -> bool {
    unit.file.ops_to(Side::App).update && unit.file.ops_to(Side::Salesforce).update
}

fn salesforce(checked: &Checked<'_>, layout: &Layout, out: &mut Out) -> SalesforceSide {
    let unit = checked.unit;
    let side = &unit.file.salesforce;
    let choices = choices(unit, Side::Salesforce, out);
    SalesforceSide {
        connection: side.connection_name(),
        object: Arc::from(side.object.value.as_str()),
        schema: Arc::clone(&layout.salesforce),
        id: layout.id,
        stamp: layout.stamp,
        modified: layout.salesforce_modified,
        selection: selection(unit, Side::Salesforce, &choices, checked.scripts, layout),
        condition: salesforce_condition(unit, &choices),
        has_where: side.condition.is_some(),
        scope: scope(side.scope()),
        backfill: backfill::range(unit, Side::Salesforce),
        push: side.push().filter_map(|push| salesforce_push(push.value)).collect(),
        poll: poll(side.poll()),
        on_leave: on_leave(side.on_leave()),
        own_records: side.own_records() == OwnRecords::Sync,
        archive: archive(unit, Side::Salesforce, layout, out),
    }
}

fn app(checked: &Checked<'_>, layout: &Layout, out: &mut Out) -> AppSide {
    let unit = checked.unit;
    let side = &unit.file.app;
    let choices = choices(unit, Side::App, out);
    AppSide {
        connection: side.resource.connection.value.clone(),
        resource: side.resource.resource.value.clone(),
        schema: Arc::clone(&layout.app),
        key: layout.key,
        modified: layout.app_modified,
        selection: selection(unit, Side::App, &choices, checked.scripts, layout),
        condition: app_condition(unit, &choices),
        scope: scope(side.scope()),
        backfill: backfill::range(unit, Side::App),
        push: match side.push() {
            AppPush::None => Vec::new(),
            AppPush::Webhook => vec![Push::Webhook],
            AppPush::Listen => vec![Push::Listen],
        },
        poll: poll(side.poll()),
        on_leave: on_leave(side.on_leave()),
        own_records: side.own_records() == OwnRecords::Sync,
        archive: archive(unit, Side::App, layout, out),
    }
}

/// The rows of `match`, in its order. Of several rows with the field, the first that flows.
fn matching(unit: &Unit<'_>) -> Vec<usize> {
    let named = |path: &str| {
        let with = |at: &usize| unit.rows[*at].field(Side::App).is_some_and(|(field, _)| field == path);
        let all = (0..unit.rows.len()).filter(with);
        let plain =
            |at: &usize| unit.rows[*at].spec.constant.is_none() && unit.rows[*at].spec.salesforce.is_some();
        all.clone().find(plain).or_else(|| all.into_iter().next())
    };
    unit.file.match_fields().iter().filter_map(|field| named(field.value.as_str())).collect()
}

fn manual_links(unit: &Unit<'_>, layout: &Layout) -> Vec<ManualLink> {
    let record = |side: Side, selector: &PairSelector| match selector {
        PairSelector::Id(literal) => {
            let text = literal.text().map_or_else(|| literal.value.to_string(), str::to_owned);
            ManualRecord::Key(match side {
                Side::Salesforce => Key::salesforce(&text),
                Side::App => Key::app(text),
            })
        }
        PairSelector::Fields(fields) => {
            let fields = fields.iter().filter_map(|(path, literal)| {
                let path = path.value.as_str();
                let value = super::literals::value_for(
                    &literal.value,
                    unit.kind_of(side, path),
                    &unit.world.timezone,
                );
                Some((layout.position(side, path)?, value.unwrap_or_else(|| literal.value.value.clone())))
            });
            ManualRecord::Fields(fields.collect())
        }
    };
    let pairs = unit.file.manual_links.iter();
    pairs
        .map(|pair| ManualLink {
            salesforce: record(Side::Salesforce, &pair.salesforce.value),
            app: record(Side::App, &pair.app.value),
        })
        .collect()
}

fn looks_up(checked: &Checked<'_>) -> Vec<PipelineName> {
    let rows = checked.unit.file.fields.iter().filter_map(|row| row.lookup.as_ref());
    let rows = rows.flat_map(|entry| &entry.value).map(|name| name.value.clone());
    let all: BTreeSet<PipelineName> =
        rows.chain(checked.scripts.linked().into_iter().map(|(name, _)| name)).collect();
    all.into_iter().filter(|name| *name != checked.unit.file.name).collect()
}

fn salesforce_push(push: spec::Push) -> Option<Push> {
    match push {
        spec::Push::None => None,
        spec::Push::Cdc => Some(Push::Cdc),
        spec::Push::OutboundMessage => Some(Push::OutboundMessage),
        spec::Push::Webhook => Some(Push::Webhook),
    }
}

fn scope(scope: spec::Scope) -> Scope {
    match scope {
        spec::Scope::All => Scope::All,
        spec::Scope::Referenced => Scope::Referenced,
    }
}

fn poll(poll: Poll) -> Option<std::time::Duration> {
    match poll {
        Poll::Off => None,
        Poll::Every(period) => Some(period.about()),
    }
}

fn on_leave(on_leave: spec::OnLeave) -> OnLeave {
    match on_leave {
        spec::OnLeave::Keep => OnLeave::Keep,
        spec::OnLeave::Stop => OnLeave::Stop,
        spec::OnLeave::Delete => OnLeave::Delete,
    }
}
