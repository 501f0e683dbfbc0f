//! Operating: opportunities → projects, deals, budgets; accounts → clients; owners → people.

use serde_json::{Value as Json, json};
use sfsync::model::PipelineName;
use sfsync::runtime::control::Control as _;
use sfsync::runtime::status::State;
use sfsync_sandbox::SandboxConfig;

use crate::harness::whole::{Whole, org_of};

const PIPELINES: [&str; 5] = ["people", "clients", "projects", "deals", "budgets"];

/// The set over an org without records of its own, loaded.
async fn quiet() -> Whole {
    quiet_of(org_of("operating", 0)).await
}

async fn quiet_of(config: SandboxConfig) -> Whole {
    let mut whole = Whole::of("operating", config).await;
    whole.run().await;
    whole.loaded(&PIPELINES).await;
    whole
}

/// An opportunity that becomes a project, with changes to it.
fn deal(whole: &Whole, changes: Json) -> String {
    let mut fields = json!({
        "Name": "Acme rollout", "StageName": "Proposal", "Amount": 5000, "CloseDate": "2026-12-24",
        "RecordTypeId": whole.record_type("New_Business"), "OwnerId": whole.user("user03"),
    });
    let Json::Object(changes) = changes else { panic!("no object") };
    fields.as_object_mut().unwrap().extend(changes);
    if fields.get("AccountId").is_none() {
        fields["AccountId"] =
            json!(whole.insert("Account", json!({ "Name": format!("{} Ltd", fields["Name"]) })));
    }
    whole.insert("Opportunity", fields)
}

fn named(name: &str) -> String {
    format!("SELECT count(*) FROM projects WHERE name = '{name}'")
}

async fn there(whole: &Whole, name: &str) {
    whole.until(name, |whole| whole.rows(&named(name)) == ["1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn production_or_sandbox_is_compared_with_the_org() {
    let mut config = org_of("operating", 0);
    config.org.is_sandbox = true;
    let mut whole = Whole::of("operating", config).await;
    whole.run().await;
    let status = whole.status("projects", |status| status.state == State::Invalid).await;
    let told = "E603: the org is a sandbox, but `environment` says production";
    assert!(status.message.starts_with(told), "{status:?}");
    whole
        .rig
        .edit_file("connections/salesforce.yaml", &[("environment: production", "environment: sandbox")]);
    whole.daemon().reload_now(false).await.unwrap();
    whole.loaded(&PIPELINES).await;
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_is_installed_once_and_reads_its_setting() {
    let mut whole = quiet().await;
    let address = format!("{}/hooks/salesforce", whole.address);
    whole
        .until("the setting", |whole| {
            let found = whole.org("SELECT Url__c, Token__c FROM Operating__Sync__c");
            found.len() == 1 && found[0]["Url__c"] == json!(address) && found[0]["Token__c"] != Json::Null
        })
        .await;
    whole.stop().await;
    whole.run().await;
    whole.loaded(&PIPELINES).await;
    assert_eq!(whole.org("SELECT Id FROM Operating__Sync__c").len(), 1, "once");
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn record_types_and_the_stages_of_each_decide() {
    let mut whole = quiet().await;
    let renewal = whole.record_type("Renewal");
    deal(&whole, json!({ "Name": "new, not yet", "StageName": "Qualification" }));
    deal(&whole, json!({ "Name": "renewal, not yet", "RecordTypeId": renewal, "StageName": "Proposal" }));
    deal(&whole, json!({ "Name": "new, proposal" }));
    let later = deal(
        &whole,
        json!({ "Name": "renewal, quoted", "RecordTypeId": renewal, "StageName": "Quote Sent" }),
    );
    there(&whole, "new, proposal").await;
    there(&whole, "renewal, quoted").await;
    assert_eq!(whole.rows("SELECT count(*) FROM projects"), ["2"]);
    // One that leaves the stages again stays a project and is kept in sync.
    whole.update("Opportunity", &later, json!({ "StageName": "Closed Lost", "Name": "renewal, lost" }));
    there(&whole, "renewal, lost").await;
    // At least one stage.
    whole.rig.edit_file("projects.yaml", &[("StageName: [Quote Sent, Closed Won]", "StageName: []")]);
    let report = whole.daemon().reload_now(false).await.unwrap();
    assert!(report.diagnostics.iter().any(|told| told.code.starts_with('E')), "{report:#?}");
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_would_happen_and_writes_nothing() {
    let mut whole = Whole::of("operating", org_of("operating", 40)).await;
    whole.run().await;
    whole.loaded(&PIPELINES).await;
    for name in PIPELINES {
        whole.door().pause(&PipelineName::from(name), "the test").await.unwrap();
    }
    deal(&whole, json!({ "Name": "previewed" }));
    let before = whole.writes();
    let plan = whole.plan(&["projects"]).await;
    let projects = plan.pipelines.iter().find(|plan| plan.pipeline == "projects").expect("it is planned");
    assert_eq!((projects.counts.create, projects.counts.wait), (1, 0), "{projects:#?}");
    let client = projects.entries[0].fields.iter().find(|field| field.name == "client_id").unwrap();
    let told = (client.after.as_deref(), client.note.as_str());
    assert_eq!(told, (Some("new"), "clients would create it first"));
    assert_eq!(whole.writes(), before);
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_out_what_has_no_amount_or_is_private() {
    let mut whole = quiet().await;
    deal(&whole, json!({ "Name": "free", "Amount": 0 }));
    deal(&whole, json!({ "Name": "secret", "IsPrivate": true }));
    let empty = deal(&whole, json!({ "Name": "empty", "Amount": null }));
    deal(&whole, json!({ "Name": "good" }));
    there(&whole, "good").await;
    whole.look(&["projects"]).await;
    assert_eq!(whole.rows("SELECT name FROM projects"), ["good"]);
    let why = whole.why(&empty).await;
    let projects = why.entries.iter().find(|entry| entry.pipeline.as_str() == "projects").unwrap();
    assert_eq!(projects.verdict, "left out", "{why:#?}");
    assert!(projects.reason.contains("Amount > 0 AND IsPrivate = false"), "{why:#?}");
    whole.update("Opportunity", &empty, json!({ "Amount": 10 }));
    there(&whole, "empty").await;
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_begin_tentative_and_what_planners_make_of_them_stays() {
    let mut whole = quiet().await;
    let id = deal(&whole, json!({}));
    there(&whole, "Acme rollout").await;
    assert_eq!(whole.rows("SELECT status FROM projects"), ["tentative"]);
    let number = whole.app().records("projects").unwrap()[0]["id"].as_u64().unwrap();
    whole.app().edit("projects", number, json!({ "status": "confirmed" })).unwrap();
    whole.update("Opportunity", &id, json!({ "Name": "Acme rollout 2", "StageName": "Closed Won" }));
    there(&whole, "Acme rollout 2").await;
    assert_eq!(whole.rows("SELECT status FROM projects"), ["confirmed"]);
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn default_and_optional_fields_and_client_tags_are_mapped() {
    let mut whole = quiet().await;
    let account = json!({ "Name": "Acme", "Industry": "Energy", "Client_Tags__c": "Strategic;Partner" });
    let account = whole.insert("Account", account);
    deal(
        &whole,
        json!({
            "AccountId": account, "Amount": 1234.56, "Probability": 35, "Description": "As sold",
            "Project_Start__c": "2027-01-04", "Project_End__c": "2027-03-31", "Site__c": "Oulu",
            "Delivery_Teams__c": "Design;Data", "Tags__c": "Pilot", "Billing_Type__c": "T&M",
        }),
    );
    there(&whole, "Acme rollout").await;
    let project = &whole.app().records("projects").unwrap()[0];
    for (field, value) in [
        ("description", json!("As sold")),
        ("probability", json!(35)),
        ("close_date", json!("2026-12-24")),
        ("start_date", json!("2027-01-04")),
        ("end_date", json!("2027-03-31")),
        ("site", json!("Oulu")),
        ("groups", json!(["Design", "Data"])),
        ("tags", json!(["Pilot"])),
        ("billing_type", json!("time_and_materials")),
    ] {
        assert_eq!(project[field].to_string(), value.to_string(), "{field}");
    }
    let client = &whole.app().records("clients").unwrap()[0];
    assert_eq!(
        (&client["name"], &client["industry"], &client["tags"]),
        (&json!("Acme"), &json!("Energy"), &json!(["Strategic", "Partner"]))
    );
    assert_eq!(project["client_id"], client["id"]);
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_becomes_the_budget_in_the_deals_currency_and_is_not_kept_in_sync() {
    let mut config = org_of("operating", 0);
    config.org.multicurrency = true;
    let mut whole = quiet_of(config).await;
    let id = deal(&whole, json!({ "CurrencyIsoCode": "USD", "Amount": 1234.56 }));
    let budget = "SELECT p.name, b.amount, b.currency FROM budgets b JOIN projects p ON p.id = b.project_id";
    whole.until("a budget", |whole| whole.rows(budget) == ["Acme rollout|1234.56|USD"]).await;
    whole.update("Opportunity", &id, json!({ "Amount": 9000 }));
    let deals = "SELECT amount, currency FROM crm_deals";
    whole.until("the deal follows", |whole| whole.rows(deals) == ["9000|USD"]).await;
    whole.look(&["budgets"]).await;
    assert_eq!(whole.rows(budget), ["Acme rollout|1234.56|USD"]);
    // Adding one word lets it flow.
    whole.rig.edit_file("budgets.yaml", &[("to_app: [create]", "to_app: [create, update]")]);
    whole.reload().await;
    whole.compare("budgets").await;
    whole.until("the budget follows", |whole| whole.rows(budget) == ["Acme rollout|9000|USD"]).await;
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn related_accounts_become_clients_and_unknown_owners_people() {
    let mut whole = quiet().await;
    let zoe = whole.user("user03");
    let known = json!({ "email": "user04@acme.example", "name": "José, known before" });
    let known = whole.app().put("people", known).unwrap();
    whole.insert("Account", json!({ "Name": "not related" }));
    deal(&whole, json!({ "Name": "one", "OwnerId": zoe }));
    deal(&whole, json!({ "Name": "two", "OwnerId": whole.user("user04") }));
    there(&whole, "one").await;
    there(&whole, "two").await;
    let people = "SELECT p.name, o.email FROM projects p JOIN people o ON o.id = p.owner_id ORDER BY 1";
    whole
        .until("owners", |whole| whole.rows(people) == ["one|user03@acme.example", "two|user04@acme.example"])
        .await;
    assert_eq!(whole.rows("SELECT count(*) FROM people"), ["2"]);
    let jose = "SELECT id, name FROM people WHERE email = 'user04@acme.example'";
    assert_eq!(whole.rows(jose), [format!("{known}|José, known before")], "found, and not changed");
    assert_eq!(whole.rows("SELECT count(*) FROM clients WHERE name = 'not related'"), ["0"]);
    assert_eq!(whole.rows("SELECT count(*) FROM clients"), ["2"]);
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crm_deals_are_references_that_follow() {
    let mut whole = quiet().await;
    let id = deal(&whole, json!({ "Probability": 40 }));
    deal(&whole, json!({ "Name": "no project", "StageName": "Qualification" }));
    let shown = "SELECT d.name, d.stage, d.pipeline, d.amount, d.probability, d.close_date, d.url FROM crm_deals d \
                 JOIN projects p ON p.id = d.project_id";
    let url = format!("{}/{id}", whole.rig.sandbox.org().config().instance_url);
    let first = format!("Acme rollout|Proposal|New_Business|5000|40|2026-12-24|{url}");
    whole.until("the deal", |whole| whole.rows(shown) == [first.clone()]).await;
    whole.update("Opportunity", &id, json!({ "StageName": "Negotiation", "Amount": 7000.5 }));
    let second = format!("Acme rollout|Negotiation|New_Business|7000.5|90|2026-12-24|{url}");
    whole.until("it follows", |whole| whole.rows(shown) == [second.clone()]).await;
    assert_eq!(whole.rows("SELECT count(*) FROM crm_deals"), ["1"], "only opportunities that have a project");
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_comes_by_the_webhook_long_before_the_next_poll() {
    let mut whole = quiet().await;
    whole.status("projects", |status| status.push == "webhook").await;
    let began = std::time::Instant::now();
    let id = deal(&whole, json!({ "Name": "at once" }));
    there(&whole, "at once").await;
    whole.update("Opportunity", &id, json!({ "Name": "at once, again" }));
    there(&whole, "at once, again").await;
    assert!(began.elapsed().as_secs() < 60, "the poll is every 15 minutes");
    // A caller without the token of the setting is nobody.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = client.post(format!("{}/hooks/salesforce", whole.address)).bearer_auth("wrong");
    let body = json!({ "object": "Opportunity", "id": id }).to_string();
    assert_eq!(call.body(body).send().await.unwrap().status(), 401);
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn project_and_client_properties_are_turned_off_while_it_runs() {
    let mut whole = quiet().await;
    let id = deal(&whole, json!({ "Site__c": "Oulu" }));
    there(&whole, "Acme rollout").await;
    let account = whole.org("SELECT Id FROM Account")[0]["Id"].as_str().unwrap().to_owned();
    whole.rig.edit_file("projects.yaml", &[("project: always", "project: on_create")]);
    whole.rig.edit_file("clients.yaml", &[("client: always", "client: on_create")]);
    whole.reload().await;
    whole.update("Account", &account, json!({ "Industry": "Energy", "Name": "Renamed" }));
    whole.update("Opportunity", &id, json!({ "Site__c": "Turku", "StageName": "Negotiation" }));
    let stage = "SELECT stage FROM crm_deals";
    whole.until("the deal follows", |whole| whole.rows(stage) == ["Negotiation"]).await;
    whole.look(&["clients", "projects"]).await;
    assert_eq!(whole.rows("SELECT site FROM projects"), ["Oulu"], "nothing follows");
    assert_eq!(whole.rows("SELECT industry FROM clients"), [""]);
    // One made now is filled once.
    deal(&whole, json!({ "Name": "second", "Site__c": "Espoo" }));
    there(&whole, "second").await;
    assert_eq!(whole.rows("SELECT site FROM projects WHERE name = 'second'"), ["Espoo"]);
    // And on again: what was missed comes.
    whole.rig.edit_file("projects.yaml", &[("project: on_create", "project: always")]);
    whole.rig.edit_file("clients.yaml", &[("client: on_create", "client: always")]);
    whole.reload().await;
    whole.compare("projects").await;
    whole.compare("clients").await;
    let site = "SELECT site FROM projects WHERE name = 'Acme rollout'";
    whole.until("the site follows", |whole| whole.rows(site) == ["Turku"]).await;
    let industry = "SELECT industry FROM clients WHERE name = 'Renamed'";
    whole.until("the client follows", |whole| whole.rows(industry) == ["Energy"]).await;
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_and_description_are_never_overwritten_and_an_empty_owner_is_filled_in() {
    let mut whole = quiet().await;
    let id = deal(&whole, json!({ "Description": "As sold" }));
    there(&whole, "Acme rollout").await;
    let minna = json!({ "email": "minna@operating.app", "name": "Minna" });
    let minna = whole.app().put("people", minna).unwrap();
    let number = whole.app().records("projects").unwrap()[0]["id"].as_u64().unwrap();
    let planned = json!({ "owner_id": minna, "description": "Planned by Minna" });
    whole.app().edit("projects", number, planned).unwrap();
    let jose = whole.user("user04");
    whole.update("Opportunity", &id, json!({ "OwnerId": jose, "Description": "Sold again", "Name": "two" }));
    there(&whole, "two").await;
    let shown = "SELECT owner_id, description FROM projects";
    assert_eq!(whole.rows(shown), [format!("{minna}|Planned by Minna")]);
    // A planner empties it: it is filled in again, when it is compared at the latest.
    whole.app().edit("projects", number, json!({ "owner_id": null })).unwrap();
    whole.compare("projects").await;
    let owner = "SELECT o.email FROM projects p JOIN people o ON o.id = p.owner_id";
    whole.until("the owner", |whole| whole.rows(owner) == ["user04@acme.example"]).await;
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_single_opportunity_or_account_updates_its_record() {
    let mut whole = quiet().await;
    let first = deal(&whole, json!({ "Name": "Acme rollout" }));
    there(&whole, "Acme rollout").await;
    let number = whole.app().records("projects").unwrap()[0]["id"].as_u64().unwrap();
    let second = deal(&whole, json!({ "Name": "Acme extension", "StageName": "Qualification" }));
    let pair =
        format!("match: [salesforce_id]\nmanual_links:\n  - {{ salesforce: {second}, app: {number} }}\n");
    whole.rig.edit_file("projects.yaml", &[("match: [salesforce_id]\n", &pair)]);
    whole.reload().await;
    whole.update("Opportunity", &second, json!({ "StageName": "Proposal" }));
    let held = |status: &sfsync::runtime::status::PipelineStatus| status.counts.held > 0;
    whole.status("projects", held).await;
    whole.update("Opportunity", &first, json!({ "Name": "Renamed" }));
    whole.look(&["projects"]).await;
    assert_eq!(whole.rows("SELECT name FROM projects"), ["Acme rollout"], "held");
    // Two accounts of one name: one becomes the client, the other is held.
    for name in ["twin", "twin"] {
        let account = whole.insert("Account", json!({ "Name": name }));
        deal(&whole, json!({ "Name": format!("of a {name}"), "AccountId": account }));
    }
    whole.status("clients", held).await;
    assert_eq!(whole.rows("SELECT count(*) FROM clients WHERE name = 'twin'"), ["1"]);
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_change_in_the_app_is_repaired_or_theirs_and_never_reaches_salesforce() {
    let mut whole = quiet().await;
    let id = deal(&whole, json!({ "Site__c": "Oulu" }));
    there(&whole, "Acme rollout").await;
    let shown = "SELECT p.name, p.site, p.status, d.name AS deal FROM projects p JOIN crm_deals d ON d.project_id = p.id";
    whole.until("the deal", |whole| whole.rows(shown) == ["Acme rollout|Oulu|tentative|Acme rollout"]).await;
    let number = whole.app().records("projects").unwrap()[0]["id"].as_u64().unwrap();
    let mine = json!({ "name": "Mine", "site": "Turku", "status": "archived" });
    whole.app().edit("projects", number, mine).unwrap();
    let reference = whole.app().records("crm_deals").unwrap()[0]["id"].as_u64().unwrap();
    whole.app().edit("crm_deals", reference, json!({ "name": "Mine" })).unwrap();
    whole.look(&["projects", "deals"]).await;
    whole.compare("projects").await;
    whole.compare("deals").await;
    let repaired = ["Acme rollout|Oulu|archived|Acme rollout"];
    whole.until("what is kept in sync", |whole| whole.rows(shown) == repaired).await;
    let found = whole.org(&format!("SELECT Name, Site__c FROM Opportunity WHERE Id = '{id}'"));
    assert_eq!((&found[0]["Name"], &found[0]["Site__c"]), (&json!("Acme rollout"), &json!("Oulu")));
    let (writes, _) = whole.rig.sandbox.org().writes_since(0);
    assert!(writes.iter().all(|write| write.object == "Operating__Sync__c"), "{writes:?}");
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_complete_and_a_disconnect_and_a_reconnect_double_nothing() {
    let mut whole = Whole::started("operating", 150).await;
    whole.loaded(&PIPELINES).await;
    let wanted = whole
        .org(
            "SELECT Id FROM Opportunity WHERE Amount > 0 AND IsPrivate = false AND ((RecordType.DeveloperName = 'New_Business' \
             AND StageName IN ('Proposal', 'Negotiation', 'Closed Won')) OR (RecordType.DeveloperName = 'Renewal' AND StageName IN \
             ('Quote Sent', 'Closed Won')))",
        )
        .len();
    assert!(wanted > 20, "{wanted}");
    let count = |whole: &Whole, table: &str| {
        whole.rows(&format!("SELECT count(*) FROM {table}"))[0].parse::<usize>().unwrap()
    };
    // Opportunities of accounts that have a name in common wait for a person.
    let waits = |failures: &[sfsync::runtime::control::FailureView]| {
        failures.iter().filter(|one| one.failure.pipeline.as_str() == "projects").count()
    };
    let waiting = waits(&whole.failures().await);
    whole.until("all projects", |whole| count(whole, "projects") + waiting >= wanted).await;
    let projects = count(&whole, "projects");
    whole.until("all deals", |whole| count(whole, "crm_deals") == projects).await;
    let done = whole.disconnect().await;
    assert!(!done.removed.is_empty() && done.left.is_empty(), "{done:?}");
    assert!(whole.org("SELECT Id FROM Operating__Sync__c WHERE Token__c != null").is_empty());
    whole.status("projects", |status| status.state == State::Paused).await;
    let before = whole.writes();
    let id = deal(&whole, json!({ "Name": "while nobody looked" }));
    assert_eq!(whole.writes(), before);
    whole.connect().await;
    there(&whole, "while nobody looked").await;
    whole.update("Opportunity", &id, json!({ "Name": "and after" }));
    there(&whole, "and after").await;
    assert_eq!(count(&whole, "projects"), projects + 1, "links were kept");
    whole.stop().await;
}
