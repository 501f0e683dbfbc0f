//! The set `startdeliver` end to end, with the app as tables of a database: accounts and customers, contacts and users, tasks and meetings
//! both ways.

use serde_json::json;

use super::bench::Bench;

const FILES: &[&str] =
    &["team.yaml", "customers.yaml", "users.yaml", "tasks.yaml", "meetings.yaml", "emails.yaml"];
const CUSTOM: &str = include_str!("../../../sandbox/orgs/startdeliver.yaml");

const TABLES: &str = "\
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, domain TEXT, phone TEXT, industry TEXT, arr NUMERIC, health TEXT, \
  salesforce_id TEXT, team_member_id INTEGER, updated_at DATETIME);
CREATE TABLE users (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT NOT NULL, email TEXT, title TEXT, phone TEXT, customer_id INTEGER, \
  salesforce_id TEXT, updated_at DATETIME);
CREATE TABLE team_members (id INTEGER PRIMARY KEY, email TEXT, name TEXT);
CREATE TABLE interactions (id INTEGER PRIMARY KEY, type TEXT, subject TEXT, body TEXT, starts_at DATETIME, ends_at DATETIME, \
  customer_id INTEGER, user_id INTEGER, team_member_id INTEGER, updated_at DATETIME);
CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT NOT NULL, description TEXT, due_date DATE, status TEXT CHECK (status IN ('open', 'done')), \
  customer_id INTEGER, team_member_id INTEGER, updated_at DATETIME);
";

async fn startdeliver() -> Bench {
    let stamped: &[&str] = &["customers", "users", "interactions", "tasks"];
    Bench::of_set(("startdeliver", "startdeliver"), FILES, (CUSTOM, TABLES, stamped)).await
}

fn account(bench: &Bench) -> String {
    bench.insert(
        "Account",
        json!({ "Name": "Beta Oy", "Website": "https://www.beta.fi/contact", "Type": "Customer", "Phone": "+358 9 123456" }),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_customers_find_each_other_and_follow_each_other() {
    let mut bench = startdeliver().await;
    let beta = account(&bench);
    bench.insert("Account", json!({ "Name": "A prospect", "Type": "Prospect" }));
    bench.sql("INSERT INTO customers (id, name, domain, health) VALUES (12, 'Beta Oy', 'beta.fi', 'green'), (13, 'New Oy', 'new.fi', NULL)");
    bench.run().await;
    bench
        .until("linked by the domain, and made", |bench| {
            bench.app("SELECT id FROM customers WHERE salesforce_id IS NOT NULL ORDER BY id") == ["12", "13"]
        })
        .await;
    assert_eq!(bench.app("SELECT salesforce_id FROM customers WHERE id = 12"), [beta.as_str()]);
    assert_eq!(bench.org(&["Name", "Type"], "FROM Account WHERE Website = 'new.fi'"), ["New Oy|Customer"]);
    assert_eq!(bench.app("SELECT name FROM customers WHERE name = 'A prospect'"), Vec::<String>::new());
    bench
        .until("health flows to Salesforce", |bench| {
            bench.org(&["Health__c"], &format!("FROM Account WHERE Id = '{beta}'")) == ["green"]
        })
        .await;
    bench.update("Account", &beta, json!({ "Name": "Beta Oyj" }));
    bench
        .until("the name", |bench| bench.app("SELECT name FROM customers WHERE id = 12") == ["Beta Oyj"])
        .await;
    bench.sql("UPDATE customers SET name = 'Beta Group' WHERE id = 12");
    bench
        .until("and back", |bench| {
            bench.org(&["Name"], &format!("FROM Account WHERE Id = '{beta}'")) == ["Beta Group"]
        })
        .await;
    assert_eq!(
        bench.app("SELECT id FROM customers WHERE team_member_id IS NOT NULL"),
        Vec::<String>::new(),
        "owners are off"
    );
    bench.nothing_is_written_any_more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_tasks_and_meetings_of_customers_flow_both_ways() {
    let mut bench = startdeliver().await;
    let beta = account(&bench);
    let mia =
        bench.insert("Contact", json!({ "LastName": "Mia", "Email": "mia@beta.fi", "AccountId": beta }));
    bench.insert("Contact", json!({ "LastName": "Stranger", "Email": "x@other.com" }));
    bench.sql("INSERT INTO customers (id, name, domain) VALUES (12, 'Beta Oy', 'beta.fi')");
    bench.sql("INSERT INTO users (id, last_name, email, customer_id) VALUES (1, 'Olli', 'olli@beta.fi', 12)");
    bench.sql("INSERT INTO tasks (id, title, status, customer_id, due_date) VALUES (5, 'Call Minna', 'open', 12, '2026-12-01')");
    bench.sql("INSERT INTO interactions (id, type, subject, starts_at, customer_id) VALUES (9, 'meeting', 'Kickoff', '2026-12-02T09:00:00Z', 12)");
    let recent = bench.today();
    let call = bench.insert(
        "Task",
        json!({ "Subject": "Renewal", "WhatId": beta, "Status": "In Progress", "ActivityDate": recent }),
    );
    bench.run().await;
    bench
        .until("users", |bench| {
            bench.app("SELECT last_name FROM users WHERE salesforce_id IS NOT NULL ORDER BY last_name")
                == ["Mia", "Olli"]
        })
        .await;
    assert_eq!(bench.org(&["AccountId"], "FROM Contact WHERE LastName = 'Olli'"), [beta.as_str()]);
    assert_eq!(bench.app("SELECT salesforce_id FROM users WHERE last_name = 'Mia'"), [mia.as_str()]);
    bench
        .until("tasks", |bench| {
            bench.org(&["Subject", "WhatId"], "FROM Task WHERE Subject = 'Call Minna'")
                == [format!("Call Minna|{beta}")]
                && bench.app("SELECT status FROM tasks WHERE title = 'Renewal'") == ["open"]
        })
        .await;
    bench
        .until("meetings", |bench| {
            bench
                .org(&["EndDateTime"], "FROM Event WHERE Subject = 'Kickoff'")
                .iter()
                .any(|end| end.starts_with("2026-12-02T10:00"))
        })
        .await;
    bench.sql("UPDATE tasks SET description = 'soon' WHERE title = 'Renewal'");
    let task =
        |bench: &Bench| bench.org(&["Description", "Status"], &format!("FROM Task WHERE Id = '{call}'"));
    bench.until("in progress stays", |bench| task(bench) == ["soon|In Progress"]).await;
    bench.sql("UPDATE tasks SET status = 'done' WHERE title = 'Renewal'");
    bench.until("done completes it", |bench| task(bench) == ["soon|Completed"]).await;
    bench.nothing_is_written_any_more().await;
}
