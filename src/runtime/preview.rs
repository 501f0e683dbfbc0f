//! What would be decided about records, and is not carried out.

use super::batch::{MirrorBatch, Prepared};
use super::pass::{PassError, Runner};
use crate::model::{ChangeEvent, Side};
use crate::plan::Lane;
use crate::sync::Mode;

/// Decisions that nobody carried out.
#[derive(Debug)]
pub enum Preview {
    /// Of a pipeline with links.
    Linked(Prepared),
    /// Of a mirror.
    Mirror(MirrorBatch),
}

impl Runner {
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
