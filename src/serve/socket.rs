//! The unix socket of the daemon: where it is, and who owns it. A socket file that nobody answers on is left over from a crash and
//! replaced; one that is answered on belongs to a living daemon and is left alone.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixListener;

use super::health::Alive;
use super::listen::ServeError;

/// How long a living daemon may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the socket may be, best first: `/run` (root), the folder of the user's session, the state folder. The daemon takes the
/// first it can create; the command line the first that answers.
pub fn candidates(state: Option<&Path>) -> Vec<PathBuf> {
    let session = std::env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("sfsync.sock"));
    let state = state.map(|state| state.join("sfsync.sock"));
    std::iter::once(PathBuf::from("/run/sfsync.sock")).chain(session).chain(state).collect()
}

/// Binds the first of these paths that this process may create.
pub(super) async fn bind(paths: &[PathBuf]) -> Result<(UnixListener, PathBuf), ServeError> {
    let mut last = None;
    for path in paths {
        let asked = path.clone();
        let daemon = tokio::task::spawn_blocking(move || living(&asked)).await.ok().flatten();
        if let Some(daemon) = daemon {
            return Err(ServeError::SocketInUse { path: path.clone(), pid: daemon.pid });
        }
        match create(path) {
            Ok(listener) => return Ok((listener, path.clone())),
            Err(error) => last = Some(ServeError::Socket { path: path.clone(), source: error }),
        }
    }
    Err(last.unwrap_or_else(|| ServeError::Socket {
        path: PathBuf::new(),
        source: io::ErrorKind::NotFound.into(),
    }))
}

/// Nobody but the owner may connect, from the first moment: the socket gets its name after its permissions.
fn create(path: &Path) -> io::Result<UnixListener> {
    if path.symlink_metadata().is_ok_and(|found| !is_socket(&found)) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file of that name that is no socket",
        ));
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let fresh = path.with_file_name(name);
    // Left over from a process of the same number, if it is there at all.
    let _ = std::fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh)?;
    let named = std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&fresh, path));
    if let Err(error) = named {
        let _ = std::fs::remove_file(&fresh);
        return Err(error);
    }
    Ok(listener)
}

fn is_socket(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    found.file_type().is_socket()
}

/// The daemon that answers on a socket, if there is one. A process that takes the connection and says nothing counts as living.
fn living(path: &Path) -> Option<Alive> {
    let mut stream = UnixStream::connect(path).ok()?;
    let silent = Alive { status: String::new(), version: String::new(), pid: 0 };
    Some(ask(&mut stream).unwrap_or(silent))
}

fn ask(stream: &mut UnixStream) -> io::Result<Alive> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: sfsync\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    serde_json::from_str(body).map_err(io::Error::other)
}
