//! News at once: a connection of its own that listens on a channel of NOTIFY, whose payload is the key of a record.
//!
//! A notification is a hint and nothing more. It is lost while the connection is away, so every connection, the first one too,
//! begins with the hint to look at everything since the cursor. Keys wait in a bounded set; when it is full, they become that same hint.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

use super::{Postgres, connect};
use crate::connect::sql::dialect::ident;
use crate::connect::{ConnectError, Hint, Hints};
use crate::model::{Class, Key};

/// Keys that may wait.
const MOST: usize = 10_000;
/// The longest pause between two tries to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What waits to be taken.
#[derive(Default)]
struct Waiting {
    keys: HashSet<Key>,
    everything: bool,
    silent: Option<ConnectError>,
}

impl Waiting {
    fn add(&mut self, payload: &str) {
        let key = payload.trim();
        if self.everything {
            return;
        }
        if key.is_empty() || self.keys.len() >= MOST {
            self.everything();
        } else {
            self.keys.insert(Key::app(key));
        }
    }

    fn everything(&mut self) {
        *self = Self { everything: true, ..Self::default() };
    }

    fn take(&mut self) -> Option<Hint> {
        if std::mem::take(&mut self.everything) {
            return Some(Hint::Everything);
        }
        if !self.keys.is_empty() {
            return Some(Hint::Keys(self.keys.drain().collect()));
        }
        self.silent.take().map(Hint::Silent)
    }
}

/// What the listener and its reader share.
#[derive(Default)]
struct Letterbox {
    waiting: Mutex<Waiting>,
    news: Notify,
}

impl Letterbox {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.waiting());
        self.news.notify_one();
    }
}

/// Hears the notifications of one channel as long as it lives.
pub(in crate::connect::sql) struct Listener {
    letterbox: Arc<Letterbox>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait::async_trait]
impl Hints for Listener {
    async fn next(&mut self) -> Hint {
        loop {
            let hint = self.letterbox.waiting().take();
            match hint {
                Some(hint) => return hint,
                // A change between the look and the wait has left its mark: nothing is slept through.
                None => self.letterbox.news.notified().await,
            }
        }
    }
}

impl Postgres {
    /// Listens on a channel, from now on and again after every break.
    pub(in crate::connect::sql) fn listen(&self, channel: &str) -> Listener {
        let letterbox = Arc::new(Letterbox::default());
        let session = Session {
            postgres: self.clone(),
            channel: channel.to_owned(),
            letterbox: Arc::clone(&letterbox),
        };
        Listener { letterbox, task: tokio::spawn(session.run()) }
    }
}

/// The connection that listens, over and over.
struct Session {
    postgres: Postgres,
    channel: String,
    letterbox: Arc<Letterbox>,
}

impl Session {
    async fn run(self) {
        let mut pause = Duration::ZERO;
        let mut told = false;
        loop {
            let mut heard = false;
            let Err(error) = self.listen(&mut heard).await;
            if heard {
                (pause, told) = (Duration::ZERO, false);
            }
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(channel = %self.channel, %error, "no notifications for now");
                self.letterbox.change(|waiting| waiting.silent = Some(error));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).clamp(Duration::from_secs(1), LONGEST_PAUSE);
        }
    }

    /// One connection, until it breaks. `heard` tells whether it ever listened.
    async fn listen(&self, heard: &mut bool) -> Result<Infallible, ConnectError> {
        let address = &self.postgres.0.address;
        let failed = |error: tokio_postgres::Error| connect::failure(&error, self.postgres.name());
        if address.get_ssl_mode() == SslMode::Require {
            let (client, connection) = address.connect(connect::tls()?).await.map_err(failed)?;
            self.follow(client, connection, heard).await
        } else {
            let (client, connection) = address.connect(NoTls).await.map_err(failed)?;
            self.follow(client, connection, heard).await
        }
    }

    async fn follow<S, T>(
        &self,
        client: Client,
        mut connection: Connection<S, T>,
        heard: &mut bool,
    ) -> Result<Infallible, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let statement = format!("LISTEN {}", ident(&self.channel));
        let mut listen = std::pin::pin!(client.batch_execute(&statement));
        loop {
            tokio::select! {
                done = &mut listen, if !*heard => {
                    done.map_err(|error| self.postgres.failed(&error))?;
                    *heard = true;
                    // What was said before nobody heard.
                    self.letterbox.change(Waiting::everything);
                }
                message = poll_fn(|context| connection.poll_message(context)) => match message {
                    Some(Ok(AsyncMessage::Notification(news))) => {
                        self.letterbox.change(|waiting| waiting.add(news.payload()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(self.postgres.failed(&error)),
                    None => return Err(self.closed()),
                },
            }
        }
    }

    fn closed(&self) -> ConnectError {
        let message = format!("{}: the connection that listens was closed", self.postgres.name());
        ConnectError::new("R105", Class::TRANSIENT, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_keys_become_a_look_at_everything() {
        let mut waiting = Waiting::default();
        for key in 0..MOST {
            waiting.add(&key.to_string());
        }
        assert!(matches!(waiting.take(), Some(Hint::Keys(keys)) if keys.len() == MOST));
        for key in 0..=MOST {
            waiting.add(&key.to_string());
        }
        waiting.add("after");
        assert!(matches!(waiting.take(), Some(Hint::Everything)));
        assert!(waiting.take().is_none());
        waiting.add(" ");
        assert!(matches!(waiting.take(), Some(Hint::Everything)));
    }
}
