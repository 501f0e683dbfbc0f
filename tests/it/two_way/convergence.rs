//! Random histories: edits, creates, deletes and merges on both sides, edits of the file, refusals, lost answers, slow calls, deaths between
//! and in the middle of calls. After the last edit the system becomes silent, both sides are equal or held as the file says, nothing was
//! made twice, and no value stands anywhere that nobody wrote.
//!
//! `SFSYNC_CONVERGENCE=2000 cargo nextest run -p sfsync --test it convergence` tells that many histories instead of a few;
//! with `SFSYNC_SEED=48` besides it begins with that one.

use std::collections::{BTreeMap, BTreeSet};

use sfsync::connect::memory::{Call, Fault, Gate};
use sfsync::model::{Class, Key, Side};

use sfsync::runtime::pass::Asked;

use super::scenarios::BOTH;
use super::world::World;

/// A small generator: the same seed tells the same history everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.roll(all.len() as u64)).unwrap()]
    }
}

const FIELDS: [(&str, &str); 3] = [("Name", "name"), ("Phone", "phone"), ("Industry", "industry")];

/// A file as it may be at any time of a history.
fn file(dice: &mut Dice) -> String {
    let rule = dice.one_of(&["salesforce", "app", "hold"]);
    let rows = match dice.roll(4) {
        0 => {
            BOTH.replace("app: phone, conflict: app", "app: phone, group: phones")
                + "groups: { phones: off }\n"
        }
        1 => BOTH.replace("app: phone, conflict: app", "app: phone, to_salesforce: false"),
        _ => BOTH.to_owned(),
    };
    format!("{rows}conflict: {rule}\n")
}

/// A history under way.
struct History {
    world: World,
    dice: Dice,
    written: BTreeSet<String>,
    made: u64,
    /// Records are merged in Salesforce. Then none belong together from the start: the partner of a record that takes the place of another
    /// would be left over, and held for a person.
    merges: bool,
    /// The file was edited: differences of a row that did not flow for a while are for the next comparison.
    edited: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let rules = ["salesforce", "app", "hold"];
        let file = format!("{BOTH}conflict: {}\n", dice.one_of(&rules));
        let limit = 1 + usize::try_from(dice.roll(7)).unwrap();
        let world = World::new(&file).with_batches_of(limit);
        let merges = dice.roll(2) == 0;
        Self { world, dice, written: BTreeSet::from([String::new()]), made: 0, merges, edited: false }
    }

    fn value(&mut self) -> String {
        let value = if self.dice.roll(6) == 0 { String::new() } else { format!("v{}", self.written.len()) };
        self.written.insert(value.clone());
        value
    }

    fn side(&mut self) -> Side {
        if self.dice.roll(2) == 0 { Side::Salesforce } else { Side::App }
    }

    fn name(side: Side, (salesforce, app): (&'static str, &'static str)) -> &'static str {
        if side == Side::Salesforce { salesforce } else { app }
    }

    /// A new record; sometimes one on each side that belong together.
    fn create(&mut self) {
        let side = self.side();
        self.made += 1;
        self.create_on(side);
        if !self.merges && self.dice.roll(5) == 0 {
            self.create_on(side.other());
        }
    }

    fn create_on(&mut self, side: Side) {
        let (key, email) = (format!("{side}{}", self.made), format!("{}@x.com", self.made));
        let mut fields = vec![(Self::name(side, ("Email__c", "email")), email)];
        for field in FIELDS {
            let value = self.value();
            fields.push((Self::name(side, field), value));
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.world.set(side, &key, &fields);
    }

    fn pick(&mut self) -> Option<(Side, String)> {
        let side = self.side();
        let keys: Vec<String> =
            self.world.table(side).rows().into_iter().map(|(key, _)| key.to_string()).collect();
        (!keys.is_empty()).then(|| (side, self.dice.one_of(&keys).clone()))
    }

    fn edit(&mut self) {
        let Some((side, key)) = self.pick() else { return };
        let field = *self.dice.one_of(&FIELDS);
        let value = self.value();
        self.world.set(side, &key, &[(Self::name(side, field), &value)]);
    }

    fn remove(&mut self) {
        let Some((side, key)) = self.pick() else { return };
        self.world.table(side).remove(&Key::app(key));
    }

    fn merge(&mut self) {
        let keys: Vec<Key> = self.world.salesforce.rows().into_iter().map(|(key, _)| key).collect();
        if keys.len() > 1 {
            let (loser, survivor) = (self.dice.one_of(&keys).clone(), self.dice.one_of(&keys).clone());
            if loser != survivor {
                self.world.salesforce.merge(&loser, &survivor);
            }
        }
    }

    /// The process dies while it waits for a call.
    async fn die_waiting(&mut self) {
        let (side, gate) = (self.side(), Gate::default());
        let call = *self.dice.one_of(&[Call::Read, Call::Fetch, Call::Find, Call::Write, Call::SourceFetch]);
        self.world.table(side).fault(call, Fault::Hold(gate.clone()));
        {
            let look = self.world.look();
            tokio::select! {
                _ = look => gate.open(),
                () = gate.arrival() => {}
            }
        }
        // Where the call did not come, it passes when it comes.
        gate.open();
        self.world.die();
    }

    fn edit_file(&mut self) {
        self.world.edit(&file(&mut self.dice));
        self.edited = true;
    }

    fn fault(&mut self) {
        let side = self.side();
        let call = *self.dice.one_of(&[Call::Read, Call::Fetch, Call::Find, Call::Write, Call::SourceFetch]);
        let fault = match (self.dice.roll(8), call) {
            (0, Call::Write) => Fault::Reject(vec![0]),
            (1, Call::Write) => Fault::Stale(vec![0]),
            (2, Call::Write) => Fault::Unknown,
            (3, Call::Read) => Fault::CursorLost,
            (2 | 4, _) => Fault::LoseAnswer,
            (5, _) => Fault::Slow(3),
            (6, _) => Fault::Fail(Class::Quota),
            _ => Fault::Fail(Class::TRANSIENT),
        };
        self.world.table(side).fault(call, fault);
    }

    async fn tell(&mut self, steps: u64) {
        for _ in 0..steps {
            match self.dice.roll(24) {
                0..=4 => self.create(),
                5..=11 => self.edit(),
                12 => self.remove(),
                13..=14 => self.fault(),
                15 => self.world.die(),
                16 => drop(self.world.runner().everything(false).await),
                17 if self.merges => self.merge(),
                18 => self.die_waiting().await,
                19 if self.dice.roll(3) == 0 => self.edit_file(),
                _ => drop(self.world.look().await),
            }
        }
        self.come_to_rest().await;
    }

    /// Nothing happens any more: what was scripted and did not happen yet happens, held conflicts are decided, and it becomes silent.
    async fn come_to_rest(&mut self) {
        for _ in 0..20 {
            if self.world.salesforce.faults_left() + self.world.app.faults_left() == 0 {
                break;
            }
            let _ = self.world.look().await;
            let _ = self.world.runner().everything(false).await;
        }
        self.world.salesforce.no_more_faults();
        self.world.app.no_more_faults();
        self.world.settle().await;
        if self.edited {
            self.world.edit(&format!("{BOTH}conflict: salesforce\n"));
            self.world.runner().everything(true).await.unwrap();
            self.world.settle().await;
        }
        let held = self.world.held("R303");
        for (side, key) in held {
            let take = self.side();
            self.world
                .runner()
                .asked_for(&[Asked { side, keys: vec![key], take: Some(take) }], false)
                .await
                .unwrap();
        }
        self.world.settle().await;
    }

    /// Edits of one side that nobody contradicts are on the other side when it is silent again.
    async fn edits_arrive(&mut self, seed: u64) {
        let links = self.world.links();
        let alive: Vec<_> = links.iter().filter(|link| !link.state.is_gone()).collect();
        let mut expected = Vec::new();
        for link in alive.iter().take(6) {
            let (side, field) = (self.side(), *self.dice.one_of(&FIELDS[..2]));
            let value = format!("last{}", expected.len());
            self.world.set(side, link.key(side).as_str(), &[(Self::name(side, field), &value)]);
            expected.push((
                side.other(),
                link.key(side.other()).clone(),
                Self::name(side.other(), field),
                value,
            ));
        }
        self.world.settle().await;
        for (side, key, field, value) in expected {
            let there = self.world.get(side, key.as_str(), field);
            assert_eq!(there, value, "seed {seed}: {field} of {key}\n{}", self.world.shown());
        }
    }

    fn check(&mut self, seed: u64) {
        let links = self.world.links();
        let shown = self.world.shown();
        let mut emails: BTreeMap<(Side, String), usize> = BTreeMap::new();
        for side in [Side::Salesforce, Side::App] {
            let schema = self.world.pipeline.schema(side).clone();
            let email = schema.position(Self::name(side, ("Email__c", "email"))).unwrap();
            for (_, row) in self.world.table(side).rows() {
                *emails.entry((side, row.get(email).to_string())).or_default() += 1;
                for field in FIELDS {
                    let value = row.get(schema.position(Self::name(side, field)).unwrap());
                    let value = if value.is_blank() { String::new() } else { value.to_string() };
                    assert!(self.written.contains(&value), "seed {seed}: {value} was never written\n{shown}");
                }
            }
        }
        for ((side, email), count) in emails {
            assert_eq!(count, 1, "seed {seed}: {email} stands {count} times in {side}\n{shown}");
        }
        for link in links.iter().filter(|link| !link.state.is_gone()) {
            for (salesforce, app) in FIELDS {
                let one = self.world.get(Side::Salesforce, link.salesforce.as_str(), salesforce);
                let other = self.world.get(Side::App, link.app.as_str(), app);
                // Industry flows one way; what somebody changed on its target stays until a comparison.
                if salesforce != "Industry" {
                    assert_eq!(
                        one, other,
                        "seed {seed}: {salesforce} of {} ↔ {}\n{shown}",
                        link.salesforce, link.app
                    );
                }
            }
        }
        let linked: BTreeSet<String> = links.iter().map(|link| link.salesforce.to_string()).collect();
        for (key, _) in self.world.salesforce.rows() {
            assert!(linked.contains(key.as_str()), "seed {seed}: {key} has no partner\n{shown}");
        }
        assert_eq!(self.world.failures(), Vec::<String>::new(), "seed {seed}\n{shown}");
    }
}

#[tokio::test]
async fn random_histories_converge() {
    let many = std::env::var("SFSYNC_CONVERGENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let from = std::env::var("SFSYNC_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    for seed in from..=many.max(from) {
        let mut history = History::new(seed);
        history.tell(60).await;
        history.check(seed);
        history.edits_arrive(seed).await;
    }
}
