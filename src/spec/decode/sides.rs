//! The two sides of a pipeline, in short and in map form.

use super::fields::{Fields, connection_name, list, literal, path, record};
use crate::diag::Diagnostic;
use crate::model::{ConnectionName, ResourceName};
use crate::spec::values::{Period, TimeWindow};
use crate::spec::yaml::Node;
use crate::spec::{
    AppPush, AppSide, Backfill, BackfillWindow, Condition, Entry, Filter, OnLeave, OwnRecords, Poll, Push,
    ResourceRef, SalesforceSide, Scalar, Scope, Spanned, Where, soql,
};

pub(super) fn salesforce(file: &Fields<'_>, out: &mut Vec<Diagnostic>) -> Option<SalesforceSide> {
    let (key, node) = file.get("salesforce")?;
    let empty = Node { span: node.span, data: crate::spec::yaml::Data::Map(Vec::new()) };
    let (object, node) = match node.scalar() {
        Some(scalar) => (scalar, &empty),
        None => (Fields::of(node)?.get("object")?.1.scalar()?, node),
    };
    let object = Spanned::new(object.text.to_string(), object.span);
    let fields = Fields::of(node)?;
    let condition = |scalar: &Scalar, out: &mut Vec<Diagnostic>| Where {
        scalar: scalar.clone(),
        soql: soql::parse(scalar, out),
    };
    Some(SalesforceSide {
        key: key.span,
        object,
        connection: fields.entry("connection", connection_name),
        include: filters(&fields, "include"),
        exclude: filters(&fields, "exclude"),
        condition: fields.entry("where", |node| Some(condition(node.scalar()?, out))),
        filter: fields.entry("filter", |node| node.scalar().cloned()),
        scope: fields.word("scope", Scope::from_word),
        backfill: fields.entry("backfill", |node| backfill(node, |scalar| condition(scalar, out))),
        push: fields.list("push", |node| Push::from_word(&node.scalar()?.text)),
        poll: fields.entry("poll", poll),
        on_leave: fields.word("on_leave", OnLeave::from_word),
        own_records: fields.word("own_records", OwnRecords::from_word),
        archive: fields.entry("archive", record),
        select: fields.list("select", path),
    })
}

pub(super) fn app(file: &Fields<'_>) -> Option<AppSide> {
    let (key, node) = file.get("app")?;
    let empty = Node { span: node.span, data: crate::spec::yaml::Data::Map(Vec::new()) };
    let (resource, node) = match node.scalar() {
        Some(scalar) => (resource(scalar)?, &empty),
        None => (resource(Fields::of(node)?.get("resource")?.1.scalar()?)?, node),
    };
    let fields = Fields::of(node)?;
    let condition = |scalar: &Scalar| Where { scalar: scalar.clone(), soql: None };
    Some(AppSide {
        key: key.span,
        resource,
        include: filters(&fields, "include"),
        exclude: filters(&fields, "exclude"),
        condition: fields.entry("where", |node| Some(condition(node.scalar()?))),
        filter: fields.entry("filter", |node| node.scalar().cloned()),
        scope: fields.word("scope", Scope::from_word),
        backfill: fields.entry("backfill", |node| backfill(node, condition)),
        push: fields.word("push", AppPush::from_word),
        poll: fields.entry("poll", poll),
        on_leave: fields.word("on_leave", OnLeave::from_word),
        own_records: fields.word("own_records", OwnRecords::from_word),
        archive: fields.entry("archive", record),
    })
}

/// `connection.resource`, each part with its place.
fn resource(scalar: &Scalar) -> Option<ResourceRef> {
    let (connection, resource) = scalar.text.split_once('.')?;
    let dot = connection.len();
    Some(ResourceRef {
        connection: Spanned::new(ConnectionName::from(connection), scalar.span_in(0, dot)),
        resource: Spanned::new(ResourceName::from(resource), scalar.span_in(dot + 1, scalar.text.len())),
    })
}

fn poll(node: &Node) -> Option<Poll> {
    match &*node.scalar()?.text {
        "off" => Some(Poll::Off),
        text => Period::parse(text).ok().map(Poll::Every),
    }
}

fn backfill(node: &Node, mut condition: impl FnMut(&Scalar) -> Where) -> Option<Backfill> {
    if let Some(scalar) = node.scalar() {
        return match &*scalar.text {
            "all" => Some(Backfill::All),
            "none" => Some(Backfill::None),
            _ => None,
        };
    }
    let fields = Fields::of(node)?;
    Some(Backfill::Window(Box::new(BackfillWindow {
        last: fields.period("last"),
        by: fields.path("by"),
        condition: fields.entry("where", |node| Some(condition(node.scalar()?))),
        during: fields.entry("during", |node| TimeWindow::parse(&node.scalar()?.text).ok()),
    })))
}

fn filters(fields: &Fields<'_>, key: &str) -> Option<Entry<Vec<Filter>>> {
    let entry = fields.list(key, filter)?;
    Some(entry.map(|items| items.into_iter().map(|item| item.value).collect()))
}

fn filter(node: &Node) -> Option<Filter> {
    let conditions = node.entries()?.iter().filter_map(|(key, value)| {
        if value.has_bad() {
            return None;
        }
        let field = super::fields::key_path(key)?;
        Some(Condition { field, values: list(value, literal), span: value.span })
    });
    Some(Filter { span: node.span, conditions: conditions.collect() })
}
