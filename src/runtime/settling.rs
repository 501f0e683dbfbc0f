//! What becomes of one batch: it is decided and written, and what is to be remembered of it is committed.

use std::collections::HashSet;

use super::batch::{Bench, Executed};
use super::pass::{Gathered, Observer, PassError};
use crate::connect::WriteMode;
use crate::model::{ChangeEvent, Commit, Key, Side};
use crate::plan::{Lane, Pipeline};
use crate::store::Store;

/// Settles one batch: decides, writes, and says what to remember.
pub(super) async fn settle(
    bench: &mut Bench<'_>,
    pass: &mut Gathered,
    events: Vec<ChangeEvent>,
    mode: WriteMode,
) -> Result<Commit, PassError> {
    if events.is_empty() {
        return Ok(Commit::default());
    }
    if bench.pipeline.lane == Lane::Mirror {
        let keys: Vec<Key> =
            if mode == WriteMode::Load { Vec::new() } else { events.iter().map(|e| e.key.clone()).collect() };
        let mut batch = bench.mirror(events);
        pass.mirror_deletes.append(&mut batch.deletes);
        let executed = bench.execute_mirror(batch, mode).await?;
        let mut commit = gather(pass, executed);
        commit.settled.extend(settled_keys(Side::Salesforce, &keys, &commit));
        return Ok(commit);
    }
    bench.reclaim().await?;
    let mut prepared = bench.prepare(events).await?;
    if pass.gathers {
        pass.put_aside(&mut prepared.items);
    }
    let executed = bench.execute(prepared, mode).await?;
    let again = executed.again.clone();
    let mut commit = gather(pass, executed);
    if !again.is_empty() {
        // The first of the twins has to be remembered before the second is decided; they are counted together.
        let counts = std::mem::take(&mut commit.counts);
        bench.store.commit(&bench.pipeline.name, bench.pipeline.generation, &commit)?;
        commit = Box::pin(settle(bench, pass, again, WriteMode::Changes)).await?;
        commit.counts += counts;
    }
    Ok(commit)
}

pub(super) fn gather(pass: &mut Gathered, executed: Executed) -> Commit {
    let touched_upto = pass.setting.touched_upto;
    pass.deletes.extend(executed.deletes);
    let counts = &executed.commit.counts;
    let good = counts.created + counts.updated + counts.unchanged + counts.linked + counts.deleted;
    pass.failed_in_a_row =
        if good > 0 { executed.failed_in_a_row } else { pass.failed_in_a_row + executed.failed_in_a_row };
    Commit { touched_upto, ..executed.commit }
}

/// The records of a request that left no failure behind.
pub(super) fn settled_keys(side: Side, keys: &[Key], commit: &Commit) -> Vec<(Side, Key)> {
    let failed: HashSet<&Key> = commit.failures.iter().map(|failure| &failure.source.1).collect();
    keys.iter().filter(|key| !failed.contains(key)).map(|key| (side, key.clone())).collect()
}

/// Commits what was settled, and tells.
pub(super) fn remember(
    (pipeline, store, observer): (&Pipeline, &Store, &dyn Observer),
    pass: &mut Gathered,
    commit: &Commit,
    (loading, total): (bool, Option<u64>),
) -> Result<(), PassError> {
    let counts = commit.counts;
    store.commit(&pipeline.name, pipeline.generation, commit)?;
    pass.counts += counts;
    observer.settled(&pipeline.name, &counts, loading, total);
    observer.flowed(&pipeline.name, &counts.without(commit.to_salesforce), &commit.to_salesforce);
    if pass.failed_in_a_row >= pipeline.pause_after {
        return Err(PassError::FailuresInARow(pass.failed_in_a_row));
    }
    Ok(())
}
