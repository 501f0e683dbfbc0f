//! Queries and reads of single records.
//! May not change records. Read [`Org::query`] first.

use std::ops::Range;

use super::Org;
use crate::org::error::ApiError;
use crate::org::ids::Id;
use crate::org::render::csv::{self, CsvStyle};
use crate::org::render::json;
use crate::org::single;
use crate::org::soql::run::{self, QueryOptions, QueryResult, Rows};
use crate::org::value::RowRef;

/// Records that are brought near at once: what they hold fits beside the answer.
const NEAR: usize = 250;

impl Org {
    /// Parses and runs a query; the result holds row handles, not values.
    pub fn query(&self, soql: &str, options: &QueryOptions) -> Result<QueryResult, ApiError> {
        let state = self.read();
        run::run(&self.scope(&state, options.include_deleted, options.bulk), soql)
    }

    /// The rows of a query with or without indexes, for the test that they agree.
    #[cfg(test)]
    pub(crate) fn rows_of(&self, soql: &str, deleted: bool, indexed: bool) -> Result<Vec<u32>, ApiError> {
        let state = self.read();
        let scope = run::Scope { indexed, ..self.scope(&state, deleted, false) };
        match run::run(&scope, soql)?.rows {
            Rows::Records { rows, .. } => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// Appends the elements of `records` in `range`, separated by commas, without brackets.
    pub fn render_json(&self, result: &QueryResult, range: Range<usize>, out: &mut Vec<u8>) {
        let state = self.read();
        let scope = self.scope(&state, result.include_deleted, false);
        let range = range.start.min(result.len())..range.end.min(result.len());
        let start = out.len();
        let table = state.store.schema.object(result.object_index).table;
        match &result.rows {
            Rows::Records { rows, selection } => {
                let near = selection.stored(&state.store.schema);
                let writer = json::Writer { scope: &scope };
                for rows in rows[range].chunks(NEAR) {
                    for column in &near {
                        state.store.table(table).bring_near(*column, rows);
                    }
                    for row in rows {
                        writer.record(RowRef { table, row: *row }, &result.object, &selection.nodes, out);
                        out.push(b',');
                    }
                }
            }
            Rows::Groups(groups) => {
                for number in range {
                    json::write_group(groups, number, scope.reader, out);
                    out.push(b',');
                }
            }
            Rows::Nothing => return,
        }
        if out.len() > start {
            out.pop();
        }
    }

    /// Appends the header line of a Bulk result.
    pub fn render_csv_header(&self, result: &QueryResult, style: CsvStyle, out: &mut Vec<u8>) {
        csv::write_header(&result.columns, style, out);
    }

    /// Appends the rows in `range` in the form of Bulk API 2.0 (section 7.3).
    pub fn render_csv(&self, result: &QueryResult, range: Range<usize>, style: CsvStyle, out: &mut Vec<u8>) {
        if let Rows::Records { rows, selection } = &result.rows {
            let state = self.read();
            let reader = state.store.reader(self.clock.now_seconds());
            let range = range.start.min(rows.len())..range.end.min(rows.len());
            csv::write_rows(&selection.columns, &rows[range], reader, style, out);
        }
    }
    /// One record as a JSON object (section 5.2); with `fields`, only those and `Id`.
    pub fn get(&self, object: &str, id: &str, fields: Option<&[&str]>) -> Result<Vec<u8>, ApiError> {
        let state = self.read();
        let scope = self.scope(&state, false, false);
        single::get(&scope, Self::visible(&state, object)?, id, fields)
    }

    /// All records of an object with all their fields as a JSON array, in the order of their creation; with `deleted`
    /// also those in the recycle bin.
    pub fn records_json(&self, object: &str, deleted: bool) -> Result<Vec<u8>, ApiError> {
        let state = self.read();
        let scope = self.scope(&state, deleted, false);
        Ok(single::all(&scope, Self::visible(&state, object)?))
    }

    /// The records of [`Org::records_json`], parsed.
    pub fn records(&self, object: &str, deleted: bool) -> Result<Vec<serde_json::Value>, ApiError> {
        let json = self.records_json(object, deleted)?;
        serde_json::from_slice(&json)
            .map_err(|error| ApiError::request("JSON_PARSER_ERROR", error.to_string()))
    }

    /// The bytes of a base64 field, such as `ContentNote.Content` (section 5.7).
    pub fn blob(&self, object: &str, id: &str, field: &str) -> Result<Vec<u8>, ApiError> {
        let state = self.read();
        let scope = self.scope(&state, false, false);
        single::blob(&scope, Self::visible(&state, object)?, id, field)
    }

    /// Live records that hold a text in a field, for reads and upserts by external id (section 5.4).
    pub fn find_by(&self, object: &str, field: &str, text: &str) -> Result<Vec<Id>, ApiError> {
        let state = self.read();
        let scope = self.scope(&state, false, false);
        single::find_by(&scope, Self::visible(&state, object)?, field, text)
    }
}
