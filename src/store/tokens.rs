//! Tokens of connections, encrypted. What the bytes mean is the connector's business.

use super::tables::TOKENS;
use super::{Store, StoreError};
use crate::model::ConnectionName;

impl Store {
    /// The tokens of a connection, decrypted; `None` before the first sign-in.
    pub fn load_token(&self, connection: &ConnectionName) -> Result<Option<Vec<u8>>, StoreError> {
        let sealed = self.read(|txn| {
            let table = txn.open_table(TOKENS)?;
            Ok(table.get(connection.as_str())?.map(|sealed| sealed.value().to_vec()))
        })?;
        let open = |sealed: Vec<u8>| {
            let opened = self.vault.open(&belongs_to(connection), &sealed);
            opened.ok_or(StoreError::Unreadable { what: "token" })
        };
        sealed.map(open).transpose()
    }

    /// Stores tokens durably before it returns: a rotated refresh token that is lost ends the connection.
    pub fn save_token(&self, connection: &ConnectionName, token: &[u8]) -> Result<(), StoreError> {
        let sealed = self.vault.seal(&belongs_to(connection), token)?;
        self.write(|txn, _| {
            txn.open_table(TOKENS)?.insert(connection.as_str(), sealed.as_slice())?;
            Ok(())
        })
    }

    /// Forgets the tokens of a connection (`disconnect`).
    pub fn drop_token(&self, connection: &ConnectionName) -> Result<(), StoreError> {
        self.write(|txn, _| {
            txn.open_table(TOKENS)?.remove(connection.as_str())?;
            Ok(())
        })
    }
}

fn belongs_to(connection: &ConnectionName) -> String {
    format!("token:{connection}")
}
