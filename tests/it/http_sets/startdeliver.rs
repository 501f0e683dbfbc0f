//! The set `startdeliver`: accounts and customers, contacts and users, meetings and tasks, at once by the calls of both sides.

use serde_json::{Value as Json, json};
use sfsync::runtime::control::Control as _;
use sfsync::runtime::status::State;
use sfsync_sandbox::{JwtKey, OAuthClient};

use super::bench::{Bench, ORG, Set};
use crate::harness::rig::until;

const PRIVATE_KEY: &str = include_str!("../../../sandbox/tests/fixtures/test_only_private_key.pem");
const PUBLIC_KEY: &str = include_str!("../../../sandbox/tests/fixtures/test_only_public_key.pem");

/// Who hears of changes of the org.
const TOLD: [&str; 4] = ["customers", "users", "tasks", "meetings"];

fn set() -> Set {
    Set {
        name: "startdeliver",
        app: (include_str!("../../../sandbox/apps/startdeliver.yaml"), "startdeliver"),
        calls: &["customers", "users", "interactions", "tasks", "task_comments", "comments"],
        custom: include_str!("../../../sandbox/orgs/startdeliver.yaml"),
        secrets: &[
            ("STARTDELIVER_API_KEY", "startdeliver-key"),
            ("STARTDELIVER_WEBHOOK_SECRET", "startdeliver-hooks"),
            ("SF_KEY", PRIVATE_KEY),
        ],
        edits: &[
            ("connections/salesforce.yaml", "domain: acme.my.salesforce.com", ORG),
            ("connections/salesforce.yaml", "${file:/run/secrets/salesforce.key}", "${env:SF_KEY}"),
            ("connections/salesforce.yaml", "integration@acme.com", "integration@acme.example"),
            ("connections/startdeliver.yaml", "https://api.startdeliver.com/v1", "${env:APP_URL}"),
            ("connections/startdeliver.yaml", "5 per second", "1000 per second"),
        ],
    }
}

/// The set, before it runs. Its user signs in with a key.
pub async fn startdeliver() -> Bench {
    Bench::in_org(set(), |config| {
        let key = JwtKey::from_pem(PUBLIC_KEY).unwrap();
        let client = OAuthClient::new(sfsync_sandbox::Sandbox::CLIENT_ID, "unused").jwt_key(key);
        config.clients = vec![client];
    })
    .await
}

/// It runs, and hears of changes of the org.
pub async fn hearing(bench: &mut Bench) {
    bench.loaded().await;
    for name in TOLD {
        until(bench.daemon(), name, |status| {
            status.push.contains("cdc") && status.news_arrive() && status.state == State::Running
        })
        .await;
    }
}

pub fn beta() -> Json {
    json!({ "Name": "Beta Oy", "Website": "https://www.beta.fi/contact", "Type": "Customer", "Phone": "+358 9 123456" })
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_customers_find_each_other_and_follow_each_other_at_once() {
    let mut bench = startdeliver().await;
    let beta = bench.insert("Account", beta());
    bench.insert("Account", json!({ "Name": "A prospect", "Type": "Prospect" }));
    let twelve = bench.put("customers", json!({ "name": "Beta Oy", "domain": "beta.fi", "health": "green" }));
    bench.put("customers", json!({ "name": "New Oy", "domain": "new.fi" }));
    hearing(&mut bench).await;
    bench
        .until("linked by the domain, and made", |bench| {
            bench.shows("customers", &["salesforce_id"]).iter().all(|id| !id.is_empty())
        })
        .await;
    assert_eq!(bench.found("customers", "id", twelve).unwrap()["salesforce_id"], json!(beta));
    assert_eq!(bench.org(&["Name", "Type"], "FROM Account WHERE Website = 'new.fi'"), ["New Oy|Customer"]);
    assert_eq!(bench.shows("customers", &["name"]), ["Beta Oy", "New Oy"], "a prospect is no customer");
    let account = |bench: &Bench, field: &str| {
        bench.org(&[field], &format!("FROM Account WHERE Id = '{beta}'")).remove(0)
    };
    bench.until("health", |bench| account(bench, "Health__c") == "green").await;
    // From here nobody is asked to look.
    bench.update("Account", &beta, json!({ "Name": "Beta Oyj", "AnnualRevenue": 1_250_000 }));
    bench
        .comes("the name and the revenue", |bench| {
            let customer = bench.found("customers", "id", twelve).unwrap();
            customer["name"] == "Beta Oyj" && customer["arr"] == json!(1_250_000)
        })
        .await;
    bench.app.edit("customers", twelve, json!({ "name": "Beta Group", "health": "red" })).unwrap();
    bench
        .comes("and back", |bench| {
            account(bench, "Name") == "Beta Group" && account(bench, "Health__c") == "red"
        })
        .await;
    let third = bench
        .insert("Account", json!({ "Name": "Third", "Website": "third.se", "Type": "Customer - Channel" }));
    bench
        .comes("a new customer", |bench| bench.found("customers", "salesforce_id", third.as_str()).is_some())
        .await;
    bench.put("customers", json!({ "name": "Fourth", "domain": "fourth.no" }));
    bench
        .comes("a new account", |bench| {
            bench.org(&["Name"], "FROM Account WHERE Website = 'fourth.no'") == ["Fourth"]
        })
        .await;
    // A prospect is won.
    let prospect = bench.org(&["Id"], "FROM Account WHERE Name = 'A prospect'").remove(0);
    bench.update("Account", &prospect, json!({ "Type": "Customer" }));
    bench.comes("a prospect is won", |bench| bench.found("customers", "name", "A prospect").is_some()).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_change_one_customer_at_once_and_each_field_goes_its_way() {
    let mut bench = startdeliver().await;
    let beta = bench.insert("Account", beta());
    hearing(&mut bench).await;
    bench.until("there", |bench| bench.found("customers", "salesforce_id", beta.as_str()).is_some()).await;
    let number = bench.found("customers", "salesforce_id", beta.as_str()).unwrap()["id"].as_u64().unwrap();
    bench.update("Account", &beta, json!({ "Industry": "Banking", "Phone": "+358 9 1" }));
    bench.app.edit("customers", number, json!({ "industry": "Energy", "name": "Beta Group" })).unwrap();
    let merged = |bench: &Bench| {
        let customer = bench.found("customers", "id", number).unwrap();
        let account = bench.org(&["Name", "Industry", "Phone"], &format!("FROM Account WHERE Id = '{beta}'"));
        customer["industry"] == "Banking"
            && customer["name"] == "Beta Group"
            && account == ["Beta Group|Banking|+358 9 1"]
    };
    bench.comes("industry is Salesforce's, the rest is both", merged).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_and_users_follow_each_other_at_once() {
    let mut bench = startdeliver().await;
    let beta = bench.insert("Account", beta());
    let mia = bench.insert(
        "Contact",
        json!({ "LastName": "Mia", "Email": "mia@beta.fi", "AccountId": beta, "Phone": "09 765 4321" }),
    );
    bench.insert("Contact", json!({ "LastName": "Stranger", "Email": "x@other.com" }));
    let twelve = bench.put("customers", json!({ "name": "Beta Oy", "domain": "beta.fi" }));
    bench.put("users", json!({ "last_name": "Olli", "email": "Olli@beta.fi", "customer_id": twelve }));
    hearing(&mut bench).await;
    bench
        .until("both are on both sides", |bench| {
            bench.shows("users", &["last_name"]) == ["Mia", "Olli"]
                && bench.org(&["AccountId"], "FROM Contact WHERE LastName = 'Olli'") == [beta.as_str()]
        })
        .await;
    assert_eq!(bench.found("users", "last_name", "Mia").unwrap()["salesforce_id"], json!(mia));
    bench.update("Contact", &mia, json!({ "Title": "CFO", "Phone": null }));
    bench
        .comes("the title, and an emptied phone", |bench| {
            let mia = bench.found("users", "last_name", "Mia").unwrap();
            mia["title"] == "CFO" && mia["phone"] == Json::Null
        })
        .await;
    let olli = bench.found("users", "last_name", "Olli").unwrap()["id"].as_u64().unwrap();
    bench.app.edit("users", olli, json!({ "title": "CTO", "first_name": "O." })).unwrap();
    bench
        .comes("and back", |bench| {
            bench.org(&["FirstName", "Title"], "FROM Contact WHERE LastName = 'Olli'") == ["O.|CTO"]
        })
        .await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn meetings_and_tasks_flow_both_ways_at_once() {
    let mut bench = startdeliver().await;
    let beta = bench.insert("Account", beta());
    let mia =
        bench.insert("Contact", json!({ "LastName": "Mia", "Email": "mia@beta.fi", "AccountId": beta }));
    let deal = bench.insert("Opportunity", json!({ "Name": "Renewal", "AccountId": beta, "StageName": "Prospecting", "CloseDate": "2027-05-01" }));
    let (owner, mail) = bench.person(3);
    bench.put("team_members", json!({ "email": mail, "name": "Zoë" }));
    hearing(&mut bench).await;
    bench.until("the user", |bench| bench.found("users", "last_name", "Mia").is_some()).await;
    let customer = bench.found("customers", "salesforce_id", beta.as_str()).unwrap()["id"].as_u64().unwrap();
    let user = bench.found("users", "last_name", "Mia").unwrap()["id"].as_u64().unwrap();
    // From the app: a task is in Salesforce at once, on the account.
    let call = bench.put(
        "tasks",
        json!({ "title": "Call Minna", "status": "open", "customer_id": customer, "due_date": "2027-01-02" }),
    );
    bench
        .comes("the task", |bench| {
            bench.org(&["WhatId", "Status", "ActivityDate"], "FROM Task WHERE Subject = 'Call Minna'")
                == [format!("{beta}|Not Started|2027-01-02")]
        })
        .await;
    bench.put("interactions", json!({
        "type": "meeting", "subject": "Kickoff", "starts_at": "2027-01-02T09:00:00Z", "customer_id": customer, "user_id": user, "team_member_id": 1,
    }));
    bench
        .comes("the meeting", |bench| {
            bench.org(&["WhatId", "WhoId", "OwnerId"], "FROM Event WHERE Subject = 'Kickoff'")
                == [format!("{beta}|{mia}|{owner}")]
        })
        .await;
    let end = bench.org(&["EndDateTime"], "FROM Event WHERE Subject = 'Kickoff'").remove(0);
    assert!(end.starts_with("2027-01-02T10:00"), "an hour, where the app does not say: {end}");
    // From Salesforce: what hangs on an opportunity of the account is the customer's, too.
    let renewal = bench.insert(
        "Task",
        json!({ "Subject": "Renewal", "WhatId": deal, "Status": "In Progress", "OwnerId": owner }),
    );
    bench.insert("Event", json!({
        "Subject": "Review", "WhatId": deal, "WhoId": mia, "StartDateTime": "2027-02-02T09:00:00Z", "DurationInMinutes": 30, "OwnerId": owner,
    }));
    bench
        .comes("both", |bench| {
            let task = bench.found("tasks", "title", "Renewal");
            let meeting = bench.found("interactions", "subject", "Review");
            task.is_some_and(|task| {
                task["customer_id"] == json!(customer)
                    && task["status"] == "open"
                    && task["team_member_id"] == json!(1)
            }) && meeting.is_some_and(|meeting| {
                meeting["customer_id"] == json!(customer) && meeting["user_id"] == json!(user)
            })
        })
        .await;
    // In progress stays while it is open; done completes it.
    let number = bench.found("tasks", "title", "Renewal").unwrap()["id"].as_u64().unwrap();
    let task = |bench: &Bench| {
        bench.org(&["Description", "Status"], &format!("FROM Task WHERE Id = '{renewal}'")).remove(0)
    };
    bench.app.edit("tasks", number, json!({ "description": "soon" })).unwrap();
    bench.comes("described", |bench| task(bench) == "soon|In Progress").await;
    bench.app.edit("tasks", number, json!({ "status": "done" })).unwrap();
    bench.comes("done", |bench| task(bench) == "soon|Completed").await;
    // Open again in Salesforce.
    bench.update("Task", &renewal, json!({ "Status": "Waiting on someone else" }));
    bench.comes("open", |bench| bench.found("tasks", "title", "Renewal").unwrap()["status"] == "open").await;
    assert_eq!(
        bench.org(&["WhatId"], &format!("FROM Task WHERE Id = '{renewal}'")),
        [deal],
        "what it hangs on in Salesforce stays"
    );
    bench.app.edit("tasks", call, json!({ "due_date": "2027-03-04" })).unwrap();
    bench
        .comes("the date", |bench| {
            bench.org(&["ActivityDate"], "FROM Task WHERE Subject = 'Call Minna'") == ["2027-03-04"]
        })
        .await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_call_told_comes_with_the_schedule() {
    let mut bench = startdeliver().await;
    let beta = bench.insert("Account", beta());
    hearing(&mut bench).await;
    bench.until("there", |bench| bench.found("customers", "salesforce_id", beta.as_str()).is_some()).await;
    let number = bench.found("customers", "salesforce_id", beta.as_str()).unwrap()["id"].as_u64().unwrap();
    // Both calls are lost. A quarter of an hour goes by.
    bench.app.lose_calls(1);
    bench.rig.sandbox.org().lose_events(1);
    bench.app.edit("customers", number, json!({ "health": "yellow" })).unwrap();
    bench.update("Account", &beta, json!({ "Phone": "+358 9 222222" }));
    let both = |bench: &Bench| {
        bench.org(&["Health__c"], &format!("FROM Account WHERE Id = '{beta}'")) == ["yellow"]
            && bench.found("customers", "id", number).unwrap()["phone"] == json!("+3589222222")
    };
    bench.comes_within(16, "both", both).await;
    // The revenue is Salesforce's: what somebody wrote over it is no change to carry, and the comparison of the night repairs it.
    bench.app.edit("customers", number, json!({ "arr": 1 })).unwrap();
    bench.look(&["customers"], false).await;
    let revenue = |bench: &Bench| bench.found("customers", "id", number).unwrap()["arr"].clone();
    assert_eq!(revenue(&bench), json!(1));
    bench.comes_within(24 * 60 + 1, "the comparison", |bench| revenue(bench) == json!(null)).await;
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sign_out_and_a_sign_in_what_was_missed_on_both_sides_comes() {
    let mut bench = startdeliver().await;
    let beta = bench.insert("Account", beta());
    hearing(&mut bench).await;
    bench.until("there", |bench| bench.found("customers", "salesforce_id", beta.as_str()).is_some()).await;
    let number = bench.found("customers", "salesforce_id", beta.as_str()).unwrap()["id"].as_u64().unwrap();
    let done = bench.door().disconnect(&"salesforce".into()).await.unwrap();
    assert!(done.left.is_empty() && done.failed.is_none(), "{done:?}");
    until(bench.daemon(), "customers", |status| status.state == State::Paused).await;
    bench.update("Account", &beta, json!({ "Phone": "+358 9 333333" }));
    bench.app.edit("customers", number, json!({ "name": "Beta Group" })).unwrap();
    bench.sign_in().await;
    bench
        .comes("both", |bench| {
            bench.found("customers", "id", number).unwrap()["phone"] == json!("+3589333333")
                && bench.org(&["Name"], &format!("FROM Account WHERE Id = '{beta}'")) == ["Beta Group"]
        })
        .await;
    // The daemon itself is away for a while.
    bench.stop().await;
    bench.update("Account", &beta, json!({ "Phone": "+358 9 444444" }));
    bench.app.edit("customers", number, json!({ "name": "Beta" })).unwrap();
    hearing(&mut bench).await;
    bench
        .comes("both again", |bench| {
            bench.found("customers", "id", number).unwrap()["phone"] == json!("+3589444444")
                && bench.org(&["Name"], &format!("FROM Account WHERE Id = '{beta}'")) == ["Beta"]
        })
        .await;
    bench.nothing_is_written_any_more().await;
}
