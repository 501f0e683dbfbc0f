//! Telling people: a Slack channel, a mailbox, an address that is called. A letter holds no record values and no secrets. Nothing here decides
//! what is told, or tries again.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use reqwest::Url;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::ConnectError;
use crate::model::Class;

/// How long a channel may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Port of mail that is encrypted from the first byte; on others encryption is asked for first.
const SMTPS: u16 = 465;
const SUBMISSION: u16 = 587;

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Everything, for people.
    pub text: String,
    /// The same, for machines.
    pub notices: Vec<Notice>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The pipeline.
    pub pipeline: String,
    /// `failed`, `paused`, `blocked`, `degraded`, `held`, `approval`, `budget`, `file`, `recovered`.
    pub kind: &'static str,
    /// One sentence.
    pub text: String,
}

/// Where letters go.
#[derive(Debug)]
pub enum Channel {
    /// The incoming webhook of a Slack channel; the address is the secret.
    Slack {
        /// The address.
        url: SecretString,
    },
    /// Any address that takes JSON: `subject`, `text`, `notices`.
    Webhook {
        /// The address.
        url: SecretString,
        /// Headers, such as a token.
        headers: Vec<(String, SecretString)>,
    },
    /// A mailbox.
    Email(Box<Mail>),
}

/// How mail is sent.
#[derive(Debug)]
pub struct Mail {
    /// `mail.example.com` or `mail.example.com:587`.
    pub smtp: String,
    /// User and password, where the server asks for them.
    pub sign_in: Option<(String, SecretString)>,
    /// Sender.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
}

impl Channel {
    /// Sends a letter. Fails with class `Transient` where another try may help.
    pub async fn send(&self, letter: &Letter) -> Result<(), ConnectError> {
        let sent = async {
            match self {
                Self::Slack { url } => call(url, &[], &serde_json::json!({ "text": letter.text })).await,
                Self::Webhook { url, headers } => call(url, headers, letter).await,
                Self::Email(mail) => mail.send(letter).await,
            }
        };
        let silent = |_| failed("it did not answer in time", Class::TRANSIENT);
        tokio::time::timeout(PATIENCE, sent).await.map_err(silent)?
    }
}

fn failed(what: &str, class: Class) -> ConnectError {
    ConnectError::new("R114", class, format!("the notification was not taken: {what}"))
}

async fn call(
    url: &SecretString,
    headers: &[(String, SecretString)],
    body: &impl Serialize,
) -> Result<(), ConnectError> {
    let address = address(url.expose_secret())?;
    // The first caller in the process wins; all ask for the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(Policy::none()).timeout(PATIENCE).build();
    let client =
        client.map_err(|_| failed("no https client can be made on this machine", Class::Pipeline))?;
    let mut request = client.post(address).json(body);
    for (name, value) in headers {
        request = request.header(name, value.expose_secret());
    }
    // The address is a secret: errors leave it out.
    let answer =
        request.send().await.map_err(|error| failed(&error.without_url().to_string(), Class::TRANSIENT))?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status if status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS => {
            Err(failed(&format!("HTTP {status}"), Class::TRANSIENT))
        }
        status => Err(failed(&format!("HTTP {status}"), Class::Pipeline)),
    }
}

/// https; plain http only on this machine.
fn address(text: &str) -> Result<Url, ConnectError> {
    let bad = |why: &str| {
        ConnectError::new("R125", Class::Pipeline, format!("the address of a notification {why}"))
    };
    let url = Url::parse(text).map_err(|_| bad("is no address"))?;
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(host) => Ok(url),
        _ => Err(bad("is not https")),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Mail {
    async fn send(&self, letter: &Letter) -> Result<(), ConnectError> {
        let message = self.message(letter)?;
        let sent = self.transport()?.send(message).await;
        sent.map(|_| ()).map_err(|error| {
            let class = if error.is_permanent() { Class::Pipeline } else { Class::TRANSIENT };
            failed(&error.to_string(), class)
        })
    }

    fn message(&self, letter: &Letter) -> Result<Message, ConnectError> {
        let mailbox = |text: &str| {
            let bad = |_| failed(&format!("`{text}` is no mail address"), Class::Pipeline);
            text.parse::<Mailbox>().map_err(bad)
        };
        let mut message = Message::builder().from(mailbox(&self.from)?).subject(&letter.subject);
        for to in &self.to {
            message = message.to(mailbox(to)?);
        }
        message.body(letter.text.clone()).map_err(|error| failed(&error.to_string(), Class::Pipeline))
    }

    /// Encrypted always, but for a server on this machine.
    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, ConnectError> {
        type Smtp = AsyncSmtpTransport<Tokio1Executor>;
        let (host, port) = match self.smtp.rsplit_once(':') {
            Some((host, port)) => {
                let bad = |_| failed(&format!("`{port}` is no port"), Class::Pipeline);
                (host, port.parse().map_err(bad)?)
            }
            None => (self.smtp.as_str(), SUBMISSION),
        };
        let bad = |_| failed(&format!("`{host}` is no mail server"), Class::Pipeline);
        let mut smtp = match port {
            _ if is_loopback(host) => Smtp::builder_dangerous(host),
            SMTPS => Smtp::relay(host).map_err(bad)?,
            _ => Smtp::starttls_relay(host).map_err(bad)?,
        };
        if let Some((user, password)) = &self.sign_in {
            smtp = smtp.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(smtp.port(port).timeout(Some(PATIENCE)).build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_but_on_this_machine() {
        for (text, good) in [
            ("https://hooks.slack.com/services/T/B/x", true),
            ("http://hooks.slack.com/services/T/B/x", false),
            ("http://127.0.0.1:8080/x", true),
            ("http://[::1]/x", true),
            ("http://localhost.example.com/x", false),
            ("file:///etc/passwd", false),
            ("nonsense", false),
        ] {
            let answer = address(text);
            assert_eq!(answer.is_ok(), good, "{text}");
            assert!(
                answer.err().is_none_or(|error| !error.message.contains(text)),
                "the address is a secret"
            );
        }
    }
}
