//! A small sfsync that is called over TCP.

use std::sync::Arc;

use reqwest::{Client, Method, RequestBuilder};
use sfsync::runtime::control::Control;
use sfsync::runtime::doors::Door;
use sfsync::serve::{ControlSlot, Listening, Serving};
use sfsync_sandbox::{Population, SandboxConfig};
use tokio_util::sync::CancellationToken;

use crate::harness::rig::Rig;
use crate::harness::small::Small;

/// What callers of the org have to show.
pub const TOKEN: &str = "org-token";
/// What callers of the app have to show.
pub const APP_TOKEN: &str = "app-token";

/// The daemon with its listener.
pub struct Called {
    pub small: Small,
    pub address: String,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// A rig whose connections can be called. `manage` is what the org's connection may set up.
pub async fn rig(manage: &str) -> Rig {
    rig_of(SandboxConfig::default(), manage).await
}

/// The same with an org of some kind.
pub async fn rig_of(config: SandboxConfig, manage: &str) -> Rig {
    let mut rig = Rig::new(SandboxConfig { population: Some(Population::around(20)), ..config }).await;
    rig.copy_set("quickstart");
    for name in ["accounts", "owners", "opportunities"] {
        std::fs::remove_file(rig.folder().join(format!("{name}.yaml"))).unwrap();
    }
    rig.secrets.0.insert("HOOK_TOKEN".to_owned(), TOKEN.to_owned());
    rig.secrets.0.insert("APP_TOKEN".to_owned(), APP_TOKEN.to_owned());
    let path = rig.folder().join("connections/salesforce.yaml");
    let org = std::fs::read_to_string(path).unwrap();
    let more = format!("{org}\nwebhook: {{ token: \"${{env:HOOK_TOKEN}}\" }}\nmanage: [{manage}]\n");
    rig.write("connections/salesforce.yaml", &more);
    rig
}

impl Called {
    /// Starts the daemon and listens.
    pub async fn of(rig: Rig) -> Self {
        let socket = rig.dir.path().join("sfsync.sock");
        let _ = std::fs::remove_file(&socket);
        // What was set up in an org stays valid over a restart, as behind a proxy.
        let before = std::fs::read_to_string(rig.folder().join("settings.yaml")).unwrap_or_default();
        let known =
            before.trim().strip_prefix("public_url: http://").map(|url| url.trim_end_matches('/').to_owned());
        let listen = known.unwrap_or_else(|| "127.0.0.1:0".to_owned());
        let serving = Serving { listen, sockets: vec![socket], admin_token: None };
        let listening = Listening::bind(serving).await.unwrap();
        let address = format!("http://{}", listening.address());
        if !rig.folder().join("settings.yaml").exists() {
            rig.write("settings.yaml", &format!("public_url: {address}/\n"));
        }
        let small = Small::of(rig).await;
        let (slot, stop) = (ControlSlot::default(), CancellationToken::new());
        let door: Arc<dyn Control> = Arc::new(Door(Arc::clone(&small.daemon)));
        let _ = slot.set(door);
        let server = tokio::spawn(listening.serve(slot, stop.clone()));
        Self { small, address, stop, server }
    }

    /// Stops listening, and the daemon.
    pub async fn stopped(self) -> Rig {
        self.stop.cancel();
        self.server.await.unwrap().unwrap();
        let Small { mut rig, daemon } = self.small;
        rig.stop().await;
        drop(daemon);
        rig
    }

    /// A call without anything that proves who it is.
    pub fn call(&self, path: &str) -> RequestBuilder {
        let client = Client::builder().no_proxy().build().unwrap();
        client.request(Method::POST, format!("{}/hooks/{path}", self.address))
    }

    /// A call with a token; its status and its answer.
    pub async fn say(&self, path: &str, token: &str, body: impl Into<String>) -> (u16, String) {
        answered(self.call(path).bearer_auth(token).body(body.into())).await
    }

    /// How many calls came to this.
    pub fn count(&self, connection: &str, outcome: &str) -> u64 {
        let text = Door(Arc::clone(&self.small.daemon)).metrics();
        let name = format!("sfsync_hooks_total{{connection=\"{connection}\",outcome=\"{outcome}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse().unwrap())
    }
}

/// Status and text of an answer.
pub async fn answered(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}
