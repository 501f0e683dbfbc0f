//! The two listeners and their life.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use super::access::Door;
use super::router::{ControlSlot, router};
use super::socket;

/// How long answers that are under way may take after a shutdown began.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Where to listen.
#[derive(Clone, Debug)]
pub struct Serving {
    /// `host:port`, as `listen` of settings.yaml; port 0 takes a free one.
    pub listen: String,
    /// Paths for the unix socket, best first; see [`socket::candidates`].
    pub sockets: Vec<PathBuf>,
    /// `admin_token` of settings.yaml.
    pub admin_token: Option<SecretString>,
}

/// Why the daemon cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken.
    #[error("{address} is in use by another program")]
    PortInUse {
        /// As configured.
        address: String,
    },
    /// The address is none of this machine, or may not be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// As configured.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another daemon answers there.
    #[error("a daemon is running already{} on {}", pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), path.display())]
    SocketInUse {
        /// The socket.
        path: PathBuf,
        /// Its process, where the system tells.
        pid: Option<i32>,
    },
    /// None of the paths can be used.
    #[error("cannot create the socket {}", path.display())]
    Socket {
        /// The last that was tried.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl ServeError {
    /// The way out.
    pub fn help(&self) -> &'static str {
        match self {
            Self::PortInUse { .. } => "stop that program, or set another `listen` in settings.yaml",
            Self::Listen { .. } => {
                "`listen` in settings.yaml is an address of this machine, such as 127.0.0.1:8480"
            }
            Self::SocketInUse { .. } => {
                "stop it first; a second daemon beside it needs its own state, `listen` and --socket"
            }
            Self::Socket { .. } => {
                "choose a path that can be written with --socket; it may have at most about 100 characters"
            }
        }
    }
}

/// Both listeners, bound and not yet answering: calls wait until [`Listening::serve`].
#[derive(Debug)]
pub struct Listening {
    tcp: TcpListener,
    address: SocketAddr,
    unix: UnixListener,
    socket: SocketFile,
    admin_token: Option<SecretString>,
}

impl Listening {
    /// Binds both. Called once, before the state is opened.
    pub async fn bind(serving: Serving) -> Result<Self, ServeError> {
        let failed = |source: io::Error| {
            let address = serving.listen.clone();
            if source.kind() == io::ErrorKind::AddrInUse {
                return ServeError::PortInUse { address };
            }
            ServeError::Listen { address, source }
        };
        let (unix, path) = socket::bind(&serving.sockets).await?;
        let socket = SocketFile(path);
        let bound =
            TcpListener::bind(serving.listen.as_str()).await.and_then(|tcp| Ok((tcp.local_addr()?, tcp)));
        let (address, tcp) = bound.map_err(failed)?;
        Ok(Self { tcp, address, unix, socket, admin_token: serving.admin_token })
    }

    /// The TCP address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The unix socket.
    pub fn socket(&self) -> &Path {
        &self.socket.0
    }

    /// Answers until the token is cancelled; before the slot is filled only `/healthz` is a success, all else is 503; answers that are under way then have five seconds.
    pub async fn serve(self, control: ControlSlot, shutdown: CancellationToken) -> io::Result<()> {
        // Named, so that it lives until the listeners have ended.
        let _socket = self.socket;
        let door = Door::tcp(self.admin_token.as_ref());
        let over_tcp = router(Arc::clone(&control), door);
        let over_socket = router(control, Door::Socket);
        let stop = || shutdown.clone().cancelled_owned();
        let tcp = axum::serve(self.tcp, over_tcp).with_graceful_shutdown(stop()).into_future();
        let unix = axum::serve(self.unix, over_socket).with_graceful_shutdown(stop()).into_future();
        tokio::select! {
            ended = async { tokio::try_join!(tcp, unix) } => ended.map(|_| ()),
            () = late(&shutdown) => Ok(()),
        }
    }
}

async fn late(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(LAST_ANSWERS).await;
}

/// The socket file; it goes away with its listener. One that stays behind is replaced by the next daemon, so a failure does not matter.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
