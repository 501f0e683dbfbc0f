//! Starts and stops the server, and gives tests typed access to it. Read [`Sandbox`] first.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bulk::{IngestJobs, Jobs};
use super::calls::{CallCounts, CallLog};
use super::config::SandboxConfig;
use super::connection::{CutListener, Switch};
use super::cursors::Cursors;
use super::events::Streams;
use super::gate;
use super::life;
use super::limits::Limits;
use super::messages;
use super::metadata::Deployments;
use super::oauth::{OAuthClient, Tokens};
use super::server::{Clients, Server};
use crate::faults::Faults;
use crate::org::{CustomizationError, Org};

/// How long a stop waits for answers that are being sent.
const PATIENCE: Duration = Duration::from_secs(2);

/// A simulated org that answers HTTP on 127.0.0.1 until it is dropped or shut down.
pub struct Sandbox {
    server: Arc<Server>,
    stop: CancellationToken,
    /// Breaks off every connection of this life.
    death: CancellationToken,
    task: Option<JoinHandle<()>>,
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// The org cannot be made as it is configured.
    #[error(transparent)]
    Org(#[from] CustomizationError),
    /// The records could not be generated.
    #[error("the generator failed")]
    Generate,
}

/// Which tokens [`Sandbox::revoke_tokens`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokensRevoked {
    /// Access tokens: clients can refresh.
    Access,
    /// All, refresh tokens and codes included: clients have to sign in again.
    All,
}

impl Sandbox {
    /// Id of the client that every sandbox has.
    pub const CLIENT_ID: &'static str = "sandbox-client";
    /// Secret of that client.
    pub const CLIENT_SECRET: &'static str = "sandbox-secret";
    /// Callback URLs of that client.
    pub const REDIRECT_URIS: [&'static str; 2] =
        ["http://localhost:1717/OauthRedirect", "http://127.0.0.1:1717/OauthRedirect"];

    /// Starts listening and answers from then on. Must be called inside a tokio runtime; generating a large
    /// population takes its time before the first call is answered.
    pub async fn start(mut config: SandboxConfig) -> Result<Self, StartError> {
        let port = config.port;
        let listen = |source| StartError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(listen)?;
        let url = format!("http://{}", listener.local_addr().map_err(listen)?);
        config.org.instance_url.clone_from(&url);
        let made = tokio::task::spawn_blocking(move || server(config, url)).await;
        let server = Arc::new(made.map_err(|_| StartError::Generate)??);
        let stop = CancellationToken::new();
        let death = CancellationToken::new();
        let task = serve(&server, listener, (&stop, &death));
        // Ends by the token, which is cancelled at the latest when the sandbox is dropped.
        drop(tokio::spawn(messages::send(server.org.clone(), stop.clone())));
        Ok(Self { server, stop, death, task: Some(task) })
    }

    /// The address, without a trailing slash: login URL and instance URL at once.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// The org behind the wire, for changes that no API call makes.
    pub fn org(&self) -> &Arc<Org> {
        &self.server.org
    }

    /// The scripted faults.
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// The limits of the org.
    pub fn limits(&self) -> &Limits {
        &self.server.limits
    }

    /// The OAuth clients, to register more.
    pub fn clients(&self) -> &Clients {
        &self.server.clients
    }

    /// The client that every sandbox has: client credentials as the integration user, web-server flow to
    /// [`Sandbox::REDIRECT_URIS`].
    pub fn demo_client(&self) -> OAuthClient {
        self.server
            .clients
            .get(Self::CLIENT_ID)
            .unwrap_or_else(|| OAuthClient::new(Self::CLIENT_ID, Self::CLIENT_SECRET))
    }

    /// What was called since the start or the last reset.
    pub fn calls(&self) -> CallCounts {
        self.server.calls.snapshot()
    }

    /// Starts counting again; the allocation of 24 hours is not touched.
    pub fn reset_calls(&self) {
        self.server.calls.reset();
    }

    /// Ends tokens, as an administrator does; gives their number.
    pub fn revoke_tokens(&self, which: TokensRevoked) -> usize {
        let ended = match which {
            TokensRevoked::Access => self.server.tokens.revoke_access(),
            TokensRevoked::All => self.server.tokens.revoke_all(),
        };
        self.server.org.events().poke();
        ended
    }

    /// Drops all event streams without a status.
    pub fn cut_streams(&self) {
        self.server.streams.cut();
    }

    /// From now on every event stream, the open ones too, ends with this gRPC status and error code (without
    /// `sfdc.platform.eventbus.grpc.`); `None` ends that.
    pub fn refuse_streams(&self, status: Option<(u16, &str)>) {
        self.server.streams.refuse(status.map(|(code, error)| (code, error.to_owned())));
    }

    /// Every event is sent twice, or no longer.
    pub fn repeat_events(&self, twice: bool) {
        self.server.streams.repeat(twice);
    }

    /// How many event streams are open, and how many were ever opened.
    pub fn streams(&self) -> (usize, usize) {
        self.server.streams.counts()
    }

    /// Makes random edits by the real clock from now on, as if people worked in the org; may be called again for
    /// more. Ends with the sandbox. Must be called inside a tokio runtime.
    pub fn live(&self, edits_per_second: f64) {
        // The task ends by the token, which is cancelled at the latest when the sandbox is dropped.
        drop(life::live(self.server.org.clone(), edits_per_second, self.stop.clone()));
    }

    /// The server dies: every connection breaks off where it is, and nobody listens any more. What was committed stays, and a call that
    /// is being carried out may still be carried out to its end.
    pub async fn die(&mut self) {
        self.death.cancel();
        if let Some(task) = self.task.take() {
            task.abort();
            // The port is free when it is over; that it was aborted is no news.
            let _ = task.await;
        }
    }

    /// Listens again at the same address, after [`Sandbox::die`].
    pub async fn rise(&mut self) -> Result<(), StartError> {
        let port = self.server.url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
        let listen = |source| StartError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(listen)?;
        self.death = CancellationToken::new();
        self.task = Some(serve(&self.server, listener, (&self.stop, &self.death)));
        Ok(())
    }

    /// Stops listening, lets go held calls, and waits up to two seconds for answers that are being sent.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        self.server.faults.clear();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(PATIENCE, &mut task).await.is_err()
        {
            task.abort();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
        self.server.faults.clear();
    }
}

fn serve(
    server: &Arc<Server>,
    listener: TcpListener,
    (stop, death): (&CancellationToken, &CancellationToken),
) -> JoinHandle<()> {
    let router = Router::new().fallback(gate::answer).with_state(server.clone());
    let service = router.into_make_service_with_connect_info::<Switch>();
    let (listener, stopped) = (CutListener(listener, death.clone()), stop.clone().cancelled_owned());
    tokio::spawn(async move {
        // Serving ends only when it is told to stop.
        let _ = axum::serve(listener, service).with_graceful_shutdown(stopped).await;
    })
}

fn server(config: SandboxConfig, url: String) -> Result<Server, StartError> {
    let org = Arc::new(Org::new(config.org.clone())?);
    if let Some(population) = &config.population {
        org.generate(population);
    }
    let clients = Clients::default();
    clients.register(demo_client(&org));
    for client in &config.clients {
        clients.register(client.clone());
    }
    Ok(Server {
        tokens: Tokens::new(org.org_id().short(), config.session_idle),
        limits: Limits::new(config.allocation(), config.concurrent()),
        clients,
        calls: CallLog::default(),
        faults: Arc::default(),
        cursors: Cursors::default(),
        jobs: Jobs::default(),
        ingest: IngestJobs::default(),
        deployments: Deployments::default(),
        streams: Streams::default(),
        held: Mutex::default(),
        org,
        url,
        config,
    })
}

fn demo_client(org: &Org) -> OAuthClient {
    let mut client = OAuthClient::new(Sandbox::CLIENT_ID, Sandbox::CLIENT_SECRET);
    client.redirect_uris = Sandbox::REDIRECT_URIS.map(str::to_owned).to_vec();
    client.run_as =
        org.users().into_iter().find(|user| user.id == org.integration_user()).map(|user| user.username);
    client
}
