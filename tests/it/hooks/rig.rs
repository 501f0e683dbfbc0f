//! A small sfsync that is called over TCP.

use std::sync::Arc;

use reqwest::{Client, Method, RequestBuilder};
use sfsync::runtime::control::Control;
use sfsync::runtime::doors::Door;
use sfsync::serve::{ControlSlot, Listening, Serving};
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
}

impl Drop for Called {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A rig whose connections can be called. `manage` is what the org's connection may set up.
pub async fn rig(manage: &str) -> Rig {
    let mut rig = Small::empty(20).await;
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
        let serving = Serving { listen: "127.0.0.1:0".to_owned(), sockets: vec![socket], admin_token: None };
        let listening = Listening::bind(serving).await.unwrap();
        let address = format!("http://{}", listening.address());
        let small = Small::of(rig).await;
        let (slot, stop) = (ControlSlot::default(), CancellationToken::new());
        let door: Arc<dyn Control> = Arc::new(Door(Arc::clone(&small.daemon)));
        let _ = slot.set(door);
        tokio::spawn(listening.serve(slot, stop.clone()));
        Self { small, address, stop }
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
