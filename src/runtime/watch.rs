//! Notices that the files of a folder changed. Events of the system are only hints, because editors, network mounts and Kubernetes config
//! maps make them arrive late, several at a time, under other names or not at all: after a second of silence, and every half
//! minute without any event, the contents are read and compared. The same contents are no change.
//!
//! What is read is the caller's business; [`Watch`] compares.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::model::Clock;

/// When to look.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long nothing must happen after an event before the files are read: files that are saved together are looked at together.
    pub silence: Duration,
    /// How often the files are read without any event.
    pub every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { silence: Duration::from_secs(1), every: Duration::from_secs(30) }
    }
}

/// Constant events must not keep the files from being read for longer than this many silences.
const PATIENCE: u32 = 5;

/// Watches a folder. Dropped, it stops.
pub struct Watch<T> {
    read: Arc<dyn Fn() -> io::Result<T> + Send + Sync>,
    last: Option<T>,
    events: Arc<Notify>,
    clock: Arc<dyn Clock>,
    timing: Timing,
    _watcher: Option<RecommendedWatcher>,
}

impl<T> std::fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("timing", &self.timing).finish_non_exhaustive()
    }
}

impl<T: PartialEq + Clone + Send + 'static> Watch<T> {
    /// Begins to watch a folder and the folders in it. `read` reads the files that count; it is called on a thread that may block.
    /// `last` is what is known already: only something else is a change. Where the system gives no events (too many watches, a mount without
    /// them) the comparison every half minute remains, and a warning says so.
    pub fn new(
        folder: &Path,
        read: impl Fn() -> io::Result<T> + Send + Sync + 'static,
        last: Option<T>,
        (clock, timing): (Arc<dyn Clock>, Timing),
    ) -> Self {
        let events = Arc::new(Notify::new());
        let watcher = match listen(folder, Arc::clone(&events)) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                let seconds = timing.every.as_secs();
                tracing::warn!(folder = %folder.display(), %error, seconds, "no file events, files are compared instead");
                None
            }
        };
        Self { read: Arc::new(read), last, events, clock, timing, _watcher: watcher }
    }

    /// Looks as soon as there is silence, as if an event had come (SIGHUP). Works from any task.
    pub fn trigger(&self) -> Arc<Notify> {
        Arc::clone(&self.events)
    }

    /// What is known came from elsewhere (a reload by hand): it is no change any more.
    pub fn known(&mut self, contents: T) {
        self.last = Some(contents);
    }

    /// The contents, once they differ from those before. A folder that cannot be read is no change: a mount that is away for a moment
    /// must not remove pipelines. May be dropped at any point; what it noticed is noticed again.
    pub async fn changed(&mut self) -> T {
        let mut complained = false;
        loop {
            self.wait().await;
            match self.look().await {
                Ok(contents) if self.last.as_ref() != Some(&contents) => {
                    self.last = Some(contents.clone());
                    return contents;
                }
                Ok(_) => complained = false,
                Err(error) if !complained => {
                    tracing::warn!(%error, "the configuration folder cannot be read, what runs stays");
                    complained = true;
                }
                Err(_) => {}
            }
        }
    }

    async fn look(&self) -> io::Result<T> {
        let read = Arc::clone(&self.read);
        tokio::task::spawn_blocking(move || read()).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Until something happened and silence came after it, or it is time to look anyway.
    async fn wait(&self) {
        tokio::select! {
            () = self.events.notified() => self.silence().await,
            () = self.clock.sleep(self.timing.every) => {}
        }
    }

    async fn silence(&self) {
        let until = self.clock.now().checked_add(self.timing.silence * PATIENCE);
        loop {
            tokio::select! {
                () = self.events.notified() => {
                    if until.as_ref().is_ok_and(|until| self.clock.now() >= *until) {
                        return;
                    }
                }
                () = self.clock.sleep(self.timing.silence) => return,
            }
        }
    }
}

fn listen(folder: &Path, events: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error (an overflow of the queue) may hide anything: look.
        if event.as_ref().map_or(true, |event| may_change(event.kind)) {
            events.notify_one();
        }
    })?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    Ok(watcher)
}

/// Reading the files makes events too; those must not make us read again.
fn may_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::runtime::clock::SystemClock;

    type Texts = BTreeMap<String, String>;

    fn yaml_in(folder: &Path) -> io::Result<Texts> {
        let mut texts = Texts::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") && path.is_file() {
                texts.insert(path.file_name().unwrap().to_string_lossy().into(), fs::read_to_string(&path)?);
            }
        }
        Ok(texts)
    }

    fn texts(files: &[(&str, &str)]) -> Texts {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// Events of the system with a short silence; the comparison without events never comes.
    fn watch(folder: &Path) -> Watch<Texts> {
        let timing = Timing { silence: Duration::from_millis(20), every: Duration::from_secs(3_600) };
        let path: PathBuf = folder.into();
        let last = yaml_in(folder).unwrap();
        Watch::new(folder, move || yaml_in(&path), Some(last), (Arc::new(SystemClock), timing))
    }

    #[tokio::test]
    async fn editors_that_write_a_copy_and_rename_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("deals.yaml"), "a: 1").unwrap();
        let mut watch = watch(folder.path());
        // vim: move the old one away, write a new one, remove the old one
        fs::rename(file("deals.yaml"), file("deals.yaml~")).unwrap();
        fs::write(file("deals.yaml"), "a: 2").unwrap();
        fs::remove_file(file("deals.yaml~")).unwrap();
        assert_eq!(watch.changed().await, texts(&[("deals.yaml", "a: 2")]));
        // others: write beside it, rename over it
        fs::write(file(".deals.yaml.tmp"), "a: 3").unwrap();
        fs::rename(file(".deals.yaml.tmp"), file("deals.yaml")).unwrap();
        assert_eq!(watch.changed().await, texts(&[("deals.yaml", "a: 3")]));
        fs::remove_file(file("deals.yaml")).unwrap();
        assert_eq!(watch.changed().await, Texts::new());
    }

    #[tokio::test]
    async fn files_saved_together_come_together() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = watch(folder.path());
        for n in 0..20 {
            fs::write(folder.path().join(format!("{n}.yaml")), "a: 1").unwrap();
        }
        assert_eq!(watch.changed().await.len(), 20);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_config_map_swaps_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let version = |name: &str, text: &str| {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("deals.yaml"), text).unwrap();
        };
        version("..2026_01", "a: 1");
        std::os::unix::fs::symlink("..2026_01", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/deals.yaml", at("deals.yaml")).unwrap();
        let mut watch = watch(folder.path());
        version("..2026_02", "a: 2");
        std::os::unix::fs::symlink("..2026_02", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        fs::remove_dir_all(at("..2026_01")).unwrap();
        assert_eq!(watch.changed().await, texts(&[("deals.yaml", "a: 2")]));
    }

    #[tokio::test]
    async fn the_same_contents_are_no_change() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("deals.yaml"), "a: 1").unwrap();
        let mut watch = watch(folder.path());
        let trigger = watch.trigger();
        fs::write(folder.path().join("deals.yaml"), "a: 1").unwrap();
        trigger.notify_one();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        tokio::select! {
            biased;
            contents = watch.changed() => panic!("{contents:?}"),
            () = settled(&trigger) => {}
        }
        fs::write(folder.path().join("deals.yaml"), "a: 2").unwrap();
        assert_eq!(watch.changed().await, texts(&[("deals.yaml", "a: 2")]));
    }

    /// Many more silences than the watch needs to look several times.
    async fn settled(trigger: &Notify) {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            trigger.notify_one();
        }
    }

    /// A mount that gives no events: the watched folder is another one than the one that is read.
    #[tokio::test]
    async fn changes_without_events_are_found_by_comparison() {
        let (silent, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path: PathBuf = folder.path().into();
        let timing = Timing { silence: Duration::from_secs(3_600), every: Duration::from_millis(10) };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut watch =
            Watch::new(silent.path(), move || yaml_in(&path), Some(Texts::new()), (clock, timing));
        fs::write(folder.path().join("deals.yaml"), "a: 1").unwrap();
        assert_eq!(watch.changed().await, texts(&[("deals.yaml", "a: 1")]));
    }

    #[tokio::test]
    async fn a_folder_that_is_away_for_a_moment_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("pipelines");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("deals.yaml"), "a: 1").unwrap();
        let path = inner.clone();
        let timing = Timing { silence: Duration::from_millis(5), every: Duration::from_millis(10) };
        let last = yaml_in(&inner).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut watch = Watch::new(folder.path(), move || yaml_in(&path), Some(last), (clock, timing));
        fs::rename(&inner, folder.path().join("away")).unwrap();
        let trigger = watch.trigger();
        tokio::select! {
            biased;
            contents = watch.changed() => panic!("{contents:?}"),
            () = settled(&trigger) => {}
        }
        fs::write(folder.path().join("away/deals.yaml"), "a: 2").unwrap();
        fs::rename(folder.path().join("away"), &inner).unwrap();
        assert_eq!(watch.changed().await, texts(&[("deals.yaml", "a: 2")]));
    }
}
