//! The first import of the sets that have an app with calls of its own or a timeline, over an org and an app that are full: everything that
//! the files say is there, and nothing else. (The imports of `operating` and `smvue` are compared value by value in `proof`.)

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json, json};
use sfsync::runtime::control::Control as _;

use crate::harness::whole::{Whole, org_of};

/// Everything is older than what the first look reaches back.
async fn full(set: &str, opportunities: u32) -> Whole {
    let whole = Whole::of(set, org_of(set, opportunities)).await;
    whole.rig.sandbox.org().clock().advance(SignedDuration::from_mins(30));
    whole
}

fn text(record: &Map<String, Json>, field: &str) -> String {
    match &record[field] {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn texts(records: &[Map<String, Json>], field: &str) -> BTreeSet<String> {
    records.iter().map(|record| text(record, field)).collect()
}

/// How often each value comes.
fn counted(values: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for value in values {
        *all.entry(value).or_default() += 1;
    }
    all
}

fn stamp(record: &Map<String, Json>, field: &str) -> Timestamp {
    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text(record, field)).unwrap()
}

/// What each activity is made from: kind, object with a condition, whose it is, and when.
const TIMELINE: [(&str, &str, &str, &str); 12] = [
    ("task", "Task", "OwnerId", "LastModifiedDate"),
    ("event", "Event", "OwnerId", "LastModifiedDate"),
    ("opportunity", "Opportunity", "OwnerId", "LastModifiedDate"),
    ("case", "Case", "OwnerId", "LastModifiedDate"),
    ("contact", "Contact", "LastModifiedById", "LastModifiedDate"),
    ("account", "Account", "LastModifiedById", "LastModifiedDate"),
    ("lead", "Lead", "OwnerId", "LastModifiedDate"),
    ("comment", "CaseComment", "CreatedById", "CreatedDate"),
    ("email", "EmailMessage", "CreatedById", "MessageDate"),
    ("update", "FeedItem WHERE Type = 'TextPost'", "CreatedById", "CreatedDate"),
    ("opportunity_change", "OpportunityFieldHistory", "CreatedById", "CreatedDate"),
    ("case_change", "CaseHistory", "CreatedById", "CreatedDate"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_last_thirty_days_of_everybody_who_is_linked_are_on_the_timeline_of_worksights() {
    let mut whole = full("worksights", 600).await;
    whole.run().await;
    let names = [
        "users",
        "tasks",
        "events",
        "opportunities",
        "cases",
        "contacts",
        "accounts",
        "leads",
        "case_comments",
    ];
    whole.loaded(&names).await;
    whole.loaded(&["emails", "updates", "opportunity_history", "case_history", "notes"]).await;
    let links = whole.door().links(&"users".into(), None, 1_000).await.unwrap();
    let people: BTreeMap<String, String> =
        links.into_iter().map(|link| (link.salesforce.to_string(), link.app.to_string())).collect();
    assert!(people.len() > 10, "{people:?}");
    let activities = whole.app().records("activities").unwrap();
    let since = whole.rig.sandbox.org().clock().now() - SignedDuration::from_hours(24 * 30);
    let mut kinds = 0;
    for (kind, object, person, time) in TIMELINE {
        let records = whole.org(&format!("SELECT Id, {person}, {time} FROM {object}"));
        // The border is the beginning of a day.
        let near = |record: &&Map<String, Json>| {
            stamp(record, time).duration_since(since).abs() < SignedDuration::from_hours(25)
        };
        let unsure: BTreeSet<String> = records.iter().filter(near).map(|record| text(record, "Id")).collect();
        let wanted: BTreeSet<(String, String)> = records
            .iter()
            .filter(|record| stamp(record, time) > since)
            .filter_map(|record| Some((text(record, "Id"), people.get(&text(record, person))?.clone())))
            .filter(|(id, _)| !unsure.contains(id))
            .collect();
        let found: BTreeSet<(String, String)> = activities
            .iter()
            .filter(|activity| activity["kind"] == kind)
            .map(|activity| (text(activity, "source_id"), text(activity, "user_id")))
            .filter(|(id, _)| !unsure.contains(id))
            .collect();
        assert_eq!(found, wanted, "{kind}");
        kinds += usize::from(!wanted.is_empty());
    }
    assert!(kinds >= 8, "of {kinds} kinds there is something");
    let known: BTreeSet<&str> = TIMELINE.iter().map(|(kind, ..)| *kind).chain(["note"]).collect();
    assert!(activities.iter().all(|activity| known.contains(text(activity, "kind").as_str())));
    assert_eq!(whole.failures().await.len(), 0);
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_with_their_people_tasks_and_meetings_are_imported_from_both_sides_of_startdeliver() {
    let mut whole = full("startdeliver", 240).await;
    let of_type = "Type IN ('Customer', 'Customer - Channel')";
    let accounts = whole.org(&format!("SELECT Id, Name FROM Account WHERE {of_type}"));
    assert!(accounts.len() > 10, "{}", accounts.len());
    // Accounts of one website would be held for a person; that is shown elsewhere.
    for (at, account) in accounts.iter().enumerate() {
        whole.update(
            "Account",
            &text(account, "Id"),
            json!({ "Website": format!("https://www.customer-{at}.fi/") }),
        );
    }
    // The app has one of them already, under its domain, and one that the org has not.
    let known = text(&accounts[0], "Id");
    whole.update("Account", &known, json!({ "Website": "https://www.known-before.fi/contact" }));
    let before = json!({ "name": text(&accounts[0], "Name"), "domain": "known-before.fi" });
    let before = whole.app().put("customers", before).unwrap();
    whole.app().put("customers", json!({ "name": "New Oy", "domain": "new-oy.fi" })).unwrap();
    whole.run().await;
    whole.loaded(&["customers", "users", "tasks", "meetings", "emails", "notes", "team"]).await;
    let linked = |whole: &Whole| texts(&whole.app().records("customers").unwrap(), "salesforce_id");
    let wanted = |whole: &Whole| texts(&whole.org(&format!("SELECT Id FROM Account WHERE {of_type}")), "Id");
    whole.until("customers", |whole| linked(whole) == wanted(whole)).await;
    assert_eq!(wanted(&whole).len(), accounts.len() + 1, "one account was made");
    let found = whole.rows(&format!("SELECT salesforce_id FROM customers WHERE id = {before}"));
    assert_eq!(found, [known], "no second customer for one that was there");
    let customers: Vec<String> = wanted(&whole).into_iter().map(|id| format!("'{id}'")).collect();
    let customers = customers.join(",");
    let contacts =
        texts(&whole.org(&format!("SELECT Id FROM Contact WHERE AccountId IN ({customers})")), "Id");
    let users = |whole: &Whole| texts(&whole.app().records("users").unwrap(), "salesforce_id");
    whole.until("users", |whole| users(whole) == contacts).await;
    let half_a_year = (whole.rig.sandbox.org().clock().now() - SignedDuration::from_hours(24 * 190))
        .strftime("%Y-%m-%d")
        .to_string();
    let lately = (whole.rig.sandbox.org().clock().now() - SignedDuration::from_hours(24 * 175))
        .strftime("%Y-%m-%d")
        .to_string();
    for (object, resource, title) in [("Task", "tasks", "title"), ("Event", "interactions", "subject")] {
        let of = |whole: &Whole, day: &str| {
            let soql = format!(
                "SELECT Subject FROM {object} WHERE AccountId IN ({customers}) AND ActivityDate >= {day}"
            );
            counted(whole.org(&soql).iter().map(|record| text(record, "Subject")))
        };
        let shown = |whole: &Whole| {
            let records = whole.app().records(resource).unwrap();
            let meetings = records.iter().filter(|record| resource == "tasks" || record["type"] == "meeting");
            counted(meetings.map(|record| text(record, title)))
        };
        // The border of six months is somewhere between the two days.
        let (least, most) = (of(&whole, &lately), of(&whole, &half_a_year));
        let count = |all: &BTreeMap<String, usize>| all.values().sum::<usize>();
        assert!(count(&least) > 3, "{object}: {least:?}");
        whole.until(resource, |whole| count(&shown(whole)) >= count(&least)).await;
        let shown = shown(&whole);
        assert!(least.iter().all(|(title, count)| shown.get(title) >= Some(count)), "{least:?} {shown:?}");
        assert!(shown.iter().all(|(title, count)| most.get(title) >= Some(count)), "{shown:?} {most:?}");
    }
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_companies_and_engagements_are_imported_from_both_sides_of_conversion() {
    let mut whole = full("conversion", 240).await;
    whole.app().put("contacts", json!({ "email": "Kim@Nowhere.example", "last_name": "Kim" })).unwrap();
    whole.run().await;
    let names = ["accounts", "contacts", "leads", "tasks", "events"];
    whole.loaded(&names).await;
    let lead = "SELECT Id FROM Lead WHERE Email = 'Kim@Nowhere.example'";
    whole.until("a lead for who was in the app alone", |whole| whole.org(lead).len() == 1).await;
    let people = |whole: &Whole| {
        let leads = whole.org("SELECT Id, Email FROM Lead WHERE Email != null AND IsConverted = false");
        let contacts = whole.org("SELECT Id, Email FROM Contact WHERE Email != null");
        [leads, contacts].concat()
    };
    let folded = |all: BTreeSet<String>| all.into_iter().map(|email| email.trim().to_lowercase()).collect();
    let emails = |whole: &Whole| -> BTreeSet<String> { folded(texts(&people(whole), "Email")) };
    let shown = |whole: &Whole| -> BTreeSet<String> {
        folded(texts(&whole.app().records("contacts").unwrap(), "email"))
    };
    whole.until("people", |whole| shown(whole) == emails(whole)).await;
    let contacts = whole.app().records("contacts").unwrap().len();
    assert!(contacts > 20 && contacts == emails(&whole).len(), "one contact for an address: {contacts}");
    // One company for a domain; accounts without a website are companies of their own.
    let accounts = whole.org("SELECT Website FROM Account");
    let host = |website: &str| {
        let rest = website.trim().to_lowercase();
        let rest = rest.split_once("://").map_or(rest.clone(), |(_, rest)| rest.to_owned());
        rest.trim_start_matches("www.").split(['/', '?', ':']).next().unwrap_or_default().to_owned()
    };
    let hosts: Vec<String> = accounts.iter().map(|account| host(&text(account, "Website"))).collect();
    let domains: BTreeSet<&String> = hosts.iter().filter(|host| !host.is_empty()).collect();
    let wanted = domains.len() + hosts.iter().filter(|host| host.is_empty()).count();
    whole.until("companies", |whole| whole.app().records("companies").unwrap().len() == wanted).await;
    // Tasks and events of these people, and of nobody else.
    let ids: Vec<String> = texts(&people(&whole), "Id").into_iter().map(|id| format!("'{id}'")).collect();
    let ids = ids.join(",");
    let mut wanted: Vec<String> = Vec::new();
    for object in ["Task", "Event"] {
        let records = whole.org(&format!("SELECT Subject FROM {object} WHERE WhoId IN ({ids})"));
        wanted.extend(records.iter().map(|record| format!("{object} {}", text(record, "Subject"))));
    }
    let wanted = counted(wanted.into_iter());
    assert!(wanted.len() > 3, "{wanted:?}");
    let shown = |whole: &Whole| {
        let engagements = whole.app().records("engagements").unwrap();
        counted(engagements.iter().map(|one| format!("{} {}", text(one, "type"), text(one, "title"))))
    };
    whole.until("engagements", |whole| shown(whole) == wanted).await;
    whole.stop().await;
}
