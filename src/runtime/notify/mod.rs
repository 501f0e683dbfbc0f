//! Tells people of problems, and when they are over: `notify` of a pipeline, or of the settings. Level-triggered like everything else: the
//! statuses are looked at every few seconds and held against what was told, so nothing is missed and nothing is told per record. What was
//! told lives in memory: after a restart, trouble that is still there is told once more.

mod notice;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use self::notice::{AllTold, letter};
use super::supervisor::Supervisor;
use crate::connect::ConnectError;
use crate::connect::notify::{Channel, Letter, Mail, Notice};
use crate::model::{ConnectionName, PipelineName};
use crate::plan::Files;
use crate::spec::{ConnectionKind, Entry, Template};

/// Between two looks at the statuses. What happens in between is told together.
const LOOK: Duration = Duration::from_secs(3);
/// Pauses before a letter that was not taken is sent again.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(60), Duration::from_secs(600)];

impl Supervisor {
    /// Tells people of problems until the daemon stops.
    pub(super) async fn tell_people(self: Arc<Self>) {
        let (mut told, mut sending) = (AllTold::new(), JoinSet::new());
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.clock.sleep(LOOK) => {}
            }
            while sending.try_join_next().is_some() {}
            let files = Arc::clone(&self.latest().files);
            for (name, letter) in self.letters(&files, &mut told) {
                let supervisor = Arc::clone(&self);
                let files = Arc::clone(&files);
                sending.spawn(async move { supervisor.deliver(&files, &name, &letter).await });
            }
        }
    }

    /// What has to be told now, by connection.
    fn letters(&self, files: &Files, told: &mut AllTold) -> Vec<(ConnectionName, Letter)> {
        let mut by_connection: BTreeMap<ConnectionName, Vec<Notice>> = BTreeMap::new();
        let (now, statuses) = (self.clock.now(), self.statuses());
        told.retain(|name, _| statuses.iter().any(|status| status.name == *name));
        for status in statuses {
            let notices = told.entry(status.name.clone()).or_default().notices(&status, now);
            if notices.is_empty() {
                continue;
            }
            for connection in told_by(files, &status.name) {
                by_connection.entry(connection).or_default().extend(notices.iter().cloned());
            }
        }
        by_connection.into_iter().filter_map(|(name, notices)| Some((name, letter(notices)?))).collect()
    }

    async fn deliver(&self, files: &Files, name: &ConnectionName, letter: &Letter) {
        let mut pauses = PAUSES.into_iter();
        loop {
            let sent = match self.channel(files, name) {
                Ok(channel) => channel.send(letter).await,
                Err(error) => Err(error),
            };
            let Err(error) = sent else {
                tracing::info!(connection = %name, notices = letter.notices.len(), "notified");
                return;
            };
            let pause = pauses.next().filter(|_| error.class.is_retried());
            let Some(pause) = pause else {
                tracing::error!(connection = %name, %error, "nobody was notified");
                return;
            };
            tracing::warn!(connection = %name, %error, "the notification is sent again");
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    fn channel(&self, files: &Files, name: &ConnectionName) -> Result<Channel, ConnectError> {
        let secret = |entry: &Entry<Template>| self.world.secret(&entry.value);
        let text = |template: &Template| {
            use secrecy::ExposeSecret as _;
            self.world.secret(template).map(|secret| secret.expose_secret().to_owned())
        };
        let kind = files.connection(name).and_then(|file| file.value()).map(|file| &file.kind);
        match kind {
            Some(ConnectionKind::Slack(slack)) => Ok(Channel::Slack { url: secret(&slack.url)? }),
            Some(ConnectionKind::Webhook(hook)) => {
                let headers = hook
                    .headers
                    .iter()
                    .map(|(name, value)| Ok((name.value.clone(), self.world.secret(&value.value)?)));
                Ok(Channel::Webhook {
                    url: secret(&hook.url)?,
                    headers: headers.collect::<Result<_, ConnectError>>()?,
                })
            }
            Some(ConnectionKind::Email(mail)) => {
                let sign_in = match (&mail.user, &mail.password) {
                    (Some(user), Some(password)) => Some((text(&user.value)?, secret(password)?)),
                    _ => None,
                };
                Ok(Channel::Email(Box::new(Mail {
                    smtp: text(&mail.smtp.value)?,
                    sign_in,
                    from: text(&mail.from.value)?,
                    to: mail.to.value.iter().map(text).collect::<Result<_, _>>()?,
                })))
            }
            _ => {
                let message = format!("{name} is no connection for notifications");
                Err(ConnectError::new("E201", crate::model::Class::Pipeline, message))
            }
        }
    }
}

/// The connections that are told of a pipeline: its own, or those of the settings.
fn told_by(files: &Files, name: &PipelineName) -> Vec<ConnectionName> {
    let own = files.pipeline(name).and_then(|file| file.value()).and_then(|file| file.notify.as_ref());
    let settings = files.settings.as_ref().and_then(|parsed| parsed.value.as_ref());
    let entry = own.or_else(|| settings.and_then(|settings| settings.notify.as_ref()));
    entry.iter().flat_map(|entry| &entry.value).map(|name| name.value.clone()).collect()
}
