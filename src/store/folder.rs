//! The folder of the state: who holds it, its key, its file. Nothing in here looks into the file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::vault::{KEY_BYTES, StoreKey, decode_key, random};

/// The database.
pub(super) fn state_file(dir: &Path) -> PathBuf {
    dir.join("state.redb")
}

/// Makes the folder, readable for this user only.
pub(super) fn create(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(StoreError::file("cannot create", dir))
}

/// Takes the lock of the folder and writes who holds it. It is released when the file is dropped or the process ends.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(StoreError::file("cannot open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let holder = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(StoreError::InUse { dir: dir.into(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(StoreError::file("cannot lock", path)(source)),
    }
    let written =
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(|source| full_or(dir, StoreError::file("cannot write", &path), source))?;
    Ok(file)
}

fn full_or(
    dir: &Path,
    other: impl FnOnce(std::io::Error) -> StoreError,
    source: std::io::Error,
) -> StoreError {
    match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            StoreError::Full { dir: dir.into() }
        }
        _ => other(source),
    }
}

/// The key of the state. A missing file is made only where there is no state yet: a state whose key is lost must not get a
/// new one silently.
pub(super) fn key(dir: &Path, source: &StoreKey) -> Result<[u8; KEY_BYTES], StoreError> {
    let path = dir.join("key");
    match source {
        StoreKey::Given(text) => decode_key(text),
        StoreKey::File if path.is_file() => {
            let bytes = std::fs::read(&path).map_err(StoreError::file("cannot read", &path))?;
            let bad = |bytes: Vec<u8>| StoreError::BadKey {
                what: format!("the file {} has {} bytes instead of 32", path.display(), bytes.len()),
            };
            <[u8; KEY_BYTES]>::try_from(bytes).map_err(bad)
        }
        StoreKey::File if state_file(dir).is_file() => {
            Err(StoreError::BadKey { what: format!("there is a state but no file {}", path.display()) })
        }
        StoreKey::File => make_key(dir, &path),
    }
}

fn make_key(dir: &Path, path: &Path) -> Result<[u8; KEY_BYTES], StoreError> {
    let key = random::<KEY_BYTES>()?;
    let draft = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || -> std::io::Result<()> {
        let mut file = options.open(&draft)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|source| full_or(dir, StoreError::file("cannot write", path), source))?;
    Ok(key)
}
