//! Many keys at once, in their order: neighbours are stepped to, and only what lies further away is sought from the root of the tree. What
//! streams by in the order of a table costs a step for a record.

use redb::{ReadableTable, Value};

use super::StoreError;
use super::links::{NUMBER_BYTES, id_of};
use super::tables::{Bytes, keyed};
use crate::model::Key;

/// Entries that are stepped over before a key is sought.
const STEPS: usize = 8;

/// A place among the keys that were asked for, and the link that was found for it.
pub(super) type Found = (usize, u64);

/// The links of Salesforce records.
pub(super) fn ids_of_salesforce(
    table: &impl ReadableTable<Bytes, u64>,
    space: u32,
    keys: &[Key],
) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    walk(table, &sorted(space, keys), |place, key, entry, id| {
        found.extend((entry == key).then_some((place, id)));
    })?;
    Ok(found)
}

/// The links of app records; several of one record.
pub(super) fn ids_of_app(
    table: &impl ReadableTable<Bytes, ()>,
    space: u32,
    keys: &[Key],
) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    walk(table, &sorted(space, keys), |place, key, entry, ()| {
        let is_its = entry.len() == key.len() + NUMBER_BYTES;
        found.extend(is_its.then(|| (place, id_of(space, entry))));
    })?;
    Ok(found)
}

/// Keys as the indexes have them, in their order there, each with its place.
fn sorted(space: u32, keys: &[Key]) -> Vec<(Vec<u8>, usize)> {
    let mut sorted: Vec<(Vec<u8>, usize)> =
        keys.iter().enumerate().map(|(place, key)| (keyed(space, key), place)).collect();
    sorted.sort();
    sorted
}

/// Shows each key the entries that begin with it.
fn walk<V: Value + 'static>(
    table: &impl ReadableTable<Bytes, V>,
    keys: &[(Vec<u8>, usize)],
    mut show: impl FnMut(usize, &[u8], &[u8], V::SelfType<'_>),
) -> Result<(), StoreError> {
    let Some((first, _)) = keys.first() else { return Ok(()) };
    let mut entries = table.range(first.as_slice()..)?;
    let mut entry = entries.next().transpose()?;
    for (at, (key, place)) in keys.iter().enumerate() {
        if keys.get(at.wrapping_sub(1)).is_some_and(|(before, _)| before == key) {
            // Somebody asks twice: what was passed is looked at again.
            entries = table.range(key.as_slice()..)?;
            entry = entries.next().transpose()?;
        }
        let mut steps = 0;
        while entry.as_ref().is_some_and(|(entry, _)| entry.value() < key.as_slice()) {
            if steps == STEPS {
                entries = table.range(key.as_slice()..)?;
            }
            steps += 1;
            entry = entries.next().transpose()?;
        }
        while let Some((found, value)) = &entry
            && found.value().starts_with(key)
        {
            show(*place, key, found.value(), value.value());
            entry = entries.next().transpose()?;
        }
    }
    Ok(())
}

/// Shows the rows of links, for each place in the order of their numbers.
pub(super) fn rows(
    table: &impl ReadableTable<u64, Bytes>,
    mut ids: Vec<Found>,
    mut show: impl FnMut(usize, u64, &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    ids.sort_unstable_by_key(|(place, id)| (*id, *place));
    let Some((_, first)) = ids.first() else { return Ok(()) };
    let mut entries = table.range(*first..)?;
    let mut entry = entries.next().transpose()?;
    for (place, id) in ids {
        let mut steps = 0;
        while entry.as_ref().is_some_and(|(number, _)| number.value() < id) {
            if steps == STEPS {
                entries = table.range(id..)?;
            }
            steps += 1;
            entry = entries.next().transpose()?;
        }
        if let Some((number, row)) = &entry
            && number.value() == id
        {
            show(place, id, row.value())?;
        }
    }
    Ok(())
}
