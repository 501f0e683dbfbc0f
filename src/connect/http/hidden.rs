//! What an app must not get into a message by quoting it: the secrets that a request carries.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::config::{Auth, Config};

/// Shorter values are words of every message, and no secrets.
const SHORTEST: usize = 6;

/// The secrets of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden {
    always: Arc<[SecretString]>,
    token: Option<SecretString>,
}

impl Hidden {
    /// Those that the connection file names.
    pub(super) fn of(config: &Config) -> Self {
        let named = config.headers.iter().chain(&config.params).map(|(_, value)| value);
        let mut all: Vec<SecretString> = named.cloned().collect();
        match &config.auth {
            Auth::None => {}
            Auth::Bearer(secret)
            | Auth::Basic { password: secret, .. }
            | Auth::Header { key: secret, .. }
            | Auth::Param { key: secret, .. } => all.push(secret.clone()),
            Auth::Oauth(oauth) => all.extend(oauth.client_secret.iter().chain(&oauth.refresh_token).cloned()),
        }
        Self { always: all.into(), token: None }
    }

    /// The access token of a request.
    pub(super) fn add(&mut self, token: &SecretString) {
        self.token = Some(token.clone());
    }

    /// A text of the app without them.
    pub(super) fn out_of(&self, text: String) -> String {
        self.always.iter().chain(&self.token).fold(text, |text, secret| {
            let secret = secret.expose_secret().trim();
            if secret.len() < SHORTEST || !text.contains(secret) { text } else { text.replace(secret, "…") }
        })
    }
}
