//! What is worth telling of a pipeline: its status now against what was told last. Pure. Trouble that passes by itself within moments is not
//! told, records are counted and not listed, and what was told is told to be over.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::connect::notify::{Letter, Notice};
use crate::model::PipelineName;
use crate::runtime::status::{PipelineStatus, State};

/// More failed or held records of a pipeline are told again after this time at the earliest.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// What was told of a pipeline.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    state: Option<State>,
    /// Trouble that is seen since then and not told yet.
    seen: Option<(State, Timestamp)>,
    file: bool,
    failed: Count,
    held: Count,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    told: u64,
    at: Option<Timestamp>,
}

impl Told {
    /// What has to be told now. Told once: the next call with the same status gives nothing.
    pub(super) fn notices(&mut self, status: &PipelineStatus, now: Timestamp) -> Vec<Notice> {
        let mut all = Vec::new();
        let mut add = |kind, text: String| {
            all.push(Notice { pipeline: status.name.to_string(), kind, text });
        };
        self.of_state(status, now, &mut add);
        self.of_file(status, &mut add);
        let name = &status.name;
        let failed = |count| format!("{} failed: sfsync failures list {name}", records(count));
        self.failed.tell(status.counts.failed, now, ("failed", failed), &mut add);
        let held = |count| format!("{} wait for a decision: sfsync failures list {name}", records(count));
        self.held.tell(status.counts.held, now, ("held", held), &mut add);
        all
    }

    fn of_state(
        &mut self,
        status: &PipelineStatus,
        now: Timestamp,
        add: &mut impl FnMut(&'static str, String),
    ) {
        let Some((kind, patience)) = trouble(status) else {
            self.seen = None;
            // The first load is work, not trouble; whether it ends well is seen then.
            if status.state == State::Running && self.state.take().is_some() {
                add("recovered", "runs again".to_owned());
            }
            return;
        };
        let since = match self.seen {
            Some((state, since)) if state == status.state => since,
            _ => now,
        };
        self.seen = Some((status.state, since));
        if self.state != Some(status.state) && now.duration_since(since) >= patience {
            self.state = Some(status.state);
            add(kind, status.message.clone());
        }
    }

    fn of_file(&mut self, status: &PipelineStatus, add: &mut impl FnMut(&'static str, String)) {
        // Then no version runs, and that is told as the state.
        let stands = matches!(status.state, State::Invalid | State::Blocked);
        let broken = !status.config.current && status.config.problem.is_some() && !stands;
        if broken && !self.file {
            let (code, title) = status.config.problem.clone().unwrap_or_default();
            add("file", format!("{code}: {title}; the last good version goes on: sfsync check --online"));
        } else if self.file && status.config.current {
            add("recovered", "the file on disk runs".to_owned());
        }
        self.file = broken || (self.file && !status.config.current);
    }
}

impl Count {
    fn tell(
        &mut self,
        count: u64,
        now: Timestamp,
        (kind, text): (&'static str, impl Fn(u64) -> String),
        add: &mut impl FnMut(&'static str, String),
    ) {
        let due = self.at.is_none_or(|at| now.duration_since(at) >= AGAIN);
        if count == 0 {
            if self.told > 0 {
                add("recovered", format!("no record is {kind} any more"));
            }
            *self = Self::default();
        } else if count > self.told && (self.told == 0 || due) {
            *self = Self { told: count, at: Some(now) };
            add(kind, text(count));
        }
    }
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

/// The kind of trouble of a state, and how long it has to last before it is told.
fn trouble(status: &PipelineStatus) -> Option<(&'static str, SignedDuration)> {
    let budget = status.message.contains("API budget");
    match status.state {
        State::Blocked => Some(("blocked", SignedDuration::from_secs(10))),
        State::Degraded if budget => Some(("budget", SignedDuration::from_secs(10))),
        State::Degraded => Some(("degraded", SignedDuration::from_mins(1))),
        State::Paused => Some(("paused", SignedDuration::ZERO)),
        State::Approval => Some(("approval", SignedDuration::ZERO)),
        State::Invalid => Some(("file", SignedDuration::ZERO)),
        State::Running | State::Loading | State::Disabled => None,
    }
}

/// One letter about all of them. What several pipelines have in common is said once.
pub(super) fn letter(notices: Vec<Notice>) -> Option<Letter> {
    let first = notices.first()?;
    let subject = match notices.len() {
        1 => format!("sfsync: {} {}", first.pipeline, first.kind),
        many => format!("sfsync: {} and {} more", first.kind, many - 1),
    };
    let mut together: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for notice in &notices {
        together.entry((notice.kind, &notice.text)).or_default().push(&notice.pipeline);
    }
    let line = |((kind, text), pipelines): ((&str, &str), Vec<&str>)| {
        format!("{kind}: {}: {text}", pipelines.join(", "))
    };
    let lines: Vec<String> = together.into_iter().map(line).collect();
    Some(Letter { subject, text: lines.join("\n"), notices })
}

/// What was told of every pipeline.
pub(super) type AllTold = BTreeMap<PipelineName, Told>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::supervisor::new_status;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status(state: State, message: &str) -> PipelineStatus {
        let mut status = new_status(&"deals".into());
        (status.state, status.message) = (state, message.to_owned());
        status.config.current = true;
        status
    }

    fn told(told: &mut Told, status: &PipelineStatus, second: i64) -> Vec<String> {
        let notices = told.notices(status, at(second));
        notices.into_iter().map(|notice| format!("{}: {}", notice.kind, notice.text)).collect()
    }

    #[test]
    fn trouble_is_told_once_and_so_is_its_end() {
        let mut all = Told::default();
        let (blocked, running) = (status(State::Blocked, "no table"), status(State::Running, ""));
        assert!(told(&mut all, &blocked, 0).is_empty(), "it may pass in a moment");
        assert_eq!(told(&mut all, &blocked, 10), ["blocked: no table"]);
        assert!(told(&mut all, &blocked, 20).is_empty());
        assert_eq!(told(&mut all, &running, 30), ["recovered: runs again"]);
        assert!(told(&mut all, &running, 40).is_empty());
    }

    #[test]
    fn what_passes_by_itself_is_not_told() {
        let mut all = Told::default();
        let (away, running) = (status(State::Degraded, "no answer"), status(State::Running, ""));
        for minute in 0..5 {
            assert!(told(&mut all, &away, minute * 60).is_empty());
            assert!(told(&mut all, &running, minute * 60 + 30).is_empty());
        }
        assert!(told(&mut all, &away, 1_000).is_empty());
        assert_eq!(told(&mut all, &away, 1_060), ["degraded: no answer"]);
    }

    #[test]
    fn people_are_asked_at_once() {
        for (state, kind) in
            [(State::Approval, "approval"), (State::Paused, "paused"), (State::Invalid, "file")]
        {
            assert_eq!(told(&mut Told::default(), &status(state, "why"), 0), [format!("{kind}: why")]);
        }
        let budget = status(State::Degraded, "the API budget of salesforce is used up");
        let mut all = Told::default();
        told(&mut all, &budget, 0);
        assert_eq!(told(&mut all, &budget, 10), ["budget: the API budget of salesforce is used up"]);
    }

    #[test]
    fn records_are_counted_and_not_told_one_by_one() {
        let mut all = Told::default();
        let mut now = status(State::Running, "");
        now.counts.failed = 1;
        assert_eq!(told(&mut all, &now, 0), ["failed: 1 record failed: sfsync failures list deals"]);
        for count in 2..50 {
            now.counts.failed = count;
            assert!(told(&mut all, &now, i64::try_from(count).unwrap()).is_empty());
        }
        assert_eq!(told(&mut all, &now, 3_600), ["failed: 49 records failed: sfsync failures list deals"]);
        now.counts.failed = 3;
        assert!(told(&mut all, &now, 9_000).is_empty(), "fewer is no news");
        now.counts.failed = 0;
        assert_eq!(told(&mut all, &now, 9_001), ["recovered: no record is failed any more"]);
        now.counts.held = 2;
        assert_eq!(
            told(&mut all, &now, 9_002),
            ["held: 2 records wait for a decision: sfsync failures list deals"]
        );
    }

    #[test]
    fn a_broken_file_is_told_once_and_its_mending_too() {
        let mut all = Told::default();
        let mut now = status(State::Running, "");
        now.config.current = false;
        now.config.problem = Some(("E013".to_owned(), "this `[` is never closed".to_owned()));
        let words =
            "file: E013: this `[` is never closed; the last good version goes on: sfsync check --online";
        assert_eq!(told(&mut all, &now, 0), [words]);
        assert!(told(&mut all, &now, 1).is_empty());
        (now.config.current, now.config.problem) = (true, None);
        assert_eq!(told(&mut all, &now, 2), ["recovered: the file on disk runs"]);
    }

    #[test]
    fn what_is_blocked_has_no_good_version_that_goes_on() {
        let mut all = Told::default();
        let mut now = status(State::Blocked, "unknown object");
        now.config.current = false;
        now.config.problem = Some(("E301".to_owned(), "unknown object".to_owned()));
        told(&mut all, &now, 0);
        assert_eq!(told(&mut all, &now, 10), ["blocked: unknown object"]);
    }

    #[test]
    fn a_letter_says_once_what_pipelines_have_in_common() {
        let notice = |pipeline: &str, text: &str| Notice {
            pipeline: pipeline.to_owned(),
            kind: "degraded",
            text: text.to_owned(),
        };
        assert_eq!(letter(Vec::new()), None);
        let one = letter(vec![notice("deals", "no answer")]).unwrap();
        assert_eq!(
            (one.subject.as_str(), one.text.as_str()),
            ("sfsync: deals degraded", "degraded: deals: no answer")
        );
        let all =
            letter(vec![notice("a", "no answer"), notice("b", "slow"), notice("c", "no answer")]).unwrap();
        assert_eq!(all.subject, "sfsync: degraded and 2 more");
        assert_eq!(all.text, "degraded: a, c: no answer\ndegraded: b: slow");
    }
}
