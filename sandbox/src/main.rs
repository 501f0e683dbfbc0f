//! The simulated org as a server of its own, for CI jobs and for trying things out.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program for the terminal

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use sfsync_sandbox::app::{App, AppSettings, Description};
use sfsync_sandbox::{BulkSettings, Customization, Edition, OrgConfig, Population, Sandbox, SandboxConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A simulated Salesforce org on 127.0.0.1.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// Custom fields and objects: a shipped set (operating, smvue, startdeliver) or a YAML file; may be repeated
    #[arg(long, value_name = "NAME|FILE")]
    org: Vec<String>,
    /// Everything generated depends on this number alone
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Opportunities to generate; other records in proportion
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    opportunities: u32,
    /// Answer as a production org (the default)
    #[arg(long, conflicts_with = "sandbox")]
    production: bool,
    /// Answer as a sandbox org
    #[arg(long)]
    sandbox: bool,
    /// Edition, which decides the API limits
    #[arg(long, value_enum, default_value_t = EditionName::Enterprise)]
    edition: EditionName,
    /// Random edits per second, as if people worked in the org
    #[arg(long, default_value_t = 0.0, value_name = "RATE")]
    edits_per_second: f64,
    /// API calls per 24 hours, in place of what the edition has
    #[arg(long, value_name = "CALLS")]
    api_allocation: Option<u64>,
    /// Rows of a Bulk result page when the client names no number
    #[arg(long, default_value_t = 50_000, value_name = "ROWS")]
    bulk_page_rows: usize,
    /// An app behind HTTP beside the org: a shipped one (operating, worksights, startdeliver, conversion) or a YAML file
    #[arg(long, value_name = "NAME|FILE")]
    app: Option<String>,
    /// Port of the app; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT", requires = "app")]
    app_port: u16,
    /// Further callback URL of the client; may be repeated
    #[arg(long, value_name = "URL")]
    redirect_uri: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum EditionName {
    Developer,
    Professional,
    Enterprise,
    Unlimited,
}

impl From<EditionName> for Edition {
    fn from(name: EditionName) -> Self {
        match name {
            EditionName::Developer => Edition::Developer,
            EditionName::Professional => Edition::Professional,
            EditionName::Enterprise => Edition::Enterprise,
            EditionName::Unlimited => Edition::Unlimited,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start(config(&arguments)?).await?;
    let mut client = sandbox.demo_client();
    client.redirect_uris.extend(arguments.redirect_uri.iter().cloned());
    sandbox.clients().register(client);
    if arguments.edits_per_second > 0.0 {
        sandbox.live(arguments.edits_per_second);
    }
    let app = match &arguments.app {
        Some(name) => Some(app(name, arguments.app_port).await?),
        None => None,
    };
    println!("{}", welcome(&sandbox));
    if let (Some(name), Some(app)) = (&arguments.app, &app) {
        println!("{}", welcome_of_app(name, app));
    }
    println!("\nCtrl-C stops it; nothing is kept.");
    tokio::signal::ctrl_c().await?;
    drop(app);
    sandbox.shutdown().await;
    Ok(())
}

async fn app(name: &str, port: u16) -> Result<App, Box<dyn std::error::Error>> {
    let settings = AppSettings { port, seed: true, ..AppSettings::default() };
    Ok(App::start_with(Description::load(name)?, settings).await?)
}

fn welcome_of_app(name: &str, app: &App) -> String {
    let description = app.description();
    let paths: Vec<&str> = description.resources.values().map(|resource| resource.path.as_str()).collect();
    format!(
        "\nThe app {name}\n\n  address        {}\n  token or key   {}\n  records        {}",
        app.address(),
        description.auth.secret(),
        paths.join("  ")
    )
}

fn config(arguments: &Arguments) -> Result<SandboxConfig, Box<dyn std::error::Error>> {
    let customizations: Result<Vec<_>, _> =
        arguments.org.iter().map(|name_or_path| Customization::load(name_or_path)).collect();
    let org = OrgConfig {
        seed: arguments.seed,
        edition: arguments.edition.into(),
        is_sandbox: arguments.sandbox,
        customizations: customizations?,
        ..OrgConfig::default()
    };
    Ok(SandboxConfig {
        port: arguments.port,
        org,
        population: Some(Population::around(arguments.opportunities)),
        allocation: arguments.api_allocation,
        bulk: BulkSettings { page_rows: arguments.bulk_page_rows, ..BulkSettings::default() },
        ..SandboxConfig::default()
    })
}

fn welcome(sandbox: &Sandbox) -> String {
    let config = sandbox.org().config();
    let environment = if config.is_sandbox { "sandbox" } else { "production" };
    let opportunities = sandbox.org().record_count("Opportunity").unwrap_or(0);
    format!(
        "Simulated org \"{name}\" ({edition}, {environment}), {opportunities} opportunities\n\
         \n  address        {url}\
         \n  client id      {id}\
         \n  client secret  {secret}\
         \n  control        {url}/_sandbox/state\n\
         \nconnections/salesforce.yaml:\n\
         \ntype: salesforce\
         \nenvironment: {environment}\
         \nlogin_url: {url}\
         \nauth:\
         \n  flow: client_credentials\
         \n  client_id: {id}\
         \n  client_secret: ${{env:SF_CLIENT_SECRET}}   # export SF_CLIENT_SECRET={secret}",
        name = config.name,
        edition = config.edition.organization_type(),
        url = sandbox.url(),
        id = Sandbox::CLIENT_ID,
        secret = Sandbox::CLIENT_SECRET,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_a_page_exists() {
        let mut count = 0;
        for page in ["README.md", "../README.md", "../examples/directus/README.md"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
            let text = std::fs::read_to_string(path).unwrap();
            let commands = text.lines().filter_map(|line| line.split_once("-p sfsync-sandbox -- "));
            for (_, command) in commands {
                let command = command.split(" #").next().unwrap().trim_end_matches('&');
                let words = std::iter::once("sfsync-sandbox").chain(command.split_whitespace());
                let parsed = Arguments::try_parse_from(words);
                assert!(parsed.is_ok(), "{page}: {command}: {}", parsed.err().unwrap());
                count += 1;
            }
        }
        assert!(count >= 2, "{count} commands");
    }

    #[test]
    fn every_option_of_the_page_exists() {
        let text =
            std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
        let help = <Arguments as clap::CommandFactory>::command().render_long_help().to_string();
        let text = text.unwrap();
        let options = text.lines().filter(|line| line.starts_with("| `--")).flat_map(|line| {
            line.split('|').nth(1).unwrap_or_default().split(['`', ' ']).filter(|word| word.starts_with("--"))
        });
        let mut count = 0;
        for option in options {
            assert!(help.contains(option), "{option} is no option");
            count += 1;
        }
        assert!(count >= 10, "{count} options");
    }
}
