//! Laws: random commits against a model of plain maps; links come back as they were; rows stay small.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::{Commit, Counts, Cursor, Want};
use crate::store::{FailureFilter, link_row};

fn fingerprints() -> impl Strategy<Value = Vec<Fingerprint>> {
    let one = prop_oneof![Just(0), Just(1), any::<u64>()].prop_map(Fingerprint);
    prop::collection::vec(one, 0..24)
}

fn any_link() -> impl Strategy<Value = Link> {
    let stamp = || prop::option::of((0_i64..2_000_000_000, 0..1_000_000_000_i32));
    let baselines = prop_oneof![
        fingerprints().prop_map(|all| (all.clone(), all)),
        fingerprints().prop_map(|all| (vec![Fingerprint(0); all.len()], all)),
        fingerprints().prop_map(|all| (all.clone(), vec![Fingerprint(0); all.len()])),
        (fingerprints(), fingerprints()),
        fingerprints().prop_flat_map(|all| {
            let length = all.len();
            (Just(all), prop::collection::vec(any::<u64>().prop_map(Fingerprint), length))
        }),
    ];
    let state = prop_oneof![
        Just(LinkState::Active),
        Just(LinkState::Stopped),
        Just(LinkState::StoppedInApp),
        Just(LinkState::Gone),
        Just(LinkState::GoneInApp)
    ];
    let made = prop_oneof![Just(None), Just(Some(Side::Salesforce)), Just(Some(Side::App))];
    ((0_u64..1 << 40, "[0-9a-zé-]{0,20}"), (state, made), (stamp(), stamp()), any::<u32>(), baselines)
        .prop_map(|((n, app), (state, made), (one, other), row_set, (salesforce_baseline, app_baseline))| {
            let version = |stamp: (i64, i32)| Version(Timestamp::new(stamp.0, stamp.1).unwrap());
            Link {
                salesforce: salesforce(n % 1_000_000),
                app: Key::app(app),
                state,
                made,
                salesforce_version: one.map(version),
                app_version: other.map(version),
                row_set,
                salesforce_baseline: salesforce_baseline.into(),
                app_baseline: app_baseline.into(),
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_link_comes_back(link in any_link()) {
        let mut bytes = Vec::new();
        link_row::encode(&link, &mut bytes);
        prop_assert_eq!(link_row::decode(&bytes).unwrap(), link.clone());
        let (state, salesforce, app) = link_row::decode_keys(&bytes).unwrap();
        prop_assert_eq!((salesforce, app), (link.salesforce, link.app));
        prop_assert_eq!(state.is_gone(), link.state.is_gone());
        for cut in 0..bytes.len() {
            prop_assert!(link_row::decode(&bytes[..cut]).is_err(), "cut at {}", cut);
        }
    }
}

#[test]
fn a_link_of_twenty_rows_one_way_takes_less_than_200_bytes() {
    let rows = 20;
    let baseline: Box<[Fingerprint]> = (1..=rows).map(|n| Fingerprint(u64::MAX / n)).collect();
    let uuid = Key::app("0f8fad5b-d9cb-469f-a165-70867728950e");
    for (app, other, limit) in [
        (app(123_456), vec![Fingerprint::UNKNOWN; 20].into(), 200),
        (app(123_456), baseline.clone(), 200),
        (salesforce(77), baseline.clone(), 200),
        (uuid, baseline.clone(), 204),
    ] {
        let link = Link { app, salesforce_baseline: baseline.clone(), app_baseline: other, ..link(1, 1, 0) };
        let mut bytes = Vec::new();
        link_row::encode(&link, &mut bytes);
        assert!(bytes.len() < limit, "{} bytes for {}", bytes.len(), link.app);
    }
}

/// The state as plain maps, for one generation of two pipelines.
#[derive(Debug, Default)]
struct Model {
    pipelines: [Plain; 2],
    /// (wanted pipeline, key, pipeline, record), all on the Salesforce side.
    wants: BTreeSet<(usize, Key, usize, Key)>,
    order: u64,
}

#[derive(Debug, Default)]
struct Plain {
    links: BTreeMap<Key, Link>,
    failures: BTreeMap<Key, Failure>,
    cursor: Option<Cursor>,
    touched: BTreeMap<Key, u64>,
    /// How far the queue had come when records were read last.
    upto: u64,
    read: u64,
}

impl Model {
    fn touch(&mut self, pipeline: usize, key: &Key) {
        self.order += 1;
        self.pipelines[pipeline].touched.insert(key.clone(), self.order);
    }

    fn is_linked(&self, pipeline: usize, key: &Key) -> bool {
        self.pipelines[pipeline].links.get(key).is_some_and(|link| !link.state.is_gone())
    }

    fn apply(&mut self, at: usize, commit: &Commit) {
        let plain = &mut self.pipelines[at];
        let failed = commit.failures.iter().map(|failure| &failure.source.1);
        for key in commit.settled.iter().map(|(_, key)| key).chain(failed) {
            if plain.touched.get(key).is_some_and(|order| *order <= commit.touched_upto) {
                plain.touched.remove(key);
            }
        }
        commit.settled.iter().for_each(|(_, key)| drop(plain.failures.remove(key)));
        for failure in &commit.failures {
            plain.failures.insert(failure.source.1.clone(), failure.clone());
        }
        for want in &commit.wants {
            let wanted = number(&want.pipeline);
            if self.is_linked(wanted, &want.key) {
                self.touch(at, &want.source.1);
            } else {
                self.wants.insert((wanted, want.key.clone(), at, want.source.1.clone()));
            }
        }
        let plain = &mut self.pipelines[at];
        for (salesforce, app) in &commit.unlinked {
            if plain.links.get(salesforce).is_some_and(|link| link.app == *app) {
                plain.links.remove(salesforce);
            }
        }
        for link in &commit.links {
            plain.links.insert(link.salesforce.clone(), link.clone());
        }
        plain.cursor = commit.cursors.last().map(|(_, cursor)| cursor.clone()).or(plain.cursor.take());
        plain.read += commit.counts.read;
        for link in commit.links.iter().filter(|link| !link.state.is_gone()) {
            let woken: Vec<_> =
                self.wants.iter().filter(|want| want.0 == at && want.1 == link.salesforce).cloned().collect();
            for want in woken {
                self.wants.remove(&want);
                self.touch(want.2, &want.3);
            }
        }
        for (pipeline, _, key) in &commit.touch {
            self.touch(number(pipeline), key);
        }
    }
}

const NAMES: [&str; 2] = ["deals", "clients"];

fn number(pipeline: &PipelineName) -> usize {
    usize::from(pipeline.as_str() == NAMES[1])
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a few steps at a time
enum Step {
    Commit(usize, Commit),
    /// Somebody reads the queue.
    Queue(usize),
    /// A person lets all failures be tried again at once.
    Retry(usize),
    /// A person forgets all failures.
    Drop(usize),
    /// The process ends and begins again.
    Restart,
}

fn any_failure(n: u64, (held, next_try): (bool, Option<i64>)) -> Failure {
    let kind = if held { FailureKind::Held } else { FailureKind::Failed };
    Failure { next_try: next_try.map(at), ..failure(&name(""), n, kind) }
}

fn any_commit() -> impl Strategy<Value = Commit> {
    let key = || 0_u64..6;
    let state = prop_oneof![4 => Just(LinkState::Active), 1 => Just(LinkState::Gone)];
    let links = prop::collection::vec((key(), key(), 0_u64..4, state), 0..5);
    let unlinked = prop::collection::vec((key(), key()), 0..3);
    let failures = prop::collection::btree_map(key(), (any::<bool>(), prop::option::of(0_i64..9)), 0..3);
    let settled = prop::collection::vec(key(), 0..4);
    let wants = prop::collection::vec((0_usize..2, key(), key()), 0..3);
    let touch = prop::collection::vec((0_usize..2, key()), 0..2);
    (links, unlinked, failures, settled, (wants, touch, prop::option::of(0_i64..99))).prop_map(
        |(links, unlinked, failures, settled, (wants, touch, cursor))| Commit {
            cursors: cursor
                .map(|second| (Side::Salesforce, Cursor::Changes { upto: at(second), within: None }))
                .into_iter()
                .collect(),
            links: links
                .into_iter()
                .map(|(n, app, rows, state)| Link { state, ..link(n, app, rows) })
                .collect(),
            unlinked: unlinked.into_iter().map(|(n, key)| (salesforce(n), app(key))).collect(),
            failures: failures.into_iter().map(|(n, tried)| any_failure(n, tried)).collect(),
            settled: settled.into_iter().map(|n| (Side::Salesforce, salesforce(n))).collect(),
            wants: wants
                .into_iter()
                .map(|(pipeline, key, source)| Want {
                    pipeline: name(NAMES[pipeline]),
                    key: salesforce(key),
                    source: (Side::Salesforce, salesforce(source)),
                })
                .collect(),
            touch: touch
                .into_iter()
                .map(|(at, n)| (name(NAMES[at]), Side::Salesforce, salesforce(n)))
                .collect(),
            counts: Counts { read: 1, ..Counts::default() },
            // Intents have their own tests: no reader sees them but the one that looks for them.
            ..Commit::default()
        },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_usize..2, any_commit()).prop_map(|(at, commit)| Step::Commit(at, commit)),
        2 => (0_usize..2).prop_map(Step::Queue),
        1 => (0_usize..2).prop_map(Step::Retry),
        1 => (0_usize..2).prop_map(Step::Drop),
        1 => Just(Step::Restart),
    ]
}

/// Ids differ between pipelines, as real ones do.
fn owned(at: usize, mut commit: Commit) -> Commit {
    for failure in &mut commit.failures {
        failure.pipeline = name(NAMES[at]);
        failure.id = FailureId(format!("{at}{}", failure.id.0));
    }
    commit
}

fn compare(store: &Store, model: &Model) {
    for (at, plain) in model.pipelines.iter().enumerate() {
        let pipeline = name(NAMES[at]);
        let links: Vec<Link> = plain.links.values().cloned().collect();
        assert_eq!(store.links(&pipeline, 1, None, 99).unwrap(), links);
        let keys: Vec<Key> = (0..7).map(salesforce).collect();
        let expected: Vec<Option<Link>> = keys.iter().map(|key| plain.links.get(key).cloned()).collect();
        assert_eq!(store.links_by_salesforce(&pipeline, 1, &keys).unwrap(), expected);
        let apps: Vec<Key> = (0..7).map(app).collect();
        for place in [(Side::Salesforce, keys.as_slice()), (Side::App, apps.as_slice())] {
            let numbered = store.numbered_links_of(&pipeline, 1, place).unwrap();
            let plain = |links: Vec<(u64, Link)>| links.into_iter().map(|(_, link)| link).collect::<Vec<_>>();
            let numbered: Vec<Vec<Link>> = numbered.into_iter().map(plain).collect();
            assert_eq!(numbered, store.links_of(&pipeline, 1, place).unwrap());
        }
        let mut by_app = store.links_by_app(&pipeline, 1, &apps).unwrap();
        for links in &mut by_app {
            links.sort_by(|one, other| one.salesforce.cmp(&other.salesforce));
        }
        let of_app = |app: &Key| links.iter().filter(|link| link.app == *app).cloned().collect::<Vec<_>>();
        assert_eq!(by_app, apps.iter().map(of_app).collect::<Vec<_>>());
        let mut failures = store.failures(&of(at)).unwrap();
        failures.sort_by(|one, other| one.source.1.cmp(&other.source.1));
        assert_eq!(failures, plain.failures.values().cloned().collect::<Vec<_>>());
        for failure in &failures {
            assert_eq!(store.failure(&failure.id).unwrap().as_ref(), Some(failure));
        }
        compare_due(store, &pipeline, &failures);
        assert_eq!(store.cursor(&pipeline, 1, Side::Salesforce).unwrap(), plain.cursor);
        let summary = store.summary(&pipeline, 1).unwrap();
        let counts = (summary.linked, summary.held + summary.failed, summary.queued, summary.totals.read);
        let expected = (links.len(), plain.failures.len(), plain.touched.len(), plain.read);
        assert_eq!(counts, (expected.0 as u64, expected.1 as u64, expected.2 as u64, expected.3));
    }
    for (wanted, pipeline) in NAMES.into_iter().enumerate() {
        let keys: Vec<Key> = (0..7).map(salesforce).collect();
        let found = store.wants_for(&name(pipeline), Side::Salesforce, &keys).unwrap();
        let found: BTreeSet<_> =
            found.into_iter().map(|(who, want)| (wanted, want.key, number(&who), want.source.1)).collect();
        let expected = model.wants.iter().filter(|want| want.0 == wanted).cloned().collect();
        assert_eq!(found, expected);
    }
}

fn of(at: usize) -> FailureFilter {
    FailureFilter { pipeline: Some(name(NAMES[at])), ..FailureFilter::default() }
}

/// What is due, and when, is what the failures say: one that is over is never tried again.
fn compare_due(store: &Store, pipeline: &PipelineName, failures: &[Failure]) {
    for moment in [at(0), at(4), at(99)] {
        let mut due = store.due_retries(pipeline, Side::Salesforce, moment, 99).unwrap();
        due.sort();
        let is_due = |failure: &&Failure| failure.next_try.is_some_and(|next| next <= moment);
        let expected: Vec<Key> =
            failures.iter().filter(is_due).map(|failure| failure.source.1.clone()).collect();
        assert_eq!(due, expected);
    }
    let next = failures.iter().filter_map(|failure| failure.next_try).min();
    assert_eq!(store.next_retry(pipeline).unwrap(), next);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_state_is_what_plain_maps_would_be(steps in prop::collection::vec(any_step(), 1..12)) {
        let dir = tempfile::tempdir().unwrap();
        let mut state = Some(store(&dir));
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Commit(at, commit) => {
                    let commit = Commit { touched_upto: model.pipelines[at].upto, ..owned(at, commit) };
                    state.as_ref().unwrap().commit(&name(NAMES[at]), 1, &commit).unwrap();
                    model.apply(at, &commit);
                }
                Step::Queue(at) => {
                    let queue = state.as_ref().unwrap().touched(&name(NAMES[at]), Side::Salesforce, 99).unwrap();
                    prop_assert_eq!(queue, model.pipelines[at].touched.keys().cloned().collect::<Vec<_>>());
                    model.pipelines[at].upto = state.as_ref().unwrap().touched_upto().unwrap();
                    prop_assert_eq!(model.pipelines[at].upto, model.order);
                }
                Step::Retry(which) => {
                    let failures = &mut model.pipelines[which].failures;
                    let tried = state.as_ref().unwrap().retry_failures(&of(which), at(5)).unwrap();
                    prop_assert_eq!(tried, failures.len());
                    for failure in failures.values_mut() {
                        failure.next_try = Some(at(5));
                    }
                }
                Step::Drop(which) => {
                    let failures = &mut model.pipelines[which].failures;
                    prop_assert_eq!(state.as_ref().unwrap().drop_failures(&of(which)).unwrap(), failures.len());
                    failures.clear();
                }
                Step::Restart => {
                    drop(state.take());
                    state = Some(store(&dir));
                    model.pipelines.iter_mut().for_each(|plain| plain.upto = 0);
                }
            }
            compare(state.as_ref().unwrap(), &model);
        }
    }
}
