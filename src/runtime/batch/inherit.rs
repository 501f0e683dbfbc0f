//! Records that were leads before. The conversion of a lead makes a contact, and who hears of the contact first would make its person a
//! second time: nothing links them yet. So Salesforce is asked which of the new records leads became, and their app records are theirs.

use std::collections::HashMap;

use super::decide::Item;
use super::{BatchError, Bench};
use crate::model::{Key, Row, Side};

impl Bench<'_> {
    /// The app records of the leads that became these records, by their places. Asks nothing where no pipeline keeps leads on the same
    /// resource, and not in a first load: it would cost a call for every few hundred records.
    pub(super) async fn inherited(
        &mut self,
        items: &[Item],
    ) -> Result<HashMap<usize, Vec<(Key, Row)>>, BatchError> {
        let mut all = HashMap::new();
        let asks = self.origin == Side::Salesforce && !self.loading && !self.partners.forebears.is_empty();
        let Some(salesforce) = self.salesforce.as_mut().filter(|_| asks) else { return Ok(all) };
        let places: HashMap<&Key, usize> = items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.is_unlinked())
            .map(|(at, item)| (&item.key, at))
            .collect();
        let mut keys: Vec<Key> = places.keys().map(|key| (*key).clone()).collect();
        keys.sort();
        if keys.is_empty() {
            return Ok(all);
        }
        for (became, lead) in salesforce.leads_of(&keys).await? {
            let (Some(at), Some(app)) = (places.get(&became), self.app_of_lead(&lead)?) else { continue };
            let records = self.app.fetch(std::slice::from_ref(&app)).await?;
            if !records.is_empty() {
                all.insert(*at, records);
            }
        }
        Ok(all)
    }

    fn app_of_lead(&self, lead: &Key) -> Result<Option<Key>, BatchError> {
        for pipeline in &self.partners.forebears {
            let links =
                self.store.links_of_current(pipeline, (Side::Salesforce, std::slice::from_ref(lead)))?;
            if let Some(link) = links.into_iter().flatten().find(|link| !link.state.is_gone()) {
                return Ok(Some(link.app));
            }
        }
        Ok(None)
    }
}
