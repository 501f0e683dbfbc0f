//! What one pipeline reads of one table. Plain data; the plan fills it.

use std::time::Duration;

use crate::connect::sql::TableSpec;

/// What the first load brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadScope {
    /// Everything that passes the filter.
    All,
    /// Nothing: only changes from now on.
    Nothing,
    /// What passes the filter and this SQL condition as well.
    Where(String),
}

/// What a source reads. Fields are plain: change them before the source is made.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// The table: its name, its key, the columns of the rows (`reads`), and those of the change time and of the delete mark. What it
    /// says of writing is not looked at.
    pub table: TableSpec,
    /// `include`, `exclude` and `where` as one SQL condition.
    pub condition: Option<String>,
    /// What the first load brings.
    pub load: LoadScope,
    /// How far windows overlap: for programs that stamp with clocks of their own.
    pub lookback: Duration,
    /// How far behind the database's clock a window ends.
    pub lag: Duration,
}

impl SourceSpec {
    /// Everything of a table, with the usual overlap of ten minutes.
    pub fn new(table: TableSpec) -> Self {
        Self {
            table,
            condition: None,
            load: LoadScope::All,
            lookback: Duration::from_secs(600),
            lag: Duration::from_secs(2),
        }
    }

    /// The same without anything that is about writing.
    pub(super) fn read_only(mut self) -> Self {
        self.table.columns.clear();
        self.table.unique.clear();
        self.table.match_columns.clear();
        self.table.create = false;
        self
    }
}
