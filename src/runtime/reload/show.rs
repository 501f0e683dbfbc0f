//! What a load leaves behind besides pipelines: the last good texts, statuses, hot settings, the report.

use std::sync::PoisonError;

use jiff::Timestamp;

use super::judge::Judged;
use crate::diag::{Code, Diagnostic, SourceId};
use crate::model::{ConnectionName, PipelineName};
use crate::plan::Files;
use crate::runtime::control::{FileReport, ReloadReport};
use crate::runtime::folder::Texts;
use crate::runtime::load::Loaded;
use crate::runtime::meaning::clock_time;
use crate::runtime::status::{ConfigStatus, State};
use crate::runtime::supervisor::{Latest, Supervisor};
use crate::spec::{Entry, PipelineFile, Settings, Template};
use crate::store::{LastGood, StoreError};

/// The org has no such object, or the integration user may not see it.
const UNKNOWN_OBJECT: Code = Code("E301");

impl Supervisor {
    /// Stores the texts that were taken over, so that they survive a restart with a broken file on disk.
    pub(super) fn remember(&self, texts: &Texts, judged: &Judged, now: Timestamp) -> Result<(), StoreError> {
        let compiled = &judged.desired.compiled;
        let pipelines =
            texts.pipelines.iter().filter(|(name, _)| judged.is_current(&PipelineName::from(name.as_str())));
        let connections = texts.connections.iter().filter(|(name, _)| {
            compiled.connections.get(&ConnectionName::from(name.as_str())).is_some_and(Result::is_ok)
        });
        let settings = texts.settings.iter().filter(|_| {
            judged.desired.files.settings.as_ref().is_some_and(|settings| !settings.has_errors())
        });
        let taken = pipelines.chain(connections).map(|(_, file)| file).chain(settings);
        let mut good = self.good.write().unwrap_or_else(PoisonError::into_inner);
        let mut fresh: Vec<(&str, LastGood)> = Vec::new();
        for file in taken {
            if good.get(&file.path).is_some_and(|known| known.text.as_bytes() == file.bytes) {
                continue;
            }
            let text = String::from_utf8_lossy(&file.bytes).into_owned();
            fresh.push((&file.path, LastGood { text, loaded_at: now }));
        }
        if !fresh.is_empty() {
            self.store.save_last_good(&fresh)?;
            good.extend(fresh.into_iter().map(|(path, good)| (path.to_owned(), good)));
        }
        Ok(())
    }

    /// Puts into every status which version of its file runs.
    pub(super) fn show_configs(&self, texts: &Texts, judged: &Judged, now: Timestamp) {
        for file in &judged.desired.files.pipelines {
            let connection = judged.broken_connection(&file.name);
            let of_connection = connection.map_or(0, |source| judged.desired.counts(source).0);
            let errors = judged.desired.counts(file.source).0 + of_connection;
            let current = judged.is_current(&file.name);
            let path =
                texts.pipelines.get(file.name.as_str()).map(|file| file.path.clone()).unwrap_or_default();
            let old = judged.old.get(&path).copied();
            let loaded_at = if current { self.since(&path).or(Some(now)) } else { old };
            let running = judged.running().files.pipeline(&file.name).and_then(|file| file.value());
            let generation = running.map_or(1, PipelineFile::generation);
            let first = match connection {
                Some(source) if current || first(&judged.desired, file.source).is_none() => {
                    first(&judged.desired, source)
                }
                _ => first(&judged.desired, file.source).filter(|_| !current),
            };
            let problem = first.map(|message| (message.code.to_string(), message.title.clone()));
            let invalid = (!current && old.is_none()).then(|| state_without(first));
            let config = ConfigStatus {
                file: path.clone(),
                loaded_at,
                current: current && connection.is_none(),
                generation,
                errors,
                problem,
            };
            self.status_of(&file.name).send_if_modified(|status| {
                let changed = status.config != config || invalid.is_some_and(|state| status.state != state);
                if let Some(state) = invalid {
                    status.state = state;
                    status.message = why_invalid(first, &path);
                }
                // The task shows all conditions, but only when it works next.
                let loaded = config.loaded();
                match status.conditions.iter_mut().find(|known| known.kind == loaded.kind) {
                    Some(known) => *known = loaded,
                    None => status.conditions.insert(0, loaded),
                }
                status.config = config;
                changed
            });
            self.metrics.reloaded(&path, current, now);
        }
        for file in &judged.desired.files.connections {
            let good = judged.desired.compiled.connections.get(&file.name).is_some_and(Result::is_ok);
            self.metrics.reloaded(judged.desired.files.path(file.source), good, now);
        }
        if let (Some(file), Some(settings)) = (&texts.settings, &judged.desired.files.settings) {
            self.metrics.reloaded(&file.path, !settings.has_errors(), now);
        }
        self.changed.notify_waiters();
    }

    /// The settings that are hot.
    pub(super) fn use_settings(&self, files: &Files) {
        let settings = files.settings.as_ref().and_then(|parsed| parsed.value.as_ref());
        let level = self.level.read().unwrap_or_else(PoisonError::into_inner);
        if let (Some(settings), Some(handle)) = (settings, level.as_ref()) {
            handle.set(settings.log());
        }
    }

    pub(super) fn report(&self, texts: &Texts, judged: &Judged, before: &Latest) -> ReloadReport {
        let mut report = ReloadReport::default();
        let desired = &judged.desired;
        let mut add = |path: &str, source, tests, state: Option<String>| {
            let (errors, warnings) = desired.counts(source);
            let state = match (state, judged.old.get(path)) {
                (Some(state), _) => state,
                (None, Some(at)) => format!("last good of {}", clock_time(*at)),
                (None, None) => "invalid".to_owned(),
            };
            report.files.push(FileReport { file: path.to_owned(), errors, warnings, tests, state });
        };
        let taken =
            |path: &str| if judged.changed.contains(path) { "taken over" } else { "unchanged" }.to_owned();
        if let (Some(file), Some(parsed)) = (&texts.settings, &desired.files.settings) {
            let source = parsed.value.as_ref().map(|settings| settings.source);
            let source = source.or_else(|| Some(parsed.diagnostics.first()?.primary.as_ref()?.span.source));
            let state = (!parsed.has_errors())
                .then(|| cold(before, parsed.value.as_ref()).unwrap_or_else(|| taken(&file.path)));
            add(&file.path, source.unwrap_or(crate::diag::SourceId(u32::MAX)), (0, 0), state);
        }
        for file in &desired.files.connections {
            let path = desired.files.path(file.source);
            let good = desired.compiled.connections.get(&file.name).is_some_and(Result::is_ok);
            add(path, file.source, (0, 0), good.then(|| taken(path)));
        }
        for file in &desired.files.pipelines {
            let path = desired.files.path(file.source);
            let state = judged.is_current(&file.name).then(|| taken(path));
            add(path, file.source, desired.tests(&file.name), state);
        }
        let gone =
            before.desired.pipelines.iter().filter(|file| !texts.pipelines.contains_key(file.name.as_str()));
        let gone = gone.map(|file| before.desired.path(file.source).to_owned());
        report.files.extend(gone.map(|file| FileReport {
            file,
            state: "removed".to_owned(),
            ..FileReport::default()
        }));
        let map = &desired.files.map;
        report.diagnostics =
            desired.compiled.diagnostics.iter().map(|message| crate::diag::to_data(message, map)).collect();
        report
    }
}

/// Logs what a load found and the one before did not, since a log is all that many people see of a daemon.
pub(super) fn log_messages(report: &ReloadReport, before: &ReloadReport) {
    for message in report.diagnostics.iter().filter(|message| !before.diagnostics.contains(message)) {
        let (code, file, line) = (&message.code, &message.file, message.line);
        if message.severity == "error" {
            tracing::error!(%code, %file, line, "{}", message.title);
        } else {
            tracing::warn!(%code, %file, line, "{}", message.title);
        }
    }
}

/// The first thing that keeps a file from running.
fn first(desired: &Loaded, source: SourceId) -> Option<&Diagnostic> {
    let here =
        |message: &&Diagnostic| message.primary.as_ref().is_some_and(|label| label.span.source == source);
    desired.compiled.diagnostics.iter().filter(here).min_by_key(|message| !message.is_error())
}

/// The state of a pipeline of which no version runs: nothing is wrong with a file that names an object which the org does not have or does
/// not show, unless the name looks like a slip of another one. It is looked again, and begins when the object is there.
fn state_without(first: Option<&Diagnostic>) -> State {
    let is_slip = |message: &Diagnostic| message.fix.is_some();
    match first {
        Some(message) if message.code == UNKNOWN_OBJECT && !is_slip(message) => State::Blocked,
        _ => State::Invalid,
    }
}

fn why_invalid(first: Option<&Diagnostic>, path: &str) -> String {
    match first {
        Some(message) => format!("{}: {} (sfsync check shows more)", message.code, message.title),
        None => format!("no version of {path} was ever loaded"),
    }
}

/// The settings that changed and are not hot: they are used from the next start.
fn cold(before: &Latest, now: Option<&Settings>) -> Option<String> {
    let old = before.desired.settings.as_ref()?.value.as_ref()?;
    let now = now?;
    let texts = |settings: &Settings| {
        let text = |entry: &Option<Entry<Template>>| entry.as_ref().map(|entry| entry.value.clone());
        [
            text(&settings.listen),
            text(&settings.public_url),
            text(&settings.admin_token),
            text(&settings.state),
        ]
    };
    let names = ["listen", "public_url", "admin_token", "state"];
    let changed: Vec<&str> = names
        .into_iter()
        .zip(texts(old).into_iter().zip(texts(now)))
        .filter(|(_, (old, now))| old != now)
        .map(|(name, _)| name)
        .collect();
    (!changed.is_empty()).then(|| format!("taken over; {} from the next start", changed.join(", ")))
}
