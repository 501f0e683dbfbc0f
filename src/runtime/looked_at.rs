//! Records that are looked at by key: hints, retries, what another pipeline needs. Read [`Runner::records`] first.

use std::collections::HashSet;

use super::mass::Ending;
use super::pass::{Asked, PassError, Runner};
use super::settling::{settle, settled_keys};
use crate::connect::WriteMode;
use crate::model::{Change, ChangeEvent, Counts, Key, Side};
use crate::plan::Lane;
use crate::sync::Mode;

impl Runner {
    /// Reads these records of a side and settles them: hints, retries, records that another pipeline needs (`asked`: they take part even
    /// in `scope: referenced`).
    pub async fn records(&mut self, side: Side, keys: &[Key], asked: bool) -> Result<Counts, PassError> {
        let ending = self.looked_at((side, keys), asked, None).await?;
        self.conclude("this run", vec![ending], false).await
    }

    /// The same for records of which a person has said whose values count (`failures resolve`).
    pub async fn resolved(&mut self, side: Side, keys: &[Key], take: Side) -> Result<Counts, PassError> {
        let ending = self.looked_at((side, keys), true, Some(take)).await?;
        self.conclude("this run", vec![ending], false).await
    }

    /// Records of both sides as one run, all of them asked for; `approved`: a person has allowed more deletes than the file.
    pub async fn asked_for(&mut self, records: &[Asked], approved: bool) -> Result<Counts, PassError> {
        let mut endings = Vec::new();
        for asked in records.iter().filter(|asked| !asked.keys.is_empty()) {
            endings.push(self.looked_at((asked.side, &asked.keys), true, asked.take).await?);
        }
        self.conclude("this run", endings, approved).await
    }

    async fn looked_at(
        &mut self,
        (side, keys): (Side, &[Key]),
        asked: bool,
        take: Option<Side>,
    ) -> Result<Ending, PassError> {
        let mut pass = self.gathered(Mode::Changes, side);
        pass.setting.linked_only &= !asked;
        pass.setting.take = take;
        for keys in keys.chunks(2_000) {
            let _turn = pass.turn().await;
            let mut events = self.source_of(side)?.fetch(keys).await?;
            let lost = self.not_found((side, keys), &mut events)?;
            let setting = pass.setting.clone();
            let mut bench = self.bench(&setting);
            let mut commit = settle(&mut bench, &mut pass, events, WriteMode::Changes).await?;
            if side == Side::Salesforce && self.pipeline.lane == Lane::Linked {
                self.bench(&setting).vanished(&mut commit, &lost)?;
            } else {
                commit.settled.extend(lost.into_iter().map(|key| (side, key)));
            }
            commit.settled.extend(settled_keys(side, keys, &commit));
            pass.keep_asked_for(side, &mut commit);
            self.commit(&mut pass, commit, false, None)?;
        }
        Ok(Ending { pass, cursor: None })
    }

    /// The records that were not found. Of which the app itself has said that they were deleted is a delete: a record that is only missing
    /// is none, and one that was found all the same is there.
    fn not_found(
        &self,
        (side, keys): (Side, &[Key]),
        events: &mut Vec<ChangeEvent>,
    ) -> Result<Vec<Key>, PassError> {
        let found: HashSet<&Key> = events.iter().map(|event| &event.key).collect();
        let lost: Vec<Key> = keys.iter().filter(|key| !found.contains(key)).cloned().collect();
        let told = self.store.told_gone(self.name(), side, &lost)?;
        let (gone, lost): (Vec<_>, Vec<_>) = lost.into_iter().zip(told).partition(|(_, gone)| *gone);
        let deleted =
            |(key, _)| ChangeEvent { key, change: Change::Delete { merged_into: None }, version: None };
        events.extend(gone.into_iter().map(deleted));
        Ok(lost.into_iter().map(|(key, _)| key).collect())
    }
}
