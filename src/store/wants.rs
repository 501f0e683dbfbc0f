//! Records to look at again: wants, which wait for a link of another pipeline, and the touched queue, in which they and others
//! arrive once there is something new.
//!
//! Both are level-triggered: an entry carries no data and may be there without need, but is never missing. An entry leaves the queue only
//! when the record was read after it was touched, and settled.
//!
//! Beside the queue stands of which records an app has said that they were deleted. That is evidence where the app does not answer for single
//! records, so it stays until the record is settled, over failures too.

use redb::{ReadTransaction, ReadableTable, Table, WriteTransaction};

use super::encoding::{Reader, put_key};
use super::registry::Registry;
use super::tables::{
    Bytes, META, TOLD_GONE, TOUCHED, WANTS, clear, from_json, keys_with, prefix, sided, to_json,
};
use super::{Store, StoreError, tables};
use crate::model::{Key, PipelineName, Side, Want};

const COUNTER: &str = "touched";

/// Records for the queue of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Whose queue.
    pub pipeline: PipelineName,
    /// The side of the records.
    pub side: Side,
    /// The records.
    pub keys: Vec<Key>,
    /// Whoever tells says that they were deleted.
    pub gone: bool,
}

/// The tables of wants inside a write transaction.
pub(super) struct WantTables<'t> {
    wants: Table<'t, Bytes, ()>,
    touched: Table<'t, Bytes, u64>,
    told_gone: Table<'t, Bytes, ()>,
    meta: Table<'t, &'static str, Bytes>,
}

impl<'t> WantTables<'t> {
    pub(super) fn open(txn: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            wants: txn.open_table(WANTS)?,
            touched: txn.open_table(TOUCHED)?,
            told_gone: txn.open_table(TOLD_GONE)?,
            meta: txn.open_table(META)?,
        })
    }

    /// Remembers a want of one pipeline for a record of another.
    pub(super) fn want(&mut self, wanted: u32, pipeline: u32, want: &Want) -> Result<(), StoreError> {
        let (side, source) = (want.source.0, &want.source.1);
        let mut key = sided(wanted, side, &want.key);
        key.extend_from_slice(&prefix(pipeline));
        put_key(source, &mut key);
        self.wants.insert(key.as_slice(), ())?;
        Ok(())
    }

    /// Whether anybody waits for records of a pipeline.
    pub(super) fn is_wanted(&self, pipeline: u32) -> Result<bool, StoreError> {
        Ok(!keys_with(&self.wants, &prefix(pipeline), 1)?.is_empty())
    }

    /// A record of a pipeline is linked: those who waited for it move to their queues. Returns their pipelines.
    pub(super) fn wake(&mut self, pipeline: u32, side: Side, key: &Key) -> Result<Vec<u32>, StoreError> {
        let begin = sided(pipeline, side, key);
        let mut woken = Vec::new();
        for entry in keys_with(&self.wants, &begin, usize::MAX)? {
            let mut rest = Reader::new(&entry[begin.len()..], "want");
            let (number, source) = (rest.u32()?, rest.key()?);
            self.wants.remove(entry.as_slice())?;
            self.touch(number, side, &source)?;
            woken.push(number);
        }
        Ok(woken)
    }

    /// Puts a record at the end of a queue.
    pub(super) fn touch(&mut self, pipeline: u32, side: Side, key: &Key) -> Result<(), StoreError> {
        let next = counter(&self.meta)? + 1;
        self.meta.insert(COUNTER, to_json(&next, "counter")?.as_slice())?;
        self.touched.insert(sided(pipeline, side, key).as_slice(), next)?;
        Ok(())
    }

    /// Whether a queue holds anything.
    pub(super) fn is_touched(&self, pipeline: u32) -> Result<bool, StoreError> {
        Ok(!keys_with(&self.touched, &prefix(pipeline), 1)?.is_empty())
    }

    /// A record is settled: it leaves the queue, unless it was touched again after it was read.
    pub(super) fn untouch(
        &mut self,
        pipeline: u32,
        upto: u64,
        (side, key): (Side, &Key),
    ) -> Result<(), StoreError> {
        let key = sided(pipeline, side, key);
        if self.touched.get(key.as_slice())?.is_some_and(|order| order.value() <= upto) {
            self.touched.remove(key.as_slice())?;
        }
        Ok(())
    }

    /// Whether anybody has said of records of a pipeline that they were deleted.
    pub(super) fn is_told(&self, pipeline: u32) -> Result<bool, StoreError> {
        Ok(!keys_with(&self.told_gone, &prefix(pipeline), 1)?.is_empty())
    }

    /// A record is settled: what was said of it before is of no interest any more. What waits in the queue again stays told.
    pub(super) fn untell(&mut self, pipeline: u32, (side, key): (Side, &Key)) -> Result<(), StoreError> {
        let key = sided(pipeline, side, key);
        if self.touched.get(key.as_slice())?.is_none() {
            self.told_gone.remove(key.as_slice())?;
        }
        Ok(())
    }

    /// Drops the queue of a pipeline. What others want of it stays.
    pub(super) fn clear(&mut self, pipeline: u32) -> Result<(), StoreError> {
        clear(&mut self.told_gone, &prefix(pipeline))?;
        clear(&mut self.touched, &prefix(pipeline))
    }

    /// Wants for one pipeline become wants for another, which took its name.
    pub(super) fn redirect(&mut self, from: u32, to: u32) -> Result<(), StoreError> {
        for old in keys_with(&self.wants, &prefix(from), usize::MAX)? {
            self.wants.remove(old.as_slice())?;
            self.wants.insert([&prefix(to)[..], &old[4..]].concat().as_slice(), ())?;
        }
        Ok(())
    }
}

fn counter(meta: &impl ReadableTable<&'static str, Bytes>) -> Result<u64, StoreError> {
    meta.get(COUNTER)?.map_or(Ok(0), |bytes| from_json(bytes.value(), "counter"))
}

impl Store {
    /// Records of a side that must be read and decided again, at most so many. They stay in the queue until a commit settles them
    /// or stores a failure for them.
    pub fn touched(&self, pipeline: &PipelineName, side: Side, limit: usize) -> Result<Vec<Key>, StoreError> {
        let Some(number) = self.registry().number(pipeline) else { return Ok(Vec::new()) };
        let mut begin = prefix(number);
        begin.push(tables::side_byte(side));
        self.read(|txn| {
            let found = keys_with(&txn.open_table(TOUCHED)?, &begin, limit)?;
            found.iter().map(|key| Reader::new(&key[begin.len()..], "touched record").key()).collect()
        })
    }

    /// How far the queues have come. Asked before records are read and given to their commit, so that what is touched while they are
    /// being settled is looked at again.
    pub fn touched_upto(&self) -> Result<u64, StoreError> {
        self.read(|txn| counter(&txn.open_table(META)?))
    }

    /// Puts records into the queue of a pipeline: hints from outside that must survive a restart.
    pub fn touch(&self, pipeline: &PipelineName, side: Side, keys: &[Key]) -> Result<(), StoreError> {
        self.write(|txn, registry| {
            let number = registry.ensure(txn, pipeline)?;
            let mut tables = WantTables::open(txn)?;
            keys.iter().try_for_each(|key| tables.touch(number, side, key))
        })
    }

    /// The same for several queues at once, in one transaction: the calls of many share what it costs to be durable.
    pub fn touch_all(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.write(|txn, registry| {
            let numbers = touches.iter().map(|touch| registry.ensure(txn, &touch.pipeline));
            let numbers = numbers.collect::<Result<Vec<u32>, _>>()?;
            let mut tables = WantTables::open(txn)?;
            for (number, touch) in numbers.into_iter().zip(touches) {
                for key in &touch.keys {
                    tables.touch(number, touch.side, key)?;
                    if touch.gone {
                        tables.told_gone.insert(sided(number, touch.side, key).as_slice(), ())?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Of which of these records it was said that they were deleted.
    pub fn told_gone(
        &self,
        pipeline: &PipelineName,
        side: Side,
        keys: &[Key],
    ) -> Result<Vec<bool>, StoreError> {
        let Some(number) = self.registry().number(pipeline) else { return Ok(vec![false; keys.len()]) };
        self.read(|txn| {
            let table = txn.open_table(TOLD_GONE)?;
            keys.iter().map(|key| Ok(table.get(sided(number, side, key).as_slice())?.is_some())).collect()
        })
    }

    /// Who waits for these records of a pipeline: pipeline and record, for `why` and status.
    pub fn wants_for(
        &self,
        pipeline: &PipelineName,
        side: Side,
        keys: &[Key],
    ) -> Result<Vec<(PipelineName, Want)>, StoreError> {
        let registry = self.registry();
        let Some(number) = registry.number(pipeline) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        self.read(|txn| {
            for key in keys {
                found.extend(waiting(txn, &registry, (number, side, key))?.into_iter().map(
                    |(name, source)| {
                        (name, Want { pipeline: pipeline.clone(), key: key.clone(), source: (side, source) })
                    },
                ));
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// How many records are in the queue of a pipeline.
pub(super) fn queued(txn: &ReadTransaction, number: u32) -> Result<u64, StoreError> {
    let (begin, end) = (prefix(number), prefix(number + 1));
    Ok(txn.open_table(TOUCHED)?.range(begin.as_slice()..end.as_slice())?.count() as u64)
}

fn waiting(
    txn: &ReadTransaction,
    registry: &Registry,
    (number, side, key): (u32, Side, &Key),
) -> Result<Vec<(PipelineName, Key)>, StoreError> {
    let begin = sided(number, side, key);
    let keys = keys_with(&txn.open_table(WANTS)?, &begin, usize::MAX)?;
    let read = |entry: &Vec<u8>| {
        let mut rest = Reader::new(&entry[begin.len()..], "want");
        Ok((registry.name(rest.u32()?), rest.key()?))
    };
    keys.iter().map(read).collect()
}
