//! Subscribe: a stream of events against credit, with keepalives. Read [`Feed::run`] first.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use http_body::Frame;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::grpc::{self, Part, Requests, Status};
use super::proto::{FetchRequest, Message};
use super::{RPC_ID, session_lives, unauthenticated};
use crate::org::{Delivered, Topic, replay_id, replay_number};
use crate::wire::server::Server;

/// Events that may be asked for and not yet sent.
const MOST_CREDIT: usize = 100;
/// Responses that wait for a slow client.
const WAITING: usize = 4;

/// Why a stream ends.
enum End {
    Status(Status),
    /// Without a word.
    Cut,
    /// The client went away.
    Gone,
}

/// Opens a stream; the answer begins at once.
pub(super) fn answer(server: Arc<Server>, token: String, requests: Requests) -> Response<Body> {
    let (parts, receiver) = mpsc::channel(WAITING);
    let cuts = server.streams.listen();
    let cuts_before = *cuts.borrow();
    tokio::spawn(async move {
        let line = Line { server, parts: parts.clone() };
        let mut opening = Opening { line, token, requests, cuts, cuts_before };
        let last = match opening.begin().await {
            End::Status(status) => Ok(Frame::trailers(status.trailers("Subscribe"))),
            End::Cut => Err(std::io::Error::other("stream cut")),
            End::Gone => return,
        };
        // A client that is gone misses nothing.
        let _ = parts.send(last).await;
    });
    grpc::streamed(receiver)
}

/// Where a stream comes from and where it goes.
struct Line {
    server: Arc<Server>,
    parts: mpsc::Sender<Part>,
}

struct Opening {
    line: Line,
    token: String,
    requests: Requests,
    cuts: watch::Receiver<u64>,
    cuts_before: u64,
}

impl Opening {
    async fn begin(&mut self) -> End {
        if let Some(status) = self.line.server.streams.refusal() {
            return End::Status(status);
        }
        let Some(message) = self.requests.next().await else { return End::Gone };
        let started = FetchRequest::read(&message).ok_or_else(unreadable).and_then(|first| self.start(first));
        match started {
            // A stream is open once its place stands: what happens from then on is sent.
            Ok(mut feed) => {
                self.line.server.streams.opened.fetch_add(1, Ordering::AcqRel);
                self.line.server.streams.open.fetch_add(1, Ordering::AcqRel);
                let end = feed.run(self).await;
                self.line.server.streams.open.fetch_sub(1, Ordering::AcqRel);
                end
            }
            Err(status) => End::Status(status),
        }
    }

    fn start(&self, first: FetchRequest) -> Result<Feed, Status> {
        if first.topic.is_empty() {
            return Err(invalid("topic.validation.empty", "The topic name can't be blank."));
        }
        let org = &self.line.server.org;
        let facts = org.topic(&first.topic);
        let facts = facts.ok_or_else(|| Status::new(7, "topic.not.found", "The topic can't be found."))?;
        let credit = credit_of(&first)?;
        let now = self.line.server.now().as_second();
        let news = org.events().listen();
        let log = &mut org.events().lock().log;
        let position = match first.preset {
            0 => log.position(now),
            1 => log.start(now),
            _ if first.replay_id.is_empty() => {
                return Err(invalid(
                    "subscription.fetch.replayid.validation.failed",
                    "The Replay ID is missing.",
                ));
            }
            _ => {
                let number = replay_number(&first.replay_id).filter(|number| log.knows(*number, now));
                number.ok_or_else(|| {
                    let text = "The Replay ID validation failed. Ensure that the Replay ID is valid.";
                    invalid("subscription.fetch.replayid.corrupted", text)
                })?
            }
        };
        let last_word = Instant::now();
        Ok(Feed { topic: facts.topic, name: first.topic, position, credit, news, last_word })
    }
}

/// One subscription.
struct Feed {
    topic: Topic,
    name: String,
    position: u64,
    credit: usize,
    news: watch::Receiver<u64>,
    last_word: Instant,
}

impl Feed {
    async fn run(&mut self, opening: &mut Opening) -> End {
        let settings = opening.line.server.config.events;
        loop {
            if let Some(end) = self.ended(opening) {
                return end;
            }
            if self.credit > 0 && self.send_events(&opening.line).await.is_none() {
                return End::Gone;
            }
            let wait = if self.credit > 0 { settings.keepalive_millis } else { settings.patience_millis };
            let deadline = self.last_word + Duration::from_millis(wait);
            tokio::select! {
                message = opening.requests.next() => {
                    let Some(message) = message else { return End::Status(Status::good()) };
                    if let Err(status) = self.more(&message) {
                        return End::Status(status);
                    }
                }
                _ = self.news.changed() => {}
                cut = opening.cuts.changed() => {
                    if cut.is_err() {
                        return End::Gone;
                    }
                }
                () = tokio::time::sleep_until(deadline) => {
                    if self.credit == 0 {
                        return End::Status(Status::good());
                    }
                    if self.send(&opening.line, &[], true).await.is_none() {
                        return End::Gone;
                    }
                }
                () = opening.line.parts.closed() => return End::Gone,
            }
        }
    }

    /// What ends the stream from outside.
    fn ended(&self, opening: &mut Opening) -> Option<End> {
        if *opening.cuts.borrow_and_update() != opening.cuts_before {
            return Some(End::Cut);
        }
        if let Some(status) = opening.line.server.streams.refusal() {
            return Some(End::Status(status));
        }
        (!session_lives(&opening.line.server, &opening.token)).then(|| End::Status(unauthenticated()))
    }

    fn more(&mut self, message: &[u8]) -> Result<(), Status> {
        let request = FetchRequest::read(message).ok_or_else(unreadable)?;
        if !request.topic.is_empty() && request.topic != self.name {
            return Err(invalid("subscription.fetch.topic.mismatch", "The topic can't change in a stream."));
        }
        if self.credit == 0 {
            self.last_word = Instant::now();
        }
        self.credit = (self.credit + credit_of(&request)?).min(MOST_CREDIT);
        Ok(())
    }

    /// Sends what there is; nothing when the client is gone.
    async fn send_events(&mut self, line: &Line) -> Option<()> {
        loop {
            let (org, topic) = (line.server.org.clone(), self.topic.clone());
            let (position, credit) = (self.position, self.credit);
            // Reading records may wait for a writer.
            let work = tokio::task::spawn_blocking(move || org.deliver(&topic, position, credit));
            let (events, position) = work.await.ok()?;
            self.position = position;
            if events.is_empty() {
                return Some(());
            }
            self.credit = self.credit.saturating_sub(events.len());
            self.send(line, &events, false).await?;
            if line.server.streams.repeats() {
                self.send(line, &events, false).await?;
            }
            if self.credit == 0 {
                return Some(());
            }
        }
    }

    async fn send(&mut self, line: &Line, events: &[Delivered], quiet: bool) -> Option<()> {
        if quiet {
            self.position = line.server.org.quiet_position(self.position);
        }
        let mut response = Message::default();
        for event in events {
            let produced = Message::default()
                .bytes(1, event.uuid.as_bytes())
                .bytes(2, event.schema_id.as_bytes())
                .bytes(3, &event.payload)
                .done();
            let consumed = Message::default().message(1, &produced).bytes(2, &replay_id(event.number)).done();
            response = response.message(1, &consumed);
        }
        let latest = replay_id(events.last().map_or(self.position, |event| event.number));
        let response = response.bytes(2, &latest).bytes(3, RPC_ID.as_bytes()).number(4, self.credit as u64);
        self.last_word = Instant::now();
        line.parts.send(Ok(Frame::data(grpc::framed(&response.done())))).await.ok()
    }
}

fn credit_of(request: &FetchRequest) -> Result<usize, Status> {
    let count = usize::try_from(request.count).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| {
        invalid(
            "subscription.fetch.requested.events.invalid",
            "The number of requested events must be positive.",
        )
    })?;
    Ok(count.min(MOST_CREDIT))
}

fn invalid(error: &str, message: &str) -> Status {
    Status::new(3, error, message)
}

fn unreadable() -> Status {
    Status::new(13, "service.unavailable", "The request is no message.")
}
