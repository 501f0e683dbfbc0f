//! Pipelines that share records with this one: those with which it shares app records (`links: many_to_one`), and those that make
//! records which it would pick up (`own_records: skip`).

use std::sync::Arc;

use super::Bench;
use super::decide::{Fate, Item};
use crate::model::{Key, Link, PipelineName, Side, converted_field};
use crate::plan::{Lane, LinkRule, Pipeline, Scope};
use crate::store::StoreError;
use crate::sync::LeftOut;

/// The other pipelines of a folder, as one of them sees them.
#[derive(Clone, Debug, Default)]
pub struct Partners {
    /// Those that say `links: many_to_one` on the same resource.
    pub sharing: Vec<PipelineName>,
    /// Those of the same pair of systems that create records of its Salesforce object.
    pub makers_in_salesforce: Vec<PipelineName>,
    /// Those of the same pair of systems that create records of its app resource.
    pub makers_in_app: Vec<PipelineName>,
    /// Those that keep the records which its leads may become, on the same resource: name, generation, object.
    pub heirs: Vec<(PipelineName, u32, Arc<str>)>,
    /// Those that keep the leads which may become its records, on the same resource.
    pub forebears: Vec<PipelineName>,
    /// One batch at a time for all that share: two of them would make the same record.
    pub turn: Option<Arc<tokio::sync::Mutex<()>>>,
}

impl Partners {
    /// What a pipeline has to know of the others. `turn` is the lock of its resource.
    pub fn of(pipeline: &Pipeline, all: &[Arc<Pipeline>], turn: &Arc<tokio::sync::Mutex<()>>) -> Self {
        let others = || all.iter().filter(|other| other.name != pipeline.name);
        let systems = |other: &&Arc<Pipeline>| {
            other.salesforce.connection == pipeline.salesforce.connection
                && other.app.connection == pipeline.app.connection
        };
        let same_resource = |other: &&Arc<Pipeline>| {
            other.app.connection == pipeline.app.connection && other.app.resource == pipeline.app.resource
        };
        let same_object = |other: &&Arc<Pipeline>| {
            other.salesforce.object.eq_ignore_ascii_case(&pipeline.salesforce.object)
        };
        let name = |other: &Arc<Pipeline>| other.name.clone();
        let shares = pipeline.links == LinkRule::ManyToOne;
        let sharing =
            others().filter(|other| shares && other.links == LinkRule::ManyToOne).filter(same_resource);
        let in_salesforce = others().filter(systems).filter(same_object);
        let in_app = others().filter(systems).filter(same_resource);
        let is_lead = pipeline.salesforce.object.eq_ignore_ascii_case("Lead");
        let heirs = others().filter(|_| is_lead).filter(systems).filter(same_resource);
        let forebear = |other: &&Arc<Pipeline>| {
            let lead = &other.salesforce;
            let names = |field| lead.schema.position(field).is_some();
            other.lane == Lane::Linked
                && lead.object.eq_ignore_ascii_case("Lead")
                && converted_field(&pipeline.salesforce.object).is_some_and(names)
        };
        let forebears = others().filter(systems).filter(same_resource).filter(forebear);
        let heir = |other: &Arc<Pipeline>| {
            (other.name.clone(), other.generation, Arc::clone(&other.salesforce.object))
        };
        Self {
            heirs: heirs.filter(|other| other.lane == Lane::Linked).map(heir).collect(),
            forebears: forebears.map(name).collect(),
            sharing: sharing.map(name).collect(),
            makers_in_salesforce: in_salesforce
                .filter(|other| other.to_salesforce.create && !pipeline.salesforce.own_records)
                .map(name)
                .collect(),
            makers_in_app: in_app
                .filter(|other| other.to_app.create && !pipeline.app.own_records)
                .map(name)
                .collect(),
            // Records that are brought in on demand come while somebody else holds the turn.
            turn: (shares && pipeline.salesforce.scope == Scope::All).then(|| Arc::clone(turn)),
        }
    }

    fn makers(&self, side: Side) -> &[PipelineName] {
        match side {
            Side::Salesforce => &self.makers_in_salesforce,
            Side::App => &self.makers_in_app,
        }
    }
}

impl Bench<'_> {
    /// Records that another pipeline made, or has a link for, are its own business.
    pub(super) fn leave_to_partners(&self, items: &mut [Item]) -> Result<(), StoreError> {
        let sharing = if self.origin == Side::App { &self.partners.sharing[..] } else { &[] };
        let makers = self.partners.makers(self.origin);
        if sharing.is_empty() && makers.is_empty() {
            return Ok(());
        }
        let mut open: Vec<&mut Item> =
            items.iter_mut().filter(|item| item.fate.is_none() && item.link.is_none()).collect();
        let keys: Vec<Key> = open.iter().map(|item| item.key.clone()).collect();
        let made = |link: &Link| link.made == Some(self.origin);
        for maker in makers {
            let links = self.store.links_of_current(maker, (self.origin, &keys))?;
            for (item, links) in open.iter_mut().zip(links) {
                if links.iter().any(made) {
                    item.fate = Some(Fate::LeftOut(LeftOut::MadeBy(maker.clone())));
                }
            }
        }
        // A record that matches may still be linked here, too; only a new one is not made.
        for other in sharing {
            let links = self.store.links_of_current(other, (self.origin, &keys))?;
            for (item, links) in open.iter_mut().zip(links) {
                if links.iter().any(|link| !link.state.is_gone()) {
                    item.elsewhere = Some(other.clone());
                }
            }
        }
        Ok(())
    }

    /// The links of app records, of this pipeline and of those that share the resource.
    pub(super) fn linked_to(&self, apps: &[Key]) -> Result<Vec<Vec<Link>>, StoreError> {
        let mut all = self.store.links_by_app(&self.pipeline.name, self.pipeline.generation, apps)?;
        for other in &self.partners.sharing {
            let links = self.store.links_of_current(other, (Side::App, apps))?;
            for (all, links) in all.iter_mut().zip(links) {
                all.extend(links);
            }
        }
        Ok(all)
    }
}
