//! The laws of the table, over any inputs in any order.

use proptest::prelude::*;

use super::*;

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
