//! Signing in and staying signed in (section 1). One renewal at a time for all callers; a new refresh token is stored durably before
//! the access token that came with it is used, because a rotated token that is lost ends the connection.
//! Read [`Session`] first.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::api::error::{oauth_verdict, parse_body};
use super::api::oauth::{self, Authorization, Grant, TokenAnswer};
use super::client::{Client, locked};
use super::config::checked_base;
use super::tokens::{StoredToken, TokenStore, TokenStoreError};
use super::transport::broken;
use super::{Auth, Config};
use crate::connect::ConnectError;
use crate::model::Class;

/// A session that calls can use.
#[derive(Debug)]
pub struct Live {
    /// Goes into the `Authorization` header.
    pub access_token: SecretString,
    /// Base of every API call.
    pub base: Url,
    /// Identity URL, with the ids of org and user.
    pub identity: String,
}

impl Live {
    fn of(token: &StoredToken) -> Result<Arc<Self>, ConnectError> {
        Ok(Arc::new(Self {
            access_token: token.access_token.clone(),
            base: checked_base(&token.instance_url)?,
            identity: token.identity.clone(),
        }))
    }
}

/// The session of one connection.
pub(crate) struct Session {
    login_base: Url,
    tokens: Arc<dyn TokenStore>,
    live: Mutex<Option<Arc<Live>>>,
    /// Held while somebody signs in or renews: the others wait and take the result.
    turn: tokio::sync::Mutex<()>,
}

impl Session {
    pub(super) fn new(config: &Config, tokens: Arc<dyn TokenStore>) -> Result<Self, ConnectError> {
        Ok(Self {
            login_base: config.login_base()?,
            tokens,
            live: Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    fn live(&self) -> Option<Arc<Live>> {
        locked(&self.live).clone()
    }

    fn set(&self, live: &Arc<Live>) {
        *locked(&self.live) = Some(Arc::clone(live));
    }

    /// The session in use; signs in if there is none.
    pub(super) async fn current(&self, client: &Client) -> Result<Arc<Live>, ConnectError> {
        if let Some(live) = self.live() {
            return Ok(live);
        }
        let _turn = self.turn.lock().await;
        if let Some(live) = self.live() {
            return Ok(live);
        }
        let live = match self.stored(client.config())? {
            Some(token) => Live::of(&token)?,
            None => self.obtain(client, None).await?,
        };
        self.set(&live);
        Ok(live)
    }

    /// Another session in place of one that a call found to be over, and whether it was obtained just now. Callers that found the same
    /// one over share one renewal; what another process renewed is taken over.
    pub(super) async fn renew(
        &self,
        client: &Client,
        over: &Arc<Live>,
    ) -> Result<(Arc<Live>, bool), ConnectError> {
        let _turn = self.turn.lock().await;
        if let Some(live) = self.live().filter(|live| !Arc::ptr_eq(live, over)) {
            return Ok((live, false));
        }
        let stored = self.stored(client.config())?;
        let is_over =
            |token: &StoredToken| token.access_token.expose_secret() == over.access_token.expose_secret();
        let (live, is_fresh) = match stored {
            Some(token) if !is_over(&token) => (Live::of(&token)?, false),
            old => (self.obtain(client, old).await?, true),
        };
        self.set(&live);
        Ok((live, is_fresh))
    }

    /// Finishes a web sign-in with the query that the browser brought back (section 1.3). Replaces the session, but only with one of the
    /// right org: until that is known nobody may use it, and one of another org ends at once.
    pub(crate) async fn finish(
        &self,
        client: &Client,
        authorization: &Authorization,
        query: &str,
    ) -> Result<Arc<Live>, ConnectError> {
        let code = authorization.code(query).map_err(refused)?;
        let _turn = self.turn.lock().await;
        let answer = self.exchange(client, &authorization.grant(&code), &self.login_base).await?;
        let token = self.token(client, answer, None);
        let live = Live::of(&token)?;
        if let Err(wrong) = self.examine(client, &live).await {
            if let Err(error) = self.end(client, &token).await {
                tracing::warn!(%error, "a sign-in to the wrong org could not be ended");
            }
            return Err(wrong);
        }
        self.tokens.save(&token).map_err(store_failed)?;
        self.set(&live);
        Ok(live)
    }

    /// The org must be of the environment that the file names, and the one that this connection reached before.
    async fn examine(&self, client: &Client, live: &Live) -> Result<(), ConnectError> {
        let org = client.org_behind(live).await?;
        if let Some(problem) = client.wrong_environment(&org) {
            return Err(problem);
        }
        let known = match client.known_org() {
            Some(known) => Some(known.to_owned()),
            None => self
                .stored(client.config())?
                .and_then(|token| TokenAnswer::ids(&token.identity).map(|(org, _)| org.to_owned())),
        };
        match known.filter(|known| !same_id(known, &org.id)) {
            None => Ok(()),
            Some(known) => {
                let name = &client.config().name;
                let text = format!(
                    "this is another org ({}, {}) than connection {name} has reached so far ({known})",
                    org.name, org.id
                );
                let help = format!(
                    "links and cursors belong to one org: sign in to that one, or make a connection file of its own; to give {name} \
                     up: sfsync disconnect {name}, then restart"
                );
                Err(ConnectError::new("R104", Class::Pipeline, text).help(help))
            }
        }
    }

    /// Ends the session at Salesforce (section 1.10) and forgets its tokens. False where nobody was signed in. What Salesforce does
    /// not know any more is over already; tokens of which that is not sure are kept, so that it can be tried again.
    pub(super) async fn revoke(&self, client: &Client) -> Result<bool, ConnectError> {
        let _turn = self.turn.lock().await;
        let Some(stored) = self.stored(client.config())? else { return Ok(false) };
        self.end(client, &stored).await?;
        self.tokens.forget().map_err(store_failed)?;
        *locked(&self.live) = None;
        Ok(true)
    }

    /// The refresh token takes its access tokens with it.
    async fn end(&self, client: &Client, token: &StoredToken) -> Result<(), ConnectError> {
        let token = token.refresh_token.as_ref().unwrap_or(&token.access_token);
        let mut url = self.login_base.clone();
        url.set_path(oauth::REVOKE);
        let form = [("token", token.expose_secret())];
        let response = client.http().post(url).form(&form).send().await.map_err(|cause| broken(&cause))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|cause| broken(&cause))?;
        if matches!(status, 200 | 400) { Ok(()) } else { Err(sign_in_error(status, &body)) }
    }

    /// The stored tokens, if they belong to this sign-in address and app.
    fn stored(&self, config: &Config) -> Result<Option<StoredToken>, ConnectError> {
        let token = self.tokens.load().map_err(store_failed)?;
        Ok(token.filter(|token| {
            token.login_base == self.login_base.as_str() && token.client_id == config.auth.client_id()
        }))
    }

    async fn obtain(&self, client: &Client, old: Option<StoredToken>) -> Result<Arc<Live>, ConnectError> {
        let answer = match &client.config().auth {
            Auth::AuthorizationCode { .. } => self.refresh(client, old.as_ref()).await?,
            Auth::ClientCredentials { .. } => {
                client.repeat(|| self.exchange(client, &Grant::ClientCredentials, &self.login_base)).await?
            }
            Auth::JwtBearer { client_id, username, private_key } => {
                client.repeat(|| self.assert(client, (client_id, username), private_key)).await?
            }
        };
        self.keep(client, answer, old)
    }

    async fn assert(
        &self,
        client: &Client,
        (client_id, username): (&str, &str),
        private_key: &SecretString,
    ) -> Result<TokenAnswer, ConnectError> {
        let now: Timestamp = client.server_now().unwrap_or_else(|| client.clock().now());
        let audience = client.config().environment.login_host();
        let assertion = oauth::assertion(client_id, username, audience, private_key, now).map_err(refused)?;
        self.exchange(client, &Grant::JwtBearer(&assertion), &self.login_base).await
    }

    /// Section 1.5. With rotation a lost answer is not repeated here: the next call goes on with the old access token first.
    async fn refresh(&self, client: &Client, old: Option<&StoredToken>) -> Result<TokenAnswer, ConnectError> {
        let Some((old, refresh_token)) = old.and_then(|old| Some((old, old.refresh_token.as_ref()?))) else {
            let text = format!("nobody has signed in to connection {} yet", client.config().name);
            return Err(ConnectError::new("R104", Class::Session, text)
                .help(format!("sfsync connect {}", client.config().name)));
        };
        let grant = Grant::RefreshToken(refresh_token);
        if old.rotates {
            return self.exchange(client, &grant, &self.login_base).await;
        }
        client.repeat(|| self.exchange(client, &grant, &self.login_base)).await
    }

    /// Stores what a sign-in brought; only then may it be used.
    fn keep(
        &self,
        client: &Client,
        answer: TokenAnswer,
        old: Option<StoredToken>,
    ) -> Result<Arc<Live>, ConnectError> {
        let token = self.token(client, answer, old);
        let live = Live::of(&token)?;
        self.tokens.save(&token).map_err(store_failed)?;
        Ok(live)
    }

    fn token(&self, client: &Client, answer: TokenAnswer, old: Option<StoredToken>) -> StoredToken {
        let had_refresh = old.as_ref().is_some_and(|old| old.refresh_token.is_some());
        StoredToken {
            rotates: had_refresh
                && (answer.refresh_token.is_some() || old.as_ref().is_some_and(|old| old.rotates)),
            refresh_token: answer.refresh_token.or(old.and_then(|old| old.refresh_token)),
            access_token: answer.access_token,
            instance_url: answer.instance_url,
            identity: answer.id,
            login_base: self.login_base.to_string(),
            client_id: client.config().auth.client_id().to_owned(),
        }
    }

    /// One request to the token endpoint.
    async fn exchange(
        &self,
        client: &Client,
        grant: &Grant<'_>,
        base: &Url,
    ) -> Result<TokenAnswer, ConnectError> {
        let auth = &client.config().auth;
        let secret = match auth {
            Auth::AuthorizationCode { client_secret, .. } => client_secret.as_ref(),
            Auth::ClientCredentials { client_secret, .. } => Some(client_secret),
            Auth::JwtBearer { .. } => None,
        };
        let form = oauth::token_form(grant, auth.client_id(), secret);
        let mut url = base.clone();
        url.set_path(oauth::TOKEN);
        let wait = client.config().transport.answer.min(std::time::Duration::from_secs(60));
        let response =
            client.http().post(url).form(&form).timeout(wait).send().await.map_err(|cause| broken(&cause))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|cause| broken(&cause))?;
        if status == 200
            && let Ok(answer) = serde_json::from_slice::<TokenAnswer>(&body)
        {
            return Ok(answer);
        }
        Err(sign_in_error(status, &body))
    }
}

/// Ids may have 15 or 18 characters; the last three say nothing new.
fn same_id(one: &str, other: &str) -> bool {
    one.get(..15).unwrap_or(one) == other.get(..15).unwrap_or(other)
}

/// What the token endpoint refused, and why.
fn sign_in_error(status: u16, body: &[u8]) -> ConnectError {
    let faults = parse_body(body);
    let verdict = oauth_verdict(status, faults.first());
    let (name, text) = match faults.first() {
        Some(fault) => {
            (fault.code.clone(), format!("salesforce refused the sign-in: {} {}", fault.code, fault.message))
        }
        None => (String::new(), format!("salesforce answered {status} to the sign-in without a reason")),
    };
    let error =
        ConnectError::new(verdict.message_code, verdict.class, text.trim_end().to_owned()).help(verdict.help);
    if name.is_empty() { error } else { error.remote(name) }
}

fn refused(cause: oauth::OauthError) -> ConnectError {
    ConnectError::new("R104", Class::Pipeline, cause.to_string()).caused_by(cause)
}

fn store_failed(cause: TokenStoreError) -> ConnectError {
    ConnectError::new("R104", Class::Pipeline, cause.to_string()).caused_by(cause)
}
