//! What would be decided about records, and is not carried out.

use super::batch::{MirrorBatch, Prepared};
use super::pass::{PassError, Runner};
use crate::model::{ChangeEvent, Key, Side};
use crate::plan::Lane;
use crate::sync::Mode;

/// Records that are asked for together.
const PAGE: usize = 2_000;

/// Decisions that nobody carried out.
#[derive(Debug)]
pub enum Preview {
    /// Of a pipeline with links.
    Linked(Prepared),
    /// Of a mirror.
    Mirror(MirrorBatch),
}

impl Runner {
    /// A page of the records that this pipeline has written or linked, by their keys on a side; `None` at the end. A full read does not
    /// bring those that are gone there, so whoever compares everything asks for them.
    pub(super) async fn remembered(
        &mut self,
        side: Side,
        after: &mut Option<Key>,
    ) -> Result<Option<Vec<Key>>, PassError> {
        if self.pipeline.lane == Lane::Mirror {
            let keys = self.app.keys(after.as_ref(), PAGE).await?;
            *after = keys.last().cloned();
            return Ok(after.is_some().then_some(keys));
        }
        let links = self.store.links(self.name(), self.pipeline.generation, after.as_ref(), PAGE)?;
        *after = links.last().map(|link| link.salesforce.clone());
        // Of a pair that is known to be broken there is nothing to say, unless there may be news of why.
        let missed = self.missed(side)?;
        let asked = |link: &crate::model::Link| !link.state.is_gone() || missed.contains(link.key(side));
        let whole = links.into_iter().filter(asked);
        Ok(after.is_some().then(|| whole.map(|link| link.key(side).clone()).collect()))
    }

    /// Decides about records as they are now and writes nothing: for plans and `why`.
    pub async fn preview(
        &mut self,
        side: Side,
        events: Vec<ChangeEvent>,
        mode: Mode,
    ) -> Result<Preview, PassError> {
        let mut setting = self.gathered(mode, side).setting;
        setting.linked_only = false;
        let lane = self.pipeline.lane;
        let mut bench = self.bench(&setting);
        match lane {
            Lane::Linked => {
                let mut prepared = bench.prepare(events).await?;
                bench.tell_sleeping(&mut prepared.items)?;
                Ok(Preview::Linked(prepared))
            }
            Lane::Mirror => {
                let batch = bench.mirror(events);
                Ok(Preview::Mirror(bench.differing(batch).await?))
            }
        }
    }
}
