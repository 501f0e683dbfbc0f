//! Every example of a page is run: files by the daemon, commands by the command line, YAML and expressions by what reads them.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde_json::json;
use sfsync::cli::demo::sets::SETS;
use sfsync::diag::codes;
use sfsync_sandbox::app::{App, Description};
use sfsync_sandbox::{Customization, Org, OrgConfig, Population, SandboxConfig};

use crate::harness::postgres;
use crate::harness::rig::{Rig, caught_up};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All pages that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "sandbox/README.md", "examples/directus/README.md"]
            .iter()
            .map(|name| root().join(name))
            .collect();
    for folder in ["docs", "docs/decisions"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    let sets = SETS.iter().filter(|set| set.name != "quickstart");
    pages.extend(sets.map(|set| root().join("pipelines").join(set.name).join("README.md")));
    pages
}

/// The fenced blocks of a page in one of these languages.
fn blocks(path: &Path, languages: &[&str]) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let parts = text.split("\n```").enumerate().filter(|(at, _)| at % 2 == 1);
    let block = |(_, part): (usize, &str)| {
        let (language, block) = part.split_once('\n')?;
        languages.contains(&language).then(|| block.to_owned())
    };
    parts.filter_map(block).collect()
}

/// The lines of the shell blocks of a page, without remarks.
fn lines(path: &Path) -> Vec<String> {
    let text = blocks(path, &["sh", "bash"]).join("\n").replace("\\\n", " ");
    let line =
        |line: &str| line.split(" #").next().unwrap_or_default().trim_end_matches('&').trim().to_owned();
    text.lines().map(line).filter(|line| !line.is_empty()).collect()
}

/// Commands of sfsync in the shell blocks of a page.
fn commands(path: &Path) -> Vec<Vec<String>> {
    let command = |line: String| {
        let begins = ["cargo run --release -- ", "sfsync "];
        let command = begins.iter().find_map(|begin| line.strip_prefix(begin))?;
        Some(command.split_whitespace().map(str::to_owned).collect())
    };
    lines(path).into_iter().filter_map(command).collect()
}

/// What a line of a shell block calls, if somebody here runs or reads it: the commands of sfsync and of the sandbox are parsed (here, and
/// in its own tests), scripts know their options, benches exist, and what belongs to others is only set up with it.
fn is_looked_after(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    match words.as_slice() {
        ["sfsync" | "export" | "npx", ..]
        | ["npm", "install", ..]
        | ["cargo", "run", "--release", "--", ..]
        | ["cargo", "run", "--release", "-p", "sfsync-sandbox", "--", ..] => true,
        ["cargo", "bench", "--bench", name] => read("Cargo.toml").contains(&format!("name = \"{name}\"")),
        ["./bench" | "./test", options @ ..] => {
            let text = read(words[0].trim_start_matches("./"));
            // Besides options there are numbers, and names of tests.
            let is_known = |word: &&str| {
                text.contains(*word)
                    || word.parse::<u32>().is_ok()
                    || root().join(format!("tests/it/{word}.rs")).exists()
            };
            !text.is_empty() && options.iter().all(is_known)
        }
        [script] if script.ends_with(".sh") => !read(script).is_empty(),
        ["curl", address, ..] => address.contains("/_sandbox/"),
        _ => false,
    }
}

#[test]
fn every_block_of_a_page_is_one_that_something_runs() {
    let mut count = 0;
    for page in pages() {
        let name = page.strip_prefix(root()).unwrap().display().to_string();
        for line in lines(&page) {
            assert!(is_looked_after(&line), "{name}: nothing runs or reads `{line}`");
            count += 1;
        }
        let text = std::fs::read_to_string(&page).unwrap();
        let languages = text.lines().filter_map(|line| line.strip_prefix("```")).step_by(2);
        let yaml = languages.clone().filter(|language| *language == "yaml").count();
        // Those tests take these apart by name; another one would be run by nobody.
        let known = match name.as_str() {
            "README.md" => 3,
            "sandbox/README.md" => 2,
            _ => 0,
        };
        assert_eq!(yaml, known, "{name}: a block of YAML that nothing reads");
        for language in languages {
            let examples_of_messages = language == "text" && name == "docs/errors.md";
            assert!(["sh", "yaml"].contains(&language) || examples_of_messages, "{name}: ```{language}");
        }
    }
    assert!(count >= 30, "{count} lines");
}

fn client() -> reqwest::Client {
    // Another test of this process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[test]
fn every_command_of_a_page_exists() {
    let mut count = 0;
    for page in pages() {
        for command in commands(&page) {
            let words = std::iter::once("sfsync").chain(command.iter().map(String::as_str));
            let parsed = sfsync::cli::Arguments::try_parse_from(words);
            let told = format!("{}: sfsync {}", page.display(), command.join(" "));
            assert!(parsed.is_ok(), "{told}: {}", parsed.unwrap_err());
            count += 1;
        }
    }
    assert!(count >= 16, "{count} commands");
}

#[test]
fn verbs_of_the_table_exist() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `sfsync "));
    let mut count = 0;
    for row in rows {
        let cell = row.trim_start_matches("| ").split(" |").next().unwrap();
        for command in cell.split('`').filter(|part| part.chars().any(char::is_alphabetic)) {
            let command = command.trim_start_matches("sfsync ");
            let verb = command.split_whitespace().next().unwrap();
            let parsed = sfsync::cli::Arguments::try_parse_from(["sfsync", verb, "--help"]);
            let shown = parsed.unwrap_err();
            assert_eq!(shown.kind(), clap::error::ErrorKind::DisplayHelp, "{verb}");
            count += 1;
        }
    }
    assert!(count >= 18, "{count} verbs");
}

/// The files that the first page shows, by the name in their first line.
fn shown_files() -> Vec<(String, String)> {
    let named = |block: String| {
        let name = block.lines().next()?.strip_prefix("# ")?.to_owned();
        Some((name, block))
    };
    blocks(&root().join("README.md"), &["yaml"]).into_iter().filter_map(named).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_of_the_first_page_runs_as_it_stands() {
    let population = Some(Population::around(40));
    let mut rig = Rig::new(SandboxConfig { population, ..SandboxConfig::default() }).await;
    let files = shown_files();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["accounts.yaml", "connections/salesforce.yaml", "connections/warehouse.yaml"]);
    for (name, text) in &files {
        rig.write(name, text);
    }
    // Nobody sits at a browser here; everything else is as it stands.
    rig.edit_file(
        "connections/salesforce.yaml",
        &[(
            "auth:\n  flow: authorization_code",
            "login_url: ${env:SF_LOGIN_URL}\nauth:\n  flow: client_credentials",
        )],
    );
    let schema = postgres::unique_name("page");
    let separator = if postgres::url().contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options=-csearch_path%3D{schema}", postgres::url());
    rig.secrets.0.insert("DATABASE_URL".to_owned(), url);
    rig.edit_file(
        "connections/warehouse.yaml",
        &[("type: postgres", &format!("type: postgres\nschema: {schema}"))],
    );
    let client = postgres::connect().await;
    let table = format!(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.clients (id bigserial PRIMARY KEY, salesforce_id text, name text, domain text)"
    );
    client.batch_execute(&table).await.unwrap();
    let supervisor = rig.start().await;
    caught_up(&supervisor, "accounts").await;
    let row = client.query_one(&format!("SELECT count(*) FROM {schema}.clients"), &[]).await.unwrap();
    let accounts = rig.sandbox.org().record_count("Account").unwrap();
    assert_eq!(usize::try_from(row.get::<_, i64>(0)).unwrap(), accounts);
    assert!(accounts > 5, "{accounts}");
    drop(supervisor);
    rig.stop().await;
}

#[test]
fn examples_of_messages_can_be_read() {
    let engine = sfsync::expr::Engine::new();
    let mut count = 0;
    for page in codes::pages().into_iter().filter(|page| !page.example.is_empty()) {
        count += 1;
        // What a tab looks like is shown with an arrow.
        if page.code == "E001" {
            continue;
        }
        let read: Result<serde_json::Value, _> = serde_yaml::from_str(page.example);
        let value = read.unwrap_or_else(|error| panic!("{}: {error}\n{}", page.code, page.example));
        for key in ["to_app", "to_salesforce", "filter"] {
            if let Some(expression) = value.get(key).and_then(serde_json::Value::as_str) {
                let compiled = engine.compile(expression, sfsync::expr::ScriptKind::Row);
                assert!(compiled.is_ok(), "{}: {expression}", page.code);
            }
        }
    }
    assert!(count > 10, "{count} examples");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_and_the_fault_of_the_page_of_the_sandbox_are_taken() {
    let page = root().join("sandbox/README.md");
    let [app, rules] = blocks(&page, &["yaml"]).try_into().expect("an app, and rules");
    let app = App::start(Description::parse(&app).unwrap()).await.unwrap();
    assert!(app.put("customers", json!({ "name": "Beta", "domain": "beta.fi" })).is_ok());
    let customization = Customization::parse("page", &format!("{rules}\nfields: {{ Account: {{ Tier__c: {{ type: picklist, label: Tier, values: [Gold, Bronze] }} }} }}\n")).unwrap();
    let org = OrgConfig { customizations: vec![customization], ..OrgConfig::default() };
    assert!(Org::new(org.clone()).is_ok());
    let rig = Rig::new(SandboxConfig { org, ..SandboxConfig::default() }).await;
    let curl = blocks(&page, &["sh"]).into_iter().find(|block| block.starts_with("curl")).unwrap();
    let body = curl.split('\'').find(|part| part.starts_with("{\"kind\"")).unwrap();
    let call = client().post(format!("{}/_sandbox/faults", rig.sandbox.url()));
    let answer = call.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_org_and_an_app_may_post_is_taken_as_the_first_page_says() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    for shown in [r#"{ "object": "Opportunity", "id": "006…" }"#, r#"{ "id": 7 }"#, r#"{ "ids": [7, 8] }"#]
    {
        assert!(page.contains(shown), "{shown}: this test and the page say the same");
    }
    let whole = crate::harness::whole::Whole::started("operating", 5).await;
    let org = whole.rig.sandbox.org().org_id().to_string();
    let id = whole.org("SELECT Id FROM Opportunity LIMIT 1")[0]["Id"].as_str().unwrap().to_owned();
    let token = whole.rig.secrets.0["SF_WEBHOOK_TOKEN"].clone();
    let one = json!({ "object": "Opportunity", "id": id });
    let several = json!([{ "object": "Opportunity", "ids": [id], "nonce": "n1", "orgId": org }]);
    for (body, status) in [(one, 202), (several, 202), (json!({}), 202)] {
        let call = client().post(format!("{}/hooks/salesforce", whole.address)).bearer_auth(&token);
        let answer = call.body(body.to_string()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{body}");
    }
}
