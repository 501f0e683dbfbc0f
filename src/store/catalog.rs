//! What the systems last said about their objects and tables, so that checks work offline with yesterday's schema.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::tables::{self, CATALOG};
use super::{Store, StoreError};
use crate::model::{ConnectionName, ObjectInfo, TableInfo};

const OBJECT: &str = "object";
const TABLE: &str = "table";

impl Store {
    /// An object of an org; case of the name does not matter.
    pub fn object(&self, connection: &ConnectionName, name: &str) -> Result<Option<ObjectInfo>, StoreError> {
        self.described(connection, OBJECT, &name.to_lowercase())
    }

    /// All known objects of an org.
    pub fn objects(&self, connection: &ConnectionName) -> Result<Vec<ObjectInfo>, StoreError> {
        self.all_described(connection, OBJECT)
    }

    /// Replaces what is known about an object.
    pub fn save_object(&self, connection: &ConnectionName, object: &ObjectInfo) -> Result<(), StoreError> {
        self.describe(connection, OBJECT, (&object.name.to_lowercase(), object))
    }

    /// A table or resource.
    pub fn table(&self, connection: &ConnectionName, name: &str) -> Result<Option<TableInfo>, StoreError> {
        self.described(connection, TABLE, name)
    }

    /// All known tables or resources of an app.
    pub fn tables(&self, connection: &ConnectionName) -> Result<Vec<TableInfo>, StoreError> {
        self.all_described(connection, TABLE)
    }

    /// Replaces what is known about a table. `name` is the one the files use.
    pub fn save_table(
        &self,
        connection: &ConnectionName,
        name: &str,
        table: &TableInfo,
    ) -> Result<(), StoreError> {
        self.describe(connection, TABLE, (name, table))
    }

    /// A fact of a connection that is neither object nor table (organisation, currencies, users), as its owner writes it.
    pub fn fact<T: DeserializeOwned>(
        &self,
        connection: &ConnectionName,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        self.described(connection, "fact", name)
    }

    /// Replaces a fact of a connection. Not for secrets and not for record values.
    pub fn save_fact(
        &self,
        connection: &ConnectionName,
        name: &str,
        fact: &impl Serialize,
    ) -> Result<(), StoreError> {
        self.describe(connection, "fact", (name, fact))
    }

    /// Forgets what is known about a connection: it leads to another system now.
    pub fn drop_catalog(&self, connection: &ConnectionName) -> Result<(), StoreError> {
        let name = connection.as_str();
        self.write(|txn, _| {
            let mut table = txn.open_table(CATALOG)?;
            table.retain(|(connection, _, _), _| connection != name)?;
            Ok(())
        })
    }

    fn described<T: DeserializeOwned>(
        &self,
        connection: &ConnectionName,
        kind: &str,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(CATALOG)?;
            let stored = table.get((connection.as_str(), kind, name))?;
            stored.map(|bytes| tables::from_json(bytes.value(), "schema")).transpose()
        })
    }

    fn all_described<T: DeserializeOwned>(
        &self,
        connection: &ConnectionName,
        kind: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(CATALOG)?;
            let mut found = Vec::new();
            for entry in table.range((connection.as_str(), kind, "")..)? {
                let (key, bytes) = entry?;
                let (of, what, _) = key.value();
                if of != connection.as_str() || what != kind {
                    break;
                }
                found.push(tables::from_json(bytes.value(), "schema")?);
            }
            Ok(found)
        })
    }

    fn describe(
        &self,
        connection: &ConnectionName,
        kind: &str,
        (name, value): (&str, &impl Serialize),
    ) -> Result<(), StoreError> {
        let json = tables::to_json(value, "schema")?;
        self.write(|txn, _| {
            txn.open_table(CATALOG)?.insert((connection.as_str(), kind, name), json.as_slice())?;
            Ok(())
        })
    }
}
