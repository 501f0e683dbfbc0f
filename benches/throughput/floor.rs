//! The floor: what a good engineer does by hand. `curl` of the same result pages, without the header lines, piped into the copy
//! command of the database, into a table of the same columns with the same key.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::deals::FIELDS;

/// Follows the locators from page to page and prints the rows.
const PAGES: &str = r#"
pages() {
    local address=$URL
    while :; do
        curl -sSf -D "$DIR/headers" -H "Authorization: Bearer $TOKEN" "$address" | tail -n +2
        locator=$(tr -d '\r' <"$DIR/headers" | sed -n 's/^sforce-locator: //p')
        if [ "$locator" = null ]; then return; fi
        address="$URL&locator=$locator"
    done
}
"#;

/// Where the pages are and what it takes to get them.
pub struct Pages {
    /// Address of the results.
    pub url: String,
    /// Access token.
    pub token: String,
}

impl Pages {
    /// Into PostgreSQL.
    pub fn to_postgres(&self, folder: &Path, database: &str) -> Result<Duration, Box<dyn Error>> {
        let columns = FIELDS.map(|(_, column, ..)| column).join(", ");
        // An empty value is no value, as sfsync has it; without this the numbers and dates would not even load.
        let copy = format!("\\copy floor ({columns}) from stdin with (format csv, force_null ({columns}))");
        self.run(folder, &format!("pages | psql -q -v ON_ERROR_STOP=1 '{database}' -c '{copy}'"))
    }

    /// Into SQLite.
    pub fn to_sqlite(&self, folder: &Path, database: &Path) -> Result<Duration, Box<dyn Error>> {
        let import = format!("pages | sqlite3 -csv '{}' '.import /dev/stdin floor'", database.display());
        self.run(folder, &import)
    }

    /// Into nothing: what the org and `curl` alone take.
    pub fn to_nothing(&self, folder: &Path) -> Result<Duration, Box<dyn Error>> {
        self.run(folder, "pages >/dev/null")
    }

    fn run(&self, folder: &Path, command: &str) -> Result<Duration, Box<dyn Error>> {
        let script = format!("set -euo pipefail\n{PAGES}\n{command}");
        let started = Instant::now();
        let done = Command::new("bash")
            .args(["-c", &script])
            .env("URL", &self.url)
            .env("TOKEN", &self.token)
            .env("DIR", folder)
            .stdin(Stdio::null())
            .status()?;
        if !done.success() {
            return Err(format!("the floor failed: {command}").into());
        }
        Ok(started.elapsed())
    }
}
