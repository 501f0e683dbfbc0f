//! What the systems said of their records, for who checks files beside a daemon: the state has one owner, so a check asks for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::ConnectionName;
use crate::plan::catalog::{Catalog, DatabaseCatalog, OrgCatalog};

/// The schemas that a daemon knows, by connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schemas {
    /// Salesforce orgs.
    pub orgs: BTreeMap<ConnectionName, OrgCatalog>,
    /// Databases.
    pub databases: BTreeMap<ConnectionName, DatabaseCatalog>,
}

impl From<&Catalog> for Schemas {
    fn from(catalog: &Catalog) -> Self {
        Self { orgs: catalog.orgs.clone(), databases: catalog.databases.clone() }
    }
}
