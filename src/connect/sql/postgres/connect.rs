//! How to reach PostgreSQL: address, sign-in, TLS, pool. TLS is required unless the file turns it off or the address is
//! local and its URL says `sslmode=disable`; certificates are checked against the roots of the operating system.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::NoTls;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Postgres, Shared, refusal};
use crate::connect::ConnectError;
use crate::model::Class;

/// Whether the connection is encrypted (`tls:`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Always, with a certificate that can be verified. The default.
    Required,
    /// Never: for networks that are trusted.
    Off,
}

/// How to reach a PostgreSQL database: a URL, or its parts. What the parts say wins over the URL.
#[derive(Clone, Debug, Default)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database`.
    pub url: Option<SecretString>,
    /// Host name, address, or folder of a unix socket.
    pub host: Option<String>,
    /// Port, 5432 where nothing says otherwise.
    pub port: Option<u16>,
    /// Database.
    pub database: Option<String>,
    /// User.
    pub user: Option<String>,
    /// Password.
    pub password: Option<SecretString>,
    /// As the file says it; `None` where it says nothing.
    pub tls: Option<Tls>,
    /// Schema of tables that are named without one; the search path of the user where it is `None`.
    pub schema: Option<String>,
    /// Connections at most; 8 where it is 0.
    pub pool: usize,
    /// How long to wait for a connection; 10 seconds where it is zero.
    pub timeout: Duration,
}

impl PostgresConfig {
    fn resolve(&self) -> Result<Config, ConnectError> {
        let mut config = match &self.url {
            Some(url) => url.expose_secret().parse().map_err(|_| invalid_url())?,
            None => Config::new(),
        };
        if let Some(host) = &self.host {
            config.host(host);
        }
        if let Some(port) = self.port {
            config.port(port);
        }
        if let Some(database) = &self.database {
            config.dbname(database);
        }
        if let Some(user) = &self.user {
            config.user(user);
        }
        if let Some(password) = &self.password {
            config.password(password.expose_secret());
        }
        if config.get_hosts().is_empty() {
            let message = "the connection names no host: give `url` or `host`";
            return Err(ConnectError::new("R102", Class::Pipeline, message));
        }
        config
            .application_name("sfsync")
            .connect_timeout(self.timeout())
            .keepalives_idle(Duration::from_secs(60));
        config.ssl_mode(if self.encrypts(&config) { SslMode::Require } else { SslMode::Disable });
        Ok(config)
    }

    fn encrypts(&self, config: &Config) -> bool {
        let sockets = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
        let refused = config.get_ssl_mode() == SslMode::Disable && config.get_hosts().iter().all(is_local);
        match self.tls {
            Some(Tls::Off) => false,
            Some(Tls::Required) => !sockets,
            None => !sockets && !refused,
        }
    }

    fn timeout(&self) -> Duration {
        if self.timeout.is_zero() { Duration::from_secs(10) } else { self.timeout }
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn invalid_url() -> ConnectError {
    // The parser's own message can quote the password.
    ConnectError::new("R102", Class::Pipeline, "the `url` of the connection is no PostgreSQL address")
        .help("write postgres://user:password@host:port/database; special characters of the password as %xx")
}

impl Postgres {
    /// Makes the pool and signs in once, so that a wrong password is known now.
    pub(crate) async fn open(config: &PostgresConfig) -> Result<Self, ConnectError> {
        let address = config.resolve()?;
        let name = name(&address);
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let encrypted = address.get_ssl_mode() == SslMode::Require;
        let manager = if encrypted {
            Manager::from_config(address.clone(), tls()?, manager_config)
        } else {
            Manager::from_config(address.clone(), NoTls, manager_config)
        };
        let size = if config.pool == 0 { 8 } else { config.pool };
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(config.timeout()))
            .wait_timeout(Some(config.timeout() * 6))
            .build()
            .map_err(|error| ConnectError::new("R133", Class::Pipeline, format!("{name}: {error}")))?;
        let opened = Self(Arc::new(Shared { pool, address, schema: config.schema.clone(), name }));
        drop(opened.client().await?);
        Ok(opened)
    }
}

pub(super) fn tls() -> Result<MakeRustlsConnect, ConnectError> {
    let failed = |error: rustls::Error| {
        ConnectError::new("R133", Class::Pipeline, "TLS could not be set up on this machine").caused_by(error)
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(rustls::ConfigBuilder::with_platform_verifier)
        .map_err(failed)?
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Database and host, for messages.
fn name(config: &Config) -> String {
    let host = config.get_hosts().first().map_or_else(String::new, |host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let database = config.get_dbname().or(config.get_user()).unwrap_or("postgres");
    format!("postgres {database} on {host}")
}

/// A failed sign-in.
pub(super) fn failure(error: &tokio_postgres::Error, name: &str) -> ConnectError {
    if error.as_db_error().is_some() {
        let mut refused = refusal(error);
        if refused.remote.as_deref() == Some("3D000") {
            refused.code = "R134"; // no such database
        }
        return refused.into_connect(name);
    }
    let said = causes(error);
    if said.contains("TLS") || said.contains("certificate") {
        return ConnectError::new("R134", Class::Pipeline, format!("{name}: {said}")).help(
            "a certificate has to be trusted by this machine; `tls: off` only where the network is trusted",
        );
    }
    if said.contains("password") || said.contains("configuration") || said.contains("authentication") {
        return ConnectError::new("R134", Class::Pipeline, format!("{name}: {said}"));
    }
    ConnectError::new("R102", Class::TRANSIENT, format!("{name}: {said}"))
        .help("is it running, and is the address right? sfsync tries again by itself")
}

fn causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str, tls: Option<Tls>) -> SslMode {
        let config = PostgresConfig { url: Some(url.into()), tls, ..PostgresConfig::default() };
        config.resolve().unwrap().get_ssl_mode()
    }

    #[test]
    fn tls_is_required_unless_the_address_is_local() {
        assert_eq!(mode("postgres://u@db.example.com/x", None), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example.com/x?sslmode=disable", None), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example.com/x", Some(Tls::Off)), SslMode::Disable);
        assert_eq!(mode("postgres://u@127.0.0.1/x", None), SslMode::Require);
        assert_eq!(mode("postgres://u@127.0.0.1/x?sslmode=disable", None), SslMode::Disable);
        assert_eq!(mode("postgres://u@127.0.0.1/x?sslmode=disable", Some(Tls::Required)), SslMode::Require);
        assert_eq!(mode("postgres://u@%2Ftmp%2Fpg/x", None), SslMode::Disable);
    }

    #[test]
    fn a_bad_url_is_not_quoted() {
        let config =
            PostgresConfig { url: Some("postgres://u:s3cret@h:port/x".into()), ..PostgresConfig::default() };
        let error = config.resolve().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
