//! The doors over real listeners: rules of access as a table, every endpoint, the socket.

use std::path::PathBuf;
use std::sync::Arc;

use reqwest::Method;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::fake::FakeDaemon;
use super::{Listening, ServeError, Serving};
use crate::runtime::control::Control;

struct Daemon {
    fake: Arc<FakeDaemon>,
    tcp: String,
    socket: PathBuf,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

fn client() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

async fn daemon(fake: FakeDaemon, token: Option<&str>) -> Daemon {
    served(fake, token, true).await
}

async fn served(fake: FakeDaemon, token: Option<&str>, fill: bool) -> Daemon {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("sfsync.sock");
    let serving = Serving {
        listen: "127.0.0.1:0".to_owned(),
        sockets: vec![socket.clone()],
        admin_token: token.map(SecretString::from),
    };
    let listening = Listening::bind(serving).await.unwrap();
    let (fake, stop) = (Arc::new(fake), CancellationToken::new());
    let slot: super::ControlSlot = Arc::default();
    let control: Arc<dyn Control> = fake.clone();
    if fill {
        let _ = slot.set(control);
    }
    let tcp = format!("http://{}", listening.address());
    let task = tokio::spawn(listening.serve(slot, stop.clone()));
    Daemon { fake, tcp, socket, stop, task, _folder: folder }
}

impl Daemon {
    async fn call(&self, method: &str, path: &str, token: Option<&str>) -> (u16, String) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = client().build().unwrap().request(method, format!("{}{path}", self.tcp));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn by_socket(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let client = client().unix_socket(self.socket.clone()).build().unwrap();
        let request = client.request(method, format!("http://sfsync{path}")).body(body.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    fn told(&self) -> Vec<String> {
        self.fake.told.lock().unwrap().clone()
    }
}

const OPEN: [(&str, &str); 6] = [
    ("GET", "/"),
    ("GET", "/healthz"),
    ("HEAD", "/healthz"),
    ("GET", "/metrics"),
    ("GET", "/api/pipelines"),
    ("GET", "/api/pipelines/projects"),
];

const GUARDED: [(&str, &str); 19] = [
    ("DELETE", "/api/pipelines/projects"),
    ("POST", "/api/pipelines/projects/sync"),
    ("POST", "/api/pipelines/projects/pause"),
    ("POST", "/api/pipelines/projects/resume"),
    ("POST", "/api/pipelines/projects/approve"),
    ("GET", "/api/failures"),
    ("POST", "/api/failures/retry"),
    ("GET", "/api/failures/4f2a"),
    ("DELETE", "/api/failures/4f2a"),
    ("POST", "/api/failures/4f2a/retry"),
    ("POST", "/api/failures/4f2a/resolve?take=app"),
    ("GET", "/api/links/projects"),
    ("GET", "/api/links/projects/app/881"),
    ("GET", "/api/links/projects/salesforce/006B7"),
    ("DELETE", "/api/links/projects/salesforce/006B7"),
    ("GET", "/api/records/006B7"),
    ("POST", "/api/check?file=projects.yaml"),
    ("GET", "/api/schemas"),
    ("POST", "/-/reload"),
];

#[tokio::test]
async fn who_may_do_what_over_tcp() {
    let without = daemon(FakeDaemon::default(), None).await;
    let with = daemon(FakeDaemon::default(), Some("right")).await;
    for (method, path) in OPEN {
        assert_eq!(without.call(method, path, None).await.0, 200, "{method} {path}");
    }
    for (method, path) in GUARDED {
        let (status, body) = without.call(method, path, Some("right")).await;
        assert_eq!(status, 403, "{method} {path}");
        assert!(body.contains("unix socket only"), "{body}");
        for wrong in [None, Some("wrong"), Some("righ"), Some("right2"), Some("")] {
            assert_eq!(with.call(method, path, wrong).await.0, 401, "{method} {path} {wrong:?}");
        }
    }
    assert!(without.told().is_empty() && with.told().is_empty());
    for (method, path) in GUARDED {
        let (status, _) = with.call(method, path, Some("right")).await;
        assert!(matches!(status, 200 | 202 | 409), "{method} {path}: {status}");
    }
}

#[tokio::test]
async fn an_empty_token_is_no_token() {
    let daemon = daemon(FakeDaemon::default(), Some("")).await;
    assert_eq!(daemon.call("POST", "/-/reload", Some("")).await.0, 403);
}

#[tokio::test]
async fn everything_over_the_socket() {
    let daemon = daemon(FakeDaemon::default(), None).await;
    for (method, path, expected) in [
        ("POST", "/api/pipelines/projects/sync?full=true", 202),
        ("POST", "/api/pipelines/projects/sync?record=006B7", 202),
        ("POST", "/api/pipelines/projects/pause?by=jane", 202),
        ("POST", "/api/pipelines/projects/resume", 202),
        ("POST", "/api/pipelines/projects/approve", 409),
        ("POST", "/api/pipelines/nothing/sync", 404),
        ("POST", "/api/pipelines/projects/sync?ful=true", 400),
        ("POST", "/api/failures/retry?code=R102", 200),
        ("POST", "/api/failures/4f2a/retry", 200),
        ("POST", "/api/failures/4f2a/resolve?take=app", 200),
        ("POST", "/api/failures/4f2a/resolve?take=me", 400),
        ("DELETE", "/api/failures/4f9b", 200),
        ("DELETE", "/api/failures/4f", 409),
        ("DELETE", "/api/failures/zz", 404),
        ("GET", "/api/links/projects/salesforce/006B7", 200),
        ("DELETE", "/api/links/projects/salesforce/006B7", 200),
        ("DELETE", "/api/links/projects/app/881", 400),
        ("GET", "/api/links/projects/app/882", 404),
        ("GET", "/api/links/projects/left/882", 400),
        ("POST", "/api/check?file=projects.yaml", 200),
        ("POST", "/-/reload", 200),
        ("DELETE", "/api/pipelines/projects", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/healthz", 405),
        ("POST", "/api/connections/salesforce/sign-in", 200),
        ("POST", "/api/connections/other/sign-in", 404),
        ("GET", "/api/connections/salesforce/sign-in", 200),
        ("DELETE", "/api/connections/salesforce/sign-in", 200),
        ("POST", "/api/plan", 400),
        ("GET", "/readyz", 503),
    ] {
        let (status, body) = daemon.by_socket(method, path, "salesforce: Account").await;
        assert_eq!(status, expected, "{method} {path}: {body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        if status >= 400 {
            assert!(body["error"].is_string() && body["help"].is_string(), "{path}: {body}");
        }
    }
    assert_eq!(
        daemon.told(),
        [
            "sync projects full=true record=None",
            "sync projects full=false record=Some(006B7)",
            "pause projects by=jane",
            "resume projects",
            "retry code=Some(\"R102\") id=None",
            "retry code=None id=Some(\"4f2a01\")",
            "resolve 4f2a01 take=app",
            "drop 4f9b02",
            "unlink projects 006B7",
            "check projects.yaml 19 bytes",
            "reload",
            "forget projects",
            "disconnect salesforce",
        ]
    );
}

#[tokio::test]
async fn a_browser_that_comes_back_gets_a_page() {
    let daemon = daemon(FakeDaemon { ready: true, ..FakeDaemon::default() }, None).await;
    let (status, page) = daemon.call("GET", "/oauth/callback?code=a&state=x", None).await;
    assert!(status == 200 && page.contains("Connection salesforce is signed in."), "{page}");
    let (status, page) = daemon.call("GET", "/oauth/callback?code=a&state=y", None).await;
    assert!(status == 400 && page.contains("was not begun &lt;here&gt;. begin again."), "{page}");
}

#[tokio::test]
async fn broken_files_are_422_and_large_bodies_413() {
    let daemon = daemon(FakeDaemon { broken: true, ready: true, ..FakeDaemon::default() }, None).await;
    assert_eq!(daemon.by_socket("GET", "/readyz", "").await, (200, r#"{"status":"ready"}"#.to_owned()));
    let (status, body) = daemon.by_socket("POST", "/-/reload", "").await;
    assert_eq!(status, 422);
    assert!(body.contains("\"diagnostics\":[]"), "{body}");
    let large = "x".repeat((1 << 20) + 1);
    assert_eq!(daemon.by_socket("POST", "/api/check?file=a.yaml", &large).await.0, 413);
}

#[tokio::test]
async fn the_page_and_the_status_have_the_same_words() {
    let daemon = daemon(FakeDaemon::default(), None).await;
    let (_, page) = daemon.call("GET", "/", None).await;
    assert!(page.contains("<td>projects</td><td class=\"running\">running</td>"), "{page}");
    assert!(page.contains("10 790 of 25 000 in 24 hours (the whole org 60 120 of 100 000)"), "{page}");
    let (_, json) = daemon.call("GET", "/api/pipelines/projects", None).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["config"]["loaded_at"], "2026-03-01T14:02:11Z");
    assert_eq!(json["state"], "running");
}

#[tokio::test]
async fn sockets_that_are_left_over_and_sockets_that_live() {
    use std::os::unix::fs::PermissionsExt as _;
    let first = daemon(FakeDaemon::default(), None).await;
    assert_eq!(first.socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let again = |socket: PathBuf, listen: &str| {
        let serving = Serving { listen: listen.to_owned(), sockets: vec![socket], admin_token: None };
        async { Listening::bind(serving).await }
    };
    // It answers, so it is left alone, and the message names the process.
    let error = again(first.socket.clone(), "127.0.0.1:0").await.unwrap_err();
    assert!(error.to_string().contains(&format!("(process {})", std::process::id())), "{error}");
    assert!(matches!(error, ServeError::SocketInUse { .. }));
    // A port in use is said in words, and nothing stays behind.
    let other = first.socket.with_file_name("other.sock");
    let address = first.tcp.trim_start_matches("http://");
    let error = again(other.clone(), address).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{address} is in use by another program"));
    assert!(!other.exists());
    // A crash leaves a file that nobody answers on.
    drop(std::os::unix::net::UnixListener::bind(&other).unwrap());
    assert!(other.exists());
    drop(again(other.clone(), "127.0.0.1:0").await.unwrap());
    // A file that is no socket is never removed.
    let file = first.socket.with_file_name("notes.txt");
    std::fs::write(&file, "mine").unwrap();
    assert!(matches!(again(file.clone(), "127.0.0.1:0").await.unwrap_err(), ServeError::Socket { .. }));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    // The end takes the socket away.
    first.stop.cancel();
    first.task.await.unwrap().unwrap();
    assert!(!first.socket.exists());
}

#[tokio::test]
async fn while_it_starts_it_is_alive_and_not_ready() {
    let daemon = served(FakeDaemon::default(), None, false).await;
    assert_eq!(daemon.call("GET", "/healthz", None).await.0, 200);
    for path in ["/readyz", "/", "/metrics", "/api/pipelines"] {
        let (status, body) = daemon.call("GET", path, None).await;
        assert_eq!(status, 503, "{path}");
        assert!(body.contains("the daemon is starting"), "{body}");
    }
}

#[tokio::test]
async fn what_is_meant_for_the_daemon_of_another_folder_does_nothing() {
    let daemon = daemon(FakeDaemon::default(), None).await;
    let told_by = async |folder: &str| {
        let client = client().unix_socket(daemon.socket.clone()).build().unwrap();
        let request = client.post("http://sfsync/api/pipelines/projects/pause").header(super::FOLDER, folder);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = told_by("/etc/staging").await;
    assert_eq!(status, 409, "{text}");
    assert!(text.contains("runs the folder /etc/sfsync") && text.contains("means /etc/staging"), "{text}");
    assert_eq!(daemon.told(), Vec::<String>::new());
    assert_eq!(told_by("/etc/sfsync").await.0, 202);
    assert_eq!(daemon.told().len(), 1);
}
