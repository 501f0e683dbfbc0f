//! Access tokens, refresh tokens and authorization codes: who holds what, for how long, and what dies with what.
//! Knows no HTTP. Read [`Tokens`] first.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};

use crate::org::Id;

/// What a sign-in allowed.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) user: Id,
    pub(crate) client_id: String,
    pub(crate) scope: String,
}

/// A live access token.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) grant: Grant,
    pub(crate) issued_at: Timestamp,
    last_used: Timestamp,
    /// The refresh token family that it hangs on.
    family: Option<u64>,
}

struct Refresh {
    grant: Grant,
    family: u64,
    /// Rotated away: presenting it again is a theft and kills the family.
    used: bool,
}

/// What the user agreed to at the authorize page, until the client exchanges it.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) expires: Timestamp,
}

/// Tokens of an answer.
pub(crate) struct Issued {
    pub(crate) grant: Grant,
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
}

/// All tokens of the org. Times are the org's clock.
pub(crate) struct Tokens {
    inner: Mutex<Inner>,
    /// Idle time after which an access token dies (section 1.4: two hours by default).
    idle: SignedDuration,
    org15: String,
}

#[derive(Default)]
struct Inner {
    access: HashMap<String, Session>,
    refresh: HashMap<String, Refresh>,
    codes: HashMap<String, Code>,
    families: u64,
}

impl Tokens {
    pub(crate) fn new(org15: &str, idle: SignedDuration) -> Self {
        Self { inner: Mutex::default(), idle, org15: org15.to_owned() }
    }

    /// A new access token and, with `refreshable`, the first refresh token of a new family.
    pub(crate) fn issue(&self, grant: Grant, refreshable: bool, now: Timestamp) -> Issued {
        let mut inner = self.lock();
        let family = refreshable.then(|| inner.new_family());
        let refresh = family.map(|family| inner.add_refresh(&grant, family));
        let access = inner.add_access(&self.org15, &grant, family, now);
        Issued { grant, access, refresh }
    }

    /// Exchanges a refresh token (section 1.5); `None` if it is unknown, revoked or was used before under rotation.
    pub(crate) fn refresh(&self, token: &str, client: &str, rotate: bool, now: Timestamp) -> Option<Issued> {
        let mut inner = self.lock();
        let found = inner.refresh.get(token).filter(|refresh| refresh.grant.client_id == client)?;
        let (grant, family) = (found.grant.clone(), found.family);
        if found.used {
            inner.kill_family(family);
            return None;
        }
        let next = rotate.then(|| inner.add_refresh(&grant, family));
        if let (Some(old), true) = (inner.refresh.get_mut(token), rotate) {
            old.used = true;
        }
        let access = inner.add_access(&self.org15, &grant, Some(family), now);
        Some(Issued { grant, access, refresh: next })
    }

    /// The session of an access token; using it restarts its idle time.
    pub(crate) fn session(&self, access: &str, now: Timestamp) -> Option<Session> {
        let mut inner = self.lock();
        let session = inner.access.get_mut(access)?;
        if now.duration_since(session.last_used) > self.idle {
            inner.access.remove(access);
            return None;
        }
        session.last_used = session.last_used.max(now);
        Some(session.clone())
    }

    /// When the session will end if nobody uses it; `None` for a dead token. Does not restart its idle time.
    pub(crate) fn look(&self, access: &str, now: Timestamp) -> Option<(Session, Timestamp)> {
        let inner = self.lock();
        let session = inner.access.get(access)?;
        let end = session.last_used.checked_add(self.idle).unwrap_or(Timestamp::MAX);
        (now <= end).then(|| (session.clone(), end))
    }

    /// The grant of a live refresh token.
    pub(crate) fn refresh_grant(&self, token: &str) -> Option<Grant> {
        self.lock().refresh.get(token).filter(|refresh| !refresh.used).map(|refresh| refresh.grant.clone())
    }

    /// Revokes an access token alone, or a refresh token with all that hangs on it; false for an unknown token.
    pub(crate) fn revoke(&self, token: &str) -> bool {
        let mut inner = self.lock();
        if inner.access.remove(token).is_some() {
            return true;
        }
        let family = inner.refresh.get(token).map(|refresh| refresh.family);
        family.map(|family| inner.kill_family(family)).is_some()
    }

    /// Revokes every access token; refresh tokens stay good. Gives the number of tokens.
    pub(crate) fn revoke_access(&self) -> usize {
        self.lock().access.drain().count()
    }

    /// Revokes everything, codes included. Gives the number of tokens.
    pub(crate) fn revoke_all(&self) -> usize {
        let mut inner = self.lock();
        inner.codes.clear();
        inner.access.drain().count() + inner.refresh.drain().count()
    }

    /// Live access and refresh tokens.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.access.len(), inner.refresh.values().filter(|refresh| !refresh.used).count())
    }

    pub(crate) fn add_code(&self, code: Code) -> String {
        // Codes end in `==`, so that a client that forgets to encode them notices.
        let text = format!("aPrx{}==", random(32));
        self.lock().codes.insert(text.clone(), code);
        text
    }

    /// Takes a code out: it is good for one exchange, successful or not.
    pub(crate) fn take_code(&self, code: &str) -> Option<Code> {
        self.lock().codes.remove(code)
    }

    /// Whether a user has a live refresh token of this client: an earlier approval (section 1.6).
    pub(crate) fn has_approved(&self, user: Id, client_id: &str) -> bool {
        let approved = |r: &Refresh| r.grant.user == user && r.grant.client_id == client_id;
        self.lock().refresh.values().any(approved)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new_family(&mut self) -> u64 {
        self.families += 1;
        self.families
    }

    fn add_refresh(&mut self, grant: &Grant, family: u64) -> String {
        let token = format!("5Aep861{}", random(40));
        self.refresh.insert(token.clone(), Refresh { grant: grant.clone(), family, used: false });
        token
    }

    fn add_access(&mut self, org15: &str, grant: &Grant, family: Option<u64>, now: Timestamp) -> String {
        let token = format!("{org15}!AQ8AQ{}", random(48));
        let session = Session { grant: grant.clone(), issued_at: now, last_used: now, family };
        self.access.insert(token.clone(), session);
        token
    }

    fn kill_family(&mut self, family: u64) {
        self.access.retain(|_, session| session.family != Some(family));
        let dead: HashSet<String> =
            self.refresh.iter().filter(|(_, r)| r.family == family).map(|(token, _)| token.clone()).collect();
        self.refresh.retain(|token, _| !dead.contains(token));
    }
}

/// Unguessable text of `bytes` random bytes.
fn random(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    // The system's source does not fail once it has been opened; if it did, the text would only be easy to guess.
    let _ = SystemRandom::new().fill(&mut buffer);
    URL_SAFE_NO_PAD.encode(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> (Tokens, Grant, Timestamp) {
        let user = Id::parse("005Hq000007Ku2B").unwrap();
        let grant = Grant { user, client_id: "app".into(), scope: "api refresh_token".into() };
        let now = Timestamp::from_second(1_773_220_000).unwrap();
        (Tokens::new("00DHq000004Tz1a", SignedDuration::from_hours(2)), grant, now)
    }

    #[test]
    fn an_access_token_dies_of_idleness_and_not_of_use() {
        let (tokens, grant, now) = tokens();
        let issued = tokens.issue(grant, false, now);
        let hours = |n| now.checked_add(SignedDuration::from_hours(n)).unwrap();
        assert!(tokens.session(&issued.access, hours(2)).is_some());
        assert!(tokens.session(&issued.access, hours(4)).is_some());
        assert!(tokens.session(&issued.access, hours(7)).is_none());
        assert!(tokens.session(&issued.access, hours(4)).is_none(), "dead tokens stay dead");
    }

    #[test]
    fn reuse_of_a_rotated_token_kills_the_family() {
        let (tokens, grant, now) = tokens();
        let first = tokens.issue(grant, true, now);
        let old = first.refresh.unwrap();
        let second = tokens.refresh(&old, "app", true, now).unwrap();
        assert!(tokens.session(&second.access, now).is_some());
        assert!(tokens.refresh(&old, "app", true, now).is_none());
        assert!(tokens.session(&second.access, now).is_none());
        assert!(tokens.session(&first.access, now).is_none());
        assert!(tokens.refresh(&second.refresh.unwrap(), "app", true, now).is_none());
    }

    #[test]
    fn without_rotation_a_refresh_token_is_used_again_and_again() {
        let (tokens, grant, now) = tokens();
        let refresh = tokens.issue(grant, true, now).refresh.unwrap();
        assert!(tokens.refresh(&refresh, "app", false, now).unwrap().refresh.is_none());
        assert!(tokens.refresh(&refresh, "app", false, now).is_some());
        assert!(tokens.refresh(&refresh, "other app", false, now).is_none());
    }

    #[test]
    fn revoking_a_refresh_token_takes_its_access_tokens_along() {
        let (tokens, grant, now) = tokens();
        let kept = tokens.issue(grant.clone(), true, now);
        let gone = tokens.issue(grant, true, now);
        assert!(tokens.revoke(&gone.refresh.unwrap()));
        assert!(tokens.session(&gone.access, now).is_none());
        assert!(tokens.session(&kept.access, now).is_some());
        assert!(!tokens.revoke("unknown"));
    }
}
