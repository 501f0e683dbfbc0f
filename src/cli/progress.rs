//! How far a load is: a bar for each pipeline on a terminal, a line now and then elsewhere, nothing with `--json`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Screen;
use crate::serve::shown::thousands;

/// Pause between two lines about the same pipeline.
const PAUSE: Duration = Duration::from_secs(5);

/// The bars of this process.
pub(super) struct Bars {
    screen: Screen,
    all: MultiProgress,
    by_name: HashMap<String, ProgressBar>,
    said: HashMap<String, Instant>,
}

impl Bars {
    pub(super) fn new(screen: Screen) -> Self {
        Self { screen, all: MultiProgress::new(), by_name: HashMap::new(), said: HashMap::new() }
    }

    /// A pipeline is so far; `total` where the source tells.
    pub(super) fn at(&mut self, name: &str, done: u64, total: Option<u64>) {
        if self.screen.terminal {
            let bar = self.by_name.entry(name.to_owned()).or_insert_with(|| begin(&self.all, name));
            if let Some(total) = total {
                bar.set_length(total.max(done));
            }
            bar.set_position(done);
            return;
        }
        let due = self.said.get(name).is_none_or(|at| at.elapsed() >= PAUSE);
        if due && !self.screen.json {
            self.said.insert(name.to_owned(), Instant::now());
            self.screen.say(&line(name, done, total));
        }
    }

    /// A pipeline is done; its bar goes away.
    pub(super) fn done(&mut self, name: &str) {
        if let Some(bar) = self.by_name.remove(name) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }
}

fn begin(all: &MultiProgress, name: &str) -> ProgressBar {
    let bar = all.add(ProgressBar::no_length().with_message(name.to_owned()));
    let style = ProgressStyle::with_template(
        "{msg:16} {bar:30} {percent:>3} %  {human_pos} of {human_len}  {per_sec}",
    );
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn line(name: &str, done: u64, total: Option<u64>) -> String {
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = (done.saturating_mul(100) / total).min(100);
            format!("{name}  {percent} %  {} of {}", thousands(done), thousands(total))
        }
        None => format!("{name}  {} records", thousands(done)),
    }
}
