//! What happens to the state when the disk is full or the power fails, on a storage that the test controls.

use std::io;
use std::sync::{Arc, Mutex};

use super::*;
use crate::model::{Commit, Counts, Cursor, Intent};
use crate::store::StoreError;

/// One change of the storage, as the system was told it.
#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
    Sync,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: Vec<u8>,
    /// Everything since `record` began.
    changes: Vec<Change>,
    /// The storage does not grow beyond this.
    room: Option<u64>,
}

/// A storage in memory that records what it is told and can be full.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Shared>>);

impl Disk {
    fn with(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Shared { bytes, ..Shared::default() })))
    }

    fn set_room(&self, room: Option<u64>) {
        self.0.lock().unwrap().room = room;
    }

    fn length(&self) -> u64 {
        self.0.lock().unwrap().bytes.len() as u64
    }

    fn copy(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    fn record(&self) {
        self.0.lock().unwrap().changes.clear();
    }

    fn recorded(&self) -> Vec<Change> {
        self.0.lock().unwrap().changes.clone()
    }

    fn open(&self) -> Result<Store, StoreError> {
        let disk = self.clone();
        Store::on(move || disk.clone())
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
        Change::Sync => {}
        Change::Write(offset, data) => {
            let begin = usize::try_from(*offset).unwrap();
            if bytes.len() < begin + data.len() {
                bytes.resize(begin + data.len(), 0);
            }
            bytes[begin..begin + data.len()].copy_from_slice(data);
        }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.length())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let shared = self.0.lock().unwrap();
        let begin = usize::try_from(offset).unwrap();
        let found = shared.bytes.get(begin..begin + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut shared = self.0.lock().unwrap();
        if shared.room.is_some_and(|room| len > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        shared.changes.push(Change::Length(len));
        apply(&mut shared.bytes, &Change::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.0.lock().unwrap().changes.push(Change::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut shared = self.0.lock().unwrap();
        let change = Change::Write(offset, data.to_vec());
        apply(&mut shared.bytes, &change);
        shared.changes.push(change);
        Ok(())
    }
}

/// A commit whose number shows in links, cursor, failures and counters, so that a half of it would be seen.
fn numbered(n: u64) -> Commit {
    let deals = name("deals");
    Commit {
        cursors: vec![(
            Side::Salesforce,
            Cursor::Changes { upto: at(i64::try_from(n).unwrap()), within: None },
        )],
        links: (0..40).map(|at| link(n * 40 + at, n * 40 + at, 3)).collect(),
        failures: (0..3).map(|at| failure(&deals, n * 3 + at, FailureKind::Failed)).collect(),
        intents: vec![Intent { on: Side::App, link: link(n, n, 3), row: None, since: at(1) }],
        arrived: vec![0],
        counts: Counts { read: 1, ..Counts::default() },
        ..Commit::default()
    }
}

/// How many numbered commits the state holds; panics where it holds a part of one.
fn holds(store: &Store) -> u64 {
    let deals = name("deals");
    let summary = store.summary(&deals, 1).unwrap();
    let commits = summary.totals.read;
    assert_eq!((summary.linked, summary.failed), (commits * 40, commits * 3));
    let links = store.links(&deals, 1, None, usize::MAX).unwrap();
    assert_eq!(links.len() as u64, commits * 40);
    let apps: Vec<Key> = links.iter().map(|link| link.app.clone()).collect();
    assert!(store.links_by_app(&deals, 1, &apps).unwrap().iter().all(|found| found.len() == 1));
    let failures = store.failures(&crate::store::FailureFilter::default()).unwrap();
    assert_eq!(failures.len() as u64, commits * 3);
    let intents = store.intents(&deals, 1).unwrap();
    let sent: Vec<u64> = commits.checked_sub(1).into_iter().collect();
    assert_eq!(intents.iter().map(|(number, _)| *number).collect::<Vec<_>>(), vec![0; sent.len()]);
    let sources = intents.iter().flat_map(|(_, intents)| intents).map(Intent::source);
    assert!(sources.eq(sent.iter().map(|n| salesforce(*n)).collect::<Vec<_>>().iter()));
    let expected = commits
        .checked_sub(1)
        .map(|last| Cursor::Changes { upto: at(i64::try_from(last).unwrap()), within: None });
    assert_eq!(store.cursor(&deals, 1, Side::Salesforce).unwrap(), expected);
    commits
}

#[test]
fn a_full_disk_loses_nothing_and_it_goes_on_when_there_is_space() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    let deals = name("deals");
    disk.set_room(Some(disk.length() + (1 << 20)));
    let mut stored = 0;
    let error = loop {
        match store.commit(&deals, 1, &numbered(stored)) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full { .. }) && error.is_passing(), "{error:?}");
    assert!(stored > 2, "{stored}");
    assert_eq!(holds(&store), stored, "reads go on");
    assert!(matches!(store.commit(&deals, 1, &numbered(stored)), Err(StoreError::Full { .. })), "still full");
    disk.set_room(None);
    store.commit(&deals, 1, &numbered(stored)).unwrap();
    assert_eq!(holds(&store), stored + 1);
}

/// Power loss at every point of a commit, and then with only some of the writes since the last sync on the disk, in any combination.
#[test]
fn after_power_loss_a_commit_is_there_in_full_or_not_at_all() {
    let disk = Disk::default();
    let store = disk.open().unwrap();
    for n in 0..3 {
        store.commit(&name("deals"), 1, &numbered(n)).unwrap();
    }
    let before = disk.copy();
    disk.record();
    store.commit(&name("deals"), 1, &numbered(3)).unwrap();
    let changes = disk.recorded();
    assert!(changes.iter().any(|change| matches!(change, Change::Sync)), "a commit waits for the disk");
    let last_sync = changes.iter().rposition(|change| matches!(change, Change::Sync)).unwrap();
    assert_eq!(
        changes[last_sync..].iter().filter(|change| matches!(change, Change::Write(..))).count(),
        0,
        "everything is written when the commit returns"
    );
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let (mut old, mut new) = (0, 0);
    for cut in 0..=changes.len() {
        for round in 0..4 {
            let bytes = survived(&before, &changes[..cut], round, &mut random);
            match holds(&Disk::with(bytes).open().unwrap()) {
                3 => old += 1,
                4 => new += 1,
                other => panic!("{other} commits after a loss at {cut}"),
            }
        }
    }
    assert!(old > 0 && new > 0, "{old} old, {new} new");
}

/// What is on the disk after a loss: everything up to the last sync; of what came later all (round 0), or some.
fn survived(before: &[u8], changes: &[Change], round: u32, random: &mut u64) -> Vec<u8> {
    let mut bytes = before.to_vec();
    let synced = changes.iter().rposition(|change| matches!(change, Change::Sync)).map_or(0, |at| at + 1);
    for (at, change) in changes.iter().enumerate() {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let lost =
            at >= synced && round > 0 && matches!(change, Change::Write(..)) && random.is_multiple_of(2);
        if !lost {
            apply(&mut bytes, change);
        }
    }
    bytes
}

#[test]
fn rubbish_in_the_file_is_an_error_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    drop(store(&dir));
    for rubbish in [b"not a database".repeat(100), vec![0; 5_000], b"x".to_vec()] {
        std::fs::write(dir.path().join("state.redb"), rubbish).unwrap();
        let error = Store::open(dir.path(), &StoreKey::File).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert!(error.help().is_some());
    }
}
