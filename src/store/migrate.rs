//! Versions of the tables. A state of a later version is refused before anything is touched; one of an earlier version is brought up
//! in the transaction that opens it. Values carry versions of their own (`link_row`, failures, the vault), so a new layout of a value
//! needs no step here: old values are read as they are and rewritten when they change. Tables that nobody uses any more are dropped; a
//! program of before makes them anew.

use std::path::Path;

use redb::{ReadableTable, WriteTransaction};

use super::StoreError;
use super::tables::META;

/// Version of the set of tables that this program writes.
pub(super) const VERSION: u32 = 1;
const NAME: &str = "version";
/// Tables of before.
const RETIRED: [&str; 2] = ["inbox", "inbox_digests"];

/// Checks the version and brings the tables up to this one.
pub(super) fn run(txn: &WriteTransaction, dir: &Path) -> Result<(), StoreError> {
    drop_retired(txn)?;
    let mut meta = txn.open_table(META)?;
    let stored = match meta.get(NAME)? {
        None => None,
        Some(bytes) => {
            let bytes =
                <[u8; 4]>::try_from(bytes.value()).map_err(|_| StoreError::Unreadable { what: "version" })?;
            Some(u32::from_be_bytes(bytes))
        }
    };
    match stored {
        Some(VERSION) => Ok(()),
        Some(found) if found > VERSION => Err(StoreError::Newer { dir: dir.into(), found, known: VERSION }),
        _ => {
            meta.insert(NAME, VERSION.to_be_bytes().as_slice())?;
            Ok(())
        }
    }
}

fn drop_retired(txn: &WriteTransaction) -> Result<(), StoreError> {
    let tables: Vec<_> =
        txn.list_tables()?.filter(|table| RETIRED.contains(&redb::TableHandle::name(table))).collect();
    for table in tables {
        txn.delete_table(table)?;
    }
    Ok(())
}
