//! Which rows a query has to look at: bounds drawn from its filter, so that an index can be used.
//! May not decide whether a row belongs to the result: every row is still tested. Read [`Bounds`] first.

use super::ast::Operator;
use super::check::Check;
use super::filter::Filter;
use crate::org::schema::{FieldRef, Object, Schema, Source};
use crate::org::store::Store;
use crate::org::table::rank_bound;
use crate::org::value::RowRef;

/// A superset of the rows that a filter accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Change stamps from (inclusive) and to (exclusive).
    pub(crate) stamps: (i64, i64),
    /// Positions in id order, both inclusive.
    pub(crate) ranks: (u32, u32),
    /// The only rows that can match.
    pub(crate) rows: Option<Vec<u32>>,
    /// A reference column and the only cells that can match.
    pub(crate) references: Option<(u16, Vec<u64>)>,
}

const ALL_STAMPS: (i64, i64) = (i64::MIN, i64::MAX);
const ALL_RANKS: (u32, u32) = (0, u32::MAX);

impl Bounds {
    fn all() -> Self {
        Self { stamps: ALL_STAMPS, ranks: ALL_RANKS, rows: None, references: None }
    }

    pub(crate) fn has_stamps(&self) -> bool {
        self.stamps != ALL_STAMPS
    }

    pub(crate) fn has_ranks(&self) -> bool {
        self.ranks != ALL_RANKS
    }

    /// The bounds of a filter on an object.
    pub(crate) fn of(filter: &Filter, object: &Object, store: &Store) -> Self {
        match filter {
            Filter::And(all) => {
                all.iter().fold(Self::all(), |bounds, filter| bounds.and(Self::of(filter, object, store)))
            }
            Filter::Or(any) => any
                .iter()
                .map(|filter| Self::of(filter, object, store))
                .reduce(Self::or)
                .unwrap_or_else(Self::all),
            Filter::Not(_) => Self::all(),
            Filter::Test { access, check } => match access.direct() {
                Some(at) => Self::of_check(at, check, object, store),
                None => Self::all(),
            },
        }
    }

    fn of_check(at: FieldRef, check: &Check, object: &Object, store: &Store) -> Self {
        let mut bounds = Self::all();
        let schema: &Schema = &store.schema;
        match (&schema.field(at).source, check) {
            (Source::Id, Check::Rows(cells)) => {
                let own = cells.iter().filter_map(|cell| RowRef::unpack(*cell));
                bounds.rows = Some(own.filter(|at| at.table == object.table).map(|at| at.row).collect());
            }
            (Source::Id, Check::IdOrder(operator, id)) if store.table_of(id) == Some(object.table) => {
                bounds.ranks = rank_range(*operator, rank_bound(id.parts().3));
            }
            (Source::Column(column), Check::Rows(cells)) => {
                bounds.references = Some((*column, cells.iter().copied().collect()));
            }
            (Source::Column(column), Check::Range { operator, from, to })
                if object.system.change_stamp() == Some(*column) =>
            {
                bounds.stamps = stamp_range(*operator, *from, *to);
            }
            _ => {}
        }
        bounds
    }

    fn and(self, other: Self) -> Self {
        Self {
            stamps: (self.stamps.0.max(other.stamps.0), self.stamps.1.min(other.stamps.1)),
            ranks: (self.ranks.0.max(other.ranks.0), self.ranks.1.min(other.ranks.1)),
            rows: smaller(self.rows, other.rows, Vec::len),
            references: smaller(self.references, other.references, |(_, cells)| cells.len()),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            stamps: (self.stamps.0.min(other.stamps.0), self.stamps.1.max(other.stamps.1)),
            ranks: (self.ranks.0.min(other.ranks.0), self.ranks.1.max(other.ranks.1)),
            rows: self.rows.zip(other.rows).map(|(mut rows, more)| {
                rows.extend(more);
                rows
            }),
            references: None,
        }
    }
}

fn smaller<T>(a: Option<T>, b: Option<T>, size: impl Fn(&T) -> usize) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if size(&b) < size(&a) { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn rank_range(operator: Operator, bound: u32) -> (u32, u32) {
    match operator {
        Operator::Less | Operator::LessOrEqual => (0, bound),
        Operator::Greater | Operator::GreaterOrEqual => (bound, u32::MAX),
        _ => ALL_RANKS,
    }
}

fn stamp_range(operator: Operator, from: i64, to: i64) -> (i64, i64) {
    match operator {
        Operator::Equal | Operator::Like => (from, to),
        Operator::NotEqual => ALL_STAMPS,
        Operator::Less => (i64::MIN, from),
        Operator::LessOrEqual => (i64::MIN, to),
        Operator::Greater => (to, i64::MAX),
        Operator::GreaterOrEqual => (from, i64::MAX),
    }
}
