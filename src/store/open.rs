//! Opening the state, and the two ways to it: [`Store`] reads in snapshots and writes in one transaction at a time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::{Builder, Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};

use super::registry::Registry;
use super::vault::{StoreKey, Vault, random};
use super::{StoreError, folder, migrate, tables};

/// Pages that redb keeps in memory, see docs/decisions/0020-the-state.md.
const CACHE_BYTES: usize = 32 << 20;
const SEED: &str = "seed";

type Backend = Arc<dyn Fn() -> Result<Database, StoreError> + Send + Sync>;

/// The durable state of one daemon. Cheap to share behind an `Arc`; every method may be called from any thread and blocks for as long
/// as the disk needs. Writes wait for each other, reads wait for nobody.
pub struct Store {
    dir: PathBuf,
    /// `None` only between an I/O error and the next call, which opens it again.
    database: RwLock<Option<Database>>,
    backend: Backend,
    registry: RwLock<Arc<Registry>>,
    writer: Mutex<()>,
    pub(super) vault: Vault,
    seed: u64,
    _lock: Option<File>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the state in a folder, or begins one. Fails when another process holds it, when a later version wrote it, when the key
    /// does not fit, and when it is damaged; nothing is changed then. After a crash the opening checks the file once, about a second
    /// for each million links.
    pub fn open(dir: &Path, key: &StoreKey) -> Result<Self, StoreError> {
        folder::create(dir)?;
        let lock = folder::lock(dir)?;
        let key = folder::key(dir, key)?;
        let file = folder::state_file(dir);
        let backend = move || Ok(Builder::new().set_cache_size(CACHE_BYTES).create(&file)?);
        Self::begin(dir, &key, Arc::new(backend), Some(lock))
    }

    /// Whether a state was begun in a folder.
    pub fn is_begun(dir: &Path) -> bool {
        folder::state_file(dir).exists()
    }

    /// A state that begins empty and is gone with its owner: for whoever only looks, where no state was begun yet.
    pub fn passing() -> Result<Self, StoreError> {
        let backend = || {
            let memory = redb::backends::InMemoryBackend::new();
            Ok(Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(memory)?)
        };
        Self::begin(Path::new("memory"), &random()?, Arc::new(backend), None)
    }

    /// Opens a state on something else than a file; `storage` is asked again after an I/O error.
    #[cfg(test)]
    pub(super) fn on<B: redb::StorageBackend>(
        storage: impl Fn() -> B + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let backend = move || Ok(Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(storage())?);
        Self::begin(Path::new("memory"), &[1; 32], Arc::new(backend), None)
    }

    fn begin(dir: &Path, key: &[u8; 32], backend: Backend, lock: Option<File>) -> Result<Self, StoreError> {
        let vault = Vault::new(key)?;
        let opened = || -> Result<(Database, Registry, u64), StoreError> {
            let database = backend()?;
            let txn = database.begin_write()?;
            migrate::run(&txn, dir)?;
            tables::create(&txn)?;
            let seed = seed(&txn, &vault, dir)?;
            let registry = Registry::load(&txn)?;
            txn.commit()?;
            Ok((database, registry, seed))
        };
        let (database, registry, seed) = opened().map_err(|error| error.placed(dir))?;
        let (database, registry) = (RwLock::new(Some(database)), RwLock::new(Arc::new(registry)));
        Ok(Self {
            dir: dir.into(),
            database,
            backend,
            registry,
            writer: Mutex::new(()),
            vault,
            seed,
            _lock: lock,
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Secret seed of the fingerprints of this state: the same value gives another fingerprint elsewhere.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The pipelines as the last commit left them.
    pub(super) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads in one snapshot.
    pub(super) fn read<T>(
        &self,
        f: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with_database(|database| f(&database.begin_read()?))
    }

    /// Writes in one durable transaction: either everything is stored when it returns, or nothing.
    pub(super) fn write<T>(
        &self,
        f: impl FnOnce(&WriteTransaction, &mut Registry) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _alone = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut registry = self.registry();
        let done = self.with_database(|database| {
            let txn = database.begin_write()?;
            let done = f(&txn, Arc::make_mut(&mut registry))?;
            txn.commit()?;
            Ok(done)
        })?;
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = registry;
        Ok(done)
    }

    fn with_database<T>(&self, f: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.reopen_if_closed()?;
        let guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = guard.as_ref() else {
            return Err(StoreError::Unreadable { what: "state" });
        };
        let result = f(database).map_err(|error| error.placed(&self.dir));
        drop(guard);
        if result.as_ref().is_err_and(StoreError::needs_reopen) {
            self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        }
        result
    }

    /// redb refuses everything after an I/O error until it is opened again; the file is then as the last commit left it.
    fn reopen_if_closed(&self) -> Result<(), StoreError> {
        if self.database.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            *database = Some((self.backend)().map_err(|error| error.placed(&self.dir))?);
        }
        Ok(())
    }
}

/// The stored seed. That it opens proves the key.
fn seed(txn: &WriteTransaction, vault: &Vault, dir: &Path) -> Result<u64, StoreError> {
    let mut meta = txn.open_table(tables::META)?;
    let stored = meta.get(SEED)?.map(|sealed| sealed.value().to_vec());
    let bytes = if let Some(sealed) = stored {
        vault.open(SEED, &sealed).ok_or_else(|| StoreError::WrongKey { dir: dir.into() })?
    } else {
        let fresh = random::<16>()?;
        meta.insert(SEED, vault.seal(SEED, &fresh)?.as_slice())?;
        fresh.to_vec()
    };
    let half = bytes.first_chunk::<8>().ok_or(StoreError::Unreadable { what: "seed" })?;
    Ok(u64::from_be_bytes(*half))
}
