//! Calls to the running daemon over its unix socket. Read [`Daemon`].

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::exit::Failure;
use crate::serve::{FOLDER, Refused};

/// A reload looks at every system; nothing else takes longer.
const PATIENCE: Duration = Duration::from_secs(150);

/// A daemon that may answer on one of these sockets.
#[derive(Debug)]
pub(super) struct Daemon {
    sockets: Vec<PathBuf>,
    /// The configuration folder that is meant, absolute; `None` where any daemon is.
    folder: Option<PathBuf>,
}

/// What it answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    /// The value in it.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.body).map_err(|error| {
            let help = "the daemon and this command may be of different versions; restart the daemon";
            Failure::new(format!("the answer of the daemon cannot be read: {error}"), help)
        })
    }
}

impl Daemon {
    pub(super) fn new(sockets: Vec<PathBuf>, folder: Option<PathBuf>) -> Self {
        Self { sockets, folder }
    }

    /// `GET`; `path` in its parts, which may hold any character.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &impl Serialize,
    ) -> Result<T, Failure> {
        self.done(Method::GET, path, query, String::new()).await?.read()
    }

    /// `POST` without a body.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &impl Serialize,
    ) -> Result<T, Failure> {
        self.done(Method::POST, path, query, String::new()).await?.read()
    }

    /// `DELETE`.
    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.done(Method::DELETE, path, &(), String::new()).await?.read()
    }

    /// `POST` with a JSON body, whose answer may take any time.
    pub(super) async fn post_slowly<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_string(body).unwrap_or_default();
        let answer = self.send((Method::POST, path), &(), body, None).await?;
        if answer.status < 300 { answer.read() } else { Err(refused(&answer)) }
    }

    /// Whether somebody answers.
    pub(super) fn answers(&self) -> bool {
        self.living().is_ok()
    }

    /// An answer that is a success; anything else becomes the daemon's own message.
    async fn done(
        &self,
        method: Method,
        path: &[&str],
        query: &impl Serialize,
        body: String,
    ) -> Result<Answer, Failure> {
        let answer = self.ask(method, path, query, body).await?;
        if answer.status < 300 { Ok(answer) } else { Err(refused(&answer)) }
    }

    /// Any answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &impl Serialize,
        body: String,
    ) -> Result<Answer, Failure> {
        self.send((method, path), query, body, Some(PATIENCE)).await
    }

    async fn send(
        &self,
        (method, path): (Method, &[&str]),
        query: &impl Serialize,
        body: String,
        patience: Option<Duration>,
    ) -> Result<Answer, Failure> {
        let socket = self.living()?;
        let failed = |error: reqwest::Error| {
            Failure::caused(
                &error,
                format!("the daemon on {} did not answer; its log may say why", socket.display()),
            )
        };
        let client = Client::builder().unix_socket(socket.clone()).no_proxy().build().map_err(failed)?;
        let mut request = client.request(method, url(path)?).query(query);
        if let Some(folder) = &self.folder {
            request = request.header(FOLDER, folder.as_os_str().as_bytes());
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        if let Some(patience) = patience {
            request = request.timeout(patience);
        }
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        Ok(Answer { status, body: answer.text().await.map_err(failed)? })
    }

    /// The first socket on which somebody listens.
    fn living(&self) -> Result<PathBuf, Failure> {
        let mut forbidden = None;
        for socket in &self.sockets {
            match std::os::unix::net::UnixStream::connect(socket) {
                Ok(_) => return Ok(socket.clone()),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    forbidden = Some(socket);
                }
                Err(_) => {}
            }
        }
        Err(forbidden.map_or_else(|| self.nobody(), |socket| not_allowed(socket)))
    }

    fn nobody(&self) -> Failure {
        let tried: Vec<String> = self.sockets.iter().map(|socket| socket.display().to_string()).collect();
        let help = "start one with: sfsync daemon <folder>   (or name its socket with --socket)";
        Failure::new(format!("no daemon is running: nobody answers on {}", tried.join(", ")), help)
    }
}

fn not_allowed(socket: &Path) -> Failure {
    let help = "run this as the user of the daemon, for example with sudo -u sfsync";
    Failure::new(format!("you may not use the socket {}", socket.display()), help)
}

pub(super) fn refused(answer: &Answer) -> Failure {
    match serde_json::from_str::<Refused>(&answer.body) {
        Ok(refused) => refused.into(),
        Err(_) => Failure::new(format!("the daemon answered {}", answer.status), ""),
    }
}

fn url(path: &[&str]) -> Result<Url, Failure> {
    let failed = |_| Failure::new("the address of the daemon cannot be written", "");
    let mut url = Url::parse("http://sfsync/").map_err(failed)?;
    if let Ok(mut parts) = url.path_segments_mut() {
        parts.clear().extend(path);
    }
    Ok(url)
}
