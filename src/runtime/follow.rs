//! What a daemon does by itself besides its pipelines: it follows the files (events, a comparison each half minute, SIGHUP), looks again
//! when a system was away while files were loaded, and clears the state once a day.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::control::ReloadReport;
use super::folder::{self, Texts};
use super::supervisor::Supervisor;
use super::watch::{Timing, Watch};
use crate::spec::Settings;
use crate::telemetry::LevelHandle;

/// How often what is older than the retention is dropped from the state.
const CLEAN: Duration = Duration::from_secs(24 * 3600);
/// Many pipelines may ask for another look at the same time.
const TOGETHER: Duration = Duration::from_millis(200);

/// Hears what a load came to that the daemon began by itself.
pub type Reloaded = Box<dyn Fn(&ReloadReport) + Send + Sync>;

impl Supervisor {
    /// Follows the configuration folder from now on, until shutdown. Called once, by the daemon.
    pub fn follow(self: &Arc<Self>, timing: Timing) {
        let supervisor = Arc::clone(self);
        self.attend_to(async move {
            let last = supervisor.reloading.lock().await.clone();
            let path = supervisor.folder.clone();
            let read = move || folder::read(&path);
            let clock = Arc::clone(&supervisor.clock);
            let watch = Watch::new(&supervisor.folder, read, last, (clock, timing));
            supervisor.follow_until_stopped(watch, timing.every).await;
        });
    }

    /// `log` of the settings changes the level of this process from now on.
    pub fn log_through(&self, handle: LevelHandle) {
        *self.level.write().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    }

    /// Who is told of files that were loaded because they changed.
    pub fn tell_reloads(&self, reloaded: Reloaded) {
        *self.reloaded.write().unwrap_or_else(PoisonError::into_inner) = Some(reloaded);
    }

    /// Begins what goes on beside the pipelines.
    pub(super) fn attend(self: &Arc<Self>) {
        let supervisor = Arc::clone(self);
        self.attend_to(async move { supervisor.look_again().await });
        let supervisor = Arc::clone(self);
        self.attend_to(async move { supervisor.clean_daily().await });
        let supervisor = Arc::clone(self);
        self.attend_to(async move { supervisor.hear_changes().await });
        let supervisor = Arc::clone(self);
        self.attend_to(async move { supervisor.take_calls().await });
        let supervisor = Arc::clone(self);
        self.attend_to(async move { supervisor.tell_people().await });
    }

    pub(super) fn attend_to(&self, work: impl Future<Output = ()> + Send + 'static) {
        let attendant = AbortOnDropHandle::new(tokio::spawn(work));
        self.attendants.lock().unwrap_or_else(PoisonError::into_inner).push(attendant);
    }

    async fn follow_until_stopped(self: Arc<Self>, mut watch: Watch<Texts>, every: Duration) {
        let mut hangups = Hangups::new();
        let mut done = true;
        loop {
            done = tokio::select! {
                () = self.stop.cancelled() => return,
                _ = watch.changed() => self.reload_or_warn(false).await,
                () = hangups.next() => self.reload_or_warn(true).await,
                () = self.clock.sleep(every), if !done => self.reload_or_warn(false).await,
            };
        }
    }

    /// Whether it was done; what the state refused is tried again.
    async fn reload_or_warn(self: &Arc<Self>, always: bool) -> bool {
        let begun = self.clock.now();
        match self.reload_now(always).await {
            Ok(report) => {
                let errors: usize = report.files.iter().map(|file| file.errors).sum();
                let took = self.clock.now().duration_since(begun).as_millis();
                tracing::info!(files = report.files.len(), errors, milliseconds = %took, "files loaded");
                if let Some(reloaded) = &*self.reloaded.read().unwrap_or_else(PoisonError::into_inner) {
                    reloaded(&report);
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "the files could not be loaded; what runs stays");
                false
            }
        }
    }

    async fn look_again(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.relook.notified() => self.clock.sleep(TOGETHER).await,
            }
            self.reload_or_warn(true).await;
        }
    }

    async fn clean_daily(self: Arc<Self>) {
        loop {
            self.clean_up();
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.clock.sleep(CLEAN) => {}
            }
        }
    }

    /// Drops what is older than `retention` from the state.
    pub fn clean_up(&self) {
        let latest = self.latest();
        let settings = latest.files.settings.as_ref().and_then(|parsed| parsed.value.as_ref());
        let keep = settings
            .map_or_else(|| Settings::empty(crate::diag::SourceId(0)).retention(), Settings::retention);
        if let Err(error) = self.store.clean_up(self.clock.now(), keep.about()) {
            tracing::error!(%error, "the state could not be cleared of what is old");
        }
    }
}

/// SIGHUP, where there is such a thing.
struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    #[cfg(unix)]
    fn new() -> Self {
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
        if let Err(error) = &signal {
            tracing::warn!(%error, "SIGHUP is not heard");
        }
        Self { signal: signal.ok() }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
