//! The two sides of a pipeline.

use super::shape::{Key, Mapping, Shape, key, required, word};
use crate::spec::{AppPush, Choice, OnLeave, OwnRecords, Push, Scope};

/// The words of `backfill`.
pub(crate) const BACKFILL_WORDS: &[Choice] =
    &[word("all", "everything (default)"), word("none", "nothing; only what changes from now on")];

const INCLUDE: Key = key("include", Shape::Filters { empty_list: false }, "field: value or list of values. Several mappings: any of them. `RecordType` is the developer name, `null` means empty.").or("everything");
const EXCLUDE: Key =
    key("exclude", Shape::Filters { empty_list: true }, "The same; what matches is left out.").or("nothing");
const FILTER: Key = key("filter", Shape::Expression, "An expression on each record; true keeps it.");
const SCOPE: Key = key("scope", Shape::Choice(Scope::CHOICES), "Which records are read.").or("all");
const POLL: Key =
    key("poll", Shape::Poll, "Changed records since the last look; runs beside push.").or("15 minutes");
const ON_LEAVE: Key = key(
    "on_leave",
    Shape::Choice(OnLeave::CHOICES),
    "What happens when a linked record no longer passes the filters.",
)
.or("keep");
const OWN_RECORDS: Key = key(
    "own_records",
    Shape::Choice(OwnRecords::CHOICES),
    "Whether to pick up records that another pipeline of this daemon created there.",
)
.or("skip");
const ARCHIVE: Key =
    key("archive", Shape::Record, "What `archive` sets on this side: `archive: { status: archived }`.");

pub(crate) static SALESFORCE: Mapping = Mapping {
    name: "salesforce",
    noun: "`salesforce`",
    doc: "The Salesforce side of a pipeline.",
    keys: &[
        required("object", Shape::Object, "Any queryable object, history objects too."),
        key("connection", Shape::Name, "Which org.").or("salesforce"),
        INCLUDE,
        EXCLUDE,
        key("where", Shape::Soql, "A SOQL condition, added to the query. Not evaluated in tests."),
        FILTER,
        SCOPE,
        key("backfill", Shape::Either(&Shape::Choice(BACKFILL_WORDS), &SALESFORCE_BACKFILL), "What is loaded the first time.").or("all"),
        key("push", Shape::OneOrMore(&Shape::Choice(Push::CHOICES)), "News at once. If it cannot be had, the pipeline is degraded and goes on polling. A list is tried in order.").or("none"),
        POLL,
        ON_LEAVE,
        OWN_RECORDS,
        ARCHIVE,
        key("select", Shape::List(&Shape::Path), "Additional fields for expressions that compute a field name."),
    ],
};

pub(crate) static APP: Mapping = Mapping {
    name: "app",
    noun: "`app`",
    doc: "The app side of a pipeline.",
    keys: &[
        required("resource", Shape::ResourceRef, "`connection.resource`; in a database the table."),
        INCLUDE,
        EXCLUDE,
        key("where", Shape::Sql, "A SQL condition, added to the query. Databases only."),
        FILTER,
        SCOPE,
        key(
            "backfill",
            Shape::Either(&Shape::Choice(BACKFILL_WORDS), &APP_BACKFILL),
            "What is loaded the first time.",
        )
        .or("all"),
        key("push", Shape::Choice(AppPush::CHOICES), "News at once.").or("none"),
        POLL,
        ON_LEAVE,
        OWN_RECORDS,
        ARCHIVE,
    ],
};

const LAST: Key = key("last", Shape::Period, "So far back; needs `by`.");
const BY: Key = key("by", Shape::Path, "The date field that `last` speaks of.");
const DURING: Key = key("during", Shape::Hours, "Only in these hours: `20:00-06:00`.");

static SALESFORCE_BACKFILL: Mapping = Mapping {
    name: "backfill",
    noun: "`backfill`",
    doc: "A part of what exists, or everything at certain hours.",
    keys: &[LAST, BY, key("where", Shape::Soql, "A condition instead of `last`."), DURING],
};

static APP_BACKFILL: Mapping = Mapping {
    name: "backfill of an app",
    noun: "`backfill`",
    doc: "A part of what exists, or everything at certain hours.",
    keys: &[LAST, BY, key("where", Shape::Sql, "A condition instead of `last`."), DURING],
};
