//! Campaigns of broken input against everything that reads what strangers send. A few thousand inputs each with the other tests; for longer:
//!
//! ```text
//! SFSYNC_FUZZ=60 cargo test --lib campaign -- --nocapture --test-threads=1      # seconds for each campaign
//! ```
//!
//! A failure names its number; `SFSYNC_SEED=<number>` begins there.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Inputs without `SFSYNC_FUZZ`.
const FEW: u64 = 2_000;
/// No input takes longer than this, also on a busy machine without optimisation.
const LONGEST: Duration = Duration::from_secs(5);
/// Bytes of an input.
const LARGEST: usize = 64 << 10;
/// Pieces that parsers find interesting.
const PIECES: [&[u8]; 20] = [
    b"<",
    b">",
    b"</",
    b"/>",
    b"<!DOCTYPE x [<!ENTITY a \"b\">]>",
    b"<![CDATA[",
    b"]]>",
    b"&a;",
    b"&#0;",
    b"xmlns:a=\"b\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\u0000",
    b"99999999999999999999",
    b"PK\x03\x04",
    b"\xff\xff\xff\xff",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
];

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % (limit.max(1) as u64)).unwrap()
    }
}

/// A good input, broken in some places.
fn broken(good: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut dice = Dice(number);
    let mut input = good[dice.below(good.len())].clone();
    for _ in 0..=dice.below(6) {
        let at = dice.below(input.len() + 1);
        let end = (at + dice.below(40)).min(input.len());
        match dice.below(9) {
            0 if at < input.len() => input[at] ^= 1 << dice.below(8),
            1 if at < input.len() => input[at] = u8::try_from(dice.below(256)).unwrap(),
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => drop(input.splice(at..at, PIECES[dice.below(PIECES.len())].iter().copied())),
            5 => drop(input.splice(at..end, PIECES[dice.below(PIECES.len())].iter().copied())),
            6 => {
                let piece = input[at..end].repeat(dice.below(200));
                drop(input.splice(at..at, piece));
            }
            7 => {
                let other = &good[dice.below(good.len())];
                let from = dice.below(other.len() + 1);
                drop(input.splice(at..end, other[from..].iter().copied()));
            }
            _ => drop(input.splice(at..at, dice.roll().to_le_bytes())),
        }
        input.truncate(LARGEST);
    }
    input
}

/// Gives broken forms of good inputs to a reader until the time is over; tells how many there were, and how many were read all the same.
pub(crate) fn campaign(name: &str, good: &[Vec<u8>], mut eat: impl FnMut(&[u8]) -> bool) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (time, first) = (number("SFSYNC_FUZZ").map(Duration::from_secs), number("SFSYNC_SEED").unwrap_or(1));
    assert!(good.iter().all(|input| eat(input)), "{name}: a good input is not read");
    let (begun, mut count, mut read) = (Instant::now(), 0, 0_u64);
    while time.map_or(count < FEW, |time| begun.elapsed() < time) {
        let seed = first + count;
        let input = broken(good, seed);
        let asked = Instant::now();
        let eaten = catch_unwind(AssertUnwindSafe(|| eat(&input)));
        assert!(eaten.is_ok(), "{name}: SFSYNC_SEED={seed} panicked");
        assert!(asked.elapsed() < LONGEST, "{name}: SFSYNC_SEED={seed} took {:?}", asked.elapsed());
        read += u64::from(eaten.unwrap_or_default());
        count += 1;
    }
    if time.is_some() {
        let mut shown = anstream::stdout();
        writeln!(shown, "{name}: {count} inputs in {:?}, {read} of them read", begun.elapsed()).unwrap();
    }
}
