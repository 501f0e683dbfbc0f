//! The org, the database of the app, and the daemon between them; what was written on either side.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use sfsync::model::Failure;
use sfsync::runtime::status::State;
use sfsync::runtime::supervisor::Supervisor;
use sfsync::runtime::task::Command;
use sfsync::store::{FailureFilter, Store};
use sfsync_sandbox::org::{Customization, QueryOptions};
use sfsync_sandbox::{Fault, FaultKind, OrgConfig, ResourceKind, SandboxConfig};

use crate::harness::rig::{PATIENCE, Rig, until};

/// Accounts and customers.
pub(super) const ACCOUNTS: &str = "\
salesforce: { object: Account, poll: 1 second }
app: { resource: crm.customers, poll: 1 second }
to_app: [create, update]
to_salesforce: [create, update]
match: [salesforce_id, domain]
reconcile: off
fields:
  - { salesforce: Id,                app: salesforce_id, to_salesforce: false }
  - { salesforce: Website,           app: domain, as: domain }
  - { salesforce: Name,              app: name }
  - { salesforce: NumberOfEmployees, app: employees }
  - { salesforce: Phone,             app: phone, conflict: app }
";

/// Contacts and people of customers.
pub(super) const CONTACTS: &str = "\
salesforce: { object: Contact, poll: 1 second }
app: { resource: crm.people, poll: 1 second }
to_app: [create, update]
to_salesforce: [create, update]
match: [email]
reconcile: off
fields:
  - { salesforce: Email,     app: email, as: email }
  - { salesforce: LastName,  app: name }
  - { salesforce: AccountId, app: customer_id, lookup: accounts, missing: empty }
";

const CONNECTION: &str = "\
type: sqlite
path: ${env:WAREHOUSE_DB}
resources:
  customers: { updated_at: updated_at }
  people: { updated_at: updated_at }
";

/// The tables of the app, which stamps its rows itself; `journal` has every write of a row, whoever wrote.
const TABLES: &str = "\
CREATE TABLE journal (entry TEXT);
CREATE TABLE customers (id INTEGER PRIMARY KEY, salesforce_id TEXT UNIQUE, domain TEXT, name TEXT, employees INTEGER, phone TEXT, updated_at TEXT);
CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT, title TEXT, customer_id INTEGER, updated_at TEXT);
";

const TRIGGERS: &str = "\
CREATE TRIGGER TABLE_new AFTER INSERT ON TABLE BEGIN
  INSERT INTO journal VALUES ('insert TABLE ' || NEW.id);
  UPDATE TABLE SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ') WHERE id = NEW.id;
END;
CREATE TRIGGER TABLE_changed AFTER UPDATE ON TABLE WHEN NEW.updated_at IS OLD.updated_at BEGIN
  INSERT INTO journal VALUES ('update TABLE ' || NEW.id);
  UPDATE TABLE SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ') WHERE id = NEW.id;
END;
";

/// An org that keeps a rule with a message in Japanese.
const RULES: &str = "
fields:
  Account:
    Level__c: { type: formula, label: Level, returns: number, formula: '3' }
validation_rules:
  Account:
    Name_is_real:
      when: \"Name = 'Forbidden'\"
      message: 会社名を入力してください。
      field: Name
duplicate_rules:
  Account:
    Same_company: { match: [Name, Phone], message: Use one of these records? }
";

pub(super) struct Bench {
    pub(super) rig: Rig,
    daemon: Option<(Arc<Supervisor>, Arc<Store>)>,
}

/// Where both journals stood.
pub(super) struct Mark {
    org: u64,
    app: usize,
}

impl Bench {
    /// An org and a database; records may be put in before `run`.
    pub(super) async fn new(files: &[(&str, &str)]) -> Self {
        let custom = Customization::parse("rules", RULES).unwrap();
        let org = OrgConfig { customizations: vec![custom], ..OrgConfig::default() };
        let rig = Rig::new(SandboxConfig { org, ..SandboxConfig::default() }).await;
        rig.copy_set("quickstart");
        for name in ["accounts", "owners", "opportunities", "connections/warehouse"] {
            std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
        }
        rig.write("connections/crm.yaml", CONNECTION);
        for (name, text) in files {
            rig.write(name, text);
        }
        let bench = Self { rig, daemon: None };
        bench.sql("PRAGMA journal_mode = WAL");
        bench.sql(TABLES);
        for table in ["customers", "people"] {
            bench.sql(&TRIGGERS.replace("TABLE", table));
        }
        bench
    }

    /// An org with custom fields, a database with these tables as the connection that a set names, and pipelines of that set: they look
    /// every second instead of waiting for push, and are else as they stand in the repository.
    pub(super) async fn of_set(
        (set, connection): (&str, &str),
        files: &[&str],
        (custom, ddl, stamped): (&str, &str, &[&str]),
    ) -> Self {
        let org = OrgConfig {
            customizations: vec![Customization::parse("custom", custom).unwrap()],
            ..OrgConfig::default()
        };
        let rig = Rig::new(SandboxConfig { org, ..SandboxConfig::default() }).await;
        rig.copy_set("quickstart");
        for name in ["accounts", "owners", "opportunities", "connections/warehouse"] {
            std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(set);
        for name in files {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            rig.write(name, &looking_often(&text));
        }
        let resources: Vec<String> =
            stamped.iter().map(|table| format!("  {table}: {{ updated_at: updated_at }}\n")).collect();
        let resources = resources.concat();
        rig.write(
            &format!("connections/{connection}.yaml"),
            &format!("type: sqlite\npath: ${{env:WAREHOUSE_DB}}\nresources:\n{resources}"),
        );
        let bench = Self { rig, daemon: None };
        bench.sql("PRAGMA journal_mode = WAL; CREATE TABLE journal (entry TEXT);");
        bench.sql(ddl);
        for table in stamped {
            bench.sql(&TRIGGERS.replace("TABLE", table));
        }
        bench
    }

    /// Starts the daemon.
    pub(super) async fn run(&mut self) {
        let options = self.rig.options();
        let store = Arc::clone(&options.store);
        let daemon = Supervisor::start(options).await.expect("the daemon starts");
        let invalid = daemon.statuses().into_iter().filter(|status| status.state == State::Invalid);
        let said: Vec<String> =
            daemon.reload_now(true).await.unwrap().diagnostics.iter().map(|one| format!("{one:?}")).collect();
        assert_eq!(invalid.count(), 0, "{said:#?}");
        self.daemon = Some((daemon, store));
    }

    /// Ends the daemon and starts the next one.
    pub(super) async fn again(&mut self) {
        if let Some((daemon, store)) = self.daemon.take() {
            daemon.shutdown().await;
            drop((daemon, store));
        }
        self.run().await;
    }

    pub(super) fn daemon(&self) -> &Supervisor {
        &self.daemon.as_ref().expect("it runs").0
    }

    /// The daemon, for what people ask of it.
    pub(super) fn supervisor(&self) -> Arc<Supervisor> {
        Arc::clone(&self.daemon.as_ref().expect("it runs").0)
    }

    /// What another program does to the database.
    pub(super) fn sql(&self, script: &str) {
        let database = self.rig.database();
        database.busy_timeout(PATIENCE).unwrap();
        database.execute_batch(script).unwrap();
    }

    /// Rows of the app, as `a|b`.
    pub(super) fn app(&self, query: &str) -> Vec<String> {
        let database = self.rig.database();
        database.busy_timeout(PATIENCE).unwrap();
        let mut statement = database.prepare(query).unwrap();
        let columns = statement.column_count();
        let shown = |value: rusqlite::types::Value| match value {
            rusqlite::types::Value::Null => String::new(),
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        };
        let rows = statement.query_map([], |row| {
            let cells: Result<Vec<String>, _> = (0..columns).map(|at| row.get(at).map(shown)).collect();
            Ok(cells?.join("|"))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Records of the org: these fields, as `a|b`.
    pub(super) fn org(&self, fields: &[&str], rest: &str) -> Vec<String> {
        let org = self.rig.sandbox.org();
        let soql = format!("SELECT {} {rest}", fields.join(","));
        let result = org.query(&soql, &QueryOptions::default()).unwrap();
        let mut body = b"[".to_vec();
        org.render_json(&result, 0..result.len(), &mut body);
        body.push(b']');
        let records: Vec<Json> = serde_json::from_slice(&body).unwrap();
        let shown = |value: &Json| match value {
            Json::Null => String::new(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let row =
            |record: &Json| fields.iter().map(|field| shown(&record[*field])).collect::<Vec<_>>().join("|");
        records.iter().map(row).collect()
    }

    pub(super) fn insert(&self, object: &str, fields: Json) -> String {
        self.rig.sandbox.org().insert(object, map(fields)).unwrap().to_string()
    }

    pub(super) fn update(&self, object: &str, id: &str, fields: Json) {
        self.rig.sandbox.org().update(object, id, map(fields)).unwrap();
    }

    pub(super) fn delete(&self, object: &str, id: &str) {
        self.rig.sandbox.org().delete(object, id).unwrap();
    }

    /// As dates of records are written.
    pub(super) fn today(&self) -> String {
        jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    }

    /// Everything is compared, twice, and nobody writes.
    pub(super) async fn nothing_is_written_any_more(&self) {
        self.look(true).await;
        self.look(true).await;
        let mark = self.mark();
        self.look(false).await;
        self.look(true).await;
        assert_eq!(self.written_to_org(&mark), Vec::<String>::new(), "{}", self.shown());
        assert_eq!(self.written_to_app(&mark), Vec::<String>::new(), "{}", self.shown());
        assert_eq!(self.failures(), []);
    }

    pub(super) fn fault(&self, kind: FaultKind) {
        self.rig.sandbox.faults().add(Fault::new(kind).on(ResourceKind::CollectionsWrite).once());
    }

    pub(super) fn failures(&self) -> Vec<Failure> {
        let (_, store) = self.daemon.as_ref().expect("it runs");
        store.failures(&FailureFilter::default()).unwrap()
    }

    /// One pass of every pipeline, whatever comes of it.
    pub(super) async fn look(&self, full: bool) {
        for status in self.daemon().statuses() {
            self.daemon().command(&status.name, Command::Sync { full }).await;
            until(self.daemon(), status.name.as_str(), |now| now.passes > status.passes).await;
        }
    }

    /// Looks until it is so.
    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let look = async {
            while !is_so(self) {
                self.look(false).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, look).await.is_ok();
        assert!(came, "{what}: {}", self.shown());
    }

    /// Everything, for messages.
    pub(super) fn shown(&self) -> String {
        format!(
            "app {:.2000?} {:?}\norg {:?} {:?} {:?}\nwrites {:?}\nfailures {:?}\nstates {:?}",
            self.tables().iter().map(|table| self.app(&format!("SELECT * FROM {table}"))).collect::<Vec<_>>(),
            self.app("SELECT * FROM journal ORDER BY rowid DESC LIMIT 20"),
            self.org(&["Id", "Name", "Website", "Phone"], "FROM Account"),
            self.org(&["Id", "LastName", "Email", "AccountId"], "FROM Contact"),
            self.org(&["Id", "LastName", "Email", "Title"], "FROM Lead"),
            self.org_writes(0),
            self.failures(),
            self.daemon()
                .statuses()
                .into_iter()
                .map(|status| (status.name, status.state, status.message))
                .collect::<Vec<_>>(),
        )
    }

    fn tables(&self) -> Vec<String> {
        self.app("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'journal'")
    }

    fn org_writes(&self, since: u64) -> Vec<String> {
        let (writes, _) = self.rig.sandbox.org().writes_since(since);
        writes
            .into_iter()
            .map(|write| {
                let mut changed = write.changed;
                changed.retain(|field| !matches!(field.as_str(), "LastModifiedDate" | "SystemModstamp"));
                format!("{} {} {}", write.action, write.object, changed.join(","))
            })
            .collect()
    }

    pub(super) fn mark(&self) -> Mark {
        let org = self.rig.sandbox.org().writes_since(0).1;
        Mark { org, app: self.app("SELECT entry FROM journal").len() }
    }

    /// Calls that wrote to the org since, as `update Account Name`, sorted.
    pub(super) fn written_to_org(&self, mark: &Mark) -> Vec<String> {
        let mut writes = self.org_writes(mark.org);
        writes.sort();
        writes
    }

    /// Rows of the app that anybody wrote since, as `update customers 1`, sorted.
    pub(super) fn written_to_app(&self, mark: &Mark) -> Vec<String> {
        let mut entries = self.app("SELECT entry FROM journal").split_off(mark.app);
        entries.sort();
        entries
    }

    /// Nothing is written any more: everything is compared, and a new record of each side, which is read after all that came before,
    /// goes through and causes one write to each side alone.
    pub(super) async fn is_silent(&self, name: &str) {
        self.look(true).await;
        let mark = self.mark();
        let id = self.insert("Account", serde_json::json!({ "Name": format!("From Salesforce {name}") }));
        self.sql(&format!("INSERT INTO customers (name) VALUES ('From the app {name}')"));
        self.until("the last records go through", |bench| {
            !bench.app(&format!("SELECT id FROM customers WHERE salesforce_id = '{id}'")).is_empty()
                && bench.app(&format!("SELECT id FROM customers WHERE name = 'From the app {name}' AND salesforce_id IS NOT NULL")).len() == 1
        })
        .await;
        self.look(true).await;
        assert_eq!(self.written_to_org(&mark).len(), 1, "{:?}\n{}", self.written_to_org(&mark), self.shown());
        assert_eq!(self.written_to_app(&mark).len(), 3, "{:?}\n{}", self.written_to_app(&mark), self.shown());
    }
}

/// Push is not what these tests are about, and the updates of a table are told by its column.
fn looking_often(text: &str) -> String {
    let often = |line: &str| match line.trim() {
        "push: cdc" | "push: webhook" => line.replace(line.trim(), "poll: 1 second"),
        "poll: 15 minutes" => line.replace("15 minutes", "1 second"),
        _ => line.replace("updatedAt", "updated_at"),
    };
    text.lines().map(often).collect::<Vec<_>>().join("\n")
}

fn map(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}
