//! How long to wait before trying again. Pure: the same seed gives the same pauses.
//!
//! [`pause`] is for a pass that failed as a whole, [`retry_at`] for a record.

use std::time::Duration;

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::model::Class;

/// First and longest pause of a class of failures.
struct Bounds {
    first: Duration,
    longest: Duration,
}

fn bounds(class: Class) -> Bounds {
    let seconds =
        |first, longest| Bounds { first: Duration::from_secs(first), longest: Duration::from_secs(longest) };
    match class {
        Class::Transient { .. } => seconds(1, 5 * 60),
        Class::Quota => seconds(60, 30 * 60),
        // A person has to change something; look again now and then in case it was done.
        Class::Session | Class::Record | Class::Pipeline => seconds(30, 15 * 60),
    }
}

/// The pause after so many failures in a row (from 1): somewhere between nothing and a limit that doubles, so that pipelines that failed
/// together do not come back together. Never shorter than what the other side asked for, nor than a tenth of the limit.
pub fn pause(class: Class, failures: u32, seed: u64) -> Duration {
    let Bounds { first, longest } = bounds(class);
    let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let limit = doubled.min(longest);
    let jittered = limit.mul_f64(fraction(seed, u64::from(failures)).max(0.1));
    match class {
        Class::Transient { retry_after: Some(asked) } => asked.max(jittered),
        _ => jittered,
    }
}

const FIRST_RETRY: f64 = 30.0;
const LAST_RETRY: f64 = 16.0 * 3_600.0;
const DAY: f64 = 24.0 * 3_600.0;

/// When a record that failed for the `tries`-th time (from 1) is tried again; `None` after `retries` of them. The pauses grow from half a
/// minute to sixteen hours and come to about a day, whatever `retries` is. A quarter of each is up to the seed.
pub fn retry_at(now: Timestamp, tries: u32, retries: u32, seed: u64) -> Option<Timestamp> {
    if tries == 0 || tries > retries {
        return None;
    }
    let growth = (LAST_RETRY / FIRST_RETRY).powf(1.0 / f64::from(retries.saturating_sub(1).max(1)));
    let nth = |n: u32| FIRST_RETRY * growth.powf(f64::from(n - 1));
    let sum: f64 = (1..=retries.min(1_000)).map(nth).sum();
    let seconds = nth(tries) * (DAY / sum).min(1.0) * (0.875 + fraction(seed, u64::from(tries)) / 4.0);
    now.checked_add(Duration::from_secs_f64(seconds.clamp(1.0, DAY))).ok()
}

/// A number from 0 to 1 that looks random.
fn fraction(seed: u64, step: u64) -> f64 {
    let bits = xxh3_64_with_seed(&step.to_le_bytes(), seed) >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn retries_grow_and_come_to_about_a_day() {
        for retries in [2, 3, 8, 20, 100] {
            let pauses: Vec<f64> = (1..=retries)
                .map(|tries| {
                    let at = retry_at(Timestamp::UNIX_EPOCH, tries, retries, 7).unwrap();
                    at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
                })
                .collect();
            let hours = pauses.iter().sum::<f64>() / 3_600.0;
            assert!((13.0..28.0).contains(&hours), "{retries} retries take {hours} hours");
            assert!(
                pauses[0] < 60.0 && pauses[pauses.len() - 1] > 3.0 * 3_600.0 / f64::from(retries),
                "{pauses:?}"
            );
        }
        assert_eq!(retry_at(Timestamp::UNIX_EPOCH, 9, 8, 7), None);
        assert_eq!(retry_at(Timestamp::UNIX_EPOCH, 1, 0, 7), None);
    }

    #[test]
    fn a_wish_of_the_other_side_counts() {
        let asked = Duration::from_secs(600);
        assert_eq!(pause(Class::Transient { retry_after: Some(asked) }, 1, 1), asked);
    }

    proptest! {
        #[test]
        fn pauses_stay_between_their_bounds(failures in 0_u32..1_000, seed: u64) {
            for class in [Class::TRANSIENT, Class::Quota, Class::Session, Class::Pipeline] {
                let Bounds { first, longest } = bounds(class);
                let pause = pause(class, failures, seed);
                prop_assert!(pause >= first / 10 && pause <= longest, "{class:?}: {pause:?}");
                prop_assert_eq!(pause, super::pause(class, failures, seed));
            }
        }

        #[test]
        fn different_seeds_spread(seed: u64) {
            let pauses: std::collections::HashSet<_> = (0..20).map(|n| pause(Class::Quota, 9, seed.wrapping_add(n))).collect();
            prop_assert!(pauses.len() > 10);
        }
    }
}
