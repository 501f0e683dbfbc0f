//! Change events over TLS: the event bus of a machine with a certificate of its own, and a daemon that trusts its root, or does not.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::harness::rig::{PATIENCE, Rig};
use crate::harness::small::{ACCOUNTS, DEALS, Small};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

/// A door with a certificate in front of the org. Counts who did not come in.
struct Door {
    port: u16,
    refused: Arc<AtomicUsize>,
}

impl Door {
    async fn before(url: &str) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certificate = CertificateDer::from_pem_file(fixture("test_only_certificate.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(fixture("test_only_key.pem")).unwrap();
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (refused, address) =
            (Arc::new(AtomicUsize::new(0)), url.trim_start_matches("http://").to_owned());
        let counter = Arc::clone(&refused);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, address, counter) = (acceptor.clone(), address.clone(), Arc::clone(&counter));
                tokio::spawn(async move {
                    let Ok(mut inside) = acceptor.accept(socket).await else {
                        counter.fetch_add(1, Ordering::AcqRel);
                        return;
                    };
                    let mut outside = TcpStream::connect(&address).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                });
            }
        });
        Self { port, refused }
    }
}

/// The program; dropped, it is killed.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn start(rig: &Rig, root: &str) -> Daemon {
    let dir = rig.dir.path();
    let log = std::fs::File::create(dir.join("log")).unwrap();
    let mut command = Command::new(cargo_bin("sfsync"));
    command.arg("daemon").arg(rig.folder()).args(["--listen", "127.0.0.1:0"]);
    command.arg("--state").arg(dir.join("state")).arg("--socket").arg(dir.join("socket"));
    command.env_remove("SFSYNC_CONFIG").env_remove("SFSYNC_SOCKET").env_remove("SFSYNC_STATE_KEY");
    command.env("SSL_CERT_FILE", fixture(root)).env_remove("SSL_CERT_DIR").envs(&rig.secrets.0);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    Daemon(command.spawn().unwrap())
}

/// An org whose events come through the door, and are the only way within an hour.
async fn rig() -> (Rig, Door) {
    let rig = Small::empty(5).await;
    let door = Door::before(rig.sandbox.url()).await;
    let connection = std::fs::read_to_string(rig.folder().join("connections/salesforce.yaml")).unwrap();
    let more = format!("{connection}\npubsub_url: https://localhost:{}\nmanage: [cdc_channel]\n", door.port);
    rig.write("connections/salesforce.yaml", &more);
    rig.write("accounts.yaml", ACCOUNTS);
    rig.write("deals.yaml", &DEALS.replace("poll: 1 second", "poll: 1 hour, push: cdc"));
    (rig, door)
}

/// Looks until it is so: the daemon is another process, and has no bell.
async fn becomes(rig: &Rig, what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        let log = || std::fs::read_to_string(rig.dir.path().join("log")).unwrap_or_default();
        assert!(begun.elapsed() < PATIENCE, "{what} never came\n{}", log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_through_tls_whose_root_is_trusted() {
    let (rig, door) = rig().await;
    let daemon = start(&rig, "test_only_root.pem");
    becomes(&rig, "the stream", || rig.sandbox.streams().0 == 1).await;
    let deal = serde_json::json!({ "Name": "Through the door", "StageName": "Prospecting", "CloseDate": "2026-12-01" });
    let serde_json::Value::Object(deal) = deal else { unreachable!() };
    rig.sandbox.org().insert("Opportunity", deal).unwrap();
    let there = || {
        let question = "SELECT count(*) FROM deals WHERE name = 'Through the door'";
        rig.database().query_row(question, [], |row| row.get::<_, i64>(0)).is_ok_and(|count| count == 1)
    };
    becomes(&rig, "the deal", there).await;
    assert_eq!(door.refused.load(Ordering::Acquire), 0);
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_to_a_bus_whose_root_is_not_trusted() {
    let (rig, door) = rig().await;
    let daemon = start(&rig, "test_only_other_root.pem");
    becomes(&rig, "the second refusal", || door.refused.load(Ordering::Acquire) > 1).await;
    assert_eq!(rig.sandbox.streams().1, 0);
    drop(daemon);
}
