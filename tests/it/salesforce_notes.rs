//! Notes: their text and the record on which they hang, read and written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use sfsync::connect::salesforce::{ReadSpec, WriteSpec};
use sfsync::connect::{Destination, Limit, MatchQuery, Source, Trace};
use sfsync::model::{Change, ChangeEvent, Clock, Cursor, Key, Kind, Read, Value};
use sfsync_sandbox::{Fault, FaultKind, ResourceKind};

use crate::salesforce_rig::{Rig, WrongClock, sandbox_config};
use crate::salesforce_write_rig::{key, refusal, word};

const NOTE: &[(&str, Kind)] = &[
    ("Id", Kind::Id),
    ("Title", Kind::Text),
    ("Content", Kind::Text),
    ("LinkedEntityId", Kind::Id),
    ("LastModifiedDate", Kind::DateTime),
];

async fn rig() -> Rig {
    Rig::start(sandbox_config()).await
}

fn accounts_and_contacts() -> Vec<String> {
    vec!["001".to_owned(), "003".to_owned()]
}

/// Makes a note as a person does.
fn note(rig: &Rig, title: &str, html: &str, on: &[&str]) -> String {
    let note = rig.insert("ContentNote", json!({ "Title": title, "Content": STANDARD.encode(html) }));
    for record in on {
        rig.insert(
            "ContentDocumentLink",
            json!({ "ContentDocumentId": note, "LinkedEntityId": record, "ShareType": "V" }),
        );
    }
    note
}

fn spec() -> ReadSpec {
    ReadSpec {
        stamp_field: "LastModifiedDate".to_owned(),
        parents: accounts_and_contacts(),
        ..ReadSpec::new("ContentNote", NOTE)
    }
}

/// Title, text and parent of what came, sorted.
fn shown(events: &[ChangeEvent]) -> Vec<String> {
    let text = |value: &Value| value.as_text().unwrap_or("-").to_owned();
    let mut shown: Vec<String> = events
        .iter()
        .map(|event| match &event.change {
            Change::Upsert(row) => format!("{} {} {}", text(row.get(1)), text(row.get(2)), text(row.get(3))),
            Change::Left(Some(row)) => format!("left {}", text(row.get(1))),
            other => format!("{other:?}"),
        })
        .collect();
    shown.sort();
    shown
}

/// Reads until nothing more comes.
async fn all(source: &mut dyn Source, from: Option<Cursor>) -> (Vec<ChangeEvent>, Cursor) {
    let (mut cursor, mut events) = (from, Vec::new());
    loop {
        let was_loading = !matches!(cursor, Some(Cursor::Changes { .. }));
        let Read::Batch { events: new, next, more, .. } =
            source.read(cursor.as_ref(), Limit::default()).await.unwrap()
        else {
            panic!("the cursor holds")
        };
        events.extend(new);
        let is_changes = matches!(next, Cursor::Changes { .. });
        cursor = Some(next.clone());
        if !more || (was_loading && is_changes) {
            return (events, next);
        }
    }
}

#[tokio::test]
async fn a_note_is_read_with_its_text_and_the_record_it_hangs_on() {
    let rig = rig().await;
    let acme = rig.insert("Account", json!({ "Name": "Acme" }));
    let kim = rig.insert("Contact", json!({ "LastName": "Kim" }));
    let deal = rig.insert(
        "Opportunity",
        json!({ "Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-05-01" }),
    );
    let call = note(&rig, "Call", "<p>5 &lt; 6 ü</p>", &[&acme]);
    note(&rig, "Both", "<p>both</p>", &[&kim, &acme]);
    note(&rig, "Empty", "", &[&kim]);
    note(&rig, "Private", "<p>secret</p>", &[]);
    note(&rig, "Deal", "<p>deal</p>", &[&deal]);
    let mut source = rig.source(spec());
    let calls = rig.sandbox.calls().total;
    let (events, cursor) = all(&mut source, None).await;
    let expected = vec![
        format!("Both <p>both</p> {acme}"),
        format!("Call <p>5 &lt; 6 ü</p> {acme}"),
        format!("Empty - {kim}"),
        "left Deal".to_owned(),
        "left Private".to_owned(),
    ];
    assert_eq!(shown(&events), expected, "the first object that is looked at counts");
    assert!(rig.sandbox.calls().total - calls <= 7, "no text of notes that hang elsewhere is asked for");
    rig.update("ContentNote", &call, json!({ "Content": STANDARD.encode("<p>new</p>") }));
    let (events, _) = all(&mut source, Some(cursor)).await;
    assert!(shown(&events).contains(&format!("Call <p>new</p> {acme}")), "{:?}", shown(&events));
    let one = source.fetch(&[Key::salesforce(&call)]).await.unwrap();
    assert_eq!(shown(&one), [format!("Call <p>new</p> {acme}")]);
    let anywhere = all(&mut rig.source(ReadSpec { parents: Vec::new(), ..spec() }), None).await.0;
    assert!(shown(&anywhere).contains(&format!("Deal <p>deal</p> {deal}")));
    assert!(shown(&anywhere).contains(&"left Private".to_owned()), "its owner is no record it is about");
}

#[tokio::test]
async fn a_note_that_goes_while_it_is_read_is_left_out() {
    let rig = rig().await;
    let acme = rig.insert("Account", json!({ "Name": "Acme" }));
    note(&rig, "Call", "<p>x</p>", &[&acme]);
    let gone = note(&rig, "Gone", "<p>y</p>", &[&acme]);
    let mut source = rig.source(ReadSpec { deletes: false, ..spec() });
    let hold = rig.sandbox.faults().add(Fault::new(FaultKind::Hold).on(ResourceKind::Record));
    let delete = async {
        // Both texts are asked for.
        rig.sandbox.faults().wait_held(2).await;
        rig.sandbox.org().delete("ContentDocument", &gone).unwrap();
        rig.sandbox.faults().remove(hold);
    };
    let ((events, _), ()) = tokio::join!(all(&mut source, None), delete);
    assert_eq!(shown(&events), [format!("Call <p>x</p> {acme}")]);
}

async fn notes(rig: &Rig) -> crate::salesforce_write_rig::Accounts {
    let spec = rig.write_spec("ContentNote", NOTE).await;
    rig.destination(WriteSpec { parents: accounts_and_contacts(), ..spec })
}

fn links(rig: &Rig, note: &str) -> Vec<String> {
    let soql =
        format!("SELECT Id, LinkedEntityId FROM ContentDocumentLink WHERE ContentDocumentId = '{note}'");
    let links = rig.truth(&soql, &[("LinkedEntityId", Kind::Id)]);
    links.into_values().map(|mut link| link.remove(0)).filter(|to| !to.starts_with("005")).collect()
}

fn text(rig: &Rig, note: &str) -> String {
    String::from_utf8(rig.sandbox.org().blob("ContentNote", note, "Content").unwrap()).unwrap()
}

fn said(title: &str, html: &str, on: &str) -> Vec<(&'static str, Value)> {
    vec![("Title", title.into()), ("Content", html.into()), ("LinkedEntityId", on.into())]
}

#[tokio::test]
async fn a_note_is_made_together_with_its_link_or_not_at_all() {
    let rig = rig().await;
    let acme = rig.insert("Account", json!({ "Name": "Acme" }));
    let dead = rig.insert("Account", json!({ "Name": "Dead" }));
    rig.sandbox.org().delete("Account", &dead).unwrap();
    let mut to = notes(&rig).await;
    let calls = rig.sandbox.calls().total;
    let ops = vec![
        to.create(&said("One", "<p>1 ü</p>", &acme)),
        to.create(&said("Two", "<p>2</p>", &dead)),
        to.create(&said("Three", "<p>3</p>", "no id")),
        to.create(&[("Title", "Free".into()), ("Content", "<p>4</p>".into())]),
    ];
    let outcomes = to.write(ops).await;
    assert_eq!(rig.sandbox.calls().total - calls, 1, "one call for all of them");
    let words: Vec<&str> = outcomes.iter().map(word).collect();
    assert_eq!((words[0], words[3]), ("written", "written"), "{words:?}");
    assert_eq!((refusal(&outcomes[1]).code, words[2]), ("R231", "R213"), "{:?}", outcomes[1]);
    let one = key(&outcomes[0]);
    assert_eq!((text(&rig, &one), links(&rig, &one)), ("<p>1 ü</p>".to_owned(), vec![acme.clone()]));
    assert_eq!(links(&rig, &key(&outcomes[3])), Vec::<String>::new());
    assert_eq!(rig.count("ContentNote"), 2, "no note is left without its link");
    let found = to.to.fetch(&[Key::salesforce(&one)]).await.unwrap();
    assert_eq!(found[0].1.get(2).as_text(), Some("<p>1 ü</p>"));
    assert_eq!(found[0].1.get(3).as_text(), Some(acme.as_str()));
    let by_title = to.to.find(&MatchQuery::exact(1, vec!["One".into()])).await.unwrap();
    assert_eq!(by_title[0].row.get(3).as_text(), Some(acme.as_str()));
}

#[tokio::test]
async fn many_notes_go_by_graphs_of_seventy_five() {
    let rig = rig().await;
    let acme = rig.insert("Account", json!({ "Name": "Acme" }));
    let mut to = notes(&rig).await;
    let calls = rig.sandbox.calls().total;
    let ops = (0..160).map(|at| to.create(&said(&format!("Note {at}"), "<p>x</p>", &acme))).collect();
    assert!(to.write(ops).await.iter().all(|outcome| word(outcome) == "written"));
    assert_eq!(rig.sandbox.calls().total - calls, 3);
    assert_eq!(rig.count("ContentNote"), 160);
}

#[tokio::test]
async fn refused_notes_do_not_take_the_others_along() {
    let rig = rig().await;
    let acme = rig.insert("Account", json!({ "Name": "Acme" }));
    let dead = rig.insert("Account", json!({ "Name": "Dead" }));
    rig.sandbox.org().delete("Account", &dead).unwrap();
    let mut to = notes(&rig).await;
    // After fourteen graphs that failed Salesforce does not try the rest.
    let on = |at: usize| if at < 20 { dead.as_str() } else { acme.as_str() };
    let ops = (0..40).map(|at| to.create(&said(&format!("Note {at}"), "<p>x</p>", on(at)))).collect();
    let words: Vec<&str> = to.write(ops).await.iter().map(word).collect();
    assert_eq!(words.iter().filter(|word| **word == "written").count(), 20, "{words:?}");
    assert_eq!(words.iter().filter(|word| **word == "R231").count(), 20, "{words:?}");
    assert_eq!(rig.count("ContentNote"), 20);
}

#[tokio::test]
async fn a_note_is_changed_and_moved() {
    let rig = rig().await;
    let acme = rig.insert("Account", json!({ "Name": "Acme" }));
    let beta = rig.insert("Account", json!({ "Name": "Beta" }));
    let mut to = notes(&rig).await;
    let one = key(&to.write(vec![to.create(&said("One", "<p>1</p>", &acme))]).await[0]);
    let outcome = to
        .write(vec![
            to.update(&one, &[("Content", "<p>2</p>".into()), ("LinkedEntityId", acme.as_str().into())]),
        ])
        .await;
    assert_eq!(
        (word(&outcome[0]), text(&rig, &one), links(&rig, &one)),
        ("written", "<p>2</p>".to_owned(), vec![acme.clone()])
    );
    let outcome = to.write(vec![to.update(&one, &[("LinkedEntityId", beta.as_str().into())])]).await;
    assert_eq!((word(&outcome[0]), links(&rig, &one)), ("written", vec![beta.clone()]));
    assert_eq!(text(&rig, &one), "<p>2</p>");
    let outcome = to.write(vec![to.update(&one, &[("LinkedEntityId", Value::Null)])]).await;
    assert_eq!((word(&outcome[0]), links(&rig, &one)), ("written", Vec::new()));
    rig.sandbox.org().delete("Account", &acme).unwrap();
    let outcome = to.write(vec![to.update(&one, &[("LinkedEntityId", acme.as_str().into())])]).await;
    assert_eq!((word(&outcome[0]), links(&rig, &one)), ("R231", Vec::new()));
}

#[tokio::test]
async fn a_lost_answer_is_found_by_text_and_record() {
    let rig = rig().await;
    let acme = rig.insert("Account", json!({ "Name": "Acme" }));
    let beta = rig.insert("Account", json!({ "Name": "Beta" }));
    let mut to = notes(&rig).await;
    rig.sandbox.faults().add(Fault::new(FaultKind::LostAnswer).on(ResourceKind::CompositeGraph).once());
    let since = WrongClock.now();
    // Titles are the same on one day; text and record tell them apart.
    let rows = [
        said("Comment", "<p>1</p>", &acme),
        said("Comment", "<p>1</p>", &beta),
        said("Comment", "<p>2</p>", &acme),
    ];
    let outcomes = to.write(rows.iter().map(|row| to.create(row)).collect()).await;
    assert!(outcomes.iter().all(|outcome| word(outcome) == "unknown"), "{outcomes:?}");
    let traces: Vec<Trace> = rows.iter().map(|row| Trace { key: None, row: to.row(row), since }).collect();
    let mut found = to.to.trace(&traces).await.unwrap();
    found.sort_by_key(|found| found.value);
    let places: Vec<usize> = found.iter().map(|found| found.value).collect();
    assert_eq!(places, [0, 1, 2], "each of them once");
    let shown: Vec<Json> = found
        .iter()
        .map(|found| json!([text(&rig, found.key.as_str()), links(&rig, found.key.as_str())]))
        .collect();
    assert_eq!(
        shown,
        [json!(["<p>1</p>", [acme]]), json!(["<p>1</p>", [beta]]), json!(["<p>2</p>", [acme]])]
    );
}
