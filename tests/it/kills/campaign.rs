//! The campaign: edits, deaths, silence, comparison.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfsync::store::{FailureFilter, Store, StoreKey};

use super::compare::{differences, histories};
use super::database::connect;
use super::dice::Dice;
use super::edits::{People, Program, Written};
use super::number;
use super::world::World;

/// How long the usual campaign is, in seconds.
const USUAL: u64 = 6;
/// Edits of the org in a second.
const RATE: u64 = 500;
/// Everybody lives for so long at least and at most, in milliseconds.
const LIFE: (u64, u64) = (100, 1_500);
/// The dead stay away for at most so long, in milliseconds.
const AWAY: u64 = 800;

/// Who can die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Daemon,
    Org,
    Database,
}

const VICTIMS: [Victim; 4] = [Victim::Daemon, Victim::Daemon, Victim::Org, Victim::Database];

async fn kill(world: &mut World, victim: Victim) {
    match victim {
        Victim::Daemon => {
            let ended = world.kill_daemon();
            assert!(ended.is_none(), "the daemon ended by itself: {ended:?}\n{}", world.log());
        }
        Victim::Org => world.rig.sandbox.die().await,
        Victim::Database => world.database.kill(),
    }
}

async fn raise(world: &mut World, victim: Victim) {
    match victim {
        Victim::Daemon => world.start_daemon(),
        Victim::Org => world.rig.sandbox.rise().await.unwrap(),
        Victim::Database => world.database.rise(),
    }
}

/// Kills until the time is over; sometimes two are away at once. Tells how often each died.
async fn deaths(world: &mut World, length: Duration, dice: &mut Dice) -> BTreeMap<Victim, usize> {
    let begun = Instant::now();
    let mut counts = BTreeMap::new();
    let mut away: Option<Victim> = None;
    let mut order = 0;
    while begun.elapsed() < length || counts.len() < 3 {
        let life = LIFE.0 + dice.roll(LIFE.1 - LIFE.0);
        tokio::time::sleep(Duration::from_millis(life)).await;
        // The first three are everybody, so that a short campaign has them all.
        let victim = match order {
            0 => Victim::Daemon,
            1 => Victim::Database,
            2 => Victim::Org,
            _ => *dice.one_of(&VICTIMS).unwrap(),
        };
        order += 1;
        if away == Some(victim) {
            continue;
        }
        kill(world, victim).await;
        *counts.entry(victim).or_insert(0) += 1;
        tokio::time::sleep(Duration::from_millis(dice.roll(AWAY))).await;
        if let Some(other) = away.take() {
            raise(world, other).await;
        }
        if dice.roll(4) == 0 {
            away = Some(victim);
        } else {
            raise(world, victim).await;
        }
    }
    if let Some(other) = away {
        raise(world, other).await;
    }
    counts
}

/// Waits until everything is as it has to be, or patience ends: as long again as the campaign took, and a minute.
async fn settle(world: &World, written: &Written, length: Duration) -> Vec<String> {
    let client = connect(&world.database.url).await.unwrap();
    let begun = Instant::now();
    loop {
        let found = differences(world.rig.sandbox.org(), &client, written).await;
        if found.is_empty() || begun.elapsed() > length + Duration::from_secs(60) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What the daemon gave up, once it does not run.
fn failures(world: &World) -> Vec<String> {
    let state = Store::open(&world.rig.dir.path().join("state"), &StoreKey::File).unwrap();
    let all = state.failures(&FailureFilter::default()).unwrap();
    all.into_iter().map(|one| format!("{one:?}")).collect()
}

/// What is wrong, how it came, and what the daemons said.
async fn told(world: &World, left: &[String]) -> String {
    let client = connect(&world.database.url).await.unwrap();
    let some = &left[..left.len().min(20)];
    let names: Vec<&str> = some.iter().filter_map(|one| Some(one.split_once(':')?.0)).collect();
    let histories = histories(world.rig.sandbox.org(), &client, &names).await;
    let log = world.log();
    let end = log.len().saturating_sub(20_000);
    format!("{} differences: {some:#?}\n{histories:#?}\n{}", left.len(), &log[end..])
}

#[tokio::test(flavor = "multi_thread")]
async fn deaths_of_the_daemon_the_org_and_the_database_cost_nothing_but_time() {
    let length = Duration::from_secs(number("SFSYNC_KILLS").unwrap_or(USUAL));
    let rate = number("SFSYNC_KILLS_RATE").unwrap_or(RATE);
    let seed = number("SFSYNC_KILLS_SEED").unwrap_or(1);
    let mut world = World::new().await;
    world.start_daemon();
    let people = People::new(world.rig.sandbox.org().clone(), seed);
    let program = Program::new(&world.database.url, seed + 1);
    let (stop_people, stopped) = std::sync::mpsc::channel();
    let people = tokio::task::spawn_blocking(move || people.work(rate, &stopped));
    let (stop_program, stopped) = tokio::sync::oneshot::channel();
    let program = tokio::spawn(program.work(rate, stopped));
    let begun = Instant::now();
    let counts = deaths(&mut world, length, &mut Dice::new(seed + 2)).await;
    let took = begun.elapsed();
    drop((stop_people, stop_program));
    let (people, program) = (people.await.unwrap(), program.await.unwrap());
    let (in_org, in_app) = (people.edits, program.edits);
    let written = people.and(program);
    let silence = Instant::now();
    let left = settle(&world, &written, length).await;
    println!(
        "{} s: {in_org} edits in the org, {in_app} in the app, deaths {counts:?}, equal after {} s more",
        took.as_secs(),
        silence.elapsed().as_secs()
    );
    assert!(left.is_empty(), "{}", told(&world, &left).await);
    world.kill_daemon();
    let failed = failures(&world);
    assert!(failed.is_empty(), "{failed:#?}");
}
