//! How many API calls this daemon made of each org, by hour: the budget of 24 hours survives a restart.

use jiff::Timestamp;
use redb::ReadableTable;

use super::tables::USAGE;
use super::{Store, StoreError};
use crate::model::ConnectionName;

const HOUR: i64 = 3_600;

impl Store {
    /// Adds calls to the hour of a moment. The caller gathers calls and stores them every few seconds.
    pub fn add_api_calls(
        &self,
        connection: &ConnectionName,
        at: Timestamp,
        calls: u64,
    ) -> Result<(), StoreError> {
        let key = (connection.as_str(), at.as_second().div_euclid(HOUR));
        self.write(|txn, _| {
            let mut table = txn.open_table(USAGE)?;
            let before = table.get(key)?.map_or(0, |calls| calls.value());
            table.insert(key, before + calls)?;
            Ok(())
        })
    }

    /// Calls by hour, oldest first, from the hour of a moment on. The stamp is the beginning of the hour.
    pub fn api_calls(
        &self,
        connection: &ConnectionName,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        let (name, first) = (connection.as_str(), since.as_second().div_euclid(HOUR));
        self.read(|txn| {
            let table = txn.open_table(USAGE)?;
            let mut hours = Vec::new();
            for entry in table.range((name, first)..=(name, i64::MAX))? {
                let (key, calls) = entry?;
                let begin = Timestamp::from_second(key.value().1.saturating_mul(HOUR));
                hours.extend(begin.ok().map(|begin| (begin, calls.value())));
            }
            Ok(hours)
        })
    }
}
