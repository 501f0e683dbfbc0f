//! Keeps one task alive: makes it, makes it again with a pause when it cannot begin or panics, and gives up after five panics in ten
//! minutes. Knows nothing of what the task does. Read `keep` first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::task::Command;
use crate::connect::ConnectError;
use crate::model::Clock;

/// Panics of one pipeline within this time that end it.
const PANIC_WINDOW: Duration = Duration::from_secs(600);
const PANICS: usize = 5;

/// What a keeper tells.
#[derive(Debug)]
pub enum News<'a> {
    /// It could not begin; it is tried again.
    CannotBegin(&'a ConnectError),
    /// It panicked so many times in the last ten minutes; it begins again.
    Panicked(usize),
    /// It panicked too often and is not begun again.
    GivenUp,
}

/// What a keeper works with.
pub struct Keeper<T> {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// End.
    pub stop: CancellationToken,
    /// Hears of mishaps.
    pub tell: T,
}

/// Panics in a window.
#[derive(Debug, Default)]
struct Panics(VecDeque<Timestamp>);

impl Panics {
    /// The pause before the next try, or `None` when there were too many.
    fn pause(&mut self, now: Timestamp) -> Option<Duration> {
        self.0.push_back(now);
        self.0.retain(|at| now.duration_since(*at).unsigned_abs() < PANIC_WINDOW);
        (self.0.len() < PANICS).then(|| Duration::from_secs(1 << self.0.len()))
    }
}

impl<T: Fn(News<'_>)> Keeper<T> {
    /// Lives until the task ends by itself, is stopped, or has panicked too often. `make` may be called any number of times; a command
    /// that arrives while there is no task makes the next one begin at once. Dropped, it takes the task along.
    pub async fn keep<M, F, R>(self, mut commands: mpsc::Receiver<Command>, mut make: M)
    where
        M: FnMut(mpsc::Receiver<Command>) -> F,
        F: Future<Output = Result<R, ConnectError>>,
        R: Future<Output = ()> + Send + 'static,
    {
        let (mut panics, mut tries) = (Panics::default(), 0_u32);
        while !self.stop.is_cancelled() {
            let (forward, receiver) = mpsc::channel(16);
            let made = tokio::select! {
                made = make(receiver) => made,
                () = self.stop.cancelled() => return,
            };
            let pause = match made {
                Ok(task) => {
                    tries = 0;
                    let task = AbortOnDropHandle::new(tokio::spawn(task));
                    if carry(task, &mut commands, &forward).await {
                        return;
                    }
                    let Some(pause) = panics.pause(self.clock.now()) else {
                        return (self.tell)(News::GivenUp);
                    };
                    (self.tell)(News::Panicked(panics.0.len()));
                    pause
                }
                Err(error) => {
                    tries += 1;
                    (self.tell)(News::CannotBegin(&error));
                    Duration::from_secs(1 << tries.min(6))
                }
            };
            self.rest(&mut commands, pause).await;
        }
    }

    async fn rest(&self, commands: &mut mpsc::Receiver<Command>, pause: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            Some(_) = commands.recv() => {}
            () = self.clock.sleep(pause) => {}
        }
    }
}

/// Hands commands on until the task ends; false if it panicked.
async fn carry(
    mut task: AbortOnDropHandle<()>,
    commands: &mut mpsc::Receiver<Command>,
    forward: &mpsc::Sender<Command>,
) -> bool {
    loop {
        tokio::select! {
            ended = &mut task => return ended.is_ok(),
            Some(command) = commands.recv() => drop(forward.send(command).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::Class;
    use crate::runtime::clock::ManualClock;

    struct Bench {
        clock: Arc<ManualClock>,
        stop: CancellationToken,
        told: Arc<Mutex<Vec<String>>>,
        made: Arc<AtomicUsize>,
    }

    impl Bench {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
            Self { clock, stop: CancellationToken::new(), told: Arc::default(), made: Arc::default() }
        }

        fn keeper(&self) -> Keeper<impl Fn(News<'_>) + use<>> {
            let told = Arc::clone(&self.told);
            let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
            Keeper {
                clock,
                stop: self.stop.clone(),
                tell: move |news: News<'_>| told.lock().unwrap().push(format!("{news:?}")),
            }
        }

        /// Advances the clock by steps until the condition holds.
        async fn advance_until(&self, step: Duration, done: impl Fn(&Self) -> bool) {
            while !done(self) {
                tokio::task::yield_now().await;
                self.clock.advance(step);
            }
        }
    }

    #[tokio::test]
    async fn five_panics_in_ten_minutes_end_it() {
        let bench = Bench::new();
        let made = Arc::clone(&bench.made);
        let (_commands, receiver) = mpsc::channel(1);
        let kept = tokio::spawn(bench.keeper().keep(receiver, move |_| {
            made.fetch_add(1, Ordering::SeqCst);
            async { Ok(async { panic!("on purpose") }) }
        }));
        bench.advance_until(Duration::from_secs(1), |_| kept.is_finished()).await;
        assert_eq!(bench.made.load(Ordering::SeqCst), 5);
        assert_eq!(
            bench.told.lock().unwrap().join(" "),
            "Panicked(1) Panicked(2) Panicked(3) Panicked(4) GivenUp"
        );
        let waited = bench.clock.now().duration_since(Timestamp::UNIX_EPOCH);
        assert!(waited.as_secs() >= 2 + 4 + 8 + 16, "the pauses grow: {waited:?}");
    }

    #[tokio::test]
    async fn panics_far_apart_do_not_end_it() {
        let bench = Bench::new();
        let made = Arc::clone(&bench.made);
        let clock = Arc::clone(&bench.clock);
        let (_commands, receiver) = mpsc::channel(1);
        let kept = tokio::spawn(bench.keeper().keep(receiver, move |_| {
            made.fetch_add(1, Ordering::SeqCst);
            let clock = Arc::clone(&clock);
            async move {
                Ok(async move {
                    clock.sleep(Duration::from_secs(300)).await;
                    panic!("on purpose")
                })
            }
        }));
        bench.advance_until(Duration::from_secs(10), |bench| bench.made.load(Ordering::SeqCst) >= 9).await;
        bench.stop.cancel();
        drop(kept);
        assert!(!bench.told.lock().unwrap().iter().any(|news| news == "GivenUp"));
    }

    #[tokio::test]
    async fn a_command_ends_the_pause_of_one_that_cannot_begin() {
        let bench = Bench::new();
        let made = Arc::clone(&bench.made);
        let (commands, receiver) = mpsc::channel(1);
        let kept = tokio::spawn(bench.keeper().keep(receiver, move |_| {
            let nth = made.fetch_add(1, Ordering::SeqCst);
            async move {
                if nth < 2 { Err(ConnectError::new("R101", Class::TRANSIENT, "away")) } else { Ok(async {}) }
            }
        }));
        // The clock stands still: only the commands let it go on.
        commands.send(Command::Resume).await.unwrap();
        commands.send(Command::Resume).await.unwrap();
        kept.await.unwrap();
        assert_eq!(bench.made.load(Ordering::SeqCst), 3);
        assert_eq!(bench.told.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn stopping_ends_it_even_while_it_begins() {
        let bench = Bench::new();
        let (_commands, receiver) = mpsc::channel(1);
        let kept = tokio::spawn(
            bench.keeper().keep(receiver, |_| std::future::pending::<Result<std::future::Ready<()>, _>>()),
        );
        bench.stop.cancel();
        kept.await.unwrap();
    }
}
