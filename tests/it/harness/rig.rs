//! A whole sfsync on a bench: a simulated org, a folder of files, a SQLite database, the real supervisor.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sfsync::connect::Limit;
use sfsync::model::{Clock, PipelineName};
use sfsync::runtime::clock::SystemClock;
use sfsync::runtime::status::{PipelineStatus, State};
use sfsync::runtime::supervisor::{Options, Supervisor};
use sfsync::runtime::task::Command;
use sfsync::runtime::world::Secrets;
use sfsync::spec::SecretSource;
use sfsync::store::{Store, StoreKey};
use sfsync_sandbox::{Sandbox, SandboxConfig};
use tempfile::TempDir;

/// Longer than anything takes; a test that reaches it has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Secrets of a test.
#[derive(Clone, Debug, Default)]
pub struct TestSecrets(pub HashMap<String, String>);

impl Secrets for TestSecrets {
    fn get(&self, source: &SecretSource) -> Option<String> {
        match source {
            SecretSource::Env(name) => self.0.get(name).cloned(),
            SecretSource::File(_) => None,
        }
    }
}

/// Everything a test needs; dropped, it is gone.
pub struct Rig {
    pub sandbox: Sandbox,
    pub dir: TempDir,
    pub secrets: TestSecrets,
    /// What daemons take for the time.
    pub clock: Arc<dyn Clock>,
    pub supervisor: Option<Arc<Supervisor>>,
}

impl Rig {
    /// An org and an empty folder.
    pub async fn new(config: SandboxConfig) -> Self {
        let sandbox = Sandbox::start(config).await.expect("the sandbox starts");
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(dir.path().join("files/connections")).expect("a folder");
        let database = dir.path().join("warehouse.db").display().to_string();
        let secrets = HashMap::from([
            ("SF_LOGIN_URL".to_owned(), sandbox.url().to_string()),
            ("SF_CLIENT_ID".to_owned(), Sandbox::CLIENT_ID.to_owned()),
            ("SF_CLIENT_SECRET".to_owned(), Sandbox::CLIENT_SECRET.to_owned()),
            ("WAREHOUSE_DB".to_owned(), database),
        ]);
        Self { sandbox, dir, secrets: TestSecrets(secrets), clock: Arc::new(SystemClock), supervisor: None }
    }

    /// The configuration folder.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    /// Copies a set of the repository.
    pub fn copy_set(&self, set: &str) {
        copy_set(set, &self.folder());
    }

    /// Writes a file of the folder.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).expect("a written file");
    }

    /// Replaces texts of a file; each of them must be there.
    pub fn edit_file(&self, name: &str, changes: &[(&str, &str)]) {
        let path = self.folder().join(name);
        let mut text = std::fs::read_to_string(&path).expect("the file is there");
        for (from, to) in changes {
            assert!(text.contains(from), "{name} has no {from:?}");
            text = text.replace(from, to);
        }
        std::fs::write(path, text).expect("a written file");
    }

    /// Opens the state.
    pub fn store(&self) -> Arc<Store> {
        Arc::new(Store::open(&self.dir.path().join("state"), &StoreKey::File).expect("the state opens"))
    }

    /// What a daemon on this bench is started with; opens the state.
    pub fn options(&self) -> Options {
        Options {
            folder: self.folder(),
            store: self.store(),
            clock: Arc::clone(&self.clock),
            secrets: Arc::new(self.secrets.clone()),
            limit: Limit::default(),
        }
    }

    /// Starts the daemon.
    pub async fn start(&mut self) -> Arc<Supervisor> {
        let supervisor = Supervisor::start(self.options()).await.expect("the supervisor starts");
        self.supervisor = Some(Arc::clone(&supervisor));
        supervisor
    }

    /// Stops the daemon, as a service manager would.
    pub async fn stop(&mut self) {
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.shutdown().await;
        }
    }

    /// The database of the app.
    pub fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.path().join("warehouse.db")).expect("the database opens")
    }
}

/// Copies the files of a set of the repository into a folder.
pub fn copy_set(set: &str, folder: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(set);
    for part in ["", "connections"] {
        std::fs::create_dir_all(folder.join(part)).expect("a folder");
        for entry in std::fs::read_dir(from.join(part)).expect("the set is there") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let to = folder.join(part).join(path.file_name().expect("a name"));
                std::fs::copy(&path, to).expect("a copy");
            }
        }
    }
}

/// Waits until a pipeline's status is as wanted, on typed status only.
pub async fn until(
    supervisor: &Supervisor,
    name: &str,
    wanted: impl Fn(&PipelineStatus) -> bool,
) -> PipelineStatus {
    let name = PipelineName::from(name);
    let look = async {
        let mut status = supervisor.status_receiver(&name).expect("the pipeline is there");
        status.wait_for(|status| wanted(status)).await.expect("the pipeline lives").clone()
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(status) => status,
        Err(tokio::time::error::Elapsed { .. }) => {
            panic!("{name} never came to it: {:?}", supervisor.statuses())
        }
    }
}

/// Waits until a pipeline has made a pass after now and has nothing queued.
pub async fn caught_up(supervisor: &Supervisor, name: &str) -> PipelineStatus {
    let before = until(supervisor, name, |_| true).await.passes;
    supervisor.command(&PipelineName::from(name), Command::Sync { full: false }).await;
    until(supervisor, name, |status| status.passes > before && status.state == State::Running).await
}
