//! `notify`: people are told of problems on a channel, at an address that is called and by mail, and told when they are over.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use sfsync::runtime::status::State;
use sfsync::runtime::task::Command;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::harness::rig::PATIENCE;
use crate::harness::small::{ACCOUNTS, Small};

/// Everything that came in, on any way.
#[derive(Clone, Default)]
struct Inbox {
    letters: Arc<Mutex<Vec<(&'static str, String)>>>,
    came: Arc<Notify>,
    /// How many calls are refused first.
    refuse: Arc<Mutex<u32>>,
}

impl Inbox {
    fn put(&self, way: &'static str, text: String) {
        self.letters.lock().unwrap().push((way, text));
        self.came.notify_waiters();
    }

    /// The first letter of a way that has these words.
    async fn letter(&self, way: &str, words: &str) -> String {
        let look = async {
            loop {
                let came = self.came.notified();
                let found = |(by, text): &&(&'static str, String)| *by == way && text.contains(words);
                if let Some((_, text)) = self.letters.lock().unwrap().iter().find(found) {
                    return text.clone();
                }
                came.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, look).await;
        found.unwrap_or_else(|_| panic!("no {way} says {words:?}: {:?}", self.letters.lock().unwrap()))
    }

    async fn http(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/slack", post(slack)).route("/hook", post(hook));
        let serving = axum::serve(listener, router.with_state(self.clone()));
        tokio::spawn(async move { serving.await.unwrap() });
        address
    }

    /// A mail server that takes everything.
    async fn smtp(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let inbox = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inbox = inbox.clone();
                tokio::spawn(async move { inbox.mail(stream).await });
            }
        });
        address
    }

    async fn mail(&self, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let (mut text, mut in_data) = (String::new(), false);
        write.write_all(b"220 mail\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            if in_data && line != "." {
                text.push_str(&line);
                text.push('\n');
                continue;
            }
            let answer = match line.split(' ').next().unwrap_or_default() {
                "EHLO" => "250 mail",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            in_data = answer.starts_with("354");
            if line == "." {
                self.put("mail", std::mem::take(&mut text));
            }
            if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn slack(Shared(inbox): Shared<Inbox>, body: String) -> StatusCode {
    let mut refuse = inbox.refuse.lock().unwrap();
    if *refuse > 0 {
        *refuse -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    drop(refuse);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    inbox.put("slack", body["text"].as_str().unwrap().to_owned());
    StatusCode::OK
}

async fn hook(Shared(inbox): Shared<Inbox>, headers: HeaderMap, body: String) -> StatusCode {
    if headers.get("x-token").is_none_or(|token| token != "letmein") {
        return StatusCode::UNAUTHORIZED;
    }
    inbox.put("hook", body);
    StatusCode::NO_CONTENT
}

/// Accounts that are told of on all three ways, and the channel alone for deals.
async fn told() -> (Small, Inbox) {
    let (inbox, mut rig) = (Inbox::default(), Small::empty(5).await);
    *inbox.refuse.lock().unwrap() = 1;
    let (http, smtp) = (inbox.http().await, inbox.smtp().await);
    for (name, value) in [("SLACK_URL", format!("{http}/slack")), ("HOOK_TOKEN", "letmein".to_owned())] {
        rig.secrets.0.insert(name.to_owned(), value);
    }
    rig.write("connections/channel.yaml", "type: slack\nurl: ${env:SLACK_URL}\n");
    let hook = format!("type: webhook\nurl: {http}/hook\nheaders: {{ x-token: '${{env:HOOK_TOKEN}}' }}\n");
    rig.write("connections/alarm.yaml", &hook);
    let mail = format!("type: email\nsmtp: {smtp}\nfrom: sfsync@example.com\nto: [ops@example.com]\n");
    rig.write("connections/mailbox.yaml", &mail);
    rig.write("settings.yaml", "notify: [channel]\n");
    let all = ACCOUNTS.replace("reconcile: off", "reconcile: off\nnotify: [channel, alarm, mailbox]");
    rig.write("accounts.yaml", &all);
    let small = Small::of(rig).await;
    small.caught_up().await;
    (small, inbox)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_told_on_every_way_and_so_is_its_end() {
    let (small, inbox) = told().await;
    small.daemon.command(&"accounts".into(), Command::Pause { by: "kim".to_owned() }).await;
    small.state("accounts", State::Paused).await;
    let text = inbox.letter("slack", "paused").await;
    assert!(text.starts_with("paused: accounts: "), "{text}");
    let mail = inbox.letter("mail", "paused").await;
    assert!(
        mail.contains("Subject: sfsync: accounts paused") && mail.contains("To: ops@example.com"),
        "{mail}"
    );
    let json: serde_json::Value = serde_json::from_str(&inbox.letter("hook", "paused").await).unwrap();
    assert_eq!(
        (&json["notices"][0]["pipeline"], &json["notices"][0]["kind"]),
        (&"accounts".into(), &"paused".into())
    );
    small.daemon.command(&"accounts".into(), Command::Resume).await;
    assert_eq!(inbox.letter("slack", "recovered").await, "recovered: accounts: runs again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_told_once_by_the_settings() {
    let (small, inbox) = told().await;
    small.reload("clients.yaml", &ACCOUNTS.replace("warehouse.clients", "warehouse.others")).await;
    small.caught_up_once("clients").await;
    small.reload("clients.yaml", "salesforce: [\n").await;
    let text = inbox.letter("slack", "last good").await;
    assert!(text.starts_with("file: clients: E013: "), "{text}");
    small.reload("clients.yaml", &ACCOUNTS.replace("warehouse.clients", "warehouse.others")).await;
    inbox.letter("slack", "recovered: clients: the file on disk runs").await;
    let told = inbox.letters.lock().unwrap();
    assert_eq!(told.iter().filter(|(_, text)| text.contains("last good")).count(), 1, "{told:?}");
    assert!(told.iter().all(|(way, _)| *way == "slack"), "the settings name the channel alone: {told:?}");
}
