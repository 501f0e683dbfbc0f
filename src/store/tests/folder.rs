//! Opening: locks, keys, versions, and what can be read in the bytes of the file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::model::{Commit, ConnectionName};
use crate::store::StoreError;

#[test]
fn a_second_one_is_told_who_holds_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let first = store(&dir);
    let error = Store::open(dir.path(), &StoreKey::File).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the state in {} is in use by another sfsync (process {})",
            dir.path().display(),
            std::process::id()
        )
    );
    drop(first);
    store(&dir);
}

fn set_version(dir: &tempfile::TempDir, version: u32) {
    let database = redb::Database::open(dir.path().join("state.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    let mut meta = txn.open_table(crate::store::tables::META).unwrap();
    meta.insert("version", version.to_be_bytes().as_slice()).unwrap();
    drop(meta);
    txn.commit().unwrap();
}

#[test]
fn a_state_of_a_later_version_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let commit = Commit { links: vec![link(1, 1, 1)], ..Commit::default() };
    store(&dir).commit(&name("deals"), 1, &commit).unwrap();
    set_version(&dir, 7);
    for _ in 0..2 {
        let error = Store::open(dir.path(), &StoreKey::File).unwrap_err();
        let text = format!(
            "the state in {} has version 7, this sfsync knows versions up to 1",
            dir.path().display()
        );
        assert_eq!(error.to_string(), text);
    }
    set_version(&dir, 1);
    assert_eq!(store(&dir).links(&name("deals"), 1, None, 9).unwrap(), [link(1, 1, 1)]);
}

#[test]
fn the_key_must_fit_and_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let seed = store(&dir).seed();
    assert_eq!(store(&dir).seed(), seed);
    let key = dir.path().join("key");
    let bytes = std::fs::read(&key).unwrap();
    assert_eq!(bytes.len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let other = StoreKey::from_environment(Some(STANDARD.encode([9; 32])));
    assert!(matches!(Store::open(dir.path(), &other), Err(StoreError::WrongKey { .. })));
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(Store::open(dir.path(), &StoreKey::File), Err(StoreError::BadKey { .. })));
    assert!(!key.exists());
    let same = StoreKey::from_environment(Some(STANDARD.encode(&bytes)));
    assert_eq!(Store::open(dir.path(), &same).unwrap().seed(), seed);
    assert_ne!(store(&tempfile::tempdir().unwrap()).seed(), seed, "every state has a seed of its own");
}

#[test]
fn no_secret_and_no_record_value_is_in_the_bytes_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = store(&dir);
        let deals = name("deals");
        let failures = (0..50).map(|n| failure(&deals, n, FailureKind::Failed)).collect();
        store.commit(&deals, 1, &Commit { failures, ..Commit::default() }).unwrap();
        store.save_token(&ConnectionName::from("acme"), b"SECRET-TOKEN").unwrap();
        assert!(
            store.failures(&crate::store::FailureFilter::default()).unwrap()[0].detail.starts_with("SECRET")
        );
    }
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"SECRET"), "{}", path.display());
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_said_plainly() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "x").unwrap();
    let error = Store::open(&dir.path().join("file/state"), &StoreKey::File).unwrap_err();
    assert!(error.to_string().starts_with("cannot create "), "{error}");
}
