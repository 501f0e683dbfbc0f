//! Calls of an org or of an app. Nothing is kept of a call before it has proved who it is, but where the body is what proves it: then few are read at a
//! time, and each is small.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::access::bearer;
use super::answer::Refusal;
use super::router::{Daemon, Shared};
use crate::runtime::control::Control;
use crate::runtime::hooks::{HookHead, HookOpen, HookRefusal, HookTaken, HookTarget, acknowledgement};

/// Bodies that are read at once before it is known who sent them.
const UNPROVEN: usize = 16;
/// Bodies that are read at once of those who have proved who they are.
const PROVEN: usize = 64;
/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// How many bodies are being read.
pub(super) struct Gates {
    unproven: Semaphore,
    proven: Semaphore,
}

impl Default for Gates {
    fn default() -> Self {
        Self { unproven: Semaphore::new(UNPROVEN), proven: Semaphore::new(PROVEN) }
    }
}

/// The answer to a call that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Records that it named.
    pub records: usize,
    /// Pipelines that look at them.
    pub pipelines: usize,
    /// It was heard before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}

impl From<HookTaken> for Taken {
    fn from(taken: HookTaken) -> Self {
        Self { records: taken.records, pipelines: taken.pipelines, repeated: taken.repeated }
    }
}

/// `POST /hooks/<connection>`
pub(super) async fn of_org(
    daemon: Daemon,
    State(shared): State<Shared>,
    Path(connection): Path<String>,
    request: Request,
) -> Response {
    json((daemon, shared), (&connection, HookTarget::Org), request).await
}

/// `POST /hooks/<connection>/<resource>`
pub(super) async fn of_app(
    daemon: Daemon,
    State(shared): State<Shared>,
    Path((connection, resource)): Path<(String, String)>,
    request: Request,
) -> Response {
    json((daemon, shared), (&connection, HookTarget::Resource(&resource)), request).await
}

/// `POST /hooks/<connection>/outbound/<token>`
pub(super) async fn messages(
    Daemon(control): Daemon,
    State(shared): State<Shared>,
    Path((connection, token)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let of_message = (connection.as_str(), HookTarget::Messages);
    let taken = match opened(&*control, of_message, (&HeaderMap::new(), Some(&token))) {
        Ok(open) => match arrived(&shared, &open, (&parts.headers, body)).await {
            Ok(body) => control.hook_body(open, body).await,
            Err(refusal) => {
                let status = refusal.into_response().status();
                return acknowledged(status, false);
            }
        },
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok(_) => acknowledged(StatusCode::OK, true),
        Err(refusal) => {
            let (status, wait) = status(&refusal);
            let mut response = acknowledged(status, false);
            again(&mut response, wait);
            response
        }
    }
}

/// The one answer that Salesforce takes; any other makes it send the message again.
fn acknowledged(status: StatusCode, taken: bool) -> Response {
    let xml = HeaderValue::from_static("text/xml; charset=utf-8");
    (status, [(header::CONTENT_TYPE, xml)], acknowledgement(taken)).into_response()
}

async fn json(
    (Daemon(control), shared): (Daemon, Shared),
    (connection, target): (&str, HookTarget<'_>),
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let query = RawQuery(parts.uri.query().map(str::to_owned));
    let token = of_query(&query);
    let opened = opened(&*control, (connection, target), (&parts.headers, token.as_deref()));
    let taken = match opened {
        Ok(open) => match arrived(&shared, &open, (&parts.headers, body)).await {
            Ok(body) => control.hook_body(open, body).await,
            Err(refusal) => return refusal.into_response(),
        },
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok(taken) => (StatusCode::ACCEPTED, Json(Taken::from(taken))).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

fn opened(
    control: &dyn Control,
    (connection, target): (&str, HookTarget<'_>),
    (headers, token): (&HeaderMap, Option<&str>),
) -> Result<HookOpen, HookRefusal> {
    let header = |name: &str| headers.get(name).map(|value| value.as_bytes().to_vec());
    let token = token.map(str::as_bytes);
    control.hook(&HookHead { connection, target, bearer: bearer(headers), token, header: &header })
}

/// Reads a body that is expected, up to its limit.
pub(super) async fn arrived(
    shared: &Shared,
    open: &HookOpen,
    (headers, body): (&HeaderMap, Body),
) -> Result<Bytes, Refusal> {
    let said =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|length| length > open.limit) {
        return Err(too_large(open.limit));
    }
    let gate = if open.is_proven() { &shared.gates.proven } else { &shared.gates.unproven };
    let reading = async {
        let _place = gate.acquire().await.ok();
        axum::body::to_bytes(body, open.limit).await
    };
    match tokio::time::timeout(ARRIVAL, reading).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(too_large(open.limit)),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive within ten seconds",
            "send the call again",
        )),
    }
}

fn too_large(limit: usize) -> Refusal {
    let error = format!("the body broke off, or has more than {} KiB", limit >> 10);
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error, "name fewer records in a call")
}

/// `?token=`, for apps that cannot send a header.
fn of_query(RawQuery(query): &RawQuery) -> Option<String> {
    let mut pairs = query.as_deref()?.split('&');
    let token = pairs.find_map(|pair| pair.strip_prefix("token="))?;
    percent_encoding::percent_decode_str(token).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Status, and when to come again.
pub(super) fn status(refusal: &HookRefusal) -> (StatusCode, Option<Duration>) {
    match refusal {
        HookRefusal::Unknown => (StatusCode::NOT_FOUND, None),
        HookRefusal::Unproven => (StatusCode::UNAUTHORIZED, None),
        HookRefusal::OtherOrg => (StatusCode::FORBIDDEN, None),
        HookRefusal::Unreadable(_) | HookRefusal::Stale => (StatusCode::BAD_REQUEST, None),
        HookRefusal::TooOften(wait) => (StatusCode::TOO_MANY_REQUESTS, Some(*wait)),
        HookRefusal::Busy(wait) => (StatusCode::SERVICE_UNAVAILABLE, Some(*wait)),
    }
}

/// `Retry-After`, where the caller is to come again.
pub(super) fn again(response: &mut Response, wait: Option<Duration>) {
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
}

fn refused(refusal: &HookRefusal) -> Response {
    let (error, help) = match refusal {
        HookRefusal::Unknown => (
            "nobody listens at this address",
            "it is POST /hooks/<connection> for an org and POST /hooks/<connection>/<resource> for an app, \
             and the connection needs `webhook:`",
        ),
        HookRefusal::Unproven => (
            "this call does not prove who it is",
            "send Authorization: Bearer <token of `webhook:`>, or the signature of the body in its header",
        ),
        HookRefusal::OtherOrg => {
            ("this call comes from another org", "compare `orgId` with the org of the connection")
        }
        HookRefusal::Unreadable(why) => (why.as_str(), "see the section on webhooks in README.md"),
        HookRefusal::Stale => {
            ("`at` is more than ten minutes away from now", "look at the clock of the caller")
        }
        HookRefusal::TooOften(_) => {
            ("too many calls", "wait for Retry-After; one call may name 2,000 records")
        }
        HookRefusal::Busy(_) => ("the call could not be stored now", "send it again after Retry-After"),
    };
    let (status, wait) = status(refusal);
    let mut response = Refusal::new(status, error, help).into_response();
    again(&mut response, wait);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_status_a_reason_and_a_way_out() {
        let two = Duration::from_secs(2);
        for (refusal, wanted, wait) in [
            (HookRefusal::Unknown, 404, None),
            (HookRefusal::Unproven, 401, None),
            (HookRefusal::OtherOrg, 403, None),
            (HookRefusal::Unreadable("the body is no JSON".to_owned()), 400, None),
            (HookRefusal::Stale, 400, None),
            (HookRefusal::TooOften(two), 429, Some("2")),
            (HookRefusal::Busy(Duration::ZERO), 503, Some("1")),
        ] {
            let response = refused(&refusal);
            assert_eq!(response.status().as_u16(), wanted, "{refusal:?}");
            let again = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(again, wait, "{refusal:?}");
        }
    }

    #[test]
    fn a_token_of_an_address_is_read_once() {
        let of = |query: &str| of_query(&RawQuery(Some(query.to_owned())));
        assert_eq!(of("token=a%20b&token=c").as_deref(), Some("a b"));
        assert_eq!((of("xtoken=a"), of("token=%FF"), of_query(&RawQuery(None))), (None, None, None));
    }
}
