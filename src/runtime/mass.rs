//! Mass changes: deletes are decided first and counted over both sides before the first is executed; more of them than the file allows
//! wait for a person, who sees the numbers of both sides. Read [`Approval`] first.

use std::collections::HashSet;
use std::fmt;

use super::batch::{Fate, Item};
use super::pass::{Gathered, PassError, Runner, Setting};
use crate::model::{Commit, Counts, Cursor, Key, Side};

/// Rows that are asked for together.
const AT_ONCE: usize = 2_000;

/// A number for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// In Salesforce.
    pub salesforce: u64,
    /// In the app.
    pub app: u64,
}

impl Sides {
    /// One more.
    pub(super) fn count(&mut self, side: Side) {
        match side {
            Side::Salesforce => self.salesforce += 1,
            Side::App => self.app += 1,
        }
    }

    /// Both together.
    pub fn all(self) -> u64 {
        self.salesforce + self.app
    }
}

/// What a person is asked for: more than the file allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// `changes`, `deletes`.
    pub what: &'static str,
    /// How many, by the side that would be written.
    pub wanted: Sides,
    /// Key of the file.
    pub limit_name: &'static str,
    /// Its value.
    pub limit: u64,
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, wanted, limit_name, limit } = self;
        write!(f, "{} {what} ", wanted.all())?;
        match (wanted.salesforce, wanted.app) {
            (_, 0) => f.write_str("in Salesforce")?,
            (0, _) => f.write_str("in the app")?,
            (salesforce, app) => write!(f, "({salesforce} in Salesforce, {app} in the app)")?,
        }
        write!(f, ", {limit_name} is {limit}")
    }
}

/// A mass change that waits for a person. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Approval {
    /// `reconciliation`, `this run`.
    pub run: &'static str,
    /// What it wants, at least one.
    pub asks: Vec<Ask>,
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} wants ", self.run)?;
        for (at, ask) in self.asks.iter().enumerate() {
            write!(f, "{}{ask}", if at == 0 { "" } else { "; and " })?;
        }
        Ok(())
    }
}

/// A pass over one side at its end: everything but its deletes is settled and committed.
pub(super) struct Ending {
    pub(super) pass: Gathered,
    /// Where its reader stands once the deletes are settled, too.
    pub(super) cursor: Option<Cursor>,
}

impl Runner {
    /// Executes the deletes that passes over the sides have gathered, if they are few enough together or a person has allowed them, and
    /// moves the cursors that waited for them.
    pub(super) async fn conclude(
        &mut self,
        run: &'static str,
        mut endings: Vec<Ending>,
        approved: bool,
    ) -> Result<Counts, PassError> {
        once(&mut endings);
        for ending in &mut endings {
            self.only_there(&mut ending.pass).await?;
        }
        let mut wanted = Sides::default();
        for ending in &endings {
            count(&ending.pass.deletes, &mut wanted);
            wanted.app += ending.pass.mirror_deletes.len() as u64;
        }
        if let Some(ask) = self.too_many_deletes(wanted).filter(|_| !approved) {
            return Err(PassError::Approval(Approval { run, asks: vec![ask] }));
        }
        let mut counts = Counts::default();
        for Ending { mut pass, cursor } in endings {
            let _turn = pass.turn().await;
            let mut commit = Commit::default();
            self.delete(&mut pass, &mut commit).await?;
            commit.cursors.extend(cursor.map(|cursor| (pass.setting.origin, cursor)));
            self.commit(&mut pass, commit, false, None)?;
            counts += pass.counts;
        }
        Ok(counts)
    }

    /// Leaves the deletes of rows that are there. Every look reads a window twice, so a mirror hears of deletes that it has made already;
    /// those are no change, and nobody is asked about them.
    async fn only_there(&mut self, pass: &mut Gathered) -> Result<(), PassError> {
        let deletes = std::mem::take(&mut pass.mirror_deletes);
        let mut seen = HashSet::new();
        for some in deletes.chunks(AT_ONCE) {
            let keys: Vec<Key> = some.iter().map(|(key, _)| key.clone()).collect();
            let there = self.app.presence(&keys).await?;
            let wanted = some.iter().filter(|(key, _)| there.contains(key) && seen.insert(key.clone()));
            pass.mirror_deletes.extend(wanted.cloned());
            let absent = keys.into_iter().filter(|key| !there.contains(key));
            pass.done_before.extend(absent);
        }
        Ok(())
    }

    /// The question to a person, if these deletes are more than the file allows.
    pub(super) fn too_many_deletes(&self, wanted: Sides) -> Option<Ask> {
        let limit = self.pipeline.max_deletes.unwrap_or(0);
        (wanted.all() > limit).then_some(Ask { what: "deletes", wanted, limit_name: "max_deletes", limit })
    }

    async fn delete(&mut self, pass: &mut Gathered, commit: &mut Commit) -> Result<(), PassError> {
        let items = std::mem::take(&mut pass.deletes);
        let mirrored = std::mem::take(&mut pass.mirror_deletes);
        let (here, there): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| item.origin == pass.setting.origin);
        for items in [here, there] {
            let Some(origin) = items.first().map(|item| item.origin) else { continue };
            let setting = Setting { origin, ..pass.setting.clone() };
            commit.absorb(self.bench(&setting).execute_deletes(items).await?.commit);
        }
        let done_before = std::mem::take(&mut pass.done_before);
        commit.counts.unchanged += done_before.len() as u64;
        commit.settled.extend(done_before.into_iter().map(|key| (Side::Salesforce, key)));
        let setting = pass.setting.clone();
        let gone: Vec<Key> = mirrored.iter().map(|(key, _)| key.clone()).collect();
        let executed = self.bench(&setting).execute_mirror_deletes(mirrored).await?;
        let failed: HashSet<&Key> = executed.commit.failures.iter().map(|one| &one.source.1).collect();
        let settled = gone.iter().filter(|key| !failed.contains(key));
        commit.settled.extend(settled.map(|key| (Side::Salesforce, key.clone())));
        commit.absorb(executed.commit);
        Ok(())
    }
}

/// The deletes of these records, by the side that would lose them.
pub(super) fn count(items: &[Item], wanted: &mut Sides) {
    for item in items {
        if let Some(Fate::Delete { on, .. }) = item.fate {
            wanted.count(on);
        }
    }
}

/// A pair that both passes have found broken is one delete.
fn once(endings: &mut [Ending]) {
    let mut seen: HashSet<(Side, Key)> = HashSet::new();
    for ending in endings {
        ending.pass.deletes.retain(|item| match &item.fate {
            Some(Fate::Delete { on, key }) => seen.insert((*on, key.clone())),
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_the_numbers_of_both_sides() {
        let ask = |what, (salesforce, app), limit_name| Ask {
            what,
            wanted: Sides { salesforce, app },
            limit_name,
            limit: 2,
        };
        let told = |run, asks| Approval { run, asks }.to_string();
        for (asks, expected) in [
            (
                vec![ask("deletes", (0, 9), "max_deletes")],
                "this run wants 9 deletes in the app, max_deletes is 2",
            ),
            (
                vec![ask("deletes", (4, 5), "max_deletes")],
                "this run wants 9 deletes (4 in Salesforce, 5 in the app), max_deletes is 2",
            ),
            (
                vec![ask("changes", (7, 0), "max_changes"), ask("deletes", (0, 3), "max_deletes")],
                "this run wants 7 changes in Salesforce, max_changes is 2; and 3 deletes in the app, max_deletes is 2",
            ),
        ] {
            assert_eq!(told("this run", asks), expected);
        }
    }
}
