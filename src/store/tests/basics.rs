//! Each table by itself.

use std::time::Duration;

use super::*;
use crate::model::{Commit, ConnectionName, Counts, Cursor, Intent, Row, Value, Want};
use crate::store::{FailureFilter, LastGood, Run, StoreError, Touch};

fn commit_of(links: Vec<Link>) -> Commit {
    Commit { links, ..Commit::default() }
}

#[test]
fn links_are_found_from_both_sides_and_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let deals = name("deals");
    let links: Vec<Link> = (0..50).map(|n| link(n, 1_000 - n, 3)).collect();
    {
        let store = store(&dir);
        assert_eq!(store.commit(&deals, 1, &commit_of(links.clone())).unwrap().new_links, 50);
        assert_eq!(store.commit(&deals, 1, &commit_of(links.clone())).unwrap().new_links, 0);
    }
    let store = store(&dir);
    let keys = [salesforce(7), salesforce(99), salesforce(3)];
    let found = store.links_by_salesforce(&deals, 1, &keys).unwrap();
    assert_eq!(found, [Some(links[7].clone()), None, Some(links[3].clone())]);
    let found = store.links_by_app(&deals, 1, &[app(993), app(1)]).unwrap();
    assert_eq!(found, [vec![links[7].clone()], vec![]]);
    assert_eq!(store.linked(&deals, Side::App, &[app(993)]).unwrap(), [Some(salesforce(7))]);
    assert_eq!(store.linked(&deals, Side::Salesforce, &[salesforce(7)]).unwrap(), [Some(app(993))]);
    let page = store.links(&deals, 1, Some(&salesforce(9)), 5).unwrap();
    assert_eq!(page, links[10..15]);
    assert_eq!(store.links(&deals, 1, None, 1_000).unwrap(), links);
    assert_eq!(store.summary(&deals, 1).unwrap().linked, 50);
}

#[test]
fn links_have_numbers_by_which_some_are_stepped_over() {
    let store = store(&tempfile::tempdir().unwrap());
    let deals = name("deals");
    store.commit(&deals, 1, &commit_of((0..20).map(|n| link(n, 100 - n, 1)).collect())).unwrap();
    let of = |side, keys: &[Key]| store.numbered_links_of(&deals, 1, (side, keys)).unwrap();
    let numbers: Vec<u64> = (0..20).map(|n| of(Side::Salesforce, &[salesforce(n)])[0][0].0).collect();
    assert_eq!(of(Side::App, &[app(93)])[0], [(numbers[7], link(7, 93, 1))], "the same from both sides");
    // Near and far, in any order, twice, and some that are not there.
    let asked = [19, 0, 12, 12, 40, 1, 3].map(salesforce);
    let found: Vec<Vec<u64>> = of(Side::Salesforce, &asked)
        .into_iter()
        .map(|links| links.into_iter().map(|(number, _)| number).collect())
        .collect();
    let number = |n: usize| vec![numbers[n]];
    assert_eq!(found, [number(19), number(0), number(12), number(12), vec![], number(1), number(3)]);
    let wanted = |number| number == numbers[3] || number == numbers[12] || number == numbers[15];
    let first = store.links_where(&deals, 1, (None, 2), wanted).unwrap();
    assert_eq!(first, [link(3, 97, 1), link(12, 88, 1)]);
    let rest = store.links_where(&deals, 1, (Some(&first[1].salesforce), 2), wanted).unwrap();
    assert_eq!(rest, [link(15, 85, 1)]);
}

#[test]
fn a_link_may_move_to_another_app_record_and_several_may_share_one() {
    let store = store(&tempfile::tempdir().unwrap());
    let deals = name("deals");
    store.commit(&deals, 1, &commit_of(vec![link(1, 10, 1), link(2, 10, 1)])).unwrap();
    assert_eq!(store.links_by_app(&deals, 1, &[app(10)]).unwrap()[0].len(), 2);
    store.commit(&deals, 1, &commit_of(vec![link(1, 11, 1), link(1, 10, 1), link(1, 12, 1)])).unwrap();
    assert_eq!(store.links_by_app(&deals, 1, &[app(10)]).unwrap()[0], [link(2, 10, 1)]);
    assert_eq!(store.links_by_app(&deals, 1, &[app(11), app(12)]).unwrap(), [vec![], vec![link(1, 12, 1)]]);
    let unlinked = vec![(salesforce(1), app(10)), (salesforce(2), app(10))];
    store.commit(&deals, 1, &Commit { unlinked, ..Commit::default() }).unwrap();
    assert_eq!(store.links(&deals, 1, None, 9).unwrap(), [link(1, 12, 1)], "a pair that moved on stays");
    assert_eq!(store.summary(&deals, 1).unwrap().linked, 1);
}

#[test]
fn a_lookup_does_not_find_what_is_gone() {
    let store = store(&tempfile::tempdir().unwrap());
    let gone = Link { state: LinkState::Gone, ..link(1, 10, 1) };
    store.commit(&name("deals"), 1, &commit_of(vec![gone])).unwrap();
    assert_eq!(store.linked(&name("deals"), Side::Salesforce, &[salesforce(1)]).unwrap(), [None]);
}

#[test]
fn cursor_counts_and_links_move_together() {
    let store = store(&tempfile::tempdir().unwrap());
    let deals = name("deals");
    let cursor = Cursor::Changes { upto: at(5), within: None };
    let counts = Counts { read: 2, created: 1, ..Counts::default() };
    let commit = Commit {
        cursors: vec![(Side::Salesforce, cursor.clone())],
        counts,
        ..commit_of(vec![link(1, 1, 2)])
    };
    store.commit(&deals, 1, &commit).unwrap();
    store.commit(&deals, 1, &Commit { counts, ..Commit::default() }).unwrap();
    assert_eq!(store.cursor(&deals, 1, Side::Salesforce).unwrap(), Some(cursor));
    assert_eq!(store.cursor(&deals, 1, Side::App).unwrap(), None);
    assert_eq!(store.summary(&deals, 1).unwrap().totals.read, 4);
    store.drop_cursor(&deals, 1, Side::Salesforce).unwrap();
    assert_eq!(store.cursor(&deals, 1, Side::Salesforce).unwrap(), None);
}

#[test]
fn failures_are_kept_listed_retried_and_resolved() {
    let store = store(&tempfile::tempdir().unwrap());
    let deals = name("deals");
    let mut due = failure(&deals, 1, FailureKind::Failed);
    due.next_try = Some(at(500));
    let held = failure(&deals, 2, FailureKind::Held);
    store
        .commit(&deals, 1, &Commit { failures: vec![due.clone(), held.clone()], ..Commit::default() })
        .unwrap();
    assert_eq!(store.failure(&due.id).unwrap(), Some(due.clone()));
    assert_eq!(store.failures_named(&due.id.0[..4]).unwrap(), [due.clone()]);
    assert_eq!(store.failures(&FailureFilter::default()).unwrap().len(), 2);
    let summary = store.summary(&deals, 1).unwrap();
    assert_eq!((summary.failed, summary.held, summary.waiting), (1, 1, 0));

    assert_eq!(store.next_retry(&deals).unwrap(), Some(at(500)));
    assert_eq!(store.due_retries(&deals, Side::Salesforce, at(499), 9).unwrap(), []);
    assert_eq!(store.due_retries(&deals, Side::Salesforce, at(500), 9).unwrap(), [salesforce(1)]);
    assert_eq!(store.due_retries(&deals, Side::App, at(500), 9).unwrap(), []);
    assert_eq!(store.retry_failures(&FailureFilter::default(), at(300)).unwrap(), 2);
    assert_eq!(store.due_retries(&deals, Side::Salesforce, at(300), 9).unwrap().len(), 2);

    let settled = vec![(Side::Salesforce, salesforce(1)), (Side::Salesforce, salesforce(77))];
    store.commit(&deals, 1, &Commit { settled, ..Commit::default() }).unwrap();
    assert_eq!(store.failure(&due.id).unwrap(), None);
    assert_eq!(store.due_retries(&deals, Side::Salesforce, at(900), 9).unwrap(), [salesforce(2)]);
    let over = store.failures(&FailureFilter { resolved: true, ..FailureFilter::default() }).unwrap();
    assert_eq!(over.iter().map(|failure| &failure.id).collect::<Vec<_>>(), [&due.id]);
    store.clean_up(at(10_000), Duration::from_secs(1)).unwrap();
    assert_eq!(store.failures(&FailureFilter { resolved: true, ..FailureFilter::default() }).unwrap(), []);
    assert_eq!(store.drop_failures(&FailureFilter::default()).unwrap(), 1);
    assert_eq!(store.summary(&deals, 1).unwrap().held, 0);
}

fn want(pipeline: &str, key: Key, source: Key) -> Want {
    Want { pipeline: name(pipeline), key, source: (Side::Salesforce, source) }
}

#[test]
fn a_link_wakes_the_records_that_wait_for_it() {
    let store = store(&tempfile::tempdir().unwrap());
    let (deals, clients) = (name("deals"), name("clients"));
    let waiting = FailureKind::Waiting { pipeline: clients.clone(), key: salesforce(500) };
    let commit = Commit {
        failures: vec![failure(&deals, 1, waiting.clone())],
        wants: vec![
            want("clients", salesforce(500), salesforce(2)),
            want("clients", salesforce(501), salesforce(3)),
        ],
        ..Commit::default()
    };
    store.commit(&deals, 1, &commit).unwrap();
    assert_eq!(store.wants_for(&clients, Side::Salesforce, &[salesforce(500)]).unwrap().len(), 2);
    assert_eq!(store.touched(&deals, Side::Salesforce, 9).unwrap(), []);

    let summary = store.commit(&clients, 1, &commit_of(vec![link(500, 1, 1), link(600, 2, 1)])).unwrap();
    assert_eq!(summary.woken, std::slice::from_ref(&deals));
    assert_eq!(store.touched(&deals, Side::Salesforce, 9).unwrap(), [salesforce(1), salesforce(2)]);
    assert_eq!(store.summary(&deals, 1).unwrap().queued, 2);
    assert_eq!(store.failure(&failure(&deals, 1, waiting.clone()).id).unwrap().unwrap().kind, waiting);

    let settled = vec![(Side::Salesforce, salesforce(1))];
    let held = vec![failure(&deals, 2, FailureKind::Held)];
    let touched_upto = store.touched_upto().unwrap();
    store.commit(&deals, 1, &Commit { settled, failures: held, touched_upto, ..Commit::default() }).unwrap();
    assert_eq!(
        store.touched(&deals, Side::Salesforce, 9).unwrap(),
        [],
        "settled and held records leave the queue"
    );
    assert_eq!(store.commit(&clients, 1, &commit_of(vec![link(500, 1, 1)])).unwrap().woken, []);
}

#[test]
fn a_want_that_comes_too_late_is_woken_at_once() {
    let store = store(&tempfile::tempdir().unwrap());
    let deals = name("deals");
    store.commit(&name("clients"), 1, &commit_of(vec![link(500, 1, 1)])).unwrap();
    let wants = vec![want("clients", salesforce(500), salesforce(1))];
    let summary = store.commit(&deals, 1, &Commit { wants, ..Commit::default() }).unwrap();
    assert_eq!(summary.woken, std::slice::from_ref(&deals));
    assert_eq!(store.touched(&deals, Side::Salesforce, 9).unwrap(), [salesforce(1)]);
}

#[test]
fn a_want_for_the_same_batch_is_woken_by_it() {
    let store = store(&tempfile::tempdir().unwrap());
    let accounts = name("accounts");
    let wants = vec![want("accounts", salesforce(1), salesforce(2))];
    let summary = store.commit(&accounts, 1, &Commit { wants, ..commit_of(vec![link(1, 1, 1)]) }).unwrap();
    assert_eq!(summary.woken, [accounts]);
}

#[test]
fn a_record_that_is_touched_while_it_is_settled_stays_in_the_queue() {
    let store = store(&tempfile::tempdir().unwrap());
    let deals = name("deals");
    store.touch(&deals, Side::Salesforce, &[salesforce(1), salesforce(2)]).unwrap();
    let touched_upto = store.touched_upto().unwrap();
    store.touch(&deals, Side::Salesforce, &[salesforce(2)]).unwrap();
    // Somebody else looks at the queue meanwhile, and at that of the other side.
    assert_eq!(store.touched(&deals, Side::Salesforce, 9).unwrap().len(), 2);
    assert_eq!(store.touched(&deals, Side::App, 9).unwrap().len(), 0);
    let settled = vec![(Side::Salesforce, salesforce(1)), (Side::Salesforce, salesforce(2))];
    store.commit(&deals, 1, &Commit { settled, touched_upto, ..Commit::default() }).unwrap();
    assert_eq!(store.touched(&deals, Side::Salesforce, 9).unwrap(), [salesforce(2)]);
}

#[test]
fn generations_have_their_own_links_and_come_back() {
    let store = store(&tempfile::tempdir().unwrap());
    let deals = name("deals");
    store.commit(&deals, 1, &commit_of(vec![link(1, 1, 1)])).unwrap();
    store.commit(&deals, 2, &commit_of(vec![link(2, 2, 1)])).unwrap();
    assert_eq!(store.linked(&deals, Side::App, &[app(1), app(2)]).unwrap(), [None, Some(salesforce(2))]);
    let refused = store.commit(&deals, 1, &Commit::default()).unwrap_err();
    assert_eq!(refused.to_string(), "pipeline deals is at generation 2, not 1");
    store.activate(&deals, 1, at(1_000)).unwrap();
    assert_eq!(store.linked(&deals, Side::App, &[app(1), app(2)]).unwrap(), [Some(salesforce(1)), None]);
    store.clean_up(at(1_500), Duration::from_secs(1_000)).unwrap();
    assert_eq!(store.links(&deals, 2, None, 9).unwrap().len(), 1, "kept for the retention");
    store.clean_up(at(2_500), Duration::from_secs(1_000)).unwrap();
    assert_eq!(store.links(&deals, 2, None, 9).unwrap().len(), 0);
    assert_eq!(store.links(&deals, 1, None, 9).unwrap().len(), 1);
    store.commit(&deals, 3, &commit_of(vec![link(3, 3, 1)])).unwrap();
    assert_eq!(
        store.links(&deals, 3, None, 9).unwrap(),
        [link(3, 3, 1)],
        "numbers of dropped spaces bring nothing back"
    );
}

#[test]
fn a_rename_keeps_everything_and_does_not_overwrite() {
    let store = store(&tempfile::tempdir().unwrap());
    let (old, new) = (name("clients"), name("customers"));
    let wants = vec![want("customers", salesforce(9), salesforce(8))];
    store.commit(&name("deals"), 1, &Commit { wants, ..Commit::default() }).unwrap();
    let failures = vec![failure(&old, 5, FailureKind::Held)];
    store.commit(&old, 1, &Commit { failures, ..commit_of(vec![link(1, 1, 1)]) }).unwrap();
    store.save_row_set(&old, 7, &[1, 2]).unwrap();
    store.rename(&old, &new).unwrap();
    store.rename(&old, &new).unwrap();
    assert_eq!(store.row_sets(&new).unwrap()[&7], [1, 2]);
    assert!(store.row_sets(&old).unwrap().is_empty());
    assert_eq!(store.links(&new, 1, None, 9).unwrap(), [link(1, 1, 1)]);
    assert_eq!(store.links(&old, 1, None, 9).unwrap(), []);
    assert_eq!(store.failures(&FailureFilter::default()).unwrap()[0].pipeline, new);
    assert_eq!(store.commit(&new, 1, &commit_of(vec![link(9, 9, 1)])).unwrap().woken, [name("deals")]);
    store.commit(&old, 1, &commit_of(vec![link(2, 2, 1)])).unwrap();
    assert!(matches!(store.rename(&old, &new), Err(StoreError::NameTaken { .. })));
}

#[test]
fn forgetting_and_the_retention_of_removed_pipelines() {
    let dir = tempfile::tempdir().unwrap();
    let (deals, people) = (name("deals"), name("people"));
    let full = || Commit {
        failures: vec![failure(&deals, 1, FailureKind::Failed)],
        cursors: vec![(Side::Salesforce, Cursor::Changes { upto: at(1), within: None })],
        ..commit_of(vec![link(1, 1, 1)])
    };
    let state = store(&dir);
    state.commit(&people, 1, &commit_of(vec![link(1, 1, 1)])).unwrap();
    for forget in [
        &(|| state.forget(&deals).unwrap()) as &dyn Fn(),
        &|| {
            state.set_removed(&deals, Some(at(100))).unwrap();
            state.clean_up(at(5_000), Duration::from_secs(60)).unwrap();
        },
        &|| state.drop_generation(&deals, 1).unwrap(),
    ] {
        state.commit(&deals, 1, &full()).unwrap();
        forget();
        assert_eq!(state.links(&deals, 1, None, 9).unwrap(), []);
        assert_eq!(state.cursor(&deals, 1, Side::Salesforce).unwrap(), None);
        assert_eq!(state.failures(&FailureFilter::default()).unwrap(), []);
        assert_eq!(state.summary(&deals, 1).unwrap().linked, 0);
    }
    assert_eq!(state.links(&people, 1, None, 9).unwrap().len(), 1);
    drop(state);
    assert_eq!(store(&dir).pipelines(), [(people, 1)]);
}

#[test]
fn pauses_and_approvals_hold_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let deals = name("deals");
    store(&dir).set_paused(&deals, Some("kim"), at(7)).unwrap();
    store(&dir).set_approved(&deals, Some("admin"), at(8)).unwrap();
    let state = store(&dir);
    assert_eq!(state.paused(&deals).unwrap().unwrap().by, "kim");
    assert_eq!(state.flags(&deals).approved.unwrap().since, at(8));
    state.set_paused(&deals, None, at(9)).unwrap();
    assert_eq!(state.paused(&deals).unwrap(), None);
}

#[test]
fn runs_come_newest_first_and_are_completed() {
    let store = store(&tempfile::tempdir().unwrap());
    let deals = name("deals");
    let run = |start: i64, ended: Option<i64>| Run {
        started: at(start),
        ended: ended.map(at),
        cause: "changes".into(),
        counts: Counts::default(),
        error: None,
    };
    for one in [run(1, None), run(5, None), run(1, Some(2))] {
        store.save_run(&deals, &one).unwrap();
    }
    assert_eq!(store.runs(&deals, 9).unwrap(), [run(5, None), run(1, Some(2))]);
    assert_eq!(store.runs(&deals, 1).unwrap().len(), 1);
    store.clean_up(at(13), Duration::from_secs(10)).unwrap();
    assert_eq!(store.runs(&deals, 9).unwrap(), [run(5, None)]);
}

#[test]
fn last_good_files_tokens_usage_and_schemas() {
    let store = store(&tempfile::tempdir().unwrap());
    let acme = ConnectionName::from("acme");
    let good = |text: &str| LastGood { text: text.into(), loaded_at: at(3) };
    store.save_last_good(&[("a.yaml", good("a: 1")), ("b.yaml", good("b: 1"))]).unwrap();
    store.drop_last_good("b.yaml").unwrap();
    assert_eq!(store.last_good("a.yaml").unwrap(), Some(good("a: 1")));
    assert_eq!(store.last_good_files().unwrap(), [("a.yaml".to_owned(), good("a: 1"))]);

    assert_eq!(store.load_token(&acme).unwrap(), None);
    store.save_token(&acme, b"token").unwrap();
    assert_eq!(store.load_token(&acme).unwrap().unwrap(), b"token");
    store.drop_token(&acme).unwrap();
    assert_eq!(store.load_token(&acme).unwrap(), None);

    for (second, calls) in [(10, 1), (3_599, 2), (3_600, 4)] {
        store.add_api_calls(&acme, at(second), calls).unwrap();
    }
    assert_eq!(store.api_calls(&acme, at(0)).unwrap(), [(at(0), 3), (at(3_600), 4)]);
    assert_eq!(store.api_calls(&acme, at(3_700)).unwrap(), [(at(3_600), 4)]);

    let table = crate::model::TableInfo {
        name: "t".into(),
        columns: vec![],
        primary_key: vec!["id".into()],
        unique: vec![],
        read_at: at(1),
    };
    store.save_table(&acme, "t", &table).unwrap();
    store.save_fact(&acme, "currency", &"EUR").unwrap();
    assert_eq!(store.table(&acme, "t").unwrap(), Some(table.clone()));
    assert_eq!(store.tables(&acme).unwrap(), [table]);
    assert_eq!(store.objects(&acme).unwrap(), []);
    assert_eq!(store.fact::<String>(&acme, "currency").unwrap().unwrap(), "EUR");
    store.drop_catalog(&acme).unwrap();
    assert_eq!(store.table(&acme, "t").unwrap(), None);
}

#[test]
fn what_an_app_said_of_a_delete_stays_until_the_record_is_settled() {
    let store = store(&tempfile::tempdir().unwrap());
    let (users, other) = (name("users"), name("other"));
    let touch = |pipeline: &PipelineName, keys: &[u64], gone: bool| Touch {
        pipeline: pipeline.clone(),
        side: Side::App,
        keys: keys.iter().map(|n| app(*n)).collect(),
        gone,
    };
    let touches = [touch(&users, &[1, 2], true), touch(&users, &[3], false), touch(&other, &[3], true)];
    store.touch_all(&touches).unwrap();
    let told = |keys: &[u64]| {
        let keys: Vec<Key> = keys.iter().map(|n| app(*n)).collect();
        store.told_gone(&users, Side::App, &keys).unwrap()
    };
    assert_eq!(told(&[1, 2, 3, 4]), [true, true, false, false]);
    assert_eq!(store.told_gone(&users, Side::Salesforce, &[app(1)]).unwrap(), [false]);
    assert_eq!(store.touched(&users, Side::App, 9).unwrap().len(), 3);
    // A delete that fails is tried again, and the evidence with it.
    let mut failed = failure(&users, 1, FailureKind::Failed);
    failed.source = (Side::App, app(1));
    let upto = store.touched_upto().unwrap();
    let commit = Commit { failures: vec![failed], touched_upto: upto, ..Commit::default() };
    store.commit(&users, 1, &commit).unwrap();
    assert_eq!((told(&[1]), store.touched(&users, Side::App, 9).unwrap().len()), (vec![true], 2));
    // Said again after it was read: it is looked at again, and still told.
    store.touch_all(&[touch(&users, &[2], false)]).unwrap();
    let settled = vec![(Side::App, app(1)), (Side::App, app(2))];
    let settle = |upto| Commit { settled: settled.clone(), touched_upto: upto, ..Commit::default() };
    store.commit(&users, 1, &settle(upto)).unwrap();
    assert_eq!(told(&[1, 2]), [false, true]);
    store.commit(&users, 1, &settle(store.touched_upto().unwrap())).unwrap();
    assert_eq!(told(&[1, 2]), [false, false]);
    assert_eq!(store.told_gone(&other, Side::App, &[app(3)]).unwrap(), [true]);
}

#[test]
fn intents_are_kept_in_parcels_until_they_are_over() {
    let dir = tempfile::tempdir().unwrap();
    let deals = name("deals");
    let intent = |n, row| Intent { on: Side::App, link: link(n, n, 2), row, since: at(7) };
    let secret = Row::from(vec![Value::text("SECRET-ROW"), Value::Absent]);
    let (first, second) = (vec![intent(1, None), intent(2, Some(secret))], vec![intent(3, None)]);
    let send = |store: &Store, intents: &[Intent]| {
        let commit = Commit { intents: intents.to_vec(), ..Commit::default() };
        store.commit(&deals, 1, &commit).unwrap().parcel.unwrap()
    };
    let (one, two) = {
        let store = store(&dir);
        assert_eq!(store.commit(&deals, 1, &commit_of(vec![link(9, 9, 2)])).unwrap().parcel, None);
        (send(&store, &first), send(&store, &second))
    };
    let store = store(&dir);
    assert_eq!(store.intents(&deals, 1).unwrap(), [(one, first), (two, second.clone())]);
    // The batch that sent the first is committed; a part of it is still uncertain.
    let over =
        Commit { arrived: vec![one], intents: vec![intent(2, None)], ..commit_of(vec![link(1, 1, 2)]) };
    let three = store.commit(&deals, 1, &over).unwrap().parcel.unwrap();
    assert_eq!(store.intents(&deals, 1).unwrap(), [(two, second), (three, vec![intent(2, None)])]);
    assert_eq!(store.intents(&name("others"), 1).unwrap(), []);
    store.forget(&deals).unwrap();
    send(&store, &[intent(4, None)]);
    assert_eq!(store.intents(&deals, 1).unwrap().len(), 1, "what was forgotten stays so");
    drop(store);
    let bytes = std::fs::read(dir.path().join("state.redb")).unwrap();
    assert!(!bytes.windows(10).any(|window| window == b"SECRET-ROW"));
}
