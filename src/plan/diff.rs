//! What taking over another version of a file would change, in words: `sfsync plan` and the log of a reload print it.
//!
//! Compares what the files say, not the compiled plans: groups, names and order exist only there. Read [`diff`] first.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{Op, Side};
use crate::plan::generation::Identity;
use crate::plan::words::count;
use crate::spec::{GroupPolicy, PipelineFile, RowSpec};

/// What a change needs to take effect (language, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// At once.
    AtOnce,
    /// From the next record; existing records at the next reconciliation.
    NextRecord,
    /// Queued work of that kind is dropped.
    Dropped,
    /// A new direction or operation: from the next change; differences that exist stay.
    NextChange,
    /// The pipelines of that side stop between two batches, connect again and go on from their cursor.
    Reconnect,
    /// Links of the old generation are kept 30 days.
    NewGeneration,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtOnce => "at once",
            Self::NextRecord => "from the next record; existing records at the next reconciliation",
            Self::Dropped => "at once; queued work of that kind is dropped",
            Self::NextChange => {
                "from the next change; differences that exist now stay until the record changes"
            }
            Self::Reconnect => "stops between two batches, connects again, goes on from its cursor",
            Self::NewGeneration => "starts over with fresh links; the old ones are kept 30 days",
        })
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// ``group `project`: always → on_create``
    pub what: String,
    /// What it means for records, where there is more to say than the effect does.
    pub meaning: Option<String>,
    /// What it needs.
    pub effect: Effect,
}

/// Everything that differs, the heaviest effect first. Empty for files that say the same, wherever they say it.
pub fn diff(old: &PipelineFile, new: &PipelineFile) -> Vec<Change> {
    let mut changes = Changes { all: Vec::new() };
    changes.identity(old, new);
    changes.enabled(old, new);
    changes.operations(old, new);
    changes.sides(old, new);
    changes.groups(old, new);
    changes.rows(old, new);
    changes.settings(old, new);
    changes.all.sort_by_key(|change| std::cmp::Reverse(change.effect));
    changes.all
}

struct Changes {
    all: Vec<Change>,
}

impl Changes {
    fn add(&mut self, effect: Effect, what: impl Into<String>) {
        self.all.push(Change { what: what.into(), meaning: None, effect });
    }

    fn explain(&mut self, effect: Effect, what: impl Into<String>, meaning: impl Into<String>) {
        self.all.push(Change { what: what.into(), meaning: Some(meaning.into()), effect });
    }

    /// A key whose values are compared and named.
    fn key<T: PartialEq>(&mut self, effect: Effect, key: &str, old: &T, new: &T) {
        if old != new {
            self.add(effect, format!("`{key}` changed"));
        }
    }

    fn identity(&mut self, old: &PipelineFile, new: &PipelineFile) {
        let (before, after) = (Identity::of(old), Identity::of(new));
        if before.generation != after.generation {
            let what = format!("generation {} → {}", before.generation, after.generation);
            self.add(Effect::NewGeneration, what);
        }
        if before.object != after.object {
            self.add(Effect::NewGeneration, format!("object: {} → {}", before.object, after.object));
        }
        if before.org != after.org {
            self.add(Effect::NewGeneration, format!("Salesforce connection: {} → {}", before.org, after.org));
        }
        if (&before.app, &before.resource) != (&after.app, &after.resource) {
            let (from, to) = ((&before.app, &before.resource), (&after.app, &after.resource));
            self.add(Effect::NewGeneration, format!("app: {}.{} → {}.{}", from.0, from.1, to.0, to.1));
        }
        if before.matched != after.matched {
            let (from, to) = (before.matched.join(", "), after.matched.join(", "));
            self.add(Effect::NewGeneration, format!("match: [{from}] → [{to}]"));
        }
        if before.many_to_one != after.many_to_one {
            self.add(Effect::NewGeneration, format!("links: {} → {}", old.links(), new.links()));
        }
    }

    fn enabled(&mut self, old: &PipelineFile, new: &PipelineFile) {
        match (old.enabled(), new.enabled()) {
            (true, false) => {
                self.explain(
                    Effect::AtOnce,
                    "enabled: true → false",
                    "stops; its links and cursors are kept",
                );
            }
            (false, true) => self.explain(
                Effect::AtOnce,
                "enabled: false → true",
                "goes on where it was, and polls what it missed",
            ),
            _ => {}
        }
    }

    fn operations(&mut self, old: &PipelineFile, new: &PipelineFile) {
        for side in [Side::App, Side::Salesforce] {
            let (before, after) = (old.ops_to(side), new.ops_to(side));
            if !before.any() && after.any() {
                let meaning = "takes a fresh baseline: differences that exist now stay until the record changes or `sync --full`";
                self.explain(Effect::NextChange, format!("new direction `to_{side}`"), meaning);
                continue;
            }
            if before.any() && !after.any() {
                self.add(Effect::Dropped, format!("direction `to_{side}` removed"));
                continue;
            }
            for op in [Op::Create, Op::Update, Op::Delete, Op::Archive, Op::Link] {
                match (before.allows(op), after.allows(op)) {
                    (true, false) => {
                        self.add(Effect::Dropped, format!("`{}` removed from `to_{side}`", op.name()));
                    }
                    (false, true) => {
                        self.add(Effect::NextChange, format!("`{}` added to `to_{side}`", op.name()));
                    }
                    _ => {}
                }
            }
        }
    }

    fn sides(&mut self, old: &PipelineFile, new: &PipelineFile) {
        let (before, after) = (&old.salesforce, &new.salesforce);
        self.key(Effect::NextRecord, "salesforce.include", &before.include, &after.include);
        self.key(Effect::NextRecord, "salesforce.exclude", &before.exclude, &after.exclude);
        self.key(Effect::NextRecord, "salesforce.where", &before.condition, &after.condition);
        self.key(Effect::NextRecord, "salesforce.filter", &before.filter, &after.filter);
        self.key(Effect::NextRecord, "salesforce.on_leave", &before.on_leave(), &after.on_leave());
        self.key(Effect::NextRecord, "salesforce.own_records", &before.own_records(), &after.own_records());
        self.key(Effect::NextRecord, "salesforce.archive", &before.archive, &after.archive);
        self.key(Effect::NextRecord, "salesforce.select", &before.select, &after.select);
        self.key(Effect::AtOnce, "salesforce.backfill", &before.backfill, &after.backfill);
        self.key(Effect::AtOnce, "salesforce.poll", &before.poll(), &after.poll());
        self.key(Effect::Reconnect, "salesforce.push", &before.push, &after.push);
        self.key(Effect::Reconnect, "salesforce.scope", &before.scope(), &after.scope());
        let (before, after) = (&old.app, &new.app);
        self.key(Effect::NextRecord, "app.include", &before.include, &after.include);
        self.key(Effect::NextRecord, "app.exclude", &before.exclude, &after.exclude);
        self.key(Effect::NextRecord, "app.where", &before.condition, &after.condition);
        self.key(Effect::NextRecord, "app.filter", &before.filter, &after.filter);
        self.key(Effect::NextRecord, "app.on_leave", &before.on_leave(), &after.on_leave());
        self.key(Effect::NextRecord, "app.own_records", &before.own_records(), &after.own_records());
        self.key(Effect::NextRecord, "app.archive", &before.archive, &after.archive);
        self.key(Effect::AtOnce, "app.backfill", &before.backfill, &after.backfill);
        self.key(Effect::AtOnce, "app.poll", &before.poll(), &after.poll());
        self.key(Effect::Reconnect, "app.push", &before.push(), &after.push());
        self.key(Effect::Reconnect, "app.scope", &before.scope(), &after.scope());
    }

    fn groups(&mut self, old: &PipelineFile, new: &PipelineFile) {
        for group in &new.groups {
            let name = &group.name.value;
            let Some(before) = old.group(name).map(|group| group.policy.value) else { continue };
            let after = group.policy.value;
            if before != after {
                let rows =
                    new.fields.iter().filter(|row| row.group.as_ref().is_some_and(|of| of.value == *name));
                let what = format!("group `{name}`: {before} → {after}");
                self.explain(Effect::NextRecord, what, group_meaning(rows.count(), before, after));
            }
        }
    }

    fn rows(&mut self, old: &PipelineFile, new: &PipelineFile) {
        let (before, after) = (by_name(&old.fields), by_name(&new.fields));
        for (name, row) in &after {
            match before.get(name) {
                None => self.add(Effect::NextRecord, format!("row `{}` added", name.0)),
                Some(was) if !same_row(was, row) => {
                    self.add(Effect::NextRecord, format!("row `{}` changed", name.0));
                }
                Some(_) => {}
            }
        }
        for name in before.keys().filter(|name| !after.contains_key(name)) {
            let meaning = "the values it wrote stay where they are";
            self.explain(Effect::NextRecord, format!("row `{}` removed", name.0), meaning);
        }
    }

    fn settings(&mut self, old: &PipelineFile, new: &PipelineFile) {
        self.key(Effect::NextRecord, "conflict", &old.conflict(), &new.conflict());
        self.key(Effect::NextRecord, "manual_links", &old.manual_links, &new.manual_links);
        self.key(Effect::AtOnce, "description", &old.description, &new.description);
        self.key(Effect::AtOnce, "reconcile", &old.reconcile(), &new.reconcile());
        self.key(Effect::AtOnce, "max_deletes", &old.max_deletes(), &new.max_deletes());
        self.key(Effect::AtOnce, "max_changes", &old.max_changes(), &new.max_changes());
        self.key(Effect::AtOnce, "retries", &old.retries(), &new.retries());
        self.key(Effect::AtOnce, "pause_after", &old.pause_after(), &new.pause_after());
        self.key(Effect::AtOnce, "notify", &old.notify, &new.notify);
        self.key(Effect::AtOnce, "renamed_from", &old.renamed_from, &new.renamed_from);
        self.key(Effect::AtOnce, "tests", &old.tests, &new.tests);
    }
}

/// Rows by their fields; the number tells rows apart that pair the same two.
fn by_name(rows: &[RowSpec]) -> BTreeMap<(String, usize), &RowSpec> {
    let mut all: BTreeMap<(String, usize), &RowSpec> = BTreeMap::new();
    for row in rows {
        let name = super::compile::row_name(row).to_string();
        let nth = all.keys().filter(|(other, _)| *other == name).count();
        all.insert((name, nth), row);
    }
    all
}

/// Whether two rows say the same; their number in the file is no difference.
fn same_row(old: &RowSpec, new: &RowSpec) -> bool {
    let moved = RowSpec { number: new.number, span: new.span, ..old.clone() };
    moved == *new
}

fn group_meaning(rows: usize, before: GroupPolicy, after: GroupPolicy) -> String {
    let (rows, verb) =
        (count(rows, "row"), |one: &'static str, many: &'static str| if rows == 1 { one } else { many });
    match (before, after) {
        (_, GroupPolicy::OnCreate) => format!(
            "{rows} {} following Salesforce after import; nothing is written by the change itself",
            verb("stops", "stop")
        ),
        (_, GroupPolicy::Off) => format!("{rows} {} nothing any more; their values stay", verb("does", "do")),
        (GroupPolicy::Off | GroupPolicy::OnCreate, _) => {
            format!(
                "{rows} {} Salesforce again, `{after}`; nothing is written by the change itself",
                verb("follows", "follow")
            )
        }
        _ => format!("{rows} {} `{after}`; nothing is written by the change itself", verb("writes", "write")),
    }
}
