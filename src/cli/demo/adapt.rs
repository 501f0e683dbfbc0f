//! The files of a set as they run against stand-ins on this machine. Every line that is not the one of the repository says what stands
//! there.

/// Sign-in with the simulated org.
const SIGN_IN: &str = "\
login_url: ${env:SF_LOGIN_URL}          # the simulated org; for your own: the shipped lines of `auth` and `domain` in place of these
pubsub_url: ${env:SF_LOGIN_URL}
auth:
  flow: client_credentials
  client_id: ${env:SF_CLIENT_ID}
  client_secret: ${env:SF_CLIENT_SECRET}
";

/// The text of a file.
pub(super) fn file(set: &str, name: &str, text: &str) -> String {
    match name {
        _ if set == "quickstart" => text.to_owned(),
        "connections/salesforce.yaml" => salesforce(text),
        "settings.yaml" => settings(text),
        _ if name.starts_with("connections/") => connection(text),
        _ => pipeline(text),
    }
}

fn salesforce(text: &str) -> String {
    let mut lines = Vec::new();
    let mut skipping = false;
    for line in text.lines() {
        let is_part = line.starts_with([' ', '#']) || line.is_empty();
        skipping = if is_part { skipping } else { is_sign_in(line) };
        if line.starts_with("auth:") {
            lines.extend(SIGN_IN.lines().map(str::to_owned));
        }
        if !skipping {
            lines.push(line.to_owned());
        }
    }
    joined(&lines)
}

fn is_sign_in(line: &str) -> bool {
    ["auth:", "domain:", "login_url:", "pubsub_url:"].iter().any(|key| line.starts_with(key))
}

fn settings(text: &str) -> String {
    let line = |line: &str| {
        match line.strip_prefix("public_url:") {
        Some(_) => "public_url: ${env:SFSYNC_PUBLIC_URL}      # this demo; yours is the address at which Salesforce and the app reach the daemon"
            .to_owned(),
        None => line.to_owned(),
    }
    };
    let mut lines: Vec<String> = text.lines().map(line).collect();
    if !text.contains("\npublic_url:") {
        lines.push("public_url: ${env:SFSYNC_PUBLIC_URL}".to_owned());
    }
    joined(&lines)
}

fn connection(text: &str) -> String {
    if text.contains("\ntype: postgres") {
        let url = text.lines().find(|line| line.starts_with("url:")).unwrap_or_default();
        let here = "type: sqlite                            # a file here; shipped: type: postgres\npath: ${env:WAREHOUSE_DB}\ncreate_tables: true";
        return text.replace(&format!("type: postgres\n{url}"), here);
    }
    if text.contains("\ntype: email") {
        return "type: webhook                           # the demo shows notices; shipped: type: email, see the README of the set\nurl: ${env:NOTICES_URL}\n"
            .to_owned();
    }
    let is_hook = text.contains("\ntype: webhook");
    let lines: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let kept = || Some(line.to_owned());
            match line.split_once(": ") {
                Some(("base_url", shipped)) => Some(format!(
                    "base_url: ${{env:APP_URL}}               # the app of the demo; shipped: {shipped}"
                )),
                Some(("url", _)) if is_hook => Some("url: ${env:NOTICES_URL}".to_owned()),
                // The app on this machine is in no hurry.
                Some(("rate_limit", _)) => None,
                _ => kept(),
            }
        })
        .collect();
    joined(&lines)
}

/// A demo is over before a quarter of an hour is, and may be in the morning.
fn pipeline(text: &str) -> String {
    let text = text.replace(", during: 20:00-06:00", "");
    text.replace("  poll: 15 minutes\n", "  poll: 3 seconds                       # shipped: 15 minutes\n")
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
