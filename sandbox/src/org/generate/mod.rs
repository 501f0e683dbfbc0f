//! The seeded generator of business records.
//! May not use the rules of writes: it fills tables directly. Read [`Population`] first.

mod accounts;
mod activities;
mod content;
mod deals;
pub(crate) mod edits;
mod maker;
pub(crate) mod rng;
mod words;

use self::maker::Maker;
use super::setup::Setup;
use super::store::Store;

/// How many records of each object the generator makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Population {
    /// Accounts, a share of them with parents and team members.
    pub accounts: u32,
    /// Contacts.
    pub contacts: u32,
    /// Leads, a share of them converted.
    pub leads: u32,
    /// Opportunities, with contact roles, team members and history for a share.
    pub opportunities: u32,
    /// Tasks.
    pub tasks: u32,
    /// Events.
    pub events: u32,
    /// Cases, with comments.
    pub cases: u32,
    /// Email messages.
    pub emails: u32,
    /// Enhanced notes, each linked to a record.
    pub notes: u32,
    /// Chatter posts.
    pub feed_items: u32,
    /// Campaigns, with a member for every tenth lead and contact if there are any.
    pub campaigns: u32,
}

impl Population {
    /// A realistic mixture around so many opportunities.
    pub fn around(opportunities: u32) -> Self {
        let share = |divisor: u32| opportunities.div_ceil(divisor);
        Self {
            accounts: share(4),
            contacts: share(2),
            leads: share(5),
            opportunities,
            tasks: share(3),
            events: share(10),
            cases: share(20),
            emails: share(20),
            notes: share(20),
            feed_items: share(20),
            campaigns: share(1000),
        }
    }
}

/// Fills the tables.
pub(crate) fn run(store: &mut Store, setup: &Setup, now: i64, seed: u64, population: &Population) {
    reserve(store, population);
    let members = if population.campaigns > 0 { (population.leads + population.contacts) / 10 } else { 0 };
    let mut maker = Maker::new(store, setup, now, seed);
    accounts::campaigns(&mut maker, population.campaigns);
    accounts::accounts(&mut maker, population.accounts);
    accounts::contacts(&mut maker, population.contacts);
    accounts::leads(&mut maker, population.leads);
    deals::opportunities(&mut maker, population.opportunities);
    activities::cases(&mut maker, population.cases);
    activities::tasks(&mut maker, population.tasks);
    activities::events(&mut maker, population.events);
    activities::emails(&mut maker, population.emails);
    content::notes(&mut maker, population.notes);
    content::feed_items(&mut maker, population.feed_items);
    accounts::campaign_members(&mut maker, members);
}

fn reserve(store: &mut Store, population: &Population) {
    let schema = std::sync::Arc::clone(&store.schema);
    for (name, count) in [
        ("Account", population.accounts),
        ("Contact", population.contacts),
        ("Lead", population.leads),
        ("Opportunity", population.opportunities),
        ("Task", population.tasks),
        ("Event", population.events),
    ] {
        if let Some(object) = schema.named(name) {
            store.table_mut(object.table).reserve(count as usize);
        }
    }
    for table in &mut store.tables {
        table.drop_indexes();
    }
}
