//! Identity of rows, so that stored baselines survive a reload that moves them.
//!
//! A row keeps its baseline as long as it pairs the same two fields and compares them in the same terms: those of the app
//! if it flows there, in the same normal form. A changed expression keeps it: that is a change of one side, and is handled as one.

use xxhash_rust::xxh3::xxh3_64;

use crate::model::Schema;
use crate::plan::{Mapping, RowSet};

/// The hashes of the rows; `both`: updates flow both ways. They are stored, so what goes into them may only change with a migration.
pub(super) fn row_set(rows: &[Mapping], salesforce: &Schema, app: &Schema, both: bool) -> RowSet {
    let is_both = |row: &Mapping| both && row.to_app.is_on() && row.to_salesforce.is_on();
    let seen = hashes(rows, (salesforce, app), is_both);
    let bytes: Vec<u8> = seen.iter().flat_map(|hash| hash.to_le_bytes()).collect();
    let [a, b, c, d, ..] = xxh3_64(&bytes).to_le_bytes();
    let both = hashes(rows, (salesforce, app), |_| true);
    RowSet { id: u32::from_le_bytes([a, b, c, d]), rows: seen, both }
}

fn hashes(
    rows: &[Mapping],
    (salesforce, app): (&Schema, &Schema),
    is_both: impl Fn(&Mapping) -> bool,
) -> Vec<u64> {
    let mut seen: Vec<u64> = Vec::with_capacity(rows.len());
    for row in rows {
        let field = |schema: &Schema, at: Option<usize>| {
            at.and_then(|at| schema.fields().get(at)).map_or_else(String::new, |field| field.name.to_string())
        };
        let terms = if row.to_app.is_on() { "app" } else { "salesforce" };
        let form = row.form.map_or_else(String::new, |form| format!("{form:?}"));
        // A direction that is added takes a fresh baseline.
        let both = if is_both(row) { "\u{1f}both" } else { "" };
        let text = format!(
            "{}\u{1f}{}\u{1f}{terms}\u{1f}{form}{both}",
            field(salesforce, row.salesforce),
            field(app, row.app)
        );
        let mut hash = xxh3_64(text.as_bytes());
        // Rows that say the same twice (one per direction) are told apart by their order.
        while seen.contains(&hash) {
            hash = xxh3_64(&hash.to_le_bytes());
        }
        seen.push(hash);
    }
    seen
}
