//! A pipeline file.

use super::fields::{Fields, connection_name, literal, path, pipeline_name, record};
use super::{rows, sides, stories};
use crate::diag::{Diagnostic, SourceId};
use crate::model::{Op, Ops, PipelineName};
use crate::spec::values::Schedule;
use crate::spec::yaml::Node;
use crate::spec::{
    Conflict, Entry, GroupPolicy, GroupSpec, Links, ManualLink, OpList, PairSelector, PipelineFile, Spanned,
};

/// The connection that `app` names, as written, for messages about the raw tree.
pub(super) fn connection_word(root: &Node) -> Option<String> {
    let app = root.get("app")?;
    let text = match app.scalar() {
        Some(scalar) => &scalar.text,
        None => &app.get("resource")?.scalar()?.text,
    };
    Some(text.split_once('.')?.0.to_owned())
}

pub(super) fn decode(
    root: &Node,
    source: SourceId,
    name: &PipelineName,
    out: &mut Vec<Diagnostic>,
) -> Option<PipelineFile> {
    let fields = Fields::of(root)?;
    let salesforce = sides::salesforce(&fields, out)?;
    let app = sides::app(&fields)?;
    let (fields_key, row_nodes) = fields.get("fields")?;
    Some(PipelineFile {
        source,
        name: name.clone(),
        description: fields.text("description"),
        enabled: fields.bool("enabled"),
        salesforce,
        app,
        to_app: ops(&fields, "to_app"),
        to_salesforce: ops(&fields, "to_salesforce"),
        match_fields: fields.list("match", path),
        links: fields.word("links", Links::from_word),
        manual_links: fields.items("manual_links", manual_link).into_iter().map(|link| link.value).collect(),
        conflict: fields.word("conflict", Conflict::from_word),
        groups: groups(&fields),
        fields: rows::rows(row_nodes),
        fields_key: fields_key.span,
        reconcile: fields.entry("reconcile", |node| Schedule::parse(&node.scalar()?.text).ok()),
        max_deletes: fields.number("max_deletes"),
        max_changes: fields.number("max_changes"),
        retries: fields.number("retries"),
        pause_after: fields.number("pause_after"),
        notify: fields.list("notify", connection_name),
        generation: fields.number("generation"),
        renamed_from: fields.entry("renamed_from", pipeline_name),
        tests: stories::tests(&fields),
    })
}

pub(super) fn ops(fields: &Fields<'_>, key: &str) -> Option<Entry<OpList>> {
    let list = fields.list(key, |node| op(&node.scalar()?.text))?;
    Some(list.map(|items| {
        let mut ops = Ops::default();
        for item in &items {
            match item.value {
                Op::Create => ops.create = true,
                Op::Update => ops.update = true,
                Op::Delete => ops.delete = true,
                Op::Archive => ops.archive = true,
                Op::Link => ops.link = true,
            }
        }
        OpList { ops, items }
    }))
}

fn op(word: &str) -> Option<Op> {
    [Op::Create, Op::Update, Op::Delete, Op::Archive, Op::Link].into_iter().find(|op| op.name() == word)
}

pub(super) fn groups(fields: &Fields<'_>) -> Vec<GroupSpec> {
    let Some(groups) = fields.get("groups").and_then(|(_, node)| Fields::of(node)) else { return Vec::new() };
    let read = |(name, node): &(crate::spec::Scalar, Node)| {
        let policy = GroupPolicy::from_word(&node.scalar()?.text)?;
        let name = Spanned::new(name.text.to_string(), name.span);
        Some(GroupSpec { name, policy: Spanned::new(policy, node.span) })
    };
    groups.pairs().iter().filter_map(read).collect()
}

fn manual_link(node: &Node) -> Option<ManualLink> {
    let fields = Fields::of(node)?;
    let selector = |node: &Node| match node.scalar() {
        Some(_) => literal(node).map(PairSelector::Id),
        None => record(node).map(PairSelector::Fields),
    };
    Some(ManualLink {
        span: fields.span,
        salesforce: fields.entry("salesforce", selector)?,
        app: fields.entry("app", selector)?,
    })
}
