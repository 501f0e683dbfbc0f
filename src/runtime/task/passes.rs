//! One pass of a task: what it looks at, how it is made, and what came of it.

use super::TaskParts;
use crate::model::{Counts, Cursor, Key, Side};
use crate::plan::Scope;
use crate::runtime::build::state_failed;
use crate::runtime::pass::{Asked, PassError, Runner};
use crate::runtime::state::{Outcome, Pass, Work};

/// Whether the first load is complete, as the cursor tells. What comes on demand has none.
pub(super) fn is_loaded(parts: &TaskParts) -> bool {
    let pipeline = &parts.pipeline;
    let cursor = |side| parts.store.cursor(&pipeline.name, pipeline.generation, side).ok().flatten();
    let is_loaded = |side| matches!(cursor(side), Some(Cursor::Changes { .. }));
    pipeline.sources().all(|side| pipeline.scope(side) == Scope::Referenced || is_loaded(side))
}

/// Records to look at, by side, and those about which a person has decided.
type Wanted<'a> = (&'a [(Side, Key)], &'a [(Side, Key, Side)]);

/// The records of a pass by side, those first about which a person has decided.
fn requests((keys, decided): Wanted<'_>) -> Vec<Asked> {
    let mut requests = Vec::new();
    for side in [Side::Salesforce, Side::App] {
        for take in [Side::Salesforce, Side::App] {
            let of = decided.iter().filter(|(at, _, by)| *at == side && *by == take);
            let keys = of.map(|(_, key, _)| key.clone()).collect();
            requests.push(Asked { side, keys, take: Some(take) });
        }
        let keys = keys.iter().filter(|(at, _)| *at == side).map(|(_, key)| key.clone()).collect();
        requests.push(Asked { side, keys, take: None });
    }
    requests
}

/// Makes a pass of a runner.
pub(super) async fn make(runner: &mut Runner, pass: Pass, wanted: Wanted<'_>) -> Result<Counts, PassError> {
    match pass.work {
        // Whatever is in the queue was asked for by somebody, so it takes part in `scope: referenced` too.
        Work::Records => runner.asked_for(&requests(wanted), pass.approved).await,
        Work::Changes => {
            let counts = runner.changes(pass.approved).await?;
            runner.refresh().await?;
            Ok(counts)
        }
        Work::Everything => {
            let counts = runner.everything(pass.approved).await?;
            runner.refreshed();
            Ok(counts)
        }
    }
}

/// What the life of the pipeline hears of it.
pub(super) fn outcome(result: Result<Counts, PassError>) -> Outcome {
    let error = match result {
        Ok(_) => return Outcome::Done,
        Err(PassError::Interrupted) => return Outcome::Interrupted,
        Err(PassError::Approval(approval)) => return Outcome::Approval(approval),
        Err(PassError::FailuresInARow(count)) => return Outcome::FailuresInARow(count),
        Err(PassError::Store(error)) => state_failed(error),
        Err(PassError::Connect(error)) => error,
    };
    let help = error.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
    Outcome::Failed { class: error.class, message: format!("{}{help}", error.message) }
}
