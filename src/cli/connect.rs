//! `sfsync connect` and `sfsync disconnect`: sign in to a connection and out of it. A daemon that has the state does it, since a browser can
//! come back to it and its pipelines are waiting; without one the command does it itself.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::bench::{self, Bench};
use super::exit::{Exit, Failure};
use super::{Context, Screen, table};
use crate::model::ConnectionName;
use crate::runtime::control::{SignInBegun, SignInState};
use crate::runtime::sign_in::{Connected, Disconnected};
use crate::runtime::visitors::Browser;
use crate::serve::shown::thousands;

/// How long a person may take at the browser; Salesforce gives a code for as long.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A verb about one connection.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The connection: the name of its file in connections/
    connection: String,
}

pub(super) async fn connect(args: Named, context: &Context) -> Result<Exit, Failure> {
    let connected = match bench::bench(context)? {
        Bench::Free(workbench) => {
            let name = ConnectionName::from(args.connection.as_str());
            if let Some(browser) = Browser::open(&workbench, &name).await? {
                let needs = workbench.needs_of(&name)?;
                context.screen.remark(&invitation(&needs, browser.url(), browser.callback()));
                within(browser.finish()).await??;
            }
            workbench.report_sign_in(&name).await?
        }
        Bench::Daemon(daemon) => {
            let path = ["api", "connections", &args.connection, "sign-in"];
            let begun: SignInBegun = daemon.post(&path, &()).await?;
            if let (Some(url), Some(callback)) = (&begun.url, &begun.callback) {
                context.screen.remark(&invitation(&begun.needs, url, callback));
            }
            let asked = Instant::now();
            loop {
                let state: SignInState = daemon.get(&path, &()).await?;
                match state.connected {
                    Some(connected) => break connected,
                    None if asked.elapsed() > PATIENCE => return Err(nobody_came()),
                    None => {}
                }
            }
        }
    };
    context.screen.show(&connected, || render(&connected));
    Ok(Exit::Done)
}

async fn within<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| nobody_came())
}

fn nobody_came() -> Failure {
    let help = "begin again; if the browser showed an error of Salesforce, the callback address above has to stand in the connected app";
    Failure::new("nobody signed in within 15 minutes", help)
}

fn invitation(needs: &[String], url: &str, callback: &str) -> String {
    // Which edition it is the org tells only after the sign-in.
    let needs: String = needs.iter().flat_map(|need| [need.as_str(), "\n"]).collect();
    format!(
        "The org needs an edition with an API: Enterprise, Unlimited, Performance or Developer. Professional has it as an add-on, and no\n\
         Change Data Capture: `push: cdc` polls there.\n{needs}\n\
         Open this address in a browser and sign in as the integration user:\n  {url}\n\n\
         The browser comes back to {callback}; the connected app has to have this callback address. Waiting …"
    )
}

/// Who is signed in, and what of it is of use.
pub(super) fn render(connected: &Connected) -> String {
    let edition =
        if connected.edition.is_empty() { String::new() } else { format!(", {}", connected.edition) };
    let mut text = format!(
        "Signed in: {}, {} ({}), {}{edition}\n",
        connected.user, connected.org, connected.org_id, connected.environment
    );
    let mut rows = Vec::new();
    rows.extend(api(connected));
    if !connected.can_read.is_empty() {
        rows.push(vec!["can read".to_owned(), connected.can_read.join(", "), String::new()]);
    }
    for unseen in &connected.cannot_read {
        let what = format!("{} ({})", unseen.what, unseen.why);
        rows.push(vec!["cannot read".to_owned(), what, format!("needed by {}", unseen.needed_by)]);
    }
    rows.extend(
        connected.news.iter().map(|line| vec!["news at once".to_owned(), line.clone(), String::new()]),
    );
    let columns = [table::text("", 20), table::text("", 0), table::text("", 0)];
    for line in table::render(&columns, &rows, table::plain).lines() {
        let _ = writeln!(text, "  {line}");
    }
    if !connected.cannot_read.is_empty() {
        text.push_str(
            "What cannot be read stops its pipeline. Give the integration user the permission in Salesforce, then: sfsync reload\n",
        );
    }
    text
}

fn api(connected: &Connected) -> Option<Vec<String>> {
    let (all, budget) = connected.calls?;
    let of = connected.share.as_ref().map(|share| format!("{share} = ")).unwrap_or_default();
    let text = format!("{} calls per day, budget {of}{}", thousands(all), thousands(budget));
    Some(vec!["API".to_owned(), format!("v{}: {text}", connected.api_version), String::new()])
}

pub(super) async fn disconnect(args: Named, context: &Context) -> Result<Exit, Failure> {
    let done: Disconnected = match bench::bench(context)? {
        Bench::Free(workbench) => workbench.sign_out(&ConnectionName::from(args.connection.as_str())).await?,
        Bench::Daemon(daemon) => {
            let path = ["api", "connections", &args.connection, "sign-in"];
            daemon.delete(&path).await?
        }
    };
    let exit = if done.failed.is_some() { Exit::Errors } else { Exit::Done };
    context.screen.show(&done, || goodbye(&done, context.screen));
    Ok(exit)
}

pub(super) fn goodbye(done: &Disconnected, screen: Screen) -> String {
    let stopped = if done.stopped.is_empty() { "no pipeline".to_owned() } else { done.stopped.join(", ") };
    let mut text = format!(
        "Stopped: {stopped}. What was written stays as it is; links and cursors are kept. To go on: sfsync connect {}\n",
        done.connection
    );
    for removed in &done.removed {
        let _ = writeln!(text, "removed  {removed}");
    }
    for left in &done.left {
        let stays = screen.paint("STAYS  ", "failed");
        let _ = writeln!(text, "{stays}  {left}");
    }
    match &done.failed {
        Some(error) => {
            let failed = screen.paint("FAILED ", "failed");
            let _ = writeln!(
                text,
                "{failed}  the tokens could not be revoked and are kept: {error}. Run this again, or revoke them in Salesforce under Setup, \
                 Connected Apps OAuth Usage"
            );
        }
        None if done.revoked => {
            text.push_str("revoked  the tokens of the integration user, and forgotten here\n");
        }
        None => text.push_str("Nobody was signed in.\n"),
    }
    text
}
