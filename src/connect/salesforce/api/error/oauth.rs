//! Refusals of the token endpoint (sections 1.5 to 1.7 and 1.14).

use super::{Fault, Reaction, Verdict};
use crate::model::Class;

/// One row of the table of sign-in errors.
#[derive(Clone, Copy, Debug)]
pub struct OauthFault {
    /// `error`.
    pub error: &'static str,
    /// A word of `error_description`; empty for any.
    pub word: &'static str,
    /// What can be done about it.
    pub class: Class,
    /// What a person can do.
    pub help: &'static str,
}

const AGAIN: &str = "sign in again: sfsync connect";
const ADMIN: &str = "an administrator has to approve the app for this user, by profile or permission set";

const fn row(error: &'static str, word: &'static str, class: Class, help: &'static str) -> OauthFault {
    OauthFault { error, word, class, help }
}

/// Rows with a word come before the row of the same error without.
#[rustfmt::skip]
pub(super) const OAUTH: &[OauthFault] = &[
    row("invalid_grant", "expired access/refresh token", Class::Session, AGAIN),
    row("invalid_grant", "authorization code", Class::Session, "the sign-in took too long or was used twice: start again"),
    row("invalid_grant", "ip restricted", Class::Pipeline, "an administrator has to allow this machine's address"),
    row("invalid_grant", "inactive user", Class::Pipeline, "the integration user is frozen or inactive: an administrator has to activate it"),
    row("invalid_grant", "inactive organization", Class::Pipeline, "the org is inactive"),
    row("invalid_grant", "authentication failure", Class::Pipeline, "check user and password; it is not tried again, that would lock the user"),
    row("invalid_grant", "no client credentials user enabled", Class::Pipeline, "the app needs a run-as user for the client credentials flow"),
    row("invalid_grant", "hasn't approved this consumer", Class::Pipeline, ADMIN),
    row("invalid_grant", "audience", Class::Pipeline, "`environment` does not fit the org: production or sandbox?"),
    row("invalid_grant", "invalid assertion", Class::Pipeline, "the private key does not fit the certificate of the app"),
    row("invalid_grant", "not supported on this domain", Class::Pipeline, "client credentials need `domain`, the org's own address"),
    row("invalid_grant", "", Class::Session, AGAIN),
    row("invalid_client_id", "", Class::Pipeline, "check `auth.client_id`; a new app takes some minutes to be known"),
    row("invalid_client", "", Class::Pipeline, "check `auth.client_secret`; the app must be installed in the org"),
    row("invalid_app_access", "", Class::Pipeline, ADMIN),
    row("inactive_user", "", Class::Pipeline, "the integration user is frozen or inactive: an administrator has to activate it"),
    row("unsupported_grant_type", "", Class::Pipeline, "the flow is not enabled for the app, or `domain` is a lightning address"),
    row("invalid_request", "", Class::Pipeline, "check the app's settings: PKCE, secret, callback address"),
    row("invalid_scope", "", Class::Pipeline, "the app needs the scopes api, refresh_token and id"),
    row("redirect_uri_mismatch", "", Class::Pipeline, "the callback address must stand in the app exactly like this"),
    row("access_denied", "", Class::Session, "the sign-in was refused in the browser: start again"),
    row("access-denied", "", Class::Session, "the sign-in was refused in the browser: start again"),
    row("OAUTH_APP_ACCESS_DENIED", "", Class::Pipeline, ADMIN),
    row("unsupported_token_type", "", Class::Pipeline, "this token cannot be revoked"),
    row("invalid_token", "", Class::Session, "the token is over already"),
    row("rate_limit_exceeded", "", Class::Quota, "too many sign-ins within an hour; it goes on by itself"),
    row("server_error", "", Class::TRANSIENT, "it is tried again"),
];

/// What is to be thought of a refusal of the token endpoint. Unknown errors stop the connection, answers without a reason are judged
/// by their status.
pub fn oauth_verdict(status: u16, fault: Option<&Fault>) -> Verdict {
    let Some(fault) = fault else {
        let verdict = super::by_status(status);
        return Verdict {
            message_code: if verdict.class.is_retried() { verdict.message_code } else { "R104" },
            ..verdict
        };
    };
    let found = OAUTH
        .iter()
        .find(|row| row.error == fault.code && (row.word.is_empty() || fault.message.contains(row.word)));
    let (class, help) = found
        .map_or((Class::Pipeline, "this answer is not known: please report it"), |row| (row.class, row.help));
    Verdict { class, message_code: "R104", reaction: Reaction::None, help }
}
