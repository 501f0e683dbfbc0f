//! Logs, set up once per process: text for people or JSON for collectors, to standard error. The level may change while it runs.
//!
//! What is logged names pipelines, connections, codes and numbers. Record values and secrets never reach a log line: a value shows its
//! kind only, errors of connectors carry safe messages, and of the libraries below only warnings are heard, whatever the level, because their
//! finer messages quote statements and headers. Read [`init`] first.

use std::io::IsTerminal as _;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::spec::LogLevel;

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Changes the level of the running process (`log` in `settings.yaml` is hot).
#[derive(Clone, Debug)]
pub struct LevelHandle(reload::Handle<Targets, Registry>);

impl LevelHandle {
    /// From now on. Does nothing once the process is ending.
    pub fn set(&self, level: LogLevel) {
        let _ = self.0.reload(targets(level));
    }
}

/// Sets up the logs of this process. Called once, first thing; `None` if somebody did it before (tests), whose set-up stays.
pub fn init(level: LogLevel, format: Format) -> Option<LevelHandle> {
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (subscriber, handle) = subscriber((level, format), colours, std::io::stderr);
    subscriber.try_init().ok().map(|()| handle)
}

/// Colours are for terminals: in a file or a journal they are rubbish between the words.
fn subscriber<W>(
    (level, format): (LogLevel, Format),
    colours: bool,
    writer: W,
) -> (impl Subscriber + Send + Sync, LevelHandle)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(targets(level));
    let lines = fmt::layer().with_writer(writer).with_target(false).with_ansi(colours);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    (tracing_subscriber::registry().with(lines.with_filter(filter)), LevelHandle(handle))
}

fn targets(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let others = own.min(LevelFilter::WARN);
    Targets::new().with_default(others).with_target("sfsync", own).with_target("sfsync_sandbox", own)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_level_changes_while_it_runs_and_libraries_stay_quiet() {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, handle) = subscriber((LogLevel::Info, Format::Text), false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("first");
            tracing::debug!("second");
            handle.set(LogLevel::Debug);
            tracing::debug!("third");
            tracing::debug!(target: "tokio_postgres", "fourth");
            handle.set(LogLevel::Error);
            tracing::warn!("fifth");
            tracing::warn!(target: "hyper", "sixth");
            tracing::error!("seventh");
        });
        let text = lines.text();
        let heard = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"]
            .map(|word| text.contains(word));
        assert_eq!(heard, [true, false, true, false, false, false, true], "{text}");
        assert!(!text.contains('\u{1b}'), "a file is no terminal: {text:?}");
    }

    #[test]
    fn json_lines_are_objects_with_the_fields_beside_the_message() {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, _handle) = subscriber((LogLevel::Info, Format::Json), false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(pipeline = "deals", records = 3, "batch committed");
        });
        let line: serde_json::Value = serde_json::from_str(lines.text().trim()).unwrap();
        assert_eq!(line["message"], "batch committed");
        assert_eq!((&line["pipeline"], &line["records"]), (&"deals".into(), &3.into()));
        assert_eq!(line["level"], "INFO");
    }
}
