//! What is known of the systems when plans are made: objects of orgs, tables of databases, secrets that are missing.
//!
//! Plain data: the runtime fills it from what it read, now or yesterday. What is not in it is unknown, and unknown is never
//! an error: the checks that need it are left out, and a note says so. Read [`Catalog`] first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{ConnectionName, ObjectInfo, TableInfo};
use crate::spec::SecretSource;

/// What is known of all connections.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Salesforce orgs that were ever reached.
    pub orgs: BTreeMap<ConnectionName, OrgCatalog>,
    /// Databases that were ever reached. Resources of HTTP apps are declared in their connection file instead.
    pub databases: BTreeMap<ConnectionName, DatabaseCatalog>,
    /// Secrets that the files name and that are not set.
    pub missing_secrets: BTreeSet<MissingSecret>,
}

impl Catalog {
    /// What is known of an org.
    pub fn org(&self, connection: &ConnectionName) -> Option<&OrgCatalog> {
        self.orgs.get(connection)
    }

    /// What is known of a database.
    pub fn database(&self, connection: &ConnectionName) -> Option<&DatabaseCatalog> {
        self.databases.get(connection)
    }

    /// Whether a secret is known to be missing.
    pub fn lacks(&self, secret: &SecretSource) -> bool {
        self.missing_secrets.contains(&MissingSecret::of(secret))
    }
}

/// The name of a secret that is not set. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingSecret {
    /// An environment variable.
    Env(String),
    /// A file.
    File(String),
}

impl MissingSecret {
    /// The name of a secret as a file refers to it.
    pub fn of(source: &SecretSource) -> Self {
        match source {
            SecretSource::Env(name) => Self::Env(name.clone()),
            SecretSource::File(path) => Self::File(path.clone()),
        }
    }
}

/// What is known of an org.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrgCatalog {
    /// Facts of the org itself, once somebody signed in.
    pub facts: Option<OrgFacts>,
    /// API names of all objects the user may see (describe global); empty if they were never read.
    pub names: Vec<String>,
    /// Objects that were described; shared with the plans that were made from them.
    pub objects: Vec<Arc<ObjectInfo>>,
}

/// Whether something exists.
#[derive(Debug)]
pub enum Knowledge<'a, T> {
    /// It does, and this is what is known of it.
    Known(&'a T),
    /// It was never read.
    Unknown,
    /// It surely does not.
    Missing,
}

impl<T> Clone for Knowledge<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Knowledge<'_, T> {}

impl<'a, T> Knowledge<'a, T> {
    /// What is known.
    pub fn known(self) -> Option<&'a T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown | Self::Missing => None,
        }
    }
}

impl<'a, T> Knowledge<'a, Arc<T>> {
    /// Without the share.
    pub fn of(self) -> Knowledge<'a, T> {
        match self {
            Self::Known(value) => Knowledge::Known(value),
            Self::Unknown => Knowledge::Unknown,
            Self::Missing => Knowledge::Missing,
        }
    }
}

impl OrgCatalog {
    /// Whether this is what was known before, read again later.
    pub fn says_the_same(&self, before: &Self) -> bool {
        let known = |object: &Arc<ObjectInfo>| {
            before
                .shared_object(&object.name)
                .known()
                .is_some_and(|before| Arc::ptr_eq(object, before) || object.says_the_same(before))
        };
        self.facts == before.facts
            && self.names == before.names
            && self.objects.len() == before.objects.len()
            && self.objects.iter().all(known)
    }

    /// What is known of an object. Names are compared without case, as the API does.
    pub fn object(&self, name: &str) -> Knowledge<'_, ObjectInfo> {
        self.shared_object(name).of()
    }

    /// The same, to be kept beyond this catalog.
    pub fn shared_object(&self, name: &str) -> Knowledge<'_, Arc<ObjectInfo>> {
        match self.objects.iter().find(|object| object.name.eq_ignore_ascii_case(name)) {
            Some(object) => Knowledge::Known(object),
            None if self.names.is_empty()
                || self.names.iter().any(|known| known.eq_ignore_ascii_case(name)) =>
            {
                Knowledge::Unknown
            }
            None => Knowledge::Missing,
        }
    }
}

/// Facts of an org: `Organization`, and what the sign-in told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgFacts {
    /// Its id, 18 characters.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Organization.IsSandbox`
    pub is_sandbox: bool,
    /// `Organization.OrganizationType`: `Enterprise Edition`, …
    pub edition: String,
    /// `UserInfo.isMultiCurrencyOrganization`: records have a `CurrencyIsoCode`.
    pub multi_currency: bool,
    /// ISO code of the org's own currency.
    pub currency: String,
    /// Country (two letters) of phone numbers that do not say theirs.
    #[serde(default)]
    pub region: Option<String>,
}

/// What is known of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatabaseCatalog {
    /// The tables that were looked at. Those of the connection's own schema have no schema in their names.
    pub tables: Vec<Arc<TableInfo>>,
    /// Tables that were looked for and are not there.
    pub missing: BTreeSet<String>,
}

impl DatabaseCatalog {
    /// Whether this is what was known before, read again later.
    pub fn says_the_same(&self, before: &Self) -> bool {
        let tables: BTreeMap<&str, &Arc<TableInfo>> =
            before.tables.iter().map(|table| (table.name.as_str(), table)).collect();
        let known = |table: &Arc<TableInfo>| {
            tables
                .get(table.name.as_str())
                .is_some_and(|before| Arc::ptr_eq(table, before) || table.says_the_same(before))
        };
        self.missing == before.missing
            && self.tables.len() == before.tables.len()
            && self.tables.iter().all(known)
    }

    /// What is known of a table, by the name the files use (`clients`, `crm.clients`).
    pub fn table(&self, name: &str) -> Knowledge<'_, TableInfo> {
        self.shared_table(name).of()
    }

    /// The same, to be kept beyond this catalog.
    pub fn shared_table(&self, name: &str) -> Knowledge<'_, Arc<TableInfo>> {
        match self.tables.iter().find(|table| table.name == name) {
            Some(table) => Knowledge::Known(table),
            None if self.missing.contains(name) => Knowledge::Missing,
            None => Knowledge::Unknown,
        }
    }
}

/// `2 hours ago`, as notes print how old a schema is.
pub fn age(read_at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(read_at.as_second()).max(0);
    let of = |size: i64, unit: &str| {
        let count = seconds / size;
        format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
    };
    match seconds {
        0..60 => "just now".to_owned(),
        60..3600 => of(60, "minute"),
        3600..86_400 => of(3600, "hour"),
        _ => of(86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_in_words() {
        let at = |seconds| age(Timestamp::UNIX_EPOCH, Timestamp::from_second(seconds).unwrap());
        assert_eq!(at(30), "just now");
        assert_eq!(at(60), "1 minute ago");
        assert_eq!(at(7200), "2 hours ago");
        assert_eq!(at(86_400 * 3), "3 days ago");
        assert_eq!(age(Timestamp::from_second(100).unwrap(), Timestamp::UNIX_EPOCH), "just now");
    }

    #[test]
    fn an_object_that_was_never_described_is_unknown_only_while_the_list_has_it() {
        let mut org = OrgCatalog::default();
        assert!(matches!(org.object("Account"), Knowledge::Unknown));
        org.names = vec!["Account".to_owned()];
        assert!(matches!(org.object("account"), Knowledge::Unknown));
        assert!(matches!(org.object("Acount"), Knowledge::Missing));
    }
}
