//! What an app's answers mean: one place for classes, codes and ways out. An app has no list of codes as Salesforce has, so the status
//! decides, and its own words are quoted where no record value can be in them.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value as Json;

use super::client::Answer;
use crate::connect::ConnectError;
use crate::model::{Class, RecordError};

/// How much of an app's own words is quoted.
const QUOTED: usize = 300;

/// The app did not answer in time.
pub(super) fn late(name: &str, after: Duration) -> ConnectError {
    let message = format!("{name} did not answer within {} seconds", after.as_secs());
    ConnectError::new("R101", Class::TRANSIENT, message)
        .help("it is tried again; `timeout` of the connection")
}

/// An answer without an end.
pub(super) fn too_large(name: &str, limit: usize) -> ConnectError {
    let message = format!("{name}: an answer is larger than {} MiB", limit >> 20);
    ConnectError::new("R106", Class::Pipeline, message).help("ask for smaller pages: `paginate` with `size`")
}

/// The app sends us to another host.
pub(super) fn elsewhere(name: &str, host: &str) -> ConnectError {
    let message = format!("{name} leads to another address ({host}), which is not followed");
    ConnectError::new("R125", Class::Pipeline, message)
        .help("is `base_url` right? secrets are sent to that host only")
}

/// The app refused the sign-in.
pub(super) fn signed_out(name: &str, answer: &Answer) -> ConnectError {
    // Its words may repeat the token, so only its name for the error is told.
    let named = code_of(&answer.body).map(|code| format!(" {code}")).unwrap_or_default();
    let message = format!("{name} refused the sign-in (401{named})");
    ConnectError::new("R104", Class::Session, message).help("compare `auth` of the connection with the app")
}

/// The app asks for fewer requests.
pub(super) fn slow_down(name: &str, retry_after: Option<Duration>) -> ConnectError {
    let pause = retry_after.map(|pause| format!(" for {} seconds", pause.as_secs())).unwrap_or_default();
    let message = format!("{name} asks to wait{pause} (429)");
    ConnectError::new("R103", Class::Transient { retry_after }, message)
        .help("lower `rate_limit` of the connection; it goes on by itself")
}

/// A read that was refused. `what` names the request.
pub(super) fn refused(what: &str, answer: &Answer) -> ConnectError {
    let said = words(answer).map(|said| format!(": {said}")).unwrap_or_default();
    refusal(answer, format!("{what} was answered with {}{said}", answer.status))
}

/// The same of a question with a record's values in it: the app may repeat them.
pub(super) fn refused_silently(what: &str, answer: &Answer) -> ConnectError {
    refusal(answer, format!("{what} was answered with {}", answer.status))
}

fn refusal(answer: &Answer, message: String) -> ConnectError {
    match answer.status {
        503 => ConnectError::new("R102", Class::Transient { retry_after: answer.pause() }, message)
            .help("it is tried again"),
        408 | 423 | 425 | 500.. => {
            ConnectError::new("R102", Class::TRANSIENT, message).help("it is tried again")
        }
        300..=399 => ConnectError::new("R125", Class::Pipeline, message)
            .help("the app sends us elsewhere: correct `base_url` or the path of the resource"),
        403 => ConnectError::new("R143", Class::Pipeline, message)
            .help("give the user of the connection the right to read it"),
        404 | 405 | 410 => ConnectError::new("R143", Class::Pipeline, message)
            .help("correct `base_url` or the path of the resource"),
        _ => ConnectError::new("R143", Class::Pipeline, message)
            .help("correct the path, `params` or `paginate` of the resource"),
    }
}

/// A write of one record that was refused.
pub(super) fn rejected(what: &str, answer: &Answer) -> RecordError {
    let status = answer.status;
    let said = words(answer).map(|said| format!(": {said}")).unwrap_or_default();
    let (code, class) = match status {
        409 => ("R242", Class::Record),
        408 | 423 | 425 | 500.. => ("R102", Class::TRANSIENT),
        _ => ("R241", Class::Record),
    };
    let mut error = RecordError::new(code, class, format!("{what} was answered with {status}{said}"));
    error.remote = code_of(&answer.body);
    error
}

/// An answer that is not what the connection file says. `way_out` is the help.
pub(super) fn unlike(message: String, way_out: impl Into<String>) -> ConnectError {
    ConnectError::new("R141", Class::Pipeline, message).help(way_out)
}

/// The JSON of a good answer; HTML and broken text are named for what they are.
pub(super) fn json(what: &str, answer: &Answer) -> Result<Json, ConnectError> {
    // A mark of the byte order is no part of the text.
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
    if let Ok(json) = serde_json::from_slice(body) {
        return Ok(json);
    }
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(QUOTED)]).to_ascii_lowercase();
    let is_page = answer.header("content-type").is_some_and(|kind| kind.contains("html"))
        || text.trim_start().starts_with('<');
    if is_page {
        return Err(ConnectError::new(
            "R106",
            Class::Pipeline,
            format!("{what} was answered with a web page instead of JSON"),
        )
        .help("a sign-in page, a maintenance page or a wrong `base_url`; open the address in a browser"));
    }
    let found = if answer.body.is_empty() { "nothing" } else { "something that is no JSON" };
    Err(ConnectError::new("R106", Class::TRANSIENT, format!("{what} was answered with {found}"))
        .help("it is tried again; is `base_url` right?"))
}

/// What an app calls its error: `{"error": "invalid_grant"}`, `{"code": …}`.
pub(super) fn code_of(body: &Bytes) -> Option<String> {
    let json: Json = serde_json::from_slice(body).ok()?;
    let is_name = |text: &&str| {
        text.len() <= 60 && text.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | '.'))
    };
    ["error", "code", "error_code", "type"]
        .iter()
        .find_map(|name| json.get(name)?.as_str().filter(is_name).map(str::to_owned))
}

/// Whether a good answer holds an error instead of a record.
pub(super) fn is_error(json: &Json) -> bool {
    let says_no = |name: &str| json.get(name) == Some(&Json::Bool(false));
    let tells = |name: &str| json.get(name).is_some_and(|value| !is_empty(value));
    ["ok", "success"].into_iter().any(says_no) || ["error", "errors"].into_iter().any(tells)
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Number(number) => number.as_i64() == Some(0),
        Json::Bool(true) => false,
    }
}

/// A good answer with an error in it, in the app's own words.
pub(super) fn error_inside(what: &str, answer: &Answer) -> ConnectError {
    let said = words(answer).map(|said| format!(": {said}")).unwrap_or_default();
    let message = format!("{what} was answered with {} and an error{said}", answer.status);
    ConnectError::new("R143", Class::Pipeline, message).help("the app's own words")
}

/// The app's own words, as far as they can be told from the rest of the body.
pub(super) fn words(answer: &Answer) -> Option<String> {
    let json: Json = serde_json::from_slice(&answer.body).ok()?;
    let mut said = Vec::new();
    gather(&json, 0, &mut said);
    let text = answer.without_secrets(said.join("; "));
    (!text.is_empty()).then(|| text.chars().take(QUOTED).collect())
}

fn gather(json: &Json, depth: usize, said: &mut Vec<String>) {
    const TELLING: [&str; 8] =
        ["error", "errors", "message", "detail", "title", "description", "error_description", "reason"];
    if depth > 3 || said.len() > 5 {
        return;
    }
    match json {
        Json::String(text) if depth > 0 && !text.is_empty() && !said.contains(text) => {
            said.push(text.clone());
        }
        Json::Array(items) => items.iter().for_each(|item| gather(item, depth + 1, said)),
        Json::Object(fields) => {
            let named = fields.iter().filter(|(name, _)| TELLING.contains(&name.as_str()));
            let mut any = false;
            for (_, value) in named {
                any = true;
                gather(value, depth + 1, said);
            }
            // `{"errors": {"email": ["is taken"]}}`
            if !any && depth > 0 {
                for (name, value) in fields {
                    let mut inner = Vec::new();
                    gather(value, depth + 1, &mut inner);
                    said.extend(inner.into_iter().map(|text| format!("{name} {text}")));
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let (headers, hidden) = (reqwest::header::HeaderMap::new(), super::super::hidden::Hidden::default());
        Answer { status, headers, body: Bytes::from(body.to_owned()), hidden }
    }

    #[test]
    fn an_apps_own_words_are_found() {
        for (body, said) in [
            (r#"{"error": "name is required"}"#, Some("name is required")),
            (r#"{"error": {"message": "no such project", "code": 7}}"#, Some("no such project")),
            (r#"{"errors": {"email": ["is taken"]}}"#, Some("email is taken")),
            (r#"{"errors": [{"detail": "too long"}, {"detail": "too old"}]}"#, Some("too long; too old")),
            (r#"{"id": 4, "name": "Kim"}"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(words(&answer(422, body)).as_deref(), said, "{body}");
        }
    }

    #[test]
    fn an_error_in_a_good_answer_is_one() {
        for (body, wrong) in [
            (r#"{"error": "no"}"#, true),
            (r#"{"ok": false}"#, true),
            (r#"{"success": false, "id": 1}"#, true),
            (r#"{"errors": [], "id": 1}"#, false),
            (r#"{"error": null, "id": 1}"#, false),
            (r#"{"error": 0, "id": 1}"#, false),
            (r#"{"error": 7}"#, true),
            (r#"{"id": 1}"#, false),
        ] {
            assert_eq!(is_error(&serde_json::from_str(body).unwrap()), wrong, "{body}");
        }
    }

    #[test]
    fn a_page_is_not_taken_for_data() {
        let error = json("GET /people", &answer(200, "<!doctype html><title>Sign in</title>")).unwrap_err();
        assert_eq!((error.code, error.class), ("R106", Class::Pipeline));
        let error = json("GET /people", &answer(200, r#"{"data": [1, 2"#)).unwrap_err();
        assert_eq!((error.code, error.class), ("R106", Class::TRANSIENT));
    }
}
