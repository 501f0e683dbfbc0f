//! Tests of the whole state, on memory and on files.

mod basics;
mod disk;
mod folder;
mod laws;
mod old_values;
mod size;

use jiff::Timestamp;

use super::{Store, StoreKey};
use crate::model::{
    Failure, FailureId, FailureKind, FailureWay, Fingerprint, Key, Link, LinkState, PipelineName, Side,
    Version,
};

fn store(dir: &tempfile::TempDir) -> Store {
    Store::open(dir.path(), &StoreKey::File).unwrap()
}

fn name(text: &str) -> PipelineName {
    PipelineName::from(text)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The n-th Salesforce id of a made-up object.
fn salesforce(n: u64) -> Key {
    Key::salesforce(&format!("006{n:012}"))
}

fn app(n: u64) -> Key {
    Key::app(n.to_string())
}

fn link(n: u64, app_key: u64, rows: u64) -> Link {
    let baseline: Box<[Fingerprint]> = (0..rows).map(|row| Fingerprint(n * 1_000 + row + 1)).collect();
    Link {
        salesforce: salesforce(n),
        app: app(app_key),
        state: LinkState::Active,
        made: None,
        salesforce_version: Some(Version(at(1_700_000_000))),
        app_version: None,
        row_set: 1,
        salesforce_baseline: baseline.clone(),
        app_baseline: baseline,
    }
}

fn failure(pipeline: &PipelineName, n: u64, kind: FailureKind) -> Failure {
    Failure {
        id: FailureId(format!("{:08x}", n.wrapping_mul(0x9e37_79b9) & 0xffff_ffff)),
        pipeline: pipeline.clone(),
        way: FailureWay::ToApp,
        kind,
        source: (Side::Salesforce, salesforce(n)),
        target: None,
        code: "R211".into(),
        remote: Some("STRING_TOO_LONG".into()),
        place: Some("deals.yaml:3:5".into()),
        detail: format!("SECRET-DETAIL-{n}"),
        tries: 1,
        since: at(100),
        last: at(200),
        next_try: None,
    }
}
