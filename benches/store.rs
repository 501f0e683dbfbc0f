//! The state by itself: `cargo bench --bench store`, optionally with the number of links (default 1,000,000).
//!
//! Twenty rows a link, both sides known, commits of 10,000 with an fsync each, in the folder for temporary files. Prints a table; compare
//! figures of one run only.

// A benchmark has no outside, prints its table, and counts in floating point.
#![allow(unreachable_pub, missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::cast_precision_loss, clippy::unchecked_time_subtraction, clippy::too_many_lines)]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sfsync::model::{Commit, Cursor, Fingerprint, Key, Link, LinkState, PipelineName, Side, Version};
use sfsync::store::{Store, StoreKey};

const BATCH: u64 = 10_000;
const ROWS: u64 = 20;

fn main() {
    let links = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &StoreKey::File).unwrap();
    let deals = PipelineName::from("deals");
    let batches = || (0..links).step_by(usize::try_from(BATCH).unwrap());
    println!("{:<48} {:>12}", "", "per second");
    let row = |what: &str, count: u64, took: Duration| {
        println!("{what:<48} {:>12.0}", f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64());
    };

    let in_order =
        timed(|| batches().for_each(|begin| commit(&store, &deals, (begin..begin + BATCH).map(link))));
    row("links, first load in the order of ids", links, in_order);
    let length = std::fs::metadata(dir.path().join("state.redb")).unwrap().len();
    row(
        "links, changed baselines, in order",
        links,
        timed(|| {
            batches().for_each(|begin| commit(&store, &deals, (begin..begin + BATCH).map(changed)));
        }),
    );
    let scattered = |n: u64| n * 7_919 % links;
    let tenth = links / 10;
    row(
        "links, changed baselines, at random",
        tenth,
        timed(|| {
            for begin in (0..tenth).step_by(usize::try_from(BATCH).unwrap()) {
                commit(&store, &deals, (begin..begin + BATCH).map(|n| changed(scattered(n))));
            }
        }),
    );
    let keys: Vec<Key> = (0..tenth).map(|n| id(scattered(n))).collect();
    row(
        "links by Salesforce id, 2,000 at a time, at random",
        tenth,
        timed(|| {
            for keys in keys.chunks(2_000) {
                assert!(store.links_by_salesforce(&deals, 1, keys).unwrap().iter().all(Option::is_some));
            }
        }),
    );
    row(
        "lookups of other pipelines, 2,000 at a time",
        tenth,
        timed(|| {
            for keys in keys.chunks(2_000) {
                assert!(store.linked(&deals, Side::Salesforce, keys).unwrap().iter().all(Option::is_some));
            }
        }),
    );
    row(
        "links, walking through all",
        links,
        timed(|| {
            let mut after = None;
            while let Some(last) = store.links(&deals, 1, after.as_ref(), 2_000).unwrap().pop() {
                after = Some(last.salesforce);
            }
        }),
    );
    row(
        "small commits (a cursor)",
        200,
        timed(|| {
            for second in 0..200 {
                let cursor = Cursor::Changes { upto: Timestamp::from_second(second).unwrap(), within: None };
                let commit = Commit { cursors: vec![(Side::Salesforce, cursor)], ..Commit::default() };
                store.commit(&deals, 1, &commit).unwrap();
            }
        }),
    );
    println!("{:<48} {:>12}", "bytes of the file for a link, after the first load", length / links);
}

fn timed(f: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    f();
    begin.elapsed()
}

fn commit(store: &Store, pipeline: &PipelineName, links: impl Iterator<Item = Link>) {
    store.commit(pipeline, 1, &Commit { links: links.collect(), ..Commit::default() }).unwrap();
}

fn id(n: u64) -> Key {
    Key::salesforce(&format!("006{n:012}"))
}

fn link(n: u64) -> Link {
    let baseline: Box<[Fingerprint]> =
        (1..=ROWS).map(|row| Fingerprint((n * ROWS + row).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    Link {
        salesforce: id(n),
        app: Key::app((n + 1).to_string()),
        state: LinkState::Active,
        made: None,
        salesforce_version: Timestamp::from_second(1_700_000_000).ok().map(Version),
        app_version: None,
        row_set: 1,
        salesforce_baseline: baseline.clone(),
        app_baseline: baseline,
    }
}

fn changed(n: u64) -> Link {
    let mut link = link(n);
    link.salesforce_baseline[3] = Fingerprint(1);
    link.app_baseline[3] = Fingerprint(1);
    link
}
