//! The command line: one file per verb, each with its arguments and what it prints. Verbs about a running daemon speak HTTP over its
//! unix socket; the others work on the files with [`crate::runtime::workbench`]. Nothing in here decides anything about records.
//!
//! Read [`Arguments`] first; `exit` has the exit codes of section 7.1 of the language.

mod bench;
mod call;
mod check;
mod completions;
mod connect;
mod daemon;
pub mod demo;
mod exit;
mod explain;
mod failure_form;
mod failure_groups;
mod failures;
mod fmt;
mod links;
mod new;
mod plan;
mod progress;
mod run;
mod schema;
mod screen;
mod status;
mod sync;
mod table;
mod tell;
mod test;
mod undo;
mod why;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use self::call::Daemon;
use self::exit::{Exit, Failure};
use self::screen::{Color, Screen};
use crate::serve;

/// What a newcomer is told.
const WELCOME: &str = "\
sfsync keeps Salesforce and the systems around it equal, from YAML files.

  sfsync demo               see it work: a simulated org, a SQLite file, records that change
  sfsync new clients --salesforce Account --app warehouse.clients
                            begin a pipeline file from both schemas
  sfsync check              everything that can be known before running
  sfsync plan               what a sync would do; writes nothing
  sfsync daemon <folder>    run it

sfsync help lists all commands; sfsync <command> --help explains one.
";

const CODES: &str = "\
Exit codes: 0 done; 1 errors in files, failed tests or records, or the command could not run; 2 warnings with --deny-warnings; 3 plan
found changes; 64 the command line is wrong.";

/// The whole command line. Made by clap from the arguments of the process.
#[derive(Debug, Parser)]
#[command(name = "sfsync", version, about = "Keeps Salesforce and the systems around it equal.", after_help = CODES)]
pub struct Arguments {
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Options of every verb.
#[derive(Debug, clap::Args)]
struct Everywhere {
    /// The configuration folder [default: ./ if it has pipelines or settings, else /etc/sfsync]
    #[arg(long, global = true, value_name = "DIR", env = "SFSYNC_CONFIG")]
    config: Option<PathBuf>,
    /// Print one JSON value instead of text
    #[arg(long, global = true)]
    json: bool,
    /// The unix socket of the daemon [default: /run/sfsync.sock, $XDG_RUNTIME_DIR/sfsync.sock, sfsync.sock in the state folder]
    #[arg(long, global = true, value_name = "PATH", env = "SFSYNC_SOCKET")]
    socket: Option<PathBuf>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(check::Args),
    Test(test::Args),
    Plan(plan::Args),
    Run(run::Args),
    Daemon(daemon::Args),
    Status(status::Args),
    Why(why::Args),
    Sync(sync::Args),
    /// Pause a pipeline until it is resumed, also over a restart
    Pause(tell::Named),
    /// Let a paused pipeline go on
    Resume(tell::Named),
    /// Approve the mass change that a pipeline holds back; look at it first with plan
    Approve(tell::Named),
    Undo(undo::Args),
    Failures(failures::Args),
    Links(links::Args),
    /// Sign in to Salesforce and show who it is, and what of the pipelines' needs the user may read
    ///
    /// With auth.flow: authorization_code it prints an address to open in a browser and waits until somebody has signed in there; the other
    /// flows need nobody. Pipelines that wait for the sign-in go on by themselves.
    Connect(connect::Named),
    /// Stop the pipelines of a connection, revoke its sign-in and forget it; links and cursors are kept
    Disconnect(connect::Named),
    Schema(schema::Args),
    Explain(explain::Args),
    New(new::Args),
    Fmt(fmt::Args),
    /// Drop the state of a removed pipeline: links, cursors, failures
    Forget(tell::Named),
    /// Load the files now instead of when their change is noticed
    Reload,
    Demo(demo::Args),
    Completions(completions::Args),
}

/// What every verb works with.
struct Context {
    screen: Screen,
    config: Option<PathBuf>,
    socket: Option<PathBuf>,
}

impl Context {
    /// The daemon that would answer: on `--socket`, or on the first of the usual places. Without `--socket` it has to be the one of the
    /// folder that is named or stood in.
    fn daemon(&self) -> Daemon {
        if let Some(path) = &self.socket {
            return Daemon::new(vec![path.clone()], None);
        }
        let meant = self.config.is_some() || is_ours(Path::new("."));
        let folder = meant.then(|| std::fs::canonicalize(self.folder()).ok()).flatten();
        Daemon::new(serve::candidates(self.state().as_deref()), folder)
    }

    /// The folder to work on.
    fn folder(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| {
            let here = Path::new(".");
            if is_ours(here) { here.to_owned() } else { PathBuf::from("/etc/sfsync") }
        })
    }

    /// The state folder of the configuration, where it can be read.
    fn state(&self) -> Option<PathBuf> {
        bench::settings(&self.folder()).ok().map(|settings| settings.state)
    }
}

/// Whether a folder looks like a configuration folder.
fn is_ours(folder: &Path) -> bool {
    folder.join("settings.yaml").is_file() || folder.join("connections").is_dir()
}

/// Runs the program: arguments in, exit code out. Called once, by `main`.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    let screen = Screen::new(arguments.everywhere.json, arguments.everywhere.color);
    let Some(verb) = arguments.verb else {
        screen.say(WELCOME);
        return ExitCode::SUCCESS;
    };
    // Already done by a test or an embedder: then that one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let context =
        Context { screen, config: arguments.everywhere.config, socket: arguments.everywhere.socket };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ended(Err(error.into()), screen),
    };
    let result = runtime.block_on(Box::pin(dispatch(verb, &context)));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ended(result, screen)
}

fn ended(result: Result<Exit, Failure>, screen: Screen) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if screen.json {
                screen.show(&failure.data(), String::new);
            }
            let text = failure.text();
            let _ = std::io::Write::write_fmt(&mut std::io::stderr().lock(), format_args!("{text}\n"));
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::Check(args) => check::run(args, context).await,
        Verb::Test(args) => test::run(&args, context),
        Verb::Plan(args) => plan::run(args, context).await,
        Verb::Run(args) => run::run(args, context).await,
        Verb::Daemon(args) => daemon::run(args, context).await,
        Verb::Status(args) => status::run(args, context).await,
        Verb::Why(args) => why::run(args, context).await,
        Verb::Sync(args) => sync::run(args, context).await,
        Verb::Pause(args) => tell::pause(args, context).await,
        Verb::Resume(args) => tell::resume(args, context).await,
        Verb::Approve(args) => tell::approve(args, context).await,
        Verb::Undo(args) => undo::run(args, context).await,
        Verb::Failures(args) => failures::run(args, context).await,
        Verb::Links(args) => links::run(args, context).await,
        Verb::Connect(args) => connect::connect(args, context).await,
        Verb::Disconnect(args) => connect::disconnect(args, context).await,
        Verb::Schema(args) => schema::run(args, context).await,
        Verb::Explain(args) => explain::run(args, context),
        Verb::New(args) => new::run(args, context).await,
        Verb::Fmt(args) => fmt::run(&args, context),
        Verb::Forget(args) => tell::forget(args, context).await,
        Verb::Reload => tell::reload(context).await,
        Verb::Demo(args) => demo::run(args, context).await,
        Verb::Completions(args) => {
            completions::run(&args, Arguments::command(), context.screen);
            Ok(Exit::Done)
        }
    }
}
