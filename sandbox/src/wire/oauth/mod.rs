//! OAuth 2.0 as Salesforce speaks it (section 1). Sign-in only: may not know resources. Read [`answer`] first.

mod authorize;
mod client;
mod error;
mod identity;
mod jwt;
mod token;
mod tokens;

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

pub use client::{JwtKey, NotAKey, OAuthClient};
pub(crate) use tokens::{Session, Tokens};

use super::reply::Reply;
use super::request::{Params, WireRequest};
use super::route::Target;
use super::server::Server;
use crate::org::{ApiError, UserInfo};
use error::OAuthError;

/// Answers a sign-in resource.
pub(crate) fn answer(server: &Server, target: &Target, request: &WireRequest) -> Reply {
    let form = || Params::parse(&request.body);
    let result = match target {
        Target::Token => token::exchange(server, request),
        Target::Authorize if request.method == Method::POST => authorize::decide(server, &form()),
        Target::Authorize => Ok(authorize::ask(server, &request.query)),
        Target::Revoke if request.method == Method::POST => revoke(server, &form()),
        Target::Revoke => revoke(server, &request.query),
        Target::Introspect => introspect(server, request),
        Target::UserInfo => Ok(identity::user_info(server, request)),
        Target::Identity { org, user } => Ok(identity::identity(server, request, org, user)),
        _ => return ApiError::not_found().into(),
    };
    result.unwrap_or_else(|error| error.reply())
}

/// The access token in the `Authorization` header: `Bearer …` or `OAuth …`.
pub(crate) fn bearer(request: &WireRequest) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth");
    known.then_some(token.trim())
}

/// The client of a form, its secret checked if it has one. Id and secret stand in the form or in Basic.
fn client_of(server: &Server, form: &Params, request: &WireRequest) -> Result<OAuthClient, OAuthError> {
    let basic = basic(request);
    let (basic_id, basic_secret) = basic.as_ref().map_or((None, None), |(id, s)| (Some(&**id), Some(&**s)));
    let id = form.get("client_id").or(basic_id).ok_or_else(|| OAuthError::missing("client_id"))?;
    let client = server.clients.get(id).ok_or_else(OAuthError::unknown_client)?;
    let secret = form.get("client_secret").or(basic_secret);
    if client.secret.as_deref() != secret {
        return Err(OAuthError::wrong_secret());
    }
    Ok(client)
}

fn basic(request: &WireRequest) -> Option<(String, String)> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// An active user, or why the user may not sign in.
fn active_user(user: Option<UserInfo>) -> Result<UserInfo, OAuthError> {
    let user = user.ok_or_else(|| OAuthError::invalid_grant("authentication failure"))?;
    if user.is_active { Ok(user) } else { Err(OAuthError::invalid_grant("inactive user")) }
}

/// Section 1.10.
fn revoke(server: &Server, form: &Params) -> Result<Reply, OAuthError> {
    let token = form.get("token").ok_or_else(|| OAuthError::missing("token"))?;
    if server.tokens.revoke(token) {
        return Ok(Reply::empty(200));
    }
    Err(OAuthError::new("invalid_token", "token was invalid"))
}

/// Section 1.11. A client sees only its own tokens.
fn introspect(server: &Server, request: &WireRequest) -> Result<Reply, OAuthError> {
    let form = Params::parse(&request.body);
    let client = client_of(server, &form, request)?;
    let token = form.get("token").ok_or_else(|| OAuthError::missing("token"))?;
    let access = server.tokens.look(token, server.now());
    let (grant, kind, times) = match access {
        Some((session, end)) => {
            (session.grant, "access_token", Some((session.issued_at.as_second(), end.as_second())))
        }
        None => match server.tokens.refresh_grant(token) {
            Some(grant) => (grant, "refresh_token", None),
            None => return Ok(Reply::json(200, &json!({ "active": false }))),
        },
    };
    if grant.client_id != client.id {
        return Ok(Reply::json(200, &json!({ "active": false })));
    }
    let username =
        server.org.users().into_iter().find(|user| user.id == grant.user).map(|user| user.username);
    let mut body = json!({
        "active": true, "scope": grant.scope, "client_id": grant.client_id, "username": username,
        "sub": identity::url(server, grant.user), "token_type": kind,
    });
    if let Some((issued, end)) = times {
        body["exp"] = end.into();
        body["iat"] = issued.into();
        body["nbf"] = issued.into();
    }
    Ok(Reply::json(200, &body))
}
