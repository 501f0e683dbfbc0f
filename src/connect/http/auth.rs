//! Signing in: what a request carries, and access tokens of oauth2, which are asked for once however many requests wait.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use super::client::{Transport, Trouble};
use super::config::{Auth, Oauth, TokenKeeper};
use super::fault;
use crate::connect::ConnectError;
use crate::model::Class;

/// A token is renewed so long before it ends; one that is short-lived, when half of its time is over.
const EARLY: Duration = Duration::from_secs(60);

/// What requests of a connection prove themselves with.
pub(super) struct Proof {
    auth: Auth,
    keeper: Arc<dyn TokenKeeper>,
    /// Whoever holds it asks for a token; the others wait and use that one.
    asking: tokio::sync::Mutex<()>,
    token: std::sync::Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    access: SecretString,
    /// From when on another one is asked for.
    old: Option<Instant>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<String>,
}

impl Proof {
    pub(super) fn new(auth: Auth, keeper: Arc<dyn TokenKeeper>) -> Self {
        Self { auth, keeper, asking: tokio::sync::Mutex::default(), token: std::sync::Mutex::default() }
    }

    /// Whether a refused token may be followed by a better one.
    pub(super) fn renews(&self) -> bool {
        matches!(self.auth, Auth::Oauth(_))
    }

    /// The name of the query parameter that holds the key: it never enters an address that is kept.
    pub(super) fn param(&self) -> Option<&str> {
        match &self.auth {
            Auth::Param { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Adds the key to the address, where that is where it goes.
    pub(super) fn address(&self, url: &mut Url) {
        if let Auth::Param { name, key } = &self.auth {
            url.query_pairs_mut().append_pair(name, key.expose_secret());
        }
    }

    /// Adds what goes into a header. `token` is that of [`token`](Self::token).
    pub(super) fn sign(
        &self,
        request: RequestBuilder,
        token: Option<&SecretString>,
    ) -> Result<RequestBuilder, ConnectError> {
        Ok(match (&self.auth, token) {
            (Auth::Basic { user, password }, _) => request.basic_auth(user, Some(password.expose_secret())),
            (Auth::Header { name, key }, _) => request.header(header_name(name)?, sensitive(key, "")?),
            (_, Some(token)) => request.header(AUTHORIZATION, sensitive(token, "Bearer ")?),
            _ => request,
        })
    }

    /// The token that requests carry, asked for if there is none that still holds. `refused`: the one that the app refused.
    pub(super) async fn token(
        self: &Arc<Self>,
        transport: &Arc<Transport>,
        refused: Option<&SecretString>,
    ) -> Result<Option<SecretString>, Trouble> {
        match &self.auth {
            Auth::Bearer(token) => return Ok(Some(token.clone())),
            Auth::Oauth(_) => {}
            _ => return Ok(None),
        }
        if let Some(token) = self.held(refused) {
            return Ok(Some(token));
        }
        // An app that replaces the refresh token has done so although nobody waits for its answer any more: whoever asks, asks to the
        // end.
        let (proof, transport, refused) = (Arc::clone(self), Arc::clone(transport), refused.cloned());
        let asking = tokio::spawn(async move { proof.renewed(&transport, refused.as_ref()).await });
        let token = asking.await.unwrap_or_else(|_| {
            let message = "signing in was interrupted";
            Err(Trouble::unsent(ConnectError::new("R105", Class::TRANSIENT, message)))
        });
        token.map(Some)
    }

    async fn renewed(
        &self,
        transport: &Transport,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, Trouble> {
        let _asking = self.asking.lock().await;
        if let Some(token) = self.held(refused) {
            return Ok(token);
        }
        let granted = self.granted(transport).await?;
        if let Some(next) = &granted.refresh_token {
            self.keeper.save(next);
        }
        let lasts = granted.expires_in.as_ref().and_then(seconds).map(Duration::from_secs);
        let old = lasts.map(|lasts| Instant::now().checked_add(lasts.saturating_sub(EARLY.min(lasts / 2))));
        let token = Token { access: granted.access_token, old: old.flatten() };
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token.access)
    }

    fn held(&self, refused: Option<&SecretString>) -> Option<SecretString> {
        let held = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let is_refused = refused.is_some_and(|token| token.expose_secret() == held.access.expose_secret());
        let is_old = held.old.is_some_and(|old| old <= Instant::now());
        (!is_refused && !is_old).then_some(held.access)
    }

    /// Asks; once more where somebody else replaced the refresh token meanwhile: two versions of a connection file share it.
    async fn granted(&self, transport: &Transport) -> Result<Granted, Trouble> {
        let Auth::Oauth(oauth) = &self.auth else {
            return Err(Trouble::unsent(ConnectError::new("R104", Class::Pipeline, "nothing to renew")));
        };
        let given = oauth.refresh_token.as_ref().map(|token| token.expose_secret().to_owned());
        let kept = || given.clone().map(|given| self.keeper.load().unwrap_or(given));
        let used = kept();
        match self.ask(transport, oauth, used.as_deref()).await {
            Err(trouble) if trouble.error.class == Class::Session && kept() != used => {
                self.ask(transport, oauth, kept().as_deref()).await
            }
            asked => asked,
        }
    }

    async fn ask(
        &self,
        transport: &Transport,
        oauth: &Oauth,
        refresh: Option<&str>,
    ) -> Result<Granted, Trouble> {
        let scopes = oauth.scopes.join(" ");
        let mut form = vec![("client_id", oauth.client_id.as_str())];
        match refresh {
            Some(token) => form.extend([("grant_type", "refresh_token"), ("refresh_token", token)]),
            None => form.push(("grant_type", "client_credentials")),
        }
        if let Some(secret) = &oauth.client_secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        if !scopes.is_empty() {
            form.push(("scope", &scopes));
        }
        let request = transport.http.post(&oauth.token_url).form(&form);
        // Whatever became of it: the request that needs the token was not sent.
        let answer = transport.once(request).await.map_err(|trouble| Trouble::unsent(*trouble.error))?;
        if !answer.is_good() {
            return Err(Trouble::unsent(refusal(transport, &answer)));
        }
        serde_json::from_slice(&answer.body).map_err(|_| {
            let message = format!("{}: the token address answered without `access_token`", transport.name);
            Trouble::unsent(
                ConnectError::new("R104", Class::Pipeline, message).help("correct `auth.token_url`"),
            )
        })
    }
}

/// An error of the token address itself is worth trying again; a refusal of what was sent needs a person.
fn refusal(transport: &Transport, answer: &super::client::Answer) -> ConnectError {
    let said = fault::code_of(&answer.body).map(|code| format!(" ({code})")).unwrap_or_default();
    let message = format!("{}: the token address answered {}{said}", transport.name, answer.status);
    if answer.status >= 500 || answer.status == 429 {
        let pause = Class::Transient { retry_after: answer.pause() };
        return ConnectError::new("R102", pause, message).help("it is tried again");
    }
    ConnectError::new("R104", Class::Session, message)
        .help("compare `client_id`, `client_secret` and `refresh_token` of `auth` with the app")
}

/// Some apps write the number as text, or with decimals. One that is over already is none.
fn seconds(value: &serde_json::Value) -> Option<u64> {
    let text = match value {
        serde_json::Value::String(text) => text.trim().to_owned(),
        serde_json::Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if text.starts_with('-') {
        return Some(0);
    }
    text.split('.').next()?.parse().ok()
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, ConnectError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        ConnectError::new("R109", Class::Pipeline, format!("`{name}` is no name of a header"))
            .help("letters, digits and hyphens")
    })
}

/// A header value that no debug output shows.
pub(super) fn sensitive(secret: &SecretString, before: &str) -> Result<HeaderValue, ConnectError> {
    let text = format!("{before}{}", secret.expose_secret().trim());
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        ConnectError::new("R104", Class::Pipeline, "a secret holds bytes that no header may have")
            .help("look for line breaks in it")
    })?;
    value.set_sensitive(true);
    Ok(value)
}
