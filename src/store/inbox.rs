//! The inbox of webhooks: stored before they are answered, so a retry, a crash or a pause needs no special code. Bodies are
//! encrypted. The same body that still waits is stored once.

use jiff::Timestamp;
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use super::tables::{self, INBOX, INBOX_DIGESTS, META};
use super::{Store, StoreError};
use crate::model::{ConnectionName, ResourceName};

const COUNTER: &str = "inbox";

/// A webhook that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound<'a> {
    /// Who sent it.
    pub connection: &'a ConnectionName,
    /// About what.
    pub resource: &'a ResourceName,
    /// As it came.
    pub body: &'a [u8],
    /// Hash of body and of the headers that identify the delivery; two deliveries of one event have the same.
    pub digest: u64,
    /// When it came.
    pub at: Timestamp,
}

/// A webhook that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number; later ones have higher ones.
    pub seq: u64,
    /// As it came.
    pub body: Vec<u8>,
    /// When it came.
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Row {
    digest: u64,
    at: Timestamp,
}

impl Store {
    /// Stores a webhook durably; only then it may be answered. Returns its number, or that of the same one that still waits.
    pub fn receive(&self, inbound: &Inbound<'_>) -> Result<u64, StoreError> {
        let (connection, resource) = (inbound.connection.as_str(), inbound.resource.as_str());
        self.write(|txn, _| {
            let mut digests = txn.open_table(INBOX_DIGESTS)?;
            let digest = (connection, resource, inbound.digest);
            if let Some(waiting) = digests.get(digest)? {
                return Ok(waiting.value());
            }
            let mut meta = txn.open_table(META)?;
            let last: u64 =
                meta.get(COUNTER)?.map_or(Ok(0), |bytes| tables::from_json(bytes.value(), "counter"))?;
            let seq = last + 1;
            meta.insert(COUNTER, tables::to_json(&seq, "counter")?.as_slice())?;
            let row = tables::to_json(&Row { digest: inbound.digest, at: inbound.at }, "webhook")?;
            let sealed = self.vault.seal(&belongs_to(seq), inbound.body)?;
            let length = u32::try_from(row.len()).unwrap_or_default().to_be_bytes();
            let bytes = [&length[..], &row, &sealed].concat();
            txn.open_table(INBOX)?.insert((connection, resource, seq), bytes.as_slice())?;
            digests.insert(digest, seq)?;
            Ok(seq)
        })
    }

    /// The oldest webhooks of a resource, at most so many. They stay until [`Store::received`] removes them.
    pub fn inbox(
        &self,
        connection: &ConnectionName,
        resource: &ResourceName,
        limit: usize,
    ) -> Result<Vec<Received>, StoreError> {
        let (connection, resource) = (connection.as_str(), resource.as_str());
        self.read(|txn| {
            let table = txn.open_table(INBOX)?;
            let waiting =
                table.range((connection, resource, 0)..=(connection, resource, u64::MAX))?.take(limit);
            let read =
                |entry: Result<(redb::AccessGuard<'_, _>, redb::AccessGuard<'_, tables::Bytes>), _>| {
                    let (key, bytes): (redb::AccessGuard<'_, (&str, &str, u64)>, _) = entry?;
                    let seq = key.value().2;
                    let (row, sealed) = parts(bytes.value())?;
                    let body = self.vault.open(&belongs_to(seq), sealed);
                    Ok(Received { seq, body: body.ok_or(UNREADABLE)?, at: row.at })
                };
            waiting.map(read).collect()
        })
    }

    /// These webhooks are done.
    pub fn received(
        &self,
        connection: &ConnectionName,
        resource: &ResourceName,
        seqs: &[u64],
    ) -> Result<(), StoreError> {
        let (connection, resource) = (connection.as_str(), resource.as_str());
        self.write(|txn, _| {
            let (mut table, mut digests) = (txn.open_table(INBOX)?, txn.open_table(INBOX_DIGESTS)?);
            for seq in seqs {
                if let Some(bytes) = table.remove((connection, resource, *seq))? {
                    let digest = parts(bytes.value())?.0.digest;
                    digests.remove((connection, resource, digest))?;
                }
            }
            Ok(())
        })
    }
}

const UNREADABLE: StoreError = StoreError::Unreadable { what: "webhook" };

fn parts(bytes: &[u8]) -> Result<(Row, &[u8]), StoreError> {
    let mut reader = super::encoding::Reader::new(bytes, "webhook");
    let length = usize::try_from(reader.u32()?).map_err(|_| UNREADABLE)?;
    Ok((tables::from_json(reader.take(length)?, "webhook")?, reader.rest()))
}

fn belongs_to(seq: u64) -> String {
    format!("inbox:{seq}")
}
