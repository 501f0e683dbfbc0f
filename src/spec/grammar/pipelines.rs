//! A pipeline file and its rows.

use super::shape::{COUNT, Each, Key, Mapping, POSITIVE, Shape, key, required, word};
use super::sides::{APP, SALESFORCE};
use super::tests_table::TEST;
use crate::spec::{Choice, Conflict, GroupPolicy, Links, Missing, NormalForm, OnError, OnNull, Write};

/// The words of `to_app` and `to_salesforce`.
pub(crate) const OPS: &[Choice] = &[
    word("create", "make records that are not there yet"),
    word("update", "change records that differ"),
    word("delete", "delete records; needs max_deletes"),
    word("archive", "mark records instead of deleting them; needs `archive` on that side"),
    word("link", "only remember pairs, write nothing; stands alone"),
];

pub(crate) static PIPELINE: Mapping = Mapping {
    name: "pipeline",
    noun: "a pipeline",
    doc: "One pipeline; its name is the name of the file.",
    keys: PIPELINE_KEYS,
};

static PIPELINE_KEYS: &[Key] = &[
    key("description", Shape::Text, "For people."),
    key("enabled", Shape::Bool, "`false` keeps links and cursors and does nothing.").or("true"),
    required("salesforce", Shape::Either(&Shape::Object, &SALESFORCE), "The object, or a mapping."),
    required("app", Shape::Either(&Shape::ResourceRef, &APP), "`connection.resource`, or a mapping."),
    key("to_app", Shape::List(&Shape::Choice(OPS)), "What flows from Salesforce to the app. `[link]`: only remember pairs, write nothing."),
    key("to_salesforce", Shape::List(&Shape::Choice(OPS)), "What flows from the app to Salesforce. At least one of the two must be there."),
    key("match", Shape::List(&Shape::Path), "App fields of rows that identify a record, tried in this order, for records without a link. An empty value never matches.").or("[]"),
    key("links", Shape::Choice(Links::CHOICES), "How many Salesforce records may belong to one app record.").or("one_to_one"),
    key("manual_links", Shape::List(&Shape::Map(&MANUAL_LINK)), "Pairs that are linked because the file says so. Stronger than `match`.").or("[]"),
    key("conflict", Shape::Choice(Conflict::CHOICES), "Who wins when both sides changed the same field since the last sync. Per row too.").or("salesforce"),
    key("groups", Shape::MapOf(&Each { key: Shape::Text, value: Shape::Choice(GroupPolicy::CHOICES) }), "Switches for rows with `group:`."),
    required("fields", Shape::List(&Shape::Map(&ROW)), "The rows: which field belongs to which."),
    key("reconcile", Shape::Schedule, "When everything is compared and differences are repaired.").or("daily"),
    key("max_deletes", COUNT, "A run that wants more deletes stops before the first and asks. Required with `delete`."),
    key("max_changes", POSITIVE, "The same for creates and updates of a reconciliation.").or("10000"),
    key("retries", Shape::Int { min: 0, max: 100 }, "Tries per failed record, with growing pauses, about a day.").or("8"),
    key("pause_after", POSITIVE, "Failures in a row after which the pipeline pauses itself.").or("100"),
    key("notify", Shape::List(&Shape::Name), "Connections that are told: failed, paused, blocked, degraded, held, approval, budget, recovered.").or("those of settings.yaml"),
    key("generation", POSITIVE, "Increase it to start over with fresh links.").or("1"),
    key("renamed_from", Shape::Name, "Keeps links and cursors of the old file."),
    key("tests", Shape::List(&Shape::Map(&TEST)), "Small stories of what should happen; `sfsync test` runs them offline."),
];

static MANUAL_LINK: Mapping = Mapping {
    name: "manual_links",
    noun: "a pair",
    doc: "Two records that belong together: ids, or fields that select exactly one.",
    keys: &[
        required("salesforce", Shape::Selector, "An id, or `{ Username: kim@acme.com }`."),
        required("app", Shape::Selector, "An id, or fields that select one record."),
    ],
};

pub(crate) static ROW: Mapping = Mapping {
    name: "row",
    noun: "a row",
    doc: "Order within a row: source field → expression → `lookup` → `values` → `as` → `default` → conversion to the target's type → `write`/`group` → compare → write if different.",
    keys: &[
        key("salesforce", Shape::Path, "Field on the Salesforce side."),
        key("app", Shape::Path, "Field on the app side."),
        key(
            "to_app",
            Shape::Flow,
            "`true`: copy as it is; `false`: does not flow this way; an expression: compute it.",
        ),
        key(
            "to_salesforce",
            Shape::Flow,
            "The same for the other way. In a two-way pipeline a row that computes one way must say what happens the other way.",
        ),
        key("const", Shape::Literal, "A fixed value for the one side that is named."),
        key(
            "lookup",
            Shape::OneOrMore(&Shape::Name),
            "The value is the id of a record in that pipeline; write the linked id. For ids of several objects list the pipelines.",
        ),
        key(
            "missing",
            Shape::Choice(Missing::CHOICES),
            "What to do when the record that `lookup` needs is not linked.",
        )
        .or("wait"),
        key(
            "values",
            Shape::MapOf(&Each { key: Shape::Literal, value: Shape::Literal }),
            "Salesforce value: app value. `else:` for all others; a value that is not listed and no `else` fails the record.",
        ),
        key(
            "as",
            Shape::Choice(NormalForm::CHOICES),
            "Normal form: compared in it, written to the app in it.",
        ),
        key("default", Shape::Literal, "If the result is empty."),
        key("write", Shape::Choice(Write::CHOICES), "When the row writes.").or("always"),
        key("group", Shape::Text, "The policy of the group counts too: the stricter of the two wins."),
        key(
            "on_null",
            Shape::Choice(OnNull::CHOICES),
            "What an emptied source does. A first link never overwrites a value with an empty one.",
        )
        .or("clear"),
        key("conflict", Shape::Choice(Conflict::CHOICES), "As for the pipeline, for this row."),
        key("on_error", Shape::Choice(OnError::CHOICES), "What a row does that cannot be computed.")
            .or("fail"),
    ],
};
