//! The unix socket of the daemon: where it is, and who owns it. A socket file that nobody answers on is left over from a crash and
//! replaced; one that is answered on belongs to a living daemon and is left alone.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::listen::ServeError;

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
        if let Ok(daemon) = UnixStream::connect(path).await {
            let pid = daemon.peer_cred().ok().and_then(|peer| peer.pid());
            return Err(ServeError::SocketInUse { path: path.clone(), pid });
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
