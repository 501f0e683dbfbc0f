//! Inline tests.

use super::fields::{Fields, literal, path, record};
use super::pipeline::{groups, ops};
use crate::spec::yaml::Node;
use crate::spec::{
    Change, ChangeSide, Expect, ExpectedOp, LookupStory, RecordStory, Records, Scalar, Spanned, Switches,
    TestSpec,
};

/// Every test that has a name.
pub(super) fn tests(file: &Fields<'_>) -> Vec<TestSpec> {
    file.items("tests", test).into_iter().map(|test| test.value).collect()
}

fn test(node: &Node) -> Option<TestSpec> {
    let fields = Fields::of(node)?;
    let (_, name) = fields.get("name")?;
    Some(TestSpec {
        span: fields.span,
        name: Spanned::new(name.scalar()?.text.to_string(), name.span),
        with: fields.entry("with", switches),
        before: fields.entry("before", records),
        change: fields.entry("change", change),
        others: fields.entry("others", records),
        lookups: lookups(&fields),
        now: fields.entry("now", |node| node.scalar()?.text.parse().ok()),
        expect: fields.entry("expect", expect),
    })
}

fn switches(node: &Node) -> Option<Switches> {
    let fields = Fields::of(node)?;
    Some(Switches {
        groups: groups(&fields),
        to_app: ops(&fields, "to_app"),
        to_salesforce: ops(&fields, "to_salesforce"),
    })
}

fn story(node: &Node) -> Option<RecordStory> {
    Some(RecordStory { span: node.span, fields: record(node)? })
}

fn stories(fields: &Fields<'_>, key: &str) -> Vec<RecordStory> {
    fields.items(key, story).into_iter().map(|item| item.value).collect()
}

fn records(node: &Node) -> Option<Records> {
    let fields = Fields::of(node)?;
    Some(Records { salesforce: stories(&fields, "salesforce"), app: stories(&fields, "app") })
}

fn change(node: &Node) -> Option<Change> {
    let fields = Fields::of(node)?;
    let side = |node: &Node| match node.scalar() {
        Some(_) => Some(ChangeSide::Deleted),
        None => story(node).map(ChangeSide::Fields),
    };
    Some(Change { salesforce: fields.entry("salesforce", side), app: fields.entry("app", side) })
}

fn lookups(fields: &Fields<'_>) -> Vec<LookupStory> {
    let Some(all) = fields.get("lookups").and_then(|(_, node)| Fields::of(node)) else { return Vec::new() };
    let read = |(name, node): &(Scalar, Node)| {
        let pairs = node.entries()?.iter().filter_map(|(salesforce, app)| {
            let salesforce_id = crate::spec::Literal::of_scalar(salesforce);
            Some((Spanned::new(salesforce_id, salesforce.span), Spanned::new(literal(app)?, app.span)))
        });
        let pipeline = crate::model::PipelineName::from(&*name.text);
        Some(LookupStory { pipeline: Spanned::new(pipeline, name.span), pairs: pairs.collect() })
    };
    all.pairs().iter().filter_map(read).collect()
}

fn expect(node: &Node) -> Option<Expect> {
    let fields = Fields::of(node)?;
    Some(Expect {
        span: fields.span,
        op: fields.word("op", ExpectedOp::from_word),
        app: stories(&fields, "app"),
        salesforce: stories(&fields, "salesforce"),
        untouched: fields.items("untouched", path),
        exact: fields.bool("exact"),
        error: fields.text("error"),
    })
}
