//! What the language promises, one sentence at a time. The laws of the table, over any inputs in any order, are in `laws`.

mod laws;

use super::*;
use crate::runtime::mass::{Ask, Sides};
use crate::runtime::status::State as Shown;
use crate::spec::values::TimeWindow;

fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        name: PipelineName::from("projects"),
        enabled: true,
        poll: Some(Duration::from_secs(900)),
        reconcile: Schedule::parse("daily at 02:00").unwrap(),
        hours: None,
        zone: TimeZone::UTC,
    }
}

fn at_night() -> Rules {
    let TimeWindow { from, until } = TimeWindow::parse("20:00-06:00").unwrap();
    Rules { hours: Some(Hours::new((from, until))), ..rules() }
}

fn approval() -> Approval {
    let wanted = Sides { salesforce: 4, app: 5 };
    let ask = Ask { what: "deletes", wanted, limit_name: "max_deletes", limit: 1 };
    Approval { run: "this run", asks: vec![ask] }
}

/// A life with its clock.
struct Story {
    rules: Rules,
    now: Timestamp,
    life: Life,
}

impl Story {
    fn new(rules: Rules, loaded: bool) -> Self {
        let now = start();
        Self { life: Life::new(&rules, now, (loaded, None, Some(now)), None), rules, now }
    }

    fn on(&mut self, input: Input) -> Vec<Effect> {
        let (life, effects) = self.life.clone().on(&self.rules, self.now, input);
        self.life = life;
        effects
    }

    fn look(&mut self) -> Option<Pass> {
        begun(&self.on(Input::Look { records: false, parent: None }))
    }

    fn told(&mut self, wish: Wish) -> Vec<Effect> {
        self.on(Input::Told(wish))
    }

    fn ended(&mut self, outcome: Outcome) -> Vec<Effect> {
        self.on(Input::Ended { outcome, loaded: false })
    }

    fn due(&self) -> Timestamp {
        self.life.due(&self.rules, self.now, None)
    }

    fn shown(&self) -> String {
        let (state, message) = self.life.shown(&self.rules, || None);
        format!("{} {message}", state.name()).trim().to_owned()
    }

    /// Time goes on to the next due time.
    fn wait(&mut self) {
        self.now = self.due();
    }
}

fn begun(effects: &[Effect]) -> Option<Pass> {
    effects.iter().find_map(|effect| if let Effect::Begin(pass) = effect { Some(*pass) } else { None })
}

fn failed() -> Outcome {
    Outcome::Failed { class: Class::TRANSIENT, message: "away".to_owned() }
}

const CHANGES: Pass = Pass { work: Work::Changes, approved: false };
const EVERYTHING: Pass = Pass { work: Work::Everything, approved: false };

#[test]
fn a_first_load_keeps_to_its_hours() {
    let mut story = Story::new(at_night(), false);
    assert_eq!(story.look(), None);
    assert_eq!(
        (story.shown().as_str(), story.due().to_string().as_str()),
        ("loading waits until 20:00", "2026-03-01T20:00:00Z")
    );
    story.told(Wish::Look);
    assert_eq!(story.look(), None, "somebody who asks waits for the evening too");
    story.wait();
    assert_eq!(story.look(), Some(CHANGES));
    assert_eq!(story.shown(), "loading");

    // In the morning it ends between two batches, and goes on in the evening.
    story.wait();
    assert_eq!(story.now.to_string(), "2026-03-02T06:00:00Z");
    assert_eq!(story.on(Input::Look { records: false, parent: None }), [Effect::Interrupt]);
    assert_eq!(story.life.phase(), Phase::Draining(CHANGES));
    story.ended(Outcome::Interrupted);
    assert_eq!(story.look(), None);
    assert_eq!(
        (story.shown().as_str(), story.due().to_string().as_str()),
        ("loading waits until 20:00", "2026-03-02T20:00:00Z")
    );
    story.wait();
    assert_eq!(story.look(), Some(CHANGES));
    story.ended(Outcome::Done);

    // From then on changes are followed by day as well.
    story.now = "2026-03-03T12:00:00Z".parse().unwrap();
    assert_eq!(story.look(), Some(CHANGES));
    assert_eq!(story.due(), Timestamp::MAX, "nothing ends a pass over changes");
}

#[test]
fn a_load_that_is_complete_when_its_hours_end_is_complete() {
    let mut story = Story::new(at_night(), false);
    story.wait();
    story.look();
    story.wait();
    story.look();
    story.wait();
    story.on(Input::Look { records: false, parent: None });
    story.on(Input::Ended { outcome: Outcome::Interrupted, loaded: true });
    assert_eq!(story.shown(), "running");
    assert_eq!(story.look(), Some(CHANGES));
}

#[test]
fn the_hours_are_those_of_the_settings() {
    let zone = TimeZone::get("America/New_York").unwrap();
    let mut story = Story::new(Rules { zone, ..at_night() }, false);
    story.look();
    assert_eq!(story.due().to_string(), "2026-03-02T01:00:00Z");
}

#[test]
fn single_records_are_no_load() {
    let mut story = Story::new(at_night(), false);
    let pass = begun(&story.on(Input::Look { records: true, parent: None })).unwrap();
    assert_eq!(pass.work, Work::Records);
    story.ended(Outcome::Done);
    assert_eq!(story.look(), None);
    assert!(!story.life.is_loaded());
}

#[test]
fn parents_come_before_children() {
    let mut story = Story::new(rules(), false);
    let parent = Some(PipelineName::from("accounts"));
    assert_eq!(story.on(Input::Look { records: true, parent: parent.clone() }), []);
    assert_eq!(story.shown(), "loading waits for the first load of accounts");
    story.told(Wish::Look);
    assert_eq!(begun(&story.on(Input::Look { records: false, parent })), Some(CHANGES));
}

#[test]
fn without_polling_only_the_first_load_and_comparisons_run_by_themselves() {
    let rules = Rules { poll: None, ..rules() };
    let mut story = Story::new(rules.clone(), false);
    assert_eq!(story.look(), Some(CHANGES));
    story.ended(Outcome::Done);
    assert_eq!(story.due().to_string(), "2026-03-02T02:00:00Z");
    story.wait();
    assert_eq!(story.look(), Some(EVERYTHING));
    story.ended(Outcome::Done);
    assert_eq!(story.due().to_string(), "2026-03-03T02:00:00Z");

    let mut again = Story::new(rules, true);
    assert_eq!(again.look(), None, "nor does it look when the daemon starts again");
    again.told(Wish::Pause("me".to_owned()));
    again.told(Wish::Resume);
    assert_eq!(again.look(), None);
    again.told(Wish::Look);
    assert_eq!(again.look(), Some(CHANGES), "but when it is asked to");
}

#[test]
fn what_was_missed_in_a_long_pause_is_done_once() {
    let mut story = Story::new(rules(), true);
    story.told(Wish::Pause("me".to_owned()));
    story.now = "2026-03-09T12:00:00Z".parse().unwrap();
    assert_eq!(story.look(), None);
    story.told(Wish::Resume);
    assert_eq!(story.look(), Some(CHANGES));
    story.ended(Outcome::Done);
    assert_eq!(story.look(), Some(EVERYTHING));
    assert_eq!(story.ended(Outcome::Done), [Effect::RememberComparison(story.now)]);
    assert_eq!(story.look(), None);
    story.now = "2026-03-10T01:59:00Z".parse().unwrap();
    assert_eq!(story.look(), Some(CHANGES));
    story.ended(Outcome::Done);
    assert_eq!(story.look(), None);
}

#[test]
fn what_was_missed_while_no_daemon_ran_comes_soon() {
    let life =
        |compared: &str| Life::new(&rules(), start(), (true, None, Some(compared.parse().unwrap())), None);
    let mut story = Story::new(rules(), true);
    story.life = life("2026-02-27T02:00:00Z");
    story.look();
    story.ended(Outcome::Done);
    let due = story.due();
    assert!(due > start() && due <= start() + Duration::from_secs(1_800), "{due}");
    story.life = life("2026-03-01T02:10:00Z");
    story.look();
    story.ended(Outcome::Done);
    assert_eq!(
        story.life.due(&Rules { poll: None, ..rules() }, start(), None).to_string(),
        "2026-03-01T12:15:00Z"
    );
}

#[test]
fn a_comparison_is_not_ended_by_hints() {
    let mut story = Story::new(rules(), true);
    story.told(Wish::Compare);
    assert_eq!(story.look(), Some(EVERYTHING));
    assert_eq!(story.told(Wish::Records), []);
    let by = "me".to_owned();
    assert_eq!(story.told(Wish::Pause(by.clone())), [Effect::Interrupt, Effect::RememberPause(Some(by))]);

    // Changes go on from their cursor, so they make way for everybody.
    let mut story = Story::new(rules(), true);
    assert_eq!(story.look(), Some(CHANGES));
    assert_eq!(story.told(Wish::Records), [Effect::Interrupt]);
}

#[test]
fn a_look_that_somebody_asks_for_neither_ends_nor_replaces_a_comparison() {
    let mut story = Story::new(rules(), true);
    assert_eq!(story.look(), Some(CHANGES));
    story.ended(Outcome::Done);
    story.told(Wish::Compare);
    story.told(Wish::Look);
    assert_eq!(story.look(), Some(CHANGES), "the short one first");
    story.ended(Outcome::Done);
    assert_eq!(story.look(), Some(EVERYTHING), "and what was asked for before is not forgotten");
    assert_eq!(story.told(Wish::Look), [], "nor begun anew");
    story.ended(Outcome::Done);
    assert_eq!(story.look(), Some(CHANGES));
    story.ended(Outcome::Done);
    assert_eq!(story.look(), None);
}

#[test]
fn a_busy_queue_of_single_records_keeps_no_look_and_no_comparison_from_its_turn() {
    let mut story = Story::new(rules(), true);
    story.told(Wish::Compare);
    let mut begun_works = Vec::new();
    for _ in 0..4 {
        let effects = story.on(Input::Look { records: true, parent: None });
        begun_works.extend(begun(&effects).map(|pass| pass.work));
        story.ended(Outcome::Done);
    }
    assert_eq!(begun_works, [Work::Records, Work::Everything, Work::Records, Work::Changes]);
}

#[test]
fn records_that_went_well_say_nothing_about_the_rest() {
    let mut story = Story::new(rules(), false);
    story.look();
    story.ended(failed());
    story.wait();
    assert_eq!(begun(&story.on(Input::Look { records: true, parent: None })).unwrap().work, Work::Records);
    story.ended(Outcome::Done);
    assert_eq!(story.shown(), "degraded away");
    assert!(!story.life.is_loaded());
    assert_eq!(story.life.shown(&story.rules, || None).0, Shown::Degraded);
}

#[test]
fn what_was_approved_goes_on_with_its_approval_after_an_interruption() {
    let mut story = Story::new(rules(), true);
    story.look();
    story.ended(Outcome::Approval(approval()));
    assert!(story.shown().starts_with("approval this run wants 9 deletes"), "{}", story.shown());
    story.told(Wish::Approve);
    let approved = Some(Pass { work: Work::Changes, approved: true });
    assert_eq!(story.look(), approved);
    story.ended(Outcome::Interrupted);
    assert_eq!(story.look(), approved);
    story.ended(Outcome::Done);
    story.wait();
    assert_eq!(story.look(), Some(CHANGES));
}

#[test]
fn an_approval_is_kept_until_what_it_was_given_for_came_to_its_end() {
    let mut story = Story::new(rules(), true);
    story.told(Wish::Compare);
    assert_eq!(story.look(), Some(EVERYTHING));
    story.ended(Outcome::Approval(approval()));
    let kept = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::RememberApproval(work) => Some(*work),
            _ => None,
        })
    };
    let told = story.on(Input::Told(Wish::Approve));
    assert_eq!(kept(&told), Some(Some(Work::Everything)));
    // The process ends; the next one knows what it was told.
    story.life = Life::new(&story.rules, story.now, (true, None, Some(story.now)), Some(Work::Everything));
    let approved = Some(Pass { work: Work::Everything, approved: true });
    assert_eq!(story.look(), approved);
    let end = |outcome| Input::Ended { outcome, loaded: true };
    assert_eq!(kept(&story.on(end(Outcome::Interrupted))), None, "it goes on with it");
    assert_eq!(story.look(), Some(CHANGES), "the look that is due comes first");
    assert_eq!(kept(&story.on(end(Outcome::Done))), None, "it was not meant");
    assert_eq!(story.look(), approved);
    assert_eq!(kept(&story.on(end(Outcome::Done))), Some(None), "it is used up");
}

#[test]
fn single_records_that_want_too_much_are_asked_about_and_made_once_they_are_approved() {
    let mut story = Story::new(rules(), true);
    let records = |story: &mut Story| begun(&story.on(Input::Look { records: true, parent: None }));
    assert_eq!(records(&mut story), Some(Pass { work: Work::Records, approved: false }));
    story.ended(Outcome::Approval(approval()));
    assert!(story.shown().starts_with("approval this run wants 9 deletes (4 in Salesforce, 5 in the app)"));
    story.told(Wish::Approve);
    story.on(Input::Look { records: true, parent: None });
    story.ended(Outcome::Done);
    assert_eq!(records(&mut story), Some(Pass { work: Work::Records, approved: true }));
    story.ended(Outcome::Done);
    assert_eq!(story.shown(), "running");
}

#[test]
fn an_answer_about_records_that_are_gone_is_no_answer_to_the_next_question() {
    let mut story = Story::new(rules(), true);
    story.look();
    story.ended(Outcome::Done);
    story.on(Input::Look { records: true, parent: None });
    story.ended(Outcome::Approval(approval()));
    story.told(Wish::Approve);
    story.look();
    assert_eq!(story.shown(), "running");
    let pass = begun(&story.on(Input::Look { records: true, parent: None }));
    assert_eq!(pass, Some(Pass { work: Work::Records, approved: false }));
}
