//! The laws of the table, over any inputs in any order; then what the language promises, one sentence at a time.

use proptest::prelude::*;

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

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Done),
        2 => Just(Outcome::Interrupted),
        1 => Just(Outcome::Approval(approval())),
        1 => Just(Outcome::FailuresInARow(100)),
        2 => Just(failed()),
        1 => Just(Outcome::Failed { class: Class::Pipeline, message: "forbidden".to_owned() }),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        Just(Wish::Look),
        Just(Wish::Compare),
        Just(Wish::Records),
        Just(Wish::Pause("somebody".to_owned())),
        Just(Wish::Resume),
        Just(Wish::Approve),
    ]
}

/// Time that passes, and what happens then.
fn event(stops: u32) -> impl Strategy<Value = (u32, Input)> {
    let parent = prop::option::weighted(0.2, Just(PipelineName::from("accounts")));
    let input = prop_oneof![
        8 => (any::<bool>(), parent).prop_map(|(records, parent)| Input::Look { records, parent }),
        4 => wish().prop_map(Input::Told),
        6 => (outcome(), any::<bool>()).prop_map(|(outcome, loaded)| Input::Ended { outcome, loaded }),
        stops => Just(Input::Stop),
    ];
    (prop_oneof![3 => 0..100_u32, 1 => 0..100_000_u32], input)
}

fn some_rules() -> impl Strategy<Value = Rules> {
    (any::<bool>(), any::<bool>()).prop_map(|(hours, poll)| {
        let all = if hours { at_night() } else { rules() };
        Rules { poll: all.poll.filter(|_| poll), ..all }
    })
}

proptest! {
    #[test]
    fn never_two_passes_and_nobody_leaves_in_the_middle_of_one(
        rules in some_rules(),
        loaded: bool,
        events in prop::collection::vec(event(1), 1..60),
    ) {
        let mut story = Story::new(rules, loaded);
        let (mut under_way, mut left, mut stopped) = (false, false, false);
        for (seconds, input) in events {
            story.now += Duration::from_secs(u64::from(seconds));
            stopped |= matches!(input, Input::Stop);
            let ends = matches!(input, Input::Ended { .. });
            for effect in story.on(input) {
                match effect {
                    Effect::Begin(_) => {
                        prop_assert!(!under_way, "a second pass");
                        prop_assert!(!stopped, "a pass after the end");
                        under_way = true;
                    }
                    Effect::Interrupt => prop_assert!(under_way, "nothing to interrupt"),
                    Effect::Leave => {
                        prop_assert!(!under_way || ends, "left in the middle of a pass");
                        prop_assert!(!left, "left twice");
                        left = true;
                    }
                    Effect::RememberPause(_) | Effect::RememberComparison(_) | Effect::RememberApproval(_) => {}
                }
            }
            under_way &= !ends;
            let phase = story.life.phase();
            prop_assert_eq!(under_way, matches!(phase, Phase::Running(_) | Phase::Draining(_)), "{:?}", phase);
            prop_assert_eq!(left, phase == Phase::Stopped);
            prop_assert_eq!(stopped && !under_way, left, "stop ends in stopped");
        }
    }

    #[test]
    fn stop_ends_it_as_soon_as_the_pass_has_ended(
        rules in some_rules(),
        events in prop::collection::vec(event(0), 0..40),
        last in outcome(),
        after in prop::collection::vec(event(1), 0..20),
    ) {
        let mut story = Story::new(rules, true);
        for (seconds, input) in events {
            story.now += Duration::from_secs(u64::from(seconds));
            story.on(input);
        }
        story.on(Input::Stop);
        story.ended(last);
        prop_assert_eq!(story.life.phase(), Phase::Stopped);
        for (_, input) in after {
            prop_assert_eq!(story.on(input), []);
            prop_assert_eq!(story.life.phase(), Phase::Stopped);
            prop_assert_eq!(story.due(), Timestamp::MAX);
        }
    }

    #[test]
    fn a_pause_holds_until_somebody_asks_for_something(
        rules in some_rules(),
        events in prop::collection::vec(event(0), 0..40),
        after in prop::collection::vec(event(0), 0..30),
    ) {
        let mut story = Story::new(rules, true);
        for (seconds, input) in events {
            story.now += Duration::from_secs(u64::from(seconds));
            story.on(input);
        }
        story.ended(Outcome::Done);
        story.told(Wish::Resume);
        story.life = Life::new(&story.rules, story.now, (true, None, None), None);
        story.told(Wish::Pause("somebody".to_owned()));
        for (seconds, input) in after {
            if matches!(input, Input::Told(Wish::Look | Wish::Compare | Wish::Resume | Wish::Approve)) {
                continue;
            }
            story.now += Duration::from_secs(u64::from(seconds));
            prop_assert_eq!(begun(&story.on(input)), None);
            prop_assert_eq!(story.life.phase(), Phase::Paused);
            prop_assert_eq!(story.due(), Timestamp::MAX);
        }
    }

    #[test]
    fn an_approval_is_used_once(events in prop::collection::vec(event(0), 1..80)) {
        let mut story = Story::new(rules(), true);
        let (mut given, mut used, mut running) = (0, 0, false);
        for (seconds, input) in events {
            story.now += Duration::from_secs(u64::from(seconds));
            given += u32::from(story.life.approval.is_some() && matches!(input, Input::Told(Wish::Approve)));
            // A pass that was interrupted has not used its approval up.
            let again = running && matches!(input, Input::Ended { outcome: Outcome::Interrupted, .. });
            used -= u32::from(again);
            running &= !matches!(input, Input::Ended { .. });
            if let Some(pass) = begun(&story.on(input)) {
                running = pass.approved;
                used += u32::from(pass.approved);
            }
            prop_assert!(used <= given, "used {} of {}", used, given);
        }
    }

    #[test]
    fn back_off_grows_and_is_reset(failures in 2..12_u32) {
        let mut story = Story::new(rules(), true);
        let mut bounds = Vec::new();
        for nth in 1..=failures {
            prop_assert_eq!(story.look(), Some(CHANGES));
            story.ended(failed());
            prop_assert_eq!(story.life.phase(), Phase::Backoff);
            let pause = story.due().duration_since(story.now).as_secs_f64();
            let limit = f64::from(1_u32 << (nth - 1).min(20)).min(300.0);
            prop_assert!((limit / 10.0 - 0.001..=limit).contains(&pause), "{}: {}", nth, pause);
            prop_assert_eq!(story.look(), None, "it does not hurry");
            bounds.push(limit);
            story.wait();
        }
        prop_assert!(bounds.is_sorted());
        prop_assert_eq!(story.look(), Some(CHANGES));
        story.ended(Outcome::Done);
        prop_assert_eq!(story.shown(), "running");
        story.wait();
        story.look();
        story.ended(failed());
        prop_assert!(story.due().duration_since(story.now).as_secs_f64() <= 1.0, "it begins anew");
    }

    /// Whoever waits exactly as long as he is told makes progress: after a look that began nothing, the next due time is later.
    #[test]
    fn it_never_spins(rules in some_rules(), loaded: bool, events in prop::collection::vec(event(0), 0..40)) {
        let mut story = Story::new(rules, loaded);
        for (seconds, input) in events {
            story.now += Duration::from_secs(u64::from(seconds));
            story.on(input);
            if story.look().is_none() && !matches!(story.life.phase(), Phase::Stopped) {
                prop_assert!(story.due() > story.now, "due at once, and nothing to do: {:?}", story.life);
            }
        }
    }
}

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
