//! Where people are told of problems: a channel, an address that is called, a mail server that takes everything.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::rig::PATIENCE;

/// Everything that came in, on any way.
#[derive(Clone, Default)]
pub struct Inbox {
    pub letters: Arc<Mutex<Vec<(&'static str, String)>>>,
    came: Arc<Notify>,
    /// How many calls are refused first.
    pub refuse: Arc<Mutex<u32>>,
}

impl Inbox {
    fn put(&self, way: &'static str, text: String) {
        self.letters.lock().unwrap().push((way, text));
        self.came.notify_waiters();
    }

    /// The first letter of a way that has these words.
    pub async fn letter(&self, way: &str, words: &str) -> String {
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

    pub async fn http(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/slack", post(slack)).route("/hook", post(hook)).route("/open", post(open));
        let serving = axum::serve(listener, router.with_state(self.clone()));
        tokio::spawn(async move { serving.await.unwrap() });
        address
    }

    /// A mail server that takes everything.
    pub async fn smtp(&self) -> String {
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

/// An address that takes what anybody sends.
async fn open(Shared(inbox): Shared<Inbox>, body: String) {
    inbox.put("open", body);
}
