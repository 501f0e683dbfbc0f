//! Inline tests.

use super::pipelines::OPS;
use super::shape::{Each, Mapping, Shape, key, required};
use crate::spec::{ExpectedOp, GroupPolicy};

pub(crate) static TEST: Mapping = Mapping {
    name: "test",
    noun: "a test",
    doc: "A small story: what was linked before, what changed, what should happen. `include`, `exclude` and `filter` are evaluated, `where` is not.",
    keys: &[
        required("name", Shape::Text, "What it shows."),
        key(
            "with",
            Shape::Map(&WITH),
            "How switches of the file stand in this test, whatever the file says now: the test holds when somebody turns them.",
        ),
        key(
            "before",
            Shape::Map(&RECORDS),
            "Records that are linked and in sync. A list of Salesforce records for `many_to_one` and for the one-to-one guard.",
        ),
        required(
            "change",
            Shape::Map(&CHANGE),
            "What changes, added to `before`; without `before` it is a new record.",
        ),
        key("others", Shape::Map(&RECORDS), "Records that exist but are not linked."),
        key(
            "lookups",
            Shape::MapOf(&Each {
                key: Shape::Name,
                value: Shape::MapOf(&Each { key: Shape::Literal, value: Shape::Literal }),
            }),
            "Links of other pipelines: `{ pipeline: { salesforce id: app id } }`.",
        ),
        key("now", Shape::Timestamp, "A fixed time."),
        required("expect", Shape::Map(&EXPECT), "What should happen."),
    ],
};

static WITH: Mapping = Mapping {
    name: "with of a test",
    noun: "`with`",
    doc: "Switches as a test has them; what is not named stands as in the file.",
    keys: &[
        key(
            "groups",
            Shape::MapOf(&Each { key: Shape::Text, value: Shape::Choice(GroupPolicy::CHOICES) }),
            "Groups of the file.",
        ),
        key("to_app", Shape::List(&Shape::Choice(OPS)), "What flows from Salesforce to the app."),
        key("to_salesforce", Shape::List(&Shape::Choice(OPS)), "What flows from the app to Salesforce."),
    ],
};

static RECORDS: Mapping = Mapping {
    name: "records of a test",
    noun: "records of a test",
    doc: "Records of both sides.",
    keys: &[
        key("salesforce", Shape::OneOrMore(&Shape::Record), "In Salesforce."),
        key("app", Shape::OneOrMore(&Shape::Record), "In the app."),
    ],
};

static CHANGE: Mapping = Mapping {
    name: "change",
    noun: "`change`",
    doc: "What changes; `deleted` instead of fields for a delete.",
    keys: &[
        key("salesforce", Shape::RecordOrDeleted, "In Salesforce."),
        key("app", Shape::RecordOrDeleted, "In the app."),
    ],
};

static EXPECT: Mapping = Mapping {
    name: "expect",
    noun: "`expect`",
    doc: "What should happen.",
    keys: &[
        key("op", Shape::Choice(ExpectedOp::CHOICES), "The operation."),
        key(
            "app",
            Shape::OneOrMore(&Shape::Record),
            "Fields that must be written to the app with these values.",
        ),
        key(
            "salesforce",
            Shape::OneOrMore(&Shape::Record),
            "Fields that must be written to Salesforce with these values.",
        ),
        key("untouched", Shape::List(&Shape::Path), "Fields that must not be written."),
        key("exact", Shape::Bool, "`true`: no other fields either.").or("false"),
        key("error", Shape::Text, "Part of the message."),
    ],
};
