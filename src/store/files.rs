//! The last good text of every file, so that a restart with a broken file on disk goes on with what ran.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::tables::{self, FILES};
use super::{Store, StoreError};

/// A file as it was when it was last taken over. Secrets stand in it only as names of variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGood {
    /// The whole text.
    pub text: String,
    /// When it was taken over.
    pub loaded_at: Timestamp,
}

impl Store {
    /// The last good version of a file, by the path that messages print.
    pub fn last_good(&self, file: &str) -> Result<Option<LastGood>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(FILES)?;
            table.get(file)?.map(|bytes| tables::from_json(bytes.value(), "last good file")).transpose()
        })
    }

    /// All of them, by path.
    pub fn last_good_files(&self) -> Result<Vec<(String, LastGood)>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(FILES)?;
            let read =
                |entry: Result<(redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, tables::Bytes>), _>| {
                    let (file, bytes) = entry?;
                    Ok((file.value().to_owned(), tables::from_json(bytes.value(), "last good file")?))
                };
            redb::ReadableTable::iter(&table)?.map(read).collect()
        })
    }

    /// Remembers files that were taken over together.
    pub fn save_last_good(&self, files: &[(&str, LastGood)]) -> Result<(), StoreError> {
        self.write(|txn, _| {
            let mut table = txn.open_table(FILES)?;
            for (file, good) in files {
                table.insert(*file, tables::to_json(good, "last good file")?.as_slice())?;
            }
            Ok(())
        })
    }

    /// Forgets a file that is gone from disk.
    pub fn drop_last_good(&self, file: &str) -> Result<(), StoreError> {
        self.write(|txn, _| {
            txn.open_table(FILES)?.remove(file)?;
            Ok(())
        })
    }
}
