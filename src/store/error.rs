//! The one error of the store, with the way out for each case that a person can do something about.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::model::PipelineName;

/// The state could not be opened, read or written. After a failed write the state is what it was before that write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the state open.
    #[error("the state in {dir} is in use by another sfsync{}", holder.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The folder of the state.
        dir: PathBuf,
        /// Its process id, where the lock file names it.
        holder: Option<u32>,
    },
    /// A later sfsync wrote it.
    #[error("the state in {dir} has version {found}, this sfsync knows versions up to {known}")]
    Newer {
        /// The folder of the state.
        dir: PathBuf,
        /// Version of the file.
        found: u32,
        /// Latest version of this program.
        known: u32,
    },
    /// The file cannot be read as a state.
    #[error("the state file {file} is damaged: {what}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The key does not open what is stored.
    #[error("the key does not fit the state in {dir}: it was written with another one")]
    WrongKey {
        /// The folder of the state.
        dir: PathBuf,
    },
    /// The key cannot be used.
    #[error("the state key is not usable: {what}")]
    BadKey {
        /// What is wrong with it. Never the key.
        what: String,
    },
    /// The disk or the quota is full.
    #[error("no space left for the state in {dir}; the last write was undone")]
    Full {
        /// The folder of the state.
        dir: PathBuf,
    },
    /// The folder or a file in it cannot be read, made or written.
    #[error("{doing} {path}: {source}")]
    File {
        /// What was tried: `cannot create`, …
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        #[source]
        source: std::io::Error,
    },
    /// A commit came for a generation that is not the current one: its pipeline was started over in the meantime.
    #[error("pipeline {pipeline} is at generation {current}, not {asked}")]
    OldGeneration {
        /// The pipeline.
        pipeline: PipelineName,
        /// The generation in use.
        current: u32,
        /// The generation of the commit.
        asked: u32,
    },
    /// The new name of a rename has links or cursors of its own.
    #[error("pipeline {pipeline} has state of its own")]
    NameTaken {
        /// The new name.
        pipeline: PipelineName,
    },
    /// A stored value is not what this version writes.
    #[error("a stored {what} cannot be read")]
    Unreadable {
        /// What it should be.
        what: &'static str,
    },
    /// Anything else that the database reports.
    #[error("the state cannot be used: {0}")]
    Database(Box<redb::Error>),
}

impl StoreError {
    /// Whether another process has the state, which can be asked instead.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::InUse { .. })
    }

    /// What a person can do, where something can be done.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::InUse { .. } => {
                Some("stop the other one, or give this one another folder in settings.yaml (state)")
            }
            Self::Newer { .. } => {
                Some("run the newer sfsync, or go back to a copy of the state from before it")
            }
            Self::Damaged { .. } => Some(
                "restore a copy; without one move the file away: every pipeline then loads and matches afresh",
            ),
            Self::WrongKey { .. } => {
                Some("put back the `key` file, or the SFSYNC_STATE_KEY that belongs to this state")
            }
            Self::BadKey { .. } => Some(
                "SFSYNC_STATE_KEY and the `key` file hold 32 bytes: `openssl rand -base64 32` makes one for the variable",
            ),
            Self::Full { .. } => Some("free some space; the pipelines go on by themselves"),
            Self::File { .. } => Some("check that the folder exists and that this user may write there"),
            Self::NameTaken { .. } => {
                Some("forget the state of the new name first (sfsync forget), or drop renamed_from")
            }
            Self::OldGeneration { .. } | Self::Unreadable { .. } | Self::Database(_) => None,
        }
    }

    /// Whether the same call can succeed later without anybody changing the state: a full disk.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }

    /// Whether the database refuses to go on before it is opened again.
    pub(super) fn needs_reopen(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Database(error) => matches!(**error, redb::Error::Io(_) | redb::Error::PreviousIo),
            _ => false,
        }
    }

    /// Gives the errors that the database layer could not place their folder.
    pub(super) fn placed(self, dir: &std::path::Path) -> Self {
        let Self::Database(error) = self else { return self };
        match *error {
            redb::Error::Io(io) if is_full(io.kind()) => Self::Full { dir: dir.into() },
            redb::Error::Io(io) if matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                Self::Damaged { file: super::folder::state_file(dir), what: io.to_string() }
            }
            redb::Error::Corrupted(what) => Self::Damaged { file: super::folder::state_file(dir), what },
            redb::Error::DatabaseAlreadyOpen => Self::InUse { dir: dir.into(), holder: None },
            redb::Error::UpgradeRequired(format) => Self::Damaged {
                file: super::folder::state_file(dir),
                what: format!("it has the old database format {format}"),
            },
            other => Self::Database(Box::new(other)),
        }
    }
}

fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

macro_rules! from_redb {
    ($($error:ident),*) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })*
    };
}

from_redb!(TransactionError, TableError, StorageError, CommitError, DatabaseError, CompactionError);
