//! The token endpoint: every grant and its errors (sections 1.3 to 1.7). Read [`exchange`] first.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{digest, hmac};
use serde_json::json;

use super::client::OAuthClient;
use super::error::OAuthError;
use super::jwt::Assertion;
use super::tokens::{Code, Grant, Issued};
use super::{active_user, client_of, identity};
use crate::wire::reply::Reply;
use crate::wire::request::{Params, WireRequest};
use crate::wire::server::Server;

const FORM: &str = "application/x-www-form-urlencoded";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Answers `POST /services/oauth2/token`. Bodies other than forms are refused as an unknown grant.
pub(super) fn exchange(server: &Server, request: &WireRequest) -> Result<Reply, OAuthError> {
    let is_form = request.header("content-type").is_some_and(|value| value.starts_with(FORM));
    if request.method != Method::POST || !is_form {
        return Err(OAuthError::unsupported_grant_type());
    }
    let form = Params::parse(&request.body);
    match form.get("grant_type") {
        Some("authorization_code") => authorization_code(server, &form, request),
        Some("refresh_token") => refresh(server, &form, request),
        Some("client_credentials") => client_credentials(server, &form, request),
        Some(JWT_BEARER) => jwt_bearer(server, &form),
        _ => Err(OAuthError::unsupported_grant_type()),
    }
}

fn authorization_code(server: &Server, form: &Params, request: &WireRequest) -> Result<Reply, OAuthError> {
    let client = client_of(server, form, request)?;
    let code = form.get("code").ok_or_else(|| OAuthError::missing("code"))?;
    let code = server
        .tokens
        .take_code(code)
        .filter(|code| code.grant.client_id == client.id)
        .ok_or_else(|| OAuthError::invalid_grant("invalid authorization code"))?;
    let now = server.now();
    if now > code.expires {
        return Err(OAuthError::invalid_grant("expired authorization code"));
    }
    if form.get("redirect_uri") != Some(&code.redirect_uri) {
        return Err(OAuthError::new("redirect_uri_mismatch", "redirect_uri must match configuration"));
    }
    check_verifier(&code, form.get("code_verifier"))?;
    let refreshable = has_refresh_scope(&code.grant.scope);
    let issued = server.tokens.issue(code.grant, refreshable, now);
    Ok(answer(server, &client, &issued, now))
}

/// PKCE, S256 only.
fn check_verifier(code: &Code, verifier: Option<&str>) -> Result<(), OAuthError> {
    match (&code.challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) => {
            let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
            if URL_SAFE_NO_PAD.encode(hash) == *challenge {
                return Ok(());
            }
            Err(OAuthError::new("invalid_request", "invalid code verifier"))
        }
        (Some(_), None) => Err(OAuthError::invalid_grant("missing required code verifier")),
        (None, Some(_)) => Err(OAuthError::invalid_grant("invalid code verifier")),
    }
}

fn refresh(server: &Server, form: &Params, request: &WireRequest) -> Result<Reply, OAuthError> {
    let client = client_of(server, form, request)?;
    let token = form.get("refresh_token").ok_or_else(|| OAuthError::missing("refresh_token"))?;
    let now = server.now();
    let issued = server
        .tokens
        .refresh(token, &client.id, client.rotates_refresh_tokens, now)
        .ok_or_else(|| OAuthError::invalid_grant("expired access/refresh token"))?;
    active_user(server.org.users().into_iter().find(|user| user.id == issued.grant.user))?;
    Ok(answer(server, &client, &issued, now))
}

fn client_credentials(server: &Server, form: &Params, request: &WireRequest) -> Result<Reply, OAuthError> {
    let client = client_of(server, form, request)?;
    let none = || OAuthError::invalid_grant("no client credentials user enabled");
    let username = client.run_as.as_deref().filter(|_| client.secret.is_some()).ok_or_else(none)?;
    let user = active_user(server.user_named(username))?;
    let now = server.now();
    let grant = Grant { user: user.id, client_id: client.id.clone(), scope: scopes_without_refresh(&client) };
    let issued = server.tokens.issue(grant, false, now);
    Ok(answer(server, &client, &issued, now))
}

fn jwt_bearer(server: &Server, form: &Params) -> Result<Reply, OAuthError> {
    let assertion = form.get("assertion").ok_or_else(|| OAuthError::missing("assertion"))?;
    let assertion = Assertion::parse(assertion)?;
    let claims = &assertion.claims;
    let client = server.clients.get(&claims.iss).ok_or_else(OAuthError::unknown_client)?;
    let key = client.jwt_key.as_ref().ok_or_else(|| OAuthError::invalid_grant("invalid assertion"))?;
    assertion.verify(key)?;
    // The signer has a clock of its own: the wall clock, while the org's may stand still.
    claims.check(&audiences(server), &[Timestamp::now(), server.now()])?;
    let refused = || OAuthError::invalid_grant("user hasn't approved this consumer");
    let user = active_user(Some(server.user_named(claims.username()).ok_or_else(refused)?))?;
    if !client.preauthorized && !server.tokens.has_approved(user.id, &client.id) {
        return Err(refused());
    }
    let grant = Grant { user: user.id, client_id: client.id.clone(), scope: scopes_without_refresh(&client) };
    let issued = server.tokens.issue(grant, false, server.now());
    Ok(Reply::json(
        200,
        &json!({
            "access_token": issued.access, "scope": issued.grant.scope, "instance_url": server.url,
            "id": identity::url(server, user.id), "token_type": "Bearer",
        }),
    )
    .with("cache-control", "no-cache, no-store"))
}

/// The login host of the kind of org, and the org's own address.
fn audiences(server: &Server) -> [String; 2] {
    let sandbox = server.config.org.is_sandbox;
    let host = if sandbox { "https://test.salesforce.com" } else { "https://login.salesforce.com" };
    [host.to_owned(), server.url.clone()]
}

/// The answer of section 1.4.
fn answer(server: &Server, client: &OAuthClient, issued: &Issued, now: Timestamp) -> Reply {
    let id = identity::url(server, issued.grant.user);
    let issued_at = now.as_millisecond().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, client.secret.as_deref().unwrap_or("").as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, format!("{id}{issued_at}").as_bytes()));
    let mut body = json!({
        "access_token": issued.access, "signature": signature, "scope": issued.grant.scope,
        "instance_url": server.url, "id": id, "token_type": "Bearer", "issued_at": issued_at,
    });
    if let Some(refresh) = &issued.refresh {
        body["refresh_token"] = refresh.clone().into();
    }
    Reply::json(200, &body).with("cache-control", "no-cache, no-store").with("pragma", "no-cache")
}

pub(super) fn has_refresh_scope(scope: &str) -> bool {
    scope.split(' ').any(|scope| matches!(scope, "refresh_token" | "offline_access"))
}

fn scopes_without_refresh(client: &OAuthClient) -> String {
    let scopes = client.scopes.iter().filter(|scope| !has_refresh_scope(scope));
    scopes.map(String::as_str).collect::<Vec<_>>().join(" ")
}
