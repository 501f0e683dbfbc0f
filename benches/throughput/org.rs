//! The simulated org as a process of its own: started, asked and counted over HTTP.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sfsync_sandbox::{Population, Sandbox, SandboxConfig};

use super::deals::FIELDS;

/// Accounts and everything else stay few: the table that is loaded is what grows.
const ACCOUNTS: u32 = 10_000;

/// The role of the process: prints its address and lives until its standard input closes.
pub async fn serve(opportunities: u32) -> Result<(), Box<dyn Error>> {
    let population = Population { accounts: ACCOUNTS, opportunities, ..Population::around(0) };
    let config = SandboxConfig { population: Some(population), ..SandboxConfig::default() };
    let sandbox = Sandbox::start(config).await?;
    println!("{}", sandbox.url());
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

/// A running org.
pub struct Org {
    process: Child,
    http: reqwest::Client,
    /// Its address.
    pub url: String,
}

impl Drop for Org {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

impl Org {
    /// Starts one with so many opportunities.
    pub fn start(opportunities: u32) -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--role", "org", "--opportunities", &opportunities.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        let output = process.stdout.take().ok_or("the org has no output")?;
        BufReader::new(output).read_line(&mut url)?;
        Ok(Self { process, http: reqwest::Client::new(), url: url.trim().to_owned() })
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Result<Value, Box<dyn Error>> {
        let request = self.http.request(method.parse()?, format!("{}/_sandbox/{path}", self.url));
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await?.error_for_status()?.text().await?;
        Ok(if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer)? })
    }

    /// Counts API calls anew.
    pub async fn forget_calls(&self) -> Result<(), Box<dyn Error>> {
        self.control("DELETE", "calls", Value::Null).await.map(drop)
    }

    /// API calls as Salesforce counts them, and result pages among them.
    pub async fn calls(&self) -> Result<(u64, u64), Box<dyn Error>> {
        let calls = self.control("GET", "calls", Value::Null).await?;
        let pages = calls["by_kind"]["bulk_results"].as_u64().unwrap_or(0);
        Ok((calls["total"].as_u64().unwrap_or(0), pages))
    }

    /// API calls that write records, and all.
    pub async fn writes(&self) -> Result<(u64, u64), Box<dyn Error>> {
        let calls = self.control("GET", "calls", Value::Null).await?;
        let writes =
            |kind: &str| ["record_write", "collections_write"].contains(&kind) || kind.starts_with("ingest_");
        let kinds = calls["by_kind"].as_object().ok_or("no kinds of calls")?;
        let written =
            kinds.iter().filter(|(kind, _)| writes(kind)).filter_map(|(_, count)| count.as_u64()).sum();
        Ok((written, calls["total"].as_u64().unwrap_or(0)))
    }

    /// Changes about so many opportunities; later the org's clock is past them.
    pub async fn edit(&self, opportunities: u32) -> Result<(), Box<dyn Error>> {
        // Half of the random edits are of other objects.
        let edits = json!({ "seed": 7, "count": opportunities * 2, "creates": 0, "updates": 1, "deletes": 0, "undeletes": 0 });
        self.control("POST", "edits", edits).await?;
        self.wait(120).await
    }

    /// Lets time pass in the org.
    pub async fn wait(&self, seconds: u32) -> Result<(), Box<dyn Error>> {
        self.control("POST", "clock", json!({ "advance_seconds": seconds })).await.map(drop)
    }

    /// A finished bulk job over the measured fields, for the floor: address of its results, access token.
    pub async fn job(&self) -> Result<(String, String), Box<dyn Error>> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", Sandbox::CLIENT_ID),
            ("client_secret", Sandbox::CLIENT_SECRET),
        ];
        let token = self.http.post(format!("{}/services/oauth2/token", self.url)).form(&form).send().await?;
        let token: Value = serde_json::from_str(&token.error_for_status()?.text().await?)?;
        let token = token["access_token"].as_str().ok_or("no token")?.to_owned();
        let fields = FIELDS.map(|(field, ..)| field).join(", ");
        let query = format!("SELECT {fields} FROM Opportunity ORDER BY Id");
        let jobs = format!("{}/services/data/v66.0/jobs/query", self.url);
        let asked =
            self.http.post(&jobs).bearer_auth(&token).json(&json!({ "operation": "query", "query": query }));
        let job: Value = serde_json::from_str(&asked.send().await?.error_for_status()?.text().await?)?;
        let job = format!("{jobs}/{}", job["id"].as_str().ok_or("no job")?);
        loop {
            let look = self.http.get(&job).bearer_auth(&token).send().await?.error_for_status()?;
            let state: Value = serde_json::from_str(&look.text().await?)?;
            if state["state"] == "JobComplete" {
                return Ok((format!("{job}/results?maxRecords=50000"), token));
            }
        }
    }
}
