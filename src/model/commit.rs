//! What one batch changes in the state: links, failures and the cursor move in one transaction, or not at all.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Cursor, Intent, Key, Link, PipelineName, Remember, RunWrites, Side};

/// Name of a stored failure: a short hash of pipeline and record, so the same record keeps the same id over its tries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FailureId(pub String);

/// What a failure waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It failed; `next_try` says whether it is tried again by itself.
    Failed,
    /// Nobody may decide but a person: a conflict, several matches, two records on one.
    Held,
    /// A record that a lookup needs is not linked yet (`missing: wait`); after 24 hours it becomes `Failed`.
    Waiting {
        /// The pipeline whose link is missing.
        pipeline: PipelineName,
        /// The record that is not linked there.
        key: Key,
    },
}

/// Which way the record was going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureWay {
    /// From Salesforce to the app.
    ToApp,
    /// From the app to Salesforce.
    ToSalesforce,
    /// Held: neither.
    Both,
}

/// A record that could not be settled: durable, listed, retried. `detail` is encrypted at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its id.
    pub id: FailureId,
    /// Whose record.
    pub pipeline: PipelineName,
    /// Which way.
    pub way: FailureWay,
    /// What it waits for.
    pub kind: FailureKind,
    /// The record on the side it came from.
    pub source: (Side, Key),
    /// The linked record, if there is one.
    pub target: Option<Key>,
    /// Code of the message (`R211`).
    pub code: String,
    /// Name of the error on the other side, for grouping.
    pub remote: Option<String>,
    /// Place in the pipeline file, `file:line:col`, where the failure belongs to a row.
    pub place: Option<String>,
    /// Message and record title; may hold record values, so it is encrypted at rest.
    pub detail: String,
    /// How often it was tried.
    pub tries: u32,
    /// First time.
    pub since: Timestamp,
    /// Last time.
    pub last: Timestamp,
    /// When it is tried again by itself; `None`: when the record or the pipeline changes, or by hand.
    pub next_try: Option<Timestamp>,
}

/// A record that has to be looked at again once a record of another pipeline is linked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Want {
    /// The pipeline whose link is missing.
    pub pipeline: PipelineName,
    /// The record that is not linked there, on the same side as `source`.
    pub key: Key,
    /// Our record.
    pub source: (Side, Key),
}

/// Everything that one settled batch changes in the state. Applied in one transaction after the writes were answered.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// New place of the reader of a side.
    pub cursors: Vec<(Side, Cursor)>,
    /// Links to insert or replace.
    pub links: Vec<Link>,
    /// Links of other pipelines to insert: a lead was converted, and its pair goes on with what it became.
    pub elsewhere: Vec<Elsewhere>,
    /// Links to remove, by Salesforce id and app key.
    pub unlinked: Vec<(Key, Key)>,
    /// Failures to insert or replace.
    pub failures: Vec<Failure>,
    /// Records that are settled: their failures are over, and they leave the `touched` queue of this pipeline.
    pub settled: Vec<(Side, Key)>,
    /// Records of this pipeline to look at again once a record of another pipeline is linked. When any pipeline commits a link with that
    /// key, the store moves the want to the `touched` queue of this pipeline in the same transaction.
    pub wants: Vec<Want>,
    /// Records of any pipeline that must be read and decided again: they join that pipeline's durable `touched` queue. A record leaves the
    /// queue when it is in `settled` of a later commit of its own pipeline.
    pub touch: Vec<(PipelineName, Side, Key)>,
    /// How far the queue had come before the settled records were read (`touched_upto` of the store):
    /// those that were touched later stay in it.
    pub touched_upto: u64,
    /// Creates that are on their way from now on; they are stored together, as a parcel.
    pub intents: Vec<Intent>,
    /// Parcels of intents that are over.
    pub arrived: Vec<u64>,
    /// What settled records said, where an expression asks for it (`old`); sealed.
    pub seen: Vec<Remember>,
    /// What the writes replaced, for `undo`; sealed.
    pub replaced: Option<RunWrites>,
    /// Parcels of replaced values that are over, by run and number.
    pub undone: Vec<(Timestamp, u64)>,
    /// How many records were created, updated, deleted, unchanged and skipped, for the run's summary.
    pub counts: Counts,
    /// What of it was about Salesforce: written there, or on the way there.
    pub to_salesforce: Counts,
}

impl Commit {
    /// Takes in what another commit changes, so that both are applied together.
    pub fn absorb(&mut self, other: Self) {
        // Named one by one, so that a new part is not forgotten here.
        let Self {
            cursors,
            links,
            elsewhere,
            unlinked,
            failures,
            settled,
            wants,
            touch,
            touched_upto,
            intents,
            arrived,
            seen,
            replaced,
            undone,
            counts,
            to_salesforce,
        } = other;
        self.cursors.extend(cursors);
        self.links.extend(links);
        self.elsewhere.extend(elsewhere);
        self.unlinked.extend(unlinked);
        self.failures.extend(failures);
        self.settled.extend(settled);
        self.wants.extend(wants);
        self.touch.extend(touch);
        self.touched_upto = self.touched_upto.max(touched_upto);
        self.intents.extend(intents);
        self.arrived.extend(arrived);
        self.seen.extend(seen);
        match (&mut self.replaced, replaced) {
            (Some(noted), Some(more)) => noted.add(more),
            (noted @ None, more) => *noted = more,
            (Some(_), None) => {}
        }
        self.undone.extend(undone);
        self.counts += counts;
        self.to_salesforce += to_salesforce;
    }
}

/// A link of another pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// Its generation.
    pub generation: u32,
    /// The pair, nothing of which is settled there yet.
    pub link: Link,
}

/// Counters of a batch or a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records read.
    pub read: u64,
    /// Records created on the target.
    pub created: u64,
    /// Records changed on the target.
    pub updated: u64,
    /// Records deleted or archived on the target.
    pub deleted: u64,
    /// Pairs remembered without a write.
    pub linked: u64,
    /// Nothing to do.
    pub unchanged: u64,
    /// Left out by a filter or a rule.
    pub skipped: u64,
    /// Kept back for a lookup.
    pub waiting: u64,
    /// Held for a person.
    pub held: u64,
    /// Failed.
    pub failed: u64,
}

impl Counts {
    /// These without those.
    #[must_use]
    pub fn without(self, those: Self) -> Self {
        Self {
            read: self.read.saturating_sub(those.read),
            created: self.created.saturating_sub(those.created),
            updated: self.updated.saturating_sub(those.updated),
            deleted: self.deleted.saturating_sub(those.deleted),
            linked: self.linked.saturating_sub(those.linked),
            unchanged: self.unchanged.saturating_sub(those.unchanged),
            skipped: self.skipped.saturating_sub(those.skipped),
            waiting: self.waiting.saturating_sub(those.waiting),
            held: self.held.saturating_sub(those.held),
            failed: self.failed.saturating_sub(those.failed),
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.created += other.created;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.linked += other.linked;
        self.unchanged += other.unchanged;
        self.skipped += other.skipped;
        self.waiting += other.waiting;
        self.held += other.held;
        self.failed += other.failed;
    }
}
