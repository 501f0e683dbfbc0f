//! Tables: rows in columns, what is deleted, and indexes that are built when first needed.
//! May not know fields or objects. Read [`Table`] first.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use super::column::{Cell, Column, Symbols, Texts};
use super::schema::TableLayout;
use super::value::{Value, fold};

/// Days that a record stays in the recycle bin.
pub(crate) const BIN_SECONDS: i64 = 15 * 86_400;
/// How long queryAll still sees a record that left the bin.
pub(crate) const AFTERLIFE_SECONDS: i64 = 86_400;

/// When a record was deleted, and when it leaves the recycle bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removal {
    pub(crate) deleted_at: i64,
    pub(crate) purged_at: i64,
    /// Number of the delete call: what one call deleted, one undelete brings back.
    pub(crate) batch: u64,
}

impl Removal {
    /// Of a row that no query may ever see again: it has no recycle bin, or its creation was taken back.
    pub(crate) fn never_seen() -> Self {
        Self { deleted_at: 0, purged_at: i64::MIN / 2, batch: 0 }
    }
}

/// Index entries: value of the column, then position in id order.
pub(crate) type Index = BTreeSet<(i64, u32)>;

/// The rows of one table. A row is never removed, so that row numbers (and so ids) stay.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    texts: Texts,
    rows: u32,
    capacity: usize,
    removed: HashMap<u32, Removal>,
    /// Deletes with their time, kept apart from the recycle bin; an undelete takes its entry out.
    pub(crate) delete_log: Vec<(i64, u32)>,
    /// Sequence numbers for auto-number fields.
    pub(crate) next_number: u32,
    indexes: Vec<OnceLock<Index>>,
}

impl Table {
    pub(crate) fn new(layout: &TableLayout) -> Self {
        Self {
            columns: layout.columns.iter().map(|column| Column::new(*column)).collect(),
            texts: Texts::default(),
            rows: 0,
            capacity: 0,
            removed: HashMap::new(),
            delete_log: Vec::new(),
            next_number: 0,
            indexes: layout.columns.iter().map(|_| OnceLock::new()).collect(),
        }
    }

    /// Number of rows ever made, deleted ones included.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Number of rows that are not deleted.
    pub(crate) fn live_rows(&self) -> usize {
        self.rows as usize - self.removed.len()
    }

    /// Announces `more` rows, so that columns grow once.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.capacity = self.rows as usize + more;
    }

    /// Adds a row of nulls.
    pub(crate) fn add_row(&mut self) -> u32 {
        let row = self.rows;
        self.rows += 1;
        for (index, column) in self.indexes.iter_mut().zip(&self.columns) {
            if let Some(index) = index.get_mut() {
                index.insert((key(column, row, &self.texts), rank(row)));
            }
        }
        row
    }

    pub(crate) fn get<'a>(&'a self, column: u16, row: u32, symbols: &'a Symbols) -> Value<'a> {
        self.columns[usize::from(column)].get(row, &self.texts, symbols)
    }

    /// See [`Column::bring_near`].
    pub(crate) fn bring_near(&self, column: u16, rows: &[u32]) {
        self.columns[usize::from(column)].bring_near(rows, &self.texts);
    }

    /// Writes a cell and keeps the indexes right.
    pub(crate) fn set(&mut self, column: u16, row: u32, cell: &Cell<'_>) {
        let at = usize::from(column);
        if let Some(index) = self.indexes[at].get_mut() {
            index.remove(&(key(&self.columns[at], row, &self.texts), rank(row)));
        }
        self.columns[at].set(row, cell, &mut self.texts, self.capacity);
        if let Some(index) = self.indexes[at].get_mut() {
            index.insert((key(&self.columns[at], row, &self.texts), rank(row)));
        }
    }

    /// Forgets the indexes before many rows are added; they are rebuilt when needed.
    pub(crate) fn drop_indexes(&mut self) {
        for index in &mut self.indexes {
            index.take();
        }
    }

    /// The index over a column, built on first use. Nulls come first; texts stand in the order of their hashes.
    pub(crate) fn index(&self, column: u16) -> &Index {
        let at = usize::from(column);
        self.indexes[at].get_or_init(|| {
            let mut entries: Vec<(i64, u32)> =
                (0..self.rows).map(|row| (key(&self.columns[at], row, &self.texts), rank(row))).collect();
            entries.sort_unstable();
            entries.into_iter().collect()
        })
    }

    /// Rows whose reference column holds this cell, in id order.
    pub(crate) fn referring(&self, column: u16, cell: u64) -> impl Iterator<Item = u32> + '_ {
        let value = reference_key(cell);
        self.index(column).range((value, 0)..=(value, u32::MAX)).map(|(_, rank)| row_of(*rank))
    }

    /// Rows whose text column may hold this text, in any case, in id order: those with the same hash.
    pub(crate) fn like_text(&self, column: u16, text: &str) -> impl Iterator<Item = u32> + '_ {
        let value = text_key(text);
        self.index(column).range((value, 0)..=(value, u32::MAX)).map(|(_, rank)| row_of(*rank))
    }

    /// Rows whose number column holds this mantissa, in id order.
    pub(crate) fn with_number(&self, column: u16, mantissa: i64) -> impl Iterator<Item = u32> + '_ {
        self.index(column).range((mantissa, 0)..=(mantissa, u32::MAX)).map(|(_, rank)| row_of(*rank))
    }

    pub(crate) fn removal(&self, row: u32) -> Option<&Removal> {
        self.removed.get(&row)
    }

    pub(crate) fn is_deleted(&self, row: u32) -> bool {
        !self.removed.is_empty() && self.removed.contains_key(&row)
    }

    pub(crate) fn set_removal(&mut self, row: u32, removal: Option<Removal>) {
        match removal {
            Some(removal) => self.removed.insert(row, removal),
            None => self.removed.remove(&row),
        };
    }

    /// Deleted rows in row order.
    pub(crate) fn removed_rows(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self.removed.keys().copied().collect();
        rows.sort_unstable();
        rows
    }

    /// Whether queryAll (with `deleted`) or query sees the row at this time.
    pub(crate) fn is_visible(&self, row: u32, deleted: bool, now: i64) -> bool {
        if self.removed.is_empty() {
            return true;
        }
        match self.removed.get(&row) {
            None => true,
            Some(removal) => deleted && now < removal.purged_at + AFTERLIFE_SECONDS,
        }
    }
}

/// The value of a cell as an index orders it.
fn key(column: &Column, row: u32, texts: &Texts) -> i64 {
    let at = row as usize;
    match column {
        Column::Stamp(cells) | Column::Number(cells, _) => cells.get(at).copied().unwrap_or(i64::MIN),
        Column::Reference(cells) => reference_key(cells.get(at).copied().unwrap_or(0)),
        Column::Date(cells) => i64::from(cells.get(at).copied().unwrap_or(i32::MIN)),
        Column::Text(cells) => cells.get(at).and_then(|cell| texts.get(*cell)).map_or(i64::MIN, text_key),
        _ => 0,
    }
}

/// Texts are indexed by the hash of their folded form; above every null.
fn text_key(text: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    fold(text).hash(&mut hasher);
    i64::try_from(hasher.finish() >> 1).unwrap_or(i64::MAX)
}

/// Reference cells use 48 bits, so they fit into the signed key.
fn reference_key(cell: u64) -> i64 {
    i64::try_from(cell).unwrap_or(i64::MAX)
}

const BLOCK_BITS: u32 = 8;
const LANE_BIT: u32 = 31;
/// Distance of the two sequences from which ids are given.
const LANE_DISTANCE: u64 = 62 * 62 * 62 * 62 * 62 * 62;
const FIRST: u64 = 1_100_000_000;

/// Position of a row in id order. Ids come from two sequences in turn, as several servers give them
/// in Salesforce: id order is not the order of creation.
pub(crate) fn rank(row: u32) -> u32 {
    let block = row >> BLOCK_BITS;
    let position = (block >> 1) << BLOCK_BITS | (row & ((1 << BLOCK_BITS) - 1));
    (block & 1) << LANE_BIT | position
}

/// The row at a position in id order; the inverse of [`rank`].
pub(crate) fn row_of(rank: u32) -> u32 {
    let lane = rank >> LANE_BIT;
    let position = rank & !(1 << LANE_BIT);
    let block = (position >> BLOCK_BITS) << 1 | lane;
    block << BLOCK_BITS | (position & ((1 << BLOCK_BITS) - 1))
}

/// The sequence number in the id of a row.
pub(crate) fn sequence_of(row: u32) -> u64 {
    let rank = rank(row);
    let lane = u64::from(rank >> LANE_BIT);
    FIRST + lane * LANE_DISTANCE + u64::from(rank & !(1 << LANE_BIT))
}

/// The row whose id has this sequence number; it may not exist.
pub(crate) fn row_of_sequence(sequence: u64) -> Option<u32> {
    let offset = sequence.checked_sub(FIRST)?;
    let lane = offset / LANE_DISTANCE;
    let position = u32::try_from(offset % LANE_DISTANCE).ok()?;
    (lane < 2 && position >> LANE_BIT == 0).then(|| row_of(u32::from(lane == 1) << LANE_BIT | position))
}

/// How many ids of a table with `rows` rows are below the sequence number: bounds a range in id order.
pub(crate) fn rank_bound(sequence: u64) -> u32 {
    let Some(offset) = sequence.checked_sub(FIRST) else { return 0 };
    let lane = u32::try_from(offset / LANE_DISTANCE).unwrap_or(u32::MAX);
    let position = u32::try_from(offset % LANE_DISTANCE).unwrap_or(u32::MAX).min((1 << LANE_BIT) - 1);
    if lane > 1 { u32::MAX } else { lane << LANE_BIT | position }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranks_and_sequences_are_reversible(row in 0u32..u32::MAX) {
            prop_assert_eq!(row_of(rank(row)), row);
            prop_assert_eq!(row_of_sequence(sequence_of(row)), Some(row));
        }

        #[test]
        fn sequences_are_ordered_like_ranks(a in 0u32..100_000, b in 0u32..100_000) {
            prop_assert_eq!(rank(a).cmp(&rank(b)), sequence_of(a).cmp(&sequence_of(b)));
            prop_assert_eq!(rank_bound(sequence_of(a)), rank(a));
        }
    }

    #[test]
    fn ids_are_not_in_the_order_of_creation() {
        assert!(sequence_of(256) > sequence_of(512));
    }
}
