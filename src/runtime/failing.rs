//! Records that could not be settled, as people ask for them: of a daemon, or of the state where no daemon has it.

use crate::diag::codes;
use crate::model::{FailureId, PipelineName};
use crate::spec::grammar::closest;
use crate::store::{self, Store, StoreError};

use super::batch::FailureDetail;
use super::control::{ControlError, ControlErrorKind, FailureFilter, FailureView};
use super::workbench::Workbench;

/// What the state calls a filter.
pub(super) fn of_store(filter: &FailureFilter) -> store::FailureFilter {
    store::FailureFilter {
        pipeline: filter.pipeline.clone(),
        id: filter.id.clone(),
        code: filter.code.clone(),
        resolved: false,
    }
}

/// Those that a filter lets through, newest first.
pub(super) fn views(store: &Store, filter: &FailureFilter) -> Result<Vec<FailureView>, StoreError> {
    let view = |failure: crate::model::Failure| FailureView {
        view: FailureDetail::from_text(&failure.detail),
        failure,
    };
    Ok(store.failures(&of_store(filter))?.into_iter().map(view).collect())
}

/// A name or a code that nobody knows is a slip of the pen, not an empty list.
pub(super) fn check(filter: &FailureFilter, known: &[PipelineName]) -> Result<(), ControlError> {
    let near = |wrong: &str, known: &[&str]| {
        let meant = closest(wrong, known.iter().copied());
        meant.map(|meant| format!("did you mean {meant}?")).unwrap_or_default()
    };
    if let Some(name) = filter.pipeline.as_ref().filter(|name| !known.contains(name)) {
        let known: Vec<&str> = known.iter().map(PipelineName::as_str).collect();
        let message = format!("there is no pipeline {name}");
        let help = near(name.as_str(), &known);
        return Err(ControlError::new(ControlErrorKind::NotFound, message).help(help));
    }
    if let Some(code) = filter.code.as_deref().filter(|code| codes::page(code).is_none()) {
        let known: Vec<&str> = codes::pages().into_iter().map(|page| page.code).collect();
        let help = [near(code, &known), "sfsync explain lists the codes".to_owned()];
        let help = help.into_iter().filter(|help| !help.is_empty()).collect::<Vec<_>>().join(" ");
        let message = format!("there is no code {code}");
        return Err(ControlError::new(ControlErrorKind::NotFound, message).help(help));
    }
    Ok(())
}

/// There is none of this id.
pub(super) fn none_of(id: &str) -> ControlError {
    let message = format!("there is no failure {id}");
    ControlError::new(ControlErrorKind::NotFound, message).help("sfsync failures list shows them")
}

fn failed(error: impl std::fmt::Display) -> ControlError {
    ControlError::new(ControlErrorKind::Failed, error.to_string())
}

/// Without a daemon; what is said is heeded by the next run, or by a daemon.
impl Workbench {
    fn state(&self) -> Result<&Store, ControlError> {
        self.store.as_deref().ok_or_else(|| failed("this needs a state folder"))
    }

    /// Those that a filter lets through, newest first.
    pub fn failures(&self, filter: &FailureFilter) -> Result<Vec<FailureView>, ControlError> {
        let store = self.state()?;
        let kept = store.pipelines().into_iter().map(|(name, _)| name);
        check(filter, &self.names().into_iter().chain(kept).collect::<Vec<_>>())?;
        views(store, filter).map_err(failed)
    }

    /// The one failure whose id begins so.
    pub fn failure(&self, id: &str) -> Result<FailureView, ControlError> {
        let filter = FailureFilter { id: Some(id.to_owned()), ..FailureFilter::default() };
        let mut found = self.failures(&filter)?;
        match found.len() {
            0 => Err(none_of(id)),
            1 => Ok(found.swap_remove(0)),
            many => {
                let message = format!("{many} failures have an id that begins with {id}");
                let help = "give more characters of the id";
                Err(ControlError::new(ControlErrorKind::Conflict, message).help(help))
            }
        }
    }

    /// Makes failures due now; returns how many.
    pub fn retry_failures(&self, filter: &FailureFilter) -> Result<usize, ControlError> {
        self.failures(filter)?;
        self.state()?.retry_failures(&of_store(filter), self.clock.now()).map_err(failed)
    }

    /// Forgets one.
    pub fn drop_failure(&self, id: &FailureId) -> Result<(), ControlError> {
        let filter = store::FailureFilter { id: Some(id.0.clone()), ..Default::default() };
        match self.state()?.drop_failures(&filter).map_err(failed)? {
            0 => Err(none_of(&id.0)),
            _ => Ok(()),
        }
    }
}
