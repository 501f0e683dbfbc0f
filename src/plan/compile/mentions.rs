//! Every field that a pipeline file names, with its place: the base of the field checks and of the selected columns.

use super::scripts::Scripts;
use super::unit::Unit;
use crate::diag::Span;
use crate::model::Side;
use crate::spec::{Backfill, Condition, Entry, Filter, PairSelector};

/// What a field is named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A row.
    Row,
    /// `include` or `exclude`.
    Filter,
    /// `where`, which the system itself evaluates.
    Where,
    /// An expression.
    Expression,
    /// An expression that can do without it (`currency_of(record)`).
    Optional,
    /// `archive`.
    Archive,
    /// `select`.
    Select,
    /// `backfill.by`.
    BackfillBy,
    /// `manual_links`.
    ManualLink,
}

impl Role {
    /// Whether records must be read with the field.
    pub(super) fn is_read(self) -> bool {
        !matches!(self, Self::Where | Self::BackfillBy)
    }
}

/// A field that is named somewhere.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    pub(super) side: Side,
    pub(super) path: String,
    pub(super) span: Span,
    pub(super) role: Role,
}

/// All of them, in the order of the file as far as it matters: rows first, so that positions follow the rows.
pub(super) fn mentions(unit: &Unit<'_>, scripts: &Scripts) -> Vec<Mention> {
    let mut all = Mentions(Vec::new());
    for side in [Side::Salesforce, Side::App] {
        for row in &unit.rows {
            if let Some((path, span)) = row.field(side) {
                all.add(side, path, span, Role::Row);
            }
        }
    }
    scripts.fields(|side, field| all.add(side, &field.path, field.span, field.role));
    all.salesforce(unit);
    all.app(unit);
    all.manual_links(unit);
    all.0
}

struct Mentions(Vec<Mention>);

impl Mentions {
    fn add(&mut self, side: Side, path: &str, span: Span, role: Role) {
        self.0.push(Mention { side, path: path.to_owned(), span, role });
    }

    fn salesforce(&mut self, unit: &Unit<'_>) {
        let side = &unit.file.salesforce;
        self.filters(Side::Salesforce, [side.include.as_ref(), side.exclude.as_ref()]);
        self.backfill(Side::Salesforce, side.backfill.as_ref());
        for (path, _) in side.archive.iter().flat_map(|entry| &entry.value) {
            self.add(Side::Salesforce, path.value.as_str(), path.span, Role::Archive);
        }
        for path in side.select.iter().flat_map(|entry| &entry.value) {
            self.add(Side::Salesforce, path.value.as_str(), path.span, Role::Select);
        }
        for condition in super::selection::soql_conditions(side) {
            for field in condition.fields.iter().filter(|field| field.object.is_none()) {
                self.add(Side::Salesforce, &field.path.value, field.path.span, Role::Where);
            }
        }
    }

    fn app(&mut self, unit: &Unit<'_>) {
        let side = &unit.file.app;
        self.filters(Side::App, [side.include.as_ref(), side.exclude.as_ref()]);
        self.backfill(Side::App, side.backfill.as_ref());
        for (path, _) in side.archive.iter().flat_map(|entry| &entry.value) {
            self.add(Side::App, path.value.as_str(), path.span, Role::Archive);
        }
    }

    fn filters(&mut self, side: Side, lists: [Option<&Entry<Vec<Filter>>>; 2]) {
        for condition in lists.into_iter().flatten().flat_map(|entry| &entry.value).flat_map(conditions) {
            self.add(side, condition.field.value.as_str(), condition.field.span, Role::Filter);
        }
    }

    fn backfill(&mut self, side: Side, entry: Option<&Entry<Backfill>>) {
        if let Some(Backfill::Window(window)) = entry.map(|entry| &entry.value)
            && let Some(by) = &window.by
        {
            self.add(side, by.value.as_str(), by.span, Role::BackfillBy);
        }
    }

    fn manual_links(&mut self, unit: &Unit<'_>) {
        for pair in &unit.file.manual_links {
            for (side, end) in [(Side::Salesforce, &pair.salesforce), (Side::App, &pair.app)] {
                let PairSelector::Fields(fields) = &end.value else { continue };
                for (path, _) in fields {
                    self.add(side, path.value.as_str(), path.span, Role::ManualLink);
                }
            }
        }
    }
}

fn conditions(filter: &Filter) -> &[Condition] {
    &filter.conditions
}
