//! The tables of the state and how their keys are put together. A *space* is one generation of one pipeline: links, cursors and
//! failures live under its number, so a rename moves one row and a generation is dropped as a range.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | version of the tables, sealed seed, counters |
//! | `pipelines` | pipeline | name, generations, flags (JSON) |
//! | `spaces` | space | counters (JSON) |
//! | `links` | space, link | the row of `link_row` |
//! | `by_salesforce` | space, Salesforce key | link |
//! | `by_app` | space, app key, link | – |
//! | `cursors` | space, side | cursor (JSON) |
//! | `failures` | space, side, key | failure: open part (JSON), sealed detail |
//! | `failure_ids` | id, 0, key in `failures` | – |
//! | `due` | space, next try, side, key | – |
//! | `resolved` | space, last try, side, key | as in `failures` |
//! | `wants` | wanted pipeline, side, wanted key, pipeline, key | – |
//! | `touched` | pipeline, side, key | order in which it was touched |
//! | `told_gone` | pipeline, side, key | – |
//! | `intents` | space, parcel | creates on their way, sealed |
//! | `replaced` | space, run, parcel | what the writes of a run replaced, sealed |
//! | `seen` | space, side, key | what the record said when it was last settled, sealed |
//! | `runs` | pipeline, start | run (JSON) |
//! | `files`, `catalog`, `tokens`, `usage` | see their modules | |

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::StoreError;
use super::encoding::put_key;
use crate::model::{Key, Side};

pub(super) type Bytes = &'static [u8];
type Definition<K, V> = TableDefinition<'static, K, V>;

pub(super) const META: Definition<&str, Bytes> = TableDefinition::new("meta");
pub(super) const PIPELINES: Definition<u32, Bytes> = TableDefinition::new("pipelines");
pub(super) const SPACES: Definition<u32, Bytes> = TableDefinition::new("spaces");
pub(super) const LINKS: Definition<u64, Bytes> = TableDefinition::new("links");
pub(super) const BY_SALESFORCE: Definition<Bytes, u64> = TableDefinition::new("by_salesforce");
pub(super) const BY_APP: Definition<Bytes, ()> = TableDefinition::new("by_app");
pub(super) const CURSORS: Definition<(u32, u8), Bytes> = TableDefinition::new("cursors");
pub(super) const FAILURES: Definition<Bytes, Bytes> = TableDefinition::new("failures");
pub(super) const FAILURE_IDS: Definition<Bytes, ()> = TableDefinition::new("failure_ids");
pub(super) const DUE: Definition<Bytes, ()> = TableDefinition::new("due");
pub(super) const RESOLVED: Definition<Bytes, Bytes> = TableDefinition::new("resolved");
pub(super) const WANTS: Definition<Bytes, ()> = TableDefinition::new("wants");
pub(super) const TOUCHED: Definition<Bytes, u64> = TableDefinition::new("touched");
pub(super) const TOLD_GONE: Definition<Bytes, ()> = TableDefinition::new("told_gone");
pub(super) const INTENTS: Definition<(u32, u64), Bytes> = TableDefinition::new("intents");
pub(super) const REPLACED: Definition<(u32, i64, u64), Bytes> = TableDefinition::new("replaced");
pub(super) const SEEN: Definition<Bytes, Bytes> = TableDefinition::new("seen");
pub(super) const RUNS: Definition<(u32, i64), Bytes> = TableDefinition::new("runs");
pub(super) const FILES: Definition<&str, Bytes> = TableDefinition::new("files");
pub(super) const CATALOG: Definition<(&str, &str, &str), Bytes> = TableDefinition::new("catalog");
pub(super) const TOKENS: Definition<&str, Bytes> = TableDefinition::new("tokens");
pub(super) const USAGE: Definition<(&str, i64), u64> = TableDefinition::new("usage");

/// Makes the tables that are missing, so that readers always find them.
pub(super) fn create(txn: &WriteTransaction) -> Result<(), StoreError> {
    for table in [META, FILES, TOKENS] {
        txn.open_table(table)?;
    }
    for table in [PIPELINES, SPACES] {
        txn.open_table(table)?;
    }
    for table in [FAILURES, RESOLVED, SEEN] {
        txn.open_table(table)?;
    }
    for table in [BY_APP, FAILURE_IDS, DUE, WANTS, TOLD_GONE] {
        txn.open_table(table)?;
    }
    for table in [BY_SALESFORCE, TOUCHED] {
        txn.open_table(table)?;
    }
    txn.open_table(LINKS)?;
    txn.open_table(CURSORS)?;
    txn.open_table(INTENTS)?;
    txn.open_table(REPLACED)?;
    txn.open_table(RUNS)?;
    txn.open_table(CATALOG)?;
    txn.open_table(USAGE)?;
    Ok(())
}

/// Links of a space are neighbours: 24 bits of space, 40 bits of number.
pub(super) const LINK_BITS: u32 = 40;

/// Key in `links`.
pub(super) fn link_id(space: u32, number: u64) -> u64 {
    u64::from(space) << LINK_BITS | number
}

/// The number in a key in `links`.
pub(super) fn link_number(id: u64) -> u64 {
    id & ((1 << LINK_BITS) - 1)
}

/// A space or pipeline number as the beginning of a key.
pub(super) fn prefix(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// `number, key`.
pub(super) fn keyed(number: u32, key: &Key) -> Vec<u8> {
    let mut bytes = prefix(number);
    put_key(key, &mut bytes);
    bytes
}

/// `number, side, key`.
pub(super) fn sided(number: u32, side: Side, key: &Key) -> Vec<u8> {
    let mut bytes = prefix(number);
    bytes.push(side_byte(side));
    put_key(key, &mut bytes);
    bytes
}

pub(super) fn side_byte(side: Side) -> u8 {
    match side {
        Side::Salesforce => 0,
        Side::App => 1,
    }
}

pub(super) fn side_of(byte: u8) -> Side {
    if byte == 0 { Side::Salesforce } else { Side::App }
}

/// The first key after all keys that begin with these bytes; `None` where there is none (bytes of 0xff only).
pub(super) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// The keys that begin with these bytes, at most so many.
pub(super) fn keys_with<V: redb::Value + 'static>(
    table: &impl ReadableTable<Bytes, V>,
    prefix: &[u8],
    limit: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut keys = Vec::new();
    for entry in table.range(prefix..)?.take(limit) {
        let key = entry?.0.value().to_vec();
        if !key.starts_with(prefix) {
            break;
        }
        keys.push(key);
    }
    Ok(keys)
}

/// Removes the keys that begin with these bytes.
pub(super) fn clear<V: redb::Value + 'static>(
    table: &mut redb::Table<'_, Bytes, V>,
    prefix: &[u8],
) -> Result<(), StoreError> {
    match after(prefix) {
        Some(end) => table.retain_in(prefix..end.as_slice(), |_, _| false)?,
        None => table.retain_in(prefix.., |_, _| false)?,
    }
    Ok(())
}

/// Version of the values that are JSON; it stands before them.
const JSON_VERSION: u8 = 1;

/// Reads a JSON value of any version.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    what: &'static str,
) -> Result<T, StoreError> {
    let unreadable = StoreError::Unreadable { what };
    match bytes.split_first() {
        Some((&JSON_VERSION, json)) => serde_json::from_slice(json).map_err(|_| unreadable),
        _ => Err(unreadable),
    }
}

/// Writes a JSON value with its version.
pub(super) fn to_json(value: &impl serde::Serialize, what: &'static str) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![JSON_VERSION];
    serde_json::to_writer(&mut bytes, value).map_err(|_| StoreError::Unreadable { what })?;
    Ok(bytes)
}
