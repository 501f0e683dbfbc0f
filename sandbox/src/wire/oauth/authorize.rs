//! The authorize page of the web-server flow (section 1.3): a page with a choice of users and two buttons, or
//! approval at once where the sandbox is told so. Read [`ask`] first.

use jiff::SignedDuration;

use super::client::OAuthClient;
use super::error::OAuthError;
use super::tokens::{Code, Grant};
use crate::org::UserInfo;
use crate::wire::reply::Reply;
use crate::wire::request::Params;
use crate::wire::server::Server;

/// How long a code may be exchanged.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(15);
const HTML: &str = "text/html;charset=UTF-8";
/// The parameters that travel through the page.
const CARRIED: [&str; 5] = ["client_id", "redirect_uri", "scope", "state", "code_challenge"];

/// `GET /services/oauth2/authorize`: what the browser sees first.
pub(super) fn ask(server: &Server, query: &Params) -> Reply {
    let asked = match Asked::of(server, query) {
        Ok(asked) => asked,
        Err(reply) => return *reply,
    };
    if query.get("response_type") != Some("code") {
        return asked.refuse("unsupported_response_type", "response type not supported");
    }
    if let Some(username) = &server.config.auto_approve {
        return asked.approve(server, server.user_named(username));
    }
    Reply::new(200, HTML, page(server, query, &asked.client))
}

/// `POST`: the page's two buttons.
pub(super) fn decide(server: &Server, form: &Params) -> Result<Reply, OAuthError> {
    let asked = match Asked::of(server, form) {
        Ok(asked) => asked,
        Err(reply) => return Ok(*reply),
    };
    if form.get("decision") != Some("approve") {
        return Ok(asked.refuse("access_denied", "end-user denied authorization"));
    }
    let username = form.get("username").ok_or_else(|| OAuthError::missing("username"))?;
    Ok(asked.approve(server, server.user_named(username)))
}

/// A request of a known client for one of its callback URLs: from here on, errors go back by redirect.
struct Asked {
    client: OAuthClient,
    redirect_uri: String,
    state: Option<String>,
    challenge: Option<String>,
    scope: Option<String>,
}

impl Asked {
    fn of(server: &Server, params: &Params) -> Result<Self, Box<Reply>> {
        let client = params.get("client_id").and_then(|id| server.clients.get(id));
        let client =
            client.ok_or_else(|| Box::new(error_page("invalid_client_id", "client identifier invalid")))?;
        let redirect_uri = params
            .get("redirect_uri")
            .filter(|uri| client.redirect_uris.iter().any(|known| known == uri))
            .ok_or_else(|| {
                Box::new(error_page("redirect_uri_mismatch", "redirect_uri must match configuration"))
            })?;
        let own = |name| params.get(name).map(str::to_owned);
        let asked = Self {
            redirect_uri: redirect_uri.to_owned(),
            state: own("state"),
            challenge: own("code_challenge"),
            scope: client.grant(params.get("scope")),
            client,
        };
        if asked.scope.is_none() {
            return Err(Box::new(asked.refuse("invalid_scope", "the requested scope is not allowed")));
        }
        if asked.client.requires_pkce && asked.challenge.is_none() {
            return Err(Box::new(asked.refuse("invalid_request", "missing required code challenge")));
        }
        Ok(asked)
    }

    fn approve(self, server: &Server, user: Option<UserInfo>) -> Reply {
        let Some(user) = user.filter(|user| user.is_active) else {
            return self.refuse("invalid_grant", "inactive user");
        };
        let scope = self.scope.clone().unwrap_or_default();
        let grant = Grant { user: user.id, client_id: self.client.id.clone(), scope };
        let expires = server.now().checked_add(CODE_LIFE).unwrap_or(jiff::Timestamp::MAX);
        let code = Code {
            grant,
            redirect_uri: self.redirect_uri.clone(),
            challenge: self.challenge.clone(),
            expires,
        };
        let code = server.tokens.add_code(code);
        self.redirect(&[("code", &code)])
    }

    fn refuse(&self, error: &str, description: &str) -> Reply {
        self.redirect(&[("error", error), ("error_description", description)])
    }

    fn redirect(&self, params: &[(&str, &str)]) -> Reply {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(params);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        let separator = if self.redirect_uri.contains('?') { '&' } else { '?' };
        Reply::empty(302).with("location", &format!("{}{separator}{}", self.redirect_uri, query.finish()))
    }
}

fn error_page(error: &str, description: &str) -> Reply {
    let text = format!("error={error}&error_description={description}");
    let page = format!("<!DOCTYPE html>\n<html><body><p>{}</p></body></html>\n", escaped(&text));
    Reply::new(400, HTML, page)
}

fn page(server: &Server, query: &Params, client: &OAuthClient) -> String {
    let hidden = |name: &&str| {
        let value = query.get(name)?;
        Some(format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escaped(value)))
    };
    let hidden: String = CARRIED.iter().filter_map(hidden).collect();
    let option = |user: UserInfo| {
        let username = escaped(&user.username);
        format!("<option value=\"{username}\">{} ({username})</option>\n", escaped(&user.name))
    };
    let users: String = server.org.users().into_iter().filter(|user| user.is_active).map(option).collect();
    format!(
        "<!DOCTYPE html>\n<html><head><title>Allow access?</title></head><body>\n\
         <h1>Allow access to {org}?</h1>\n<p>{client} asks for access. This org is a simulation: any user will do.</p>\n\
         <form method=\"post\" action=\"/services/oauth2/authorize\">\n{hidden}\
         <p><label>Sign in as <select name=\"username\">\n{users}</select></label></p>\n\
         <button name=\"decision\" value=\"approve\">Allow</button>\n\
         <button name=\"decision\" value=\"deny\">Deny</button>\n</form>\n</body></html>\n",
        org = escaped(&server.config.org.name),
        client = escaped(&client.id),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
