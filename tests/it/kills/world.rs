//! What runs: an org, a database, and the daemon as a process of its own.

use std::process::{Child, Command, ExitStatus, Stdio};

use assert_cmd::cargo::cargo_bin;
use sfsync_sandbox::SandboxConfig;

use super::database::{Database, connect};
use crate::harness::rig::Rig;

/// Accounts and companies, both ways. Nothing in a company of the app tells which account was made from it.
const ACCOUNTS: &str = "\
salesforce: { object: Account, poll: 1 hour, push: cdc }
app: { resource: crm.companies, poll: 1 second }
to_app: [create, update]
to_salesforce: [create, update]
match: [salesforce_id]
conflict: newest
reconcile: off
fields:
  - { salesforce: Id,                app: salesforce_id, to_salesforce: false }
  - { salesforce: Name,              app: name }
  - { salesforce: Phone,             app: phone }
  - { salesforce: NumberOfEmployees, app: employees }
  - { salesforce: Description,       app: note }
";

/// Contacts and people, to the app alone. Nothing in a person tells which contact it was made from.
const CONTACTS: &str = "\
salesforce: { object: Contact, poll: 1 hour, push: cdc }
app: crm.people
to_app: [create, update, delete]
max_deletes: 1000000
reconcile: off
fields:
  - { salesforce: LastName,  app: name }
  - { salesforce: Title,     app: title }
  - { salesforce: AccountId, app: company_id, lookup: accounts, missing: empty }
";

const CONNECTION: &str = "\
type: postgres
url: ${env:CRM_URL}
resources:
  companies: { updated_at: updated_at }
";

/// The app stamps its rows itself, and keeps a journal of who wrote what.
const TABLES: &str = "\
CREATE TABLE companies (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, salesforce_id text, name text, phone text, employees int, \
  note text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, title text, company_id bigint);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER stamped BEFORE UPDATE ON companies FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE journal (at timestamptz NOT NULL DEFAULT clock_timestamp(), who text, name text, entry text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO journal (who, name, entry) VALUES (current_setting('application_name'), NEW.name, TG_OP || ' ' || to_jsonb(NEW)::text);
  RETURN NULL;
END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON companies FOR EACH ROW EXECUTE FUNCTION note();
";

/// Everything that can die.
pub(super) struct World {
    pub(super) rig: Rig,
    pub(super) database: Database,
    daemon: Option<Child>,
}

impl World {
    pub(super) async fn new() -> Self {
        let mut rig =
            Rig::new(SandboxConfig { allocation: Some(100_000_000), ..SandboxConfig::default() }).await;
        let database = Database::start();
        connect(&database.url).await.unwrap().batch_execute(TABLES).await.unwrap();
        rig.secrets.0.insert("CRM_URL".to_owned(), database.url.clone());
        rig.copy_set("quickstart");
        for name in ["accounts", "owners", "opportunities", "connections/warehouse"] {
            std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
        }
        let org = std::fs::read_to_string(rig.folder().join("connections/salesforce.yaml")).unwrap();
        let org = format!("{org}\npubsub_url: ${{env:SF_LOGIN_URL}}\nmanage: [cdc_channel]\n");
        rig.write("connections/salesforce.yaml", &org);
        rig.write("connections/crm.yaml", CONNECTION);
        rig.write("accounts.yaml", ACCOUNTS);
        rig.write("contacts.yaml", CONTACTS);
        Self { rig, database, daemon: None }
    }

    /// Starts the daemon, on the state that the one before left.
    pub(super) fn start_daemon(&mut self) {
        let dir = self.rig.dir.path();
        let log = std::fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
        let mut command = Command::new(cargo_bin("sfsync"));
        command.arg("daemon").arg(self.rig.folder()).args(["--listen", "127.0.0.1:0"]);
        command.arg("--state").arg(dir.join("state")).arg("--socket").arg(dir.join("socket"));
        command.env_remove("SFSYNC_CONFIG").env_remove("SFSYNC_SOCKET").env_remove("SFSYNC_STATE_KEY");
        command.envs(&self.rig.secrets.0).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.daemon = Some(command.spawn().unwrap());
    }

    /// Kills the daemon. Returns how it ended by itself, which it must not.
    pub(super) fn kill_daemon(&mut self) -> Option<ExitStatus> {
        let mut daemon = self.daemon.take()?;
        let ended = daemon.try_wait().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        ended
    }

    /// What the daemons wrote.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.rig.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill_daemon();
    }
}
