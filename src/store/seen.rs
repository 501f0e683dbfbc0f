//! What records said when they were last settled, as far as expressions ask for it (`old`): record values, so each is sealed.

use redb::{Table, WriteTransaction};

use super::encoding::{Reader, put_stamp, put_varint};
use super::tables::{Bytes, SEEN, clear, prefix, side_byte, sided};
use super::values::{put_text, put_value, text, value};
use super::vault::Vault;
use super::{Store, StoreError};
use crate::model::{Key, NamedValues, PipelineName, Remember, Seen, Side, Version};

/// Version of the layout below.
const VERSION: u8 = 1;
const WHAT: &str = "last values";

/// The table inside a write transaction.
pub(super) struct SeenTable<'t>(Table<'t, Bytes, Bytes>);

impl<'t> SeenTable<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self(txn.open_table(SEEN)?))
    }

    pub(super) fn put(
        &mut self,
        vault: &Vault,
        space: u32,
        (side, key, seen): &Remember,
    ) -> Result<(), StoreError> {
        let place = sided(space, *side, key);
        match seen {
            Some(seen) => {
                let sealed = vault.seal(&belongs_to(space, *side, key), &encode(seen))?;
                self.0.insert(place.as_slice(), sealed.as_slice())?;
            }
            None => {
                self.0.remove(place.as_slice())?;
            }
        }
        Ok(())
    }

    /// Drops everything of a space.
    pub(super) fn clear(&mut self, space: u32) -> Result<(), StoreError> {
        clear(&mut self.0, &prefix(space))
    }
}

impl Store {
    /// What records of a side said when they were last settled, in the order of the keys.
    pub fn seen(
        &self,
        pipeline: &PipelineName,
        generation: u32,
        (side, keys): (Side, &[Key]),
    ) -> Result<Vec<Option<Seen>>, StoreError> {
        let Some(space) = self.space(pipeline, generation) else { return Ok(vec![None; keys.len()]) };
        self.read(|txn| {
            let table = txn.open_table(SEEN)?;
            let one = |key: &Key| {
                let Some(sealed) = table.get(sided(space, side, key).as_slice())? else { return Ok(None) };
                let plain = self.vault.open(&belongs_to(space, side, key), sealed.value());
                decode(&plain.ok_or(StoreError::Unreadable { what: WHAT })?).map(Some)
            };
            keys.iter().map(one).collect()
        })
    }
}

fn belongs_to(space: u32, side: Side, key: &Key) -> String {
    format!("seen:{space}:{}:{}", side_byte(side), key.as_str())
}

/// `version, stamp or not, fields, fields or not`.
fn encode(seen: &Seen) -> Vec<u8> {
    let mut out = vec![VERSION, u8::from(seen.version.is_some())];
    if let Some(Version(stamp)) = seen.version {
        put_stamp(stamp, &mut out);
    }
    put_fields(&seen.last, &mut out);
    out.push(u8::from(seen.before.is_some()));
    if let Some(before) = &seen.before {
        put_fields(before, &mut out);
    }
    out
}

fn put_fields(fields: &NamedValues, out: &mut Vec<u8>) {
    put_varint(fields.len() as u128, out);
    for (name, value) in fields {
        put_text(name, out);
        put_value(value, out);
    }
}

fn decode(bytes: &[u8]) -> Result<Seen, StoreError> {
    let mut reader = Reader::new(bytes, WHAT);
    if reader.byte()? != VERSION {
        return reader.fail();
    }
    let version = if reader.byte()? == 1 { Some(Version(reader.stamp()?)) } else { None };
    let last = fields(&mut reader)?;
    let before = if reader.byte()? == 1 { Some(fields(&mut reader)?) } else { None };
    Ok(Seen { version, last, before })
}

fn fields(reader: &mut Reader<'_>) -> Result<NamedValues, StoreError> {
    let count = reader.count()?;
    (0..count).map(|_| Ok((text(reader)?.to_owned(), value(reader)?))).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{Commit, Value};
    use crate::store::StoreKey;

    /// What version 1 wrote: it must be readable for ever, and today's must look the same.
    const VERSION_1: &str =
        "010180a098bdd918020953746167654e616d650503576f6e06416d6f756e7403013301010953746167654e616d6501";

    fn seen() -> Seen {
        let version = Some(Version(Timestamp::from_second(1_790_000_000).unwrap()));
        let last = vec![("StageName".to_owned(), Value::text("Won")), ("Amount".to_owned(), Value::Int(3))];
        Seen { version, last, before: Some(vec![("StageName".to_owned(), Value::Null)]) }
    }

    #[test]
    fn values_of_version_1_are_read_and_written() {
        let bytes = encode(&seen());
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex, VERSION_1);
        assert_eq!(decode(&bytes).unwrap(), seen());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn they_are_kept_per_record_and_sealed_and_go_with_the_pipeline() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreKey::File).unwrap();
        let name = PipelineName::from("deals");
        let keys = [Key::salesforce("006000000000001"), Key::salesforce("006000000000002")];
        let commit =
            |seen: Vec<Remember>| store.commit(&name, 1, &Commit { seen, ..Commit::default() }).unwrap();
        let read = || store.seen(&name, 1, (Side::Salesforce, &keys)).unwrap();
        assert_eq!(read(), [None, None], "a pipeline without state");
        commit(vec![(Side::Salesforce, keys[1].clone(), Some(seen()))]);
        assert_eq!(read(), [None, Some(seen())]);
        assert_eq!(store.seen(&name, 1, (Side::App, &keys)).unwrap(), [None, None]);
        let file = std::fs::read(dir.path().join("state.redb")).unwrap();
        let shows = |text: &[u8]| file.windows(text.len()).any(|window| window == text);
        assert!(!shows(b"StageName") && shows(b"deals"), "what records said is sealed");
        commit(vec![(Side::Salesforce, keys[1].clone(), None)]);
        assert_eq!(read(), [None, None]);
        commit(vec![(Side::Salesforce, keys[0].clone(), Some(seen()))]);
        store.forget(&name).unwrap();
        commit(Vec::new());
        assert_eq!(read(), [None, None]);
    }
}
