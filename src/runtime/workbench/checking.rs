//! What there is to say about the files of a folder (`sfsync check`).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Workbench;
use crate::diag::{Diagnostic, Rendered, Severity};
use crate::model::PipelineName;
use crate::plan::FileOf;
use crate::plan::catalog::age;
use crate::runtime::{catalogs, refused};
use crate::spec::{ConnectionFile, PipelineFile};

/// How one file stands after a check.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FileCheck {
    /// Printed path.
    pub file: String,
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Inline tests that passed.
    pub passed: usize,
    /// Inline tests that failed.
    pub failed: usize,
    /// For connections that were reached: the org, the server.
    pub facts: String,
}

/// The outcome of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CheckReport {
    /// All files that were asked for.
    pub files: Vec<FileCheck>,
    /// Their messages as data.
    pub diagnostics: Vec<Rendered>,
    /// The same as text.
    #[serde(skip)]
    pub text: String,
    /// What was not checked, and why.
    pub notes: Vec<String>,
    /// Connections that did not answer.
    pub unreachable: usize,
    /// Any error in them.
    pub errors: usize,
    /// Any warning in them.
    pub warnings: usize,
    /// Fields of the files that were held against the org.
    pub salesforce_fields: usize,
    /// Fields that were held against apps, by connection.
    pub app_fields: BTreeMap<String, usize>,
}

impl Workbench {
    /// Everything there is to say about the files that are asked for (all, without names).
    pub fn check(&self, names: &[String], color: bool) -> CheckReport {
        let mut report = CheckReport { notes: self.loaded.compiled.notes.clone(), ..CheckReport::default() };
        let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
        let mut sources = Vec::new();
        for file in self.loaded.files.connections.iter().filter(|file| wanted(file.name.as_str())) {
            sources.push(file.source);
            let facts = self.facts(file.value());
            report.files.push(self.file_check(file.source, (0, 0), facts));
        }
        for file in self.loaded.files.pipelines.iter().filter(|file| wanted(file.name.as_str())) {
            sources.push(file.source);
            report.files.push(self.file_check(file.source, self.loaded.tests(&file.name), String::new()));
            self.count_fields(file, &mut report);
        }
        report.notes.extend(self.age(wanted));
        let of_these = |message: &&Diagnostic| {
            names.is_empty()
                || message.primary.as_ref().is_none_or(|label| sources.contains(&label.span.source))
        };
        let messages: Vec<Diagnostic> =
            self.loaded.compiled.diagnostics.iter().filter(of_these).cloned().collect();
        let count = |severity| messages.iter().filter(|message| message.severity == severity).count();
        (report.errors, report.warnings) = (count(Severity::Error), count(Severity::Warning));
        let map = &self.loaded.files.map;
        report.diagnostics = messages.iter().map(|message| crate::diag::to_data(message, map)).collect();
        report.text = crate::diag::all_to_text(&messages, map, color);
        let silent = self.looked.unreachable.iter().filter(|(_, error)| error.code != refused::WRONG_ORG);
        for (name, error) in silent {
            report.errors += 1;
            report.unreachable += 1;
            let unseen = crate::plan::without_schema(name);
            report.notes.retain(|note| *note != unseen);
            let help = error.help.as_deref().map(|help| format!("\n  = help: {help}")).unwrap_or_default();
            report
                .text
                .push_str(&format!("error[{}]: connection {name}: {}{help}\n\n", error.code, error.message));
        }
        report
    }

    fn count_fields(&self, file: &FileOf<PipelineName, PipelineFile>, report: &mut CheckReport) {
        let Some((fields, pipeline)) = self.loaded.compiled.fields.get(&file.name).zip(file.value()) else {
            return;
        };
        report.salesforce_fields += fields.salesforce;
        if fields.app > 0 {
            let app = pipeline.app.resource.connection.value.to_string();
            *report.app_fields.entry(app).or_default() += fields.app;
        }
    }

    /// How old the schemas are that were not asked for just now.
    fn age(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let mut oldest: BTreeMap<&str, Timestamp> = BTreeMap::new();
        let files = self.loaded.files.pipelines.iter().filter(|file| wanted(file.name.as_str()));
        for pipeline in files.filter_map(|file| file.value()) {
            let org = pipeline.salesforce.connection_name();
            let object =
                self.looked.catalog.org(&org).map(|org| org.object(&pipeline.salesforce.object.value));
            let app = &pipeline.app.resource;
            let known = self.connection(app.connection.value.as_str()).and_then(|file| {
                let table = catalogs::table_of(file, app.resource.value.as_str());
                self.looked.catalog.database(&file.name)?.table(&table).known().map(|table| table.read_at)
            });
            let org = self.loaded.files.connection(&org).map(|file| &file.name);
            let org = org.zip(object.and_then(|object| object.known().map(|object| object.read_at)));
            for (name, at) in org.into_iter().chain(known.map(|at| (&app.connection.value, at))) {
                if !self.looked.reached.contains(name) {
                    oldest.entry(name.as_str()).and_modify(|known| *known = at.min(*known)).or_insert(at);
                }
            }
        }
        let now = self.clock.now();
        let ages: Vec<String> =
            oldest.into_iter().map(|(name, at)| format!("{name} as read {}", age(at, now))).collect();
        (!ages.is_empty()).then(|| format!("checked against {}; ask again with --online", ages.join(", ")))
    }

    fn file_check(
        &self,
        source: crate::diag::SourceId,
        (passed, failed): (usize, usize),
        facts: String,
    ) -> FileCheck {
        let (errors, warnings) = self.loaded.counts(source);
        let file =
            self.loaded.files.map.get(source).map(|source| source.path.to_string()).unwrap_or_default();
        FileCheck { file, errors, warnings, passed, failed, facts }
    }

    fn facts(&self, file: Option<&ConnectionFile>) -> String {
        let Some(file) = file else { return String::new() };
        match self.looked.unreachable.get(&file.name) {
            Some(error) if error.code == refused::WRONG_ORG => return "another org is meant".to_owned(),
            Some(_) => return "cannot be reached".to_owned(),
            None => {}
        }
        let org = self.looked.catalog.org(&file.name).and_then(|org| org.facts.as_ref());
        let org = org.map(|org| {
            let kind = if org.is_sandbox { "sandbox" } else { "production" };
            format!("{} ({}, {kind}, {})", org.name, org.id, org.edition)
        });
        let reached = self.looked.reached.contains(&file.name);
        org.or_else(|| reached.then(|| "reached".to_owned())).unwrap_or_default()
    }
}
