//! `push: listen`: what another program writes into PostgreSQL is in Salesforce at once, and what was said while nobody heard is found.

use serde_json::json;
use sfsync_sandbox::SandboxConfig;

use crate::harness::postgres::{connect, unique_name, url};
use crate::harness::rig::{PATIENCE, Rig, until};

/// Nothing but news makes anybody look at the app within an hour.
const PIPELINE: &str = "\
salesforce: { object: Account, poll: 1 hour }
app: { resource: crm.customers, poll: 1 hour, push: listen }
to_app: [update]
to_salesforce: [create, update]
match: [name]
reconcile: off
fields:
  - { salesforce: Name,  app: name }
  - { salesforce: Phone, app: phone }
";

async fn appears(rig: &Rig, name: &str) {
    let mut status = rig.supervisor.as_ref().unwrap().status_receiver(&"accounts".into()).unwrap();
    let there = async {
        while rig
            .sandbox
            .org()
            .records("Account", false)
            .unwrap()
            .iter()
            .all(|one| one["Name"] != json!(name))
        {
            // The org has no bell; every pass of the pipeline is shown.
            status.changed().await.unwrap();
        }
    };
    assert!(tokio::time::timeout(PATIENCE, there).await.is_ok(), "{name} never came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_in_salesforce_without_waiting_and_a_break_loses_nothing() {
    let database = connect().await;
    let schema = unique_name("listen");
    let script = format!(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, phone text, \
         updated_at timestamptz NOT NULL DEFAULT clock_timestamp()); \
         CREATE FUNCTION {schema}.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('{schema}', NEW.id::text); RETURN NEW; END $$; \
         CREATE TRIGGER tell AFTER INSERT OR UPDATE ON {schema}.customers FOR EACH ROW EXECUTE FUNCTION {schema}.tell();"
    );
    database.batch_execute(&script).await.unwrap();
    let mut rig = Rig::new(SandboxConfig::default()).await;
    rig.copy_set("quickstart");
    for name in ["accounts", "owners", "opportunities", "connections/warehouse"] {
        std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
    }
    rig.secrets.0.insert("CRM_URL".to_owned(), url().to_owned());
    let connection = format!(
        "type: postgres\nurl: ${{env:CRM_URL}}\nschema: {schema}\nresources:\n  customers: {{ updated_at: updated_at, listen: {schema} }}\n"
    );
    rig.write("connections/crm.yaml", &connection);
    rig.write("accounts.yaml", PIPELINE);
    let daemon = rig.start().await;
    until(&daemon, "accounts", |status| status.push == "listen").await;
    let insert = async |name: &str| {
        database
            .execute(&format!("INSERT INTO {schema}.customers (name) VALUES ($1)"), &[&name])
            .await
            .unwrap();
    };
    for name in ["First", "Second"] {
        insert(name).await;
        appears(&rig, name).await;
    }
    let update = format!(
        "UPDATE {schema}.customers SET name = 'Renamed', updated_at = clock_timestamp() WHERE name = 'First'"
    );
    database.batch_execute(&update).await.unwrap();
    appears(&rig, "Renamed").await;
    // The connection that listens breaks; what is written before it is back is told to nobody.
    let listens = "FROM pg_stat_activity WHERE query = 'LISTEN \"CHANNEL\"'".replace("CHANNEL", &schema);
    let ended = database.query(&format!("SELECT pg_terminate_backend(pid) {listens}"), &[]).await.unwrap();
    assert_eq!(ended.len(), 1);
    database.batch_execute(&format!("ALTER TABLE {schema}.customers DISABLE TRIGGER tell")).await.unwrap();
    insert("Unheard").await;
    appears(&rig, "Unheard").await;
    database.batch_execute(&format!("ALTER TABLE {schema}.customers ENABLE TRIGGER tell")).await.unwrap();
    insert("Heard again").await;
    appears(&rig, "Heard again").await;
    rig.stop().await;
    database.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
}
