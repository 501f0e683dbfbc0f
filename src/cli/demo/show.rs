//! What a demo prints while it runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use sfsync_sandbox::app::App;

use super::sets::Set;
use crate::cli::daemon::Service;
use crate::cli::progress::Bars;
use crate::cli::{Screen, tell};
use crate::model::Counts;
use crate::runtime::control::ReloadReport;
use crate::runtime::status::{PipelineStatus, State};
use crate::serve::shown::thousands;

/// How often the pipelines are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Users of the app change something every so many looks.
const LOOKS_PER_EDIT: u64 = 8;
/// A first load that takes longer is reported as it stands.
const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until every pipeline has read everything once.
pub(super) async fn load(service: &Service, screen: Screen) -> Vec<PipelineStatus> {
    let mut bars = Bars::new(screen);
    let until = Instant::now() + PATIENCE;
    loop {
        let pipelines = service.control.pipelines();
        for status in &pipelines {
            match status.progress {
                Some(progress) => bars.at(status.name.as_str(), progress.done, progress.total),
                None => bars.done(status.name.as_str()),
            }
        }
        let loaded = |status: &PipelineStatus| {
            status.passes > 0 || !matches!(status.state, State::Loading | State::Running)
        };
        if pipelines.iter().all(loaded) || Instant::now() > until {
            return pipelines;
        }
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) fn told_of_load(pipelines: &[PipelineStatus], took: Duration) -> String {
    let mut text = String::new();
    let width = width(pipelines);
    for status in pipelines {
        let totals = &status.totals;
        let linked =
            if totals.linked > 0 { format!(", {} linked", thousands(totals.linked)) } else { String::new() };
        let written = format!(
            "{} created{linked}, {} left out, {} failed",
            thousands(totals.created),
            thousands(totals.skipped),
            thousands(totals.failed)
        );
        let remark =
            crate::serve::shown::remark(status).map(|remark| format!("   {}: {remark}", status.state.name()));
        let _ = writeln!(text, "  {:<width$}  {written}{}", status.name.as_str(), remark.unwrap_or_default());
    }
    format!("Loaded after {:.1} s\n{text}", took.as_secs_f32())
}

/// Of the longest name.
fn width(pipelines: &[PipelineStatus]) -> usize {
    pipelines.iter().map(|status| status.name.as_str().chars().count()).max().unwrap_or_default()
}

pub(super) fn where_to_look(folder: &Path, set: &Set, service: &Service) -> String {
    let database = if set.app().is_some() { "app.db" } else { "warehouse.db" };
    format!(
        "  the files    {0}/*.yaml   (edit one: it runs two seconds later; break one: the last good version goes on)\n  \
         the rows     sqlite3 {0}/{database} '{1}'\n  \
         the status   http://{2}/   or   sfsync status --socket {3}\n",
        folder.display(),
        set.question,
        service.address,
        service.socket.display()
    )
}

pub(super) fn told_of_reload(report: &ReloadReport) -> String {
    let errors: usize = report.files.iter().map(|file| file.errors).sum();
    if errors == 0 { "files loaded: what you saved runs now".to_owned() } else { tell::told(report) }
}

/// What happens beside the org.
pub(super) struct Others<'a> {
    pub(super) set: &'static Set,
    pub(super) app: Option<&'a App>,
    pub(super) notices: &'a App,
}

impl Others<'_> {
    /// A user of the app changes something.
    fn write(&self, seed: u64) {
        let (Some(app), Some((resource, field))) = (self.app, self.set.users_write) else { return };
        let Ok(rows) = app.query(&format!("SELECT _number FROM {resource}")) else { return };
        let at = usize::try_from(seed).unwrap_or_default().wrapping_mul(7919) % rows.len().max(1);
        if let Some(number) = rows.get(at).and_then(|row| row["_number"].as_u64()) {
            // It may be gone by now.
            let _ =
                app.edit(resource, number, json!({ field: format!("+358 40 {:07}", seed * 7 % 10_000_000) }));
        }
    }

    /// Notices that were not shown yet.
    fn notices(&self, shown: &mut usize) -> Vec<String> {
        let all = self.notices.records("notices").unwrap_or_default();
        let new = all.iter().skip(*shown).map(|notice| {
            let text = ["text", "message"].iter().find_map(|name| notice.get(*name)?.as_str());
            text.map_or_else(|| serde_json::Value::Object(notice.clone()).to_string(), str::to_owned)
        });
        let new = new.collect();
        *shown = all.len();
        new
    }
}

/// A line for each pipeline that did something, as it happens, and the notices.
pub(super) async fn follow(service: &Service, length: Option<Duration>, others: &Others<'_>, screen: Screen) {
    let until = length.map(|length| Instant::now() + length);
    let totals = |pipelines: &[PipelineStatus]| -> BTreeMap<String, Counts> {
        pipelines.iter().map(|status| (status.name.to_string(), status.totals)).collect()
    };
    let mut before = totals(&service.control.pipelines());
    let (mut looks, mut shown) = (0, 0);
    while until.is_none_or(|until| Instant::now() < until) {
        tokio::time::sleep(LOOK).await;
        looks += 1;
        if looks % LOOKS_PER_EDIT == 0 {
            others.write(looks);
        }
        let pipelines = service.control.pipelines();
        for status in &pipelines {
            let old = before.get(status.name.as_str()).copied().unwrap_or_default();
            if let Some(line) = told_of_change(status, &old, width(&pipelines)) {
                screen.remark(&line);
            }
        }
        for notice in others.notices(&mut shown) {
            screen.remark(&format!("notice: {notice}"));
        }
        before = totals(&pipelines);
    }
}

fn told_of_change(status: &PipelineStatus, old: &Counts, width: usize) -> Option<String> {
    let new = &status.totals;
    let more = [
        ("created", new.created.saturating_sub(old.created)),
        ("updated", new.updated.saturating_sub(old.updated)),
        ("deleted", new.deleted.saturating_sub(old.deleted)),
        ("held", new.held.saturating_sub(old.held)),
        ("failed", new.failed.saturating_sub(old.failed)),
    ];
    let words: Vec<String> = more
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let time = jiff::Zoned::now().strftime("%H:%M:%S");
    (!words.is_empty()).then(|| format!("{time}  {:<width$}  {}", status.name.as_str(), words.join(", ")))
}

/// What to try after a demo. `named`: the folder was, and has to be again.
pub(super) fn hint(folder: &Path, set: &Set, named: bool) -> String {
    let mut again = if set.name == "quickstart" { String::new() } else { format!(" --set {}", set.name) };
    if named {
        let _ = write!(again, " --folder {}", folder.display());
    }
    format!(
        "\nNext: start it again (sfsync demo{again}; the org and the rows begin afresh, the files stay as you edit them) and, while it runs, edit {0}/{1}.\n\
         Two seconds after you save it runs. A mistake is shown, and the last good version goes on.\n\
         For your own org: copy the folder, take `login_url` out of connections/salesforce.yaml, set the variables it names, and run\n\
         sfsync check --online --config <folder>.",
        folder.display(),
        set.change
    )
}
