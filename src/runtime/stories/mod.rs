//! Inline tests: a story of what was linked, what changed and what should happen, told to the same policy that runs in production.
//! No connection, no state, no clock but the story's own.

mod compare;
mod stage;
mod switches;
mod tell;

use std::sync::Arc;

pub use switches::switched;

use crate::diag::Span;
use crate::plan::Pipeline;
use crate::spec::{Entry, ExpectedOp, PipelineFile, Switches, TestSpec};

/// The outcome of one inline test.
#[derive(Clone, Debug)]
pub struct StoryResult {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// What did not come out as expected; empty: passed.
    pub mismatches: Vec<Mismatch>,
}

impl StoryResult {
    /// Whether everything came out as expected.
    pub fn passed(&self) -> bool {
        self.mismatches.is_empty()
    }
}

/// One difference between expectation and outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
    /// Why, where the policy tells.
    pub because: Option<String>,
    /// Where the expectation stands.
    pub span: Option<Span>,
}

/// What happened in a story.
#[derive(Clone, Debug, Default)]
pub(crate) struct Happened {
    pub(crate) op: Option<ExpectedOp>,
    pub(crate) writes: Vec<crate::sync::SideWrite>,
    /// Why nothing, or less, happened.
    pub(crate) reason: Option<String>,
    /// Rows that differ and were kept.
    pub(crate) kept: Vec<(usize, crate::sync::Kept)>,
}

/// The plan of a file whose switches stand as a test says, or why there is none.
pub type Switching<'a> = &'a dyn Fn(&Entry<Switches>) -> Result<Arc<Pipeline>, Mismatch>;

/// Runs the inline tests of a pipeline: each with the plan, or with that of the switches which it names.
pub fn run_stories(pipeline: &Pipeline, file: &PipelineFile, switched: Switching<'_>) -> Vec<StoryResult> {
    let told = |test: &TestSpec| {
        let mismatches = match test.with.as_ref().map(switched) {
            None => told(pipeline, test),
            Some(Ok(other)) => told(&other, test),
            Some(Err(mismatch)) => vec![mismatch],
        };
        StoryResult { name: test.name.value.clone(), span: test.span, mismatches }
    };
    file.tests.iter().map(told).collect()
}

fn told(pipeline: &Pipeline, test: &TestSpec) -> Vec<Mismatch> {
    match stage::Stage::set(pipeline, test) {
        Ok(stage) => compare::compare(pipeline, test, &tell::tell(&stage)),
        Err(mismatch) => vec![mismatch],
    }
}

/// The word of an operation.
pub(crate) fn op_name(op: Option<ExpectedOp>) -> &'static str {
    op.map_or("nothing", ExpectedOp::word)
}
