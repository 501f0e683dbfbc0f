//! A state as version 1 wrote it, table by table, in `version_1.txt`. It must be readable for ever, and what is written today must look
//! the same: whoever changes a layout raises a version, keeps this file and adds the next one.

use std::fmt::Write as _;

use base64::Engine;
use redb::{Key as RedbKey, ReadableDatabase, ReadableTable, TableDefinition, Value as RedbValue};

use super::*;
use crate::model::{Commit, ConnectionName, Counts, Cursor, Want};
use crate::store::tables as t;
use crate::store::{FailureFilter, LastGood, Run};

const VERSION_1: &str = include_str!("version_1.txt");

fn key() -> StoreKey {
    StoreKey::from_environment(Some(base64::engine::general_purpose::STANDARD.encode([1; 32])))
}

/// Something of everything.
fn fill(store: &Store) {
    let (deals, clients) = (name("deals"), name("clients"));
    let acme = ConnectionName::from("acme");
    let mut one_sided = link(2, 3, 2);
    one_sided.app = Key::app("0f8fad5b-d9cb-469f-a165-70867728950e");
    one_sided.app_baseline = vec![Fingerprint::UNKNOWN; 2].into();
    let mut mixed = link(3, 4, 5);
    (mixed.app, mixed.state) = (Key::app("opp é 7"), LinkState::Gone);
    mixed.app_baseline =
        vec![Fingerprint(3_001), Fingerprint(9), Fingerprint(0), Fingerprint(8), Fingerprint(3_005)].into();
    mixed.app_version = Some(Version(Timestamp::new(1_700_000_000, 123_456_789).unwrap()));
    let mut due = failure(&deals, 4, FailureKind::Failed);
    due.next_try = Some(at(900));
    let waiting = FailureKind::Waiting { pipeline: clients.clone(), key: salesforce(70) };
    let commit = Commit {
        cursors: vec![(Side::Salesforce, Cursor::Changes { upto: at(5), within: None })],
        links: vec![link(1, 2, 2), one_sided, mixed],
        failures: vec![due, failure(&deals, 5, waiting), failure(&deals, 6, FailureKind::Held)],
        wants: vec![Want {
            pipeline: clients.clone(),
            key: salesforce(71),
            source: (Side::Salesforce, salesforce(1)),
        }],
        touch: vec![(clients.clone(), Side::App, app(8))],
        counts: Counts { read: 7, ..Counts::default() },
        ..Commit::default()
    };
    store.commit(&deals, 1, &commit).unwrap();
    let settled = vec![(Side::Salesforce, salesforce(6))];
    store.commit(&deals, 1, &Commit { settled, ..Commit::default() }).unwrap();
    store.set_paused(&clients, Some("kim"), at(9)).unwrap();
    let (started, cause) = (at(3), "changes".into());
    store
        .save_run(&deals, &Run { started, ended: None, cause, counts: Counts::default(), error: None })
        .unwrap();
    store.save_last_good(&[("deals.yaml", LastGood { text: "a: 1".into(), loaded_at: at(4) })]).unwrap();
    store.save_fact(&acme, "currency", &"EUR").unwrap();
    store.save_token(&acme, b"token").unwrap();
    store.add_api_calls(&acme, at(7_200), 3).unwrap();
}

/// Everything that [`fill`] stored, as readers see it.
fn seen(store: &Store) -> String {
    let (deals, clients) = (name("deals"), name("clients"));
    let acme = ConnectionName::from("acme");
    let all = FailureFilter::default();
    let resolved = FailureFilter { resolved: true, ..FailureFilter::default() };
    let mut text = String::new();
    let parts: [&dyn std::fmt::Debug; 14] = [
        &store.links(&deals, 1, None, 9).unwrap(),
        &store.links_by_app(&deals, 1, &[app(2), Key::app("opp é 7")]).unwrap(),
        &store.cursor(&deals, 1, Side::Salesforce).unwrap(),
        &store.summary(&deals, 1).unwrap(),
        &store.failures(&all).unwrap(),
        &store.failures(&resolved).unwrap(),
        &store.next_retry(&deals).unwrap(),
        &store.wants_for(&clients, Side::Salesforce, &[salesforce(70), salesforce(71)]).unwrap(),
        &store.touched(&clients, Side::App, 9).unwrap(),
        &store.flags(&clients),
        &(store.runs(&deals, 9).unwrap(), store.last_good_files().unwrap()),
        &store.fact::<String>(&acme, "currency").unwrap(),
        &store.load_token(&acme).unwrap(),
        &store.api_calls(&acme, at(0)).unwrap(),
    ];
    for part in parts {
        writeln!(text, "{part:?}").unwrap();
    }
    text
}

/// Nothing is a hyphen.
fn hex(bytes: &[u8]) -> String {
    let mut digits = if bytes.is_empty() { "-".to_owned() } else { String::new() };
    for byte in bytes {
        write!(digits, "{byte:02x}").unwrap();
    }
    digits
}

fn unhex(text: &str) -> Vec<u8> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let nibbles: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    nibbles.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// What to do with each table: all of them have other types.
trait Visit {
    fn table<K: RedbKey + 'static, V: RedbValue + 'static>(&mut self, definition: TableDefinition<'_, K, V>);
}

fn every_table(visit: &mut impl Visit) {
    visit.table(t::META);
    visit.table(t::PIPELINES);
    visit.table(t::SPACES);
    visit.table(t::LINKS);
    visit.table(t::BY_SALESFORCE);
    visit.table(t::BY_APP);
    visit.table(t::CURSORS);
    visit.table(t::FAILURES);
    visit.table(t::FAILURE_IDS);
    visit.table(t::DUE);
    visit.table(t::RESOLVED);
    visit.table(t::WANTS);
    visit.table(t::TOUCHED);
    visit.table(t::RUNS);
    visit.table(t::FILES);
    visit.table(t::CATALOG);
    visit.table(t::TOKENS);
    visit.table(t::USAGE);
}

/// What version 1 began with and nobody uses any more.
const RETIRED: [&str; 3] = ["inbox ", "inbox_digests ", "meta 696e626f78 "];

fn without_retired(dump: &str) -> String {
    let used = dump.lines().filter(|line| !RETIRED.iter().any(|retired| line.starts_with(retired)));
    used.flat_map(|line| [line, "\n"]).collect()
}

/// The tables in a file that today's program knows nothing of.
fn retired(dir: &tempfile::TempDir) -> Vec<String> {
    let database = redb::Database::open(dir.path().join("state.redb")).unwrap();
    let tables: Vec<_> = database.begin_read().unwrap().list_tables().unwrap().collect();
    let names = tables.iter().map(|table| redb::TableHandle::name(table).to_owned());
    names.filter(|name| name.starts_with("inbox")).collect()
}

struct Dump<'a>(&'a redb::Database, String);

impl Visit for Dump<'_> {
    fn table<K: RedbKey + 'static, V: RedbValue + 'static>(&mut self, definition: TableDefinition<'_, K, V>) {
        let name = redb::TableHandle::name(&definition).to_owned();
        let table = self.0.begin_read().unwrap().open_table(definition).unwrap();
        for entry in table.iter().unwrap() {
            let (key, value) = entry.unwrap();
            let (key, value) = (key.value(), value.value());
            let (key, value) = (hex(K::as_bytes(&key).as_ref()), hex(V::as_bytes(&value).as_ref()));
            writeln!(self.1, "{name} {key} {value}").unwrap();
        }
    }
}

struct Load<'a>(&'a redb::WriteTransaction, &'a str);

impl Visit for Load<'_> {
    fn table<K: RedbKey + 'static, V: RedbValue + 'static>(&mut self, definition: TableDefinition<'_, K, V>) {
        let name = redb::TableHandle::name(&definition).to_owned();
        let mut table = self.0.open_table(definition).unwrap();
        for line in self.1.lines() {
            let mut words = line.split(' ');
            if words.next() == Some(name.as_str()) {
                let (key, value) = (unhex(words.next().unwrap()), unhex(words.next().unwrap()));
                table.insert(K::from_bytes(&key), V::from_bytes(&value)).unwrap();
            }
        }
    }
}

fn dump(dir: &tempfile::TempDir) -> String {
    let database = redb::Database::open(dir.path().join("state.redb")).unwrap();
    let mut dump = Dump(&database, String::new());
    every_table(&mut dump);
    dump.1
}

/// Values with a random nonce are never twice the same.
fn without_sealed(dump: &str) -> Vec<String> {
    let is_sealed = |line: &str| {
        ["failures ", "resolved ", "tokens "].iter().any(|table| line.starts_with(table))
            || line.starts_with(&format!("meta {}", hex(b"seed")))
    };
    let short = |line: &str| line.rsplit_once(' ').map(|(key, _)| key.to_owned()).unwrap();
    dump.lines().map(|line| if is_sealed(line) { short(line) } else { line.to_owned() }).collect()
}

#[test]
fn a_state_of_version_1_is_read() {
    let (old, today) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    {
        let database = redb::Database::create(old.path().join("state.redb")).unwrap();
        let txn = database.begin_write().unwrap();
        every_table(&mut Load(&txn, VERSION_1));
        let mut load = Load(&txn, VERSION_1);
        load.table(TableDefinition::<(&str, &str, u64), &[u8]>::new("inbox"));
        load.table(TableDefinition::<(&str, &str, u64), u64>::new("inbox_digests"));
        txn.commit().unwrap();
    }
    let expected = Store::open(today.path(), &key()).unwrap();
    fill(&expected);
    assert_eq!(retired(&old).len(), 2);
    assert_eq!(seen(&Store::open(old.path(), &key()).unwrap()), seen(&expected));
    assert_eq!(retired(&old), [""; 0], "what nobody uses is not kept");
}

#[test]
fn a_state_of_today_is_still_version_1() {
    let dir = tempfile::tempdir().unwrap();
    fill(&Store::open(dir.path(), &key()).unwrap());
    let today = dump(&dir);
    assert_eq!(
        without_sealed(&today),
        without_sealed(&without_retired(VERSION_1)),
        "raise a version, or keep the layout:\n{today}"
    );
}
