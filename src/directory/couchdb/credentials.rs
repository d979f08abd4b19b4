//! Credentials that CouchDB has refused are not tried again and again.
//!
//! Since version 3.4 CouchDB locks a user out for the address that asks, after five wrong passwords
//! within five minutes; who gives the right one from there is refused as well. KAZOO's nodes often
//! ask through the same proxy and as the same user, so that a worker with a wrong password would
//! take the database away from them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::transport::{Failure, Reply};
use super::{Complaint, ReadErrorClass, answer};

/// How long they rest after the first refusal: a node that is just starting may not know its users.
const FIRST_REST: Duration = Duration::from_secs(10);

/// How long they rest after every further one, so that it is three in five minutes at most.
const REST: Duration = Duration::from_secs(150);

/// What is known of the credentials.
#[derive(Default)]
pub(super) struct Credentials {
    state: Mutex<State>,
    /// Whoever asks holds it while they are not known to be good. Otherwise all that is read when a
    /// worker starts would be as many wrong passwords.
    one_at_a_time: tokio::sync::Mutex<()>,
}

#[derive(Default)]
enum State {
    #[default]
    Unknown,
    Good,
    Refused {
        until: Instant,
        /// CouchDB's words.
        said: String,
    },
}

/// Leave to ask; to be kept until the answer is there.
pub(super) type Turn<'a> = Option<tokio::sync::MutexGuard<'a, ()>>;

impl Credentials {
    /// Waits until they may be used; fails while they rest.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Failure> {
        if matches!(*self.state(), State::Good) {
            return Ok(None);
        }
        let turn = self.one_at_a_time.lock().await;
        let now = Instant::now();
        if let Some(failure) = self.rest(now) {
            return Err(failure);
        }
        self.try_again(now);
        // Whoever had the turn before may have found them good: then all may ask at once.
        Ok((!matches!(*self.state(), State::Good)).then_some(turn))
    }

    /// Learns from an answer.
    pub(super) fn answered(&self, reply: &Reply) {
        self.learn(reply, Instant::now());
    }

    /// Why they may not be used now.
    fn rest(&self, now: Instant) -> Option<Failure> {
        match &*self.state() {
            State::Refused { until, said, .. } if now < *until => Some(Failure {
                class: ReadErrorClass::Denied,
                reason: format!(
                    "{said} The credentials are tried every {} s only, so that CouchDB does not \
                     lock the user out",
                    REST.as_secs()
                ),
            }),
            State::Unknown | State::Good | State::Refused { .. } => None,
        }
    }

    /// CouchDB takes long over a wrong password. A try counts there even where its answer comes too
    /// late for us, so the next rest begins with the try.
    fn try_again(&self, now: Instant) {
        if let State::Refused { until, .. } = &mut *self.state() {
            *until = now + REST;
        }
    }

    fn learn(&self, reply: &Reply, now: Instant) {
        let mut state = self.state();
        if !refuses_credentials(reply) {
            *state = State::Good;
            return;
        }
        let rest = match *state {
            // Asked together with the one that was refused before.
            State::Refused { until, .. } if now < until => return,
            State::Refused { .. } => REST,
            State::Unknown | State::Good => FIRST_REST,
        };
        *state = State::Refused { until: now + rest, said: answer::describe(reply) };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is CouchDB's word for a wrong name or password; 401 alone may also be a right that
/// the user lacks.
fn refuses_credentials(reply: &Reply) -> bool {
    reply.status == StatusCode::UNAUTHORIZED
        && serde_json::from_slice(&reply.body)
            .is_ok_and(|complaint: Complaint| complaint.is_wrong_password())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRONG: &str = r#"{"error":"unauthorized","reason":"Name or password is incorrect."}"#;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status: StatusCode::from_u16(status).unwrap(), body: body.into() }
    }

    #[test]
    fn three_refusals_fill_five_minutes() {
        let (credentials, began) = (Credentials::default(), Instant::now());
        let seconds = (0..300).filter(|second| {
            let now = began + Duration::from_secs(*second);
            let may = credentials.rest(now).is_none();
            if may {
                credentials.learn(&reply(401, WRONG), now);
            }
            may
        });
        assert_eq!(seconds.collect::<Vec<_>>(), [0, 10, 160]);
        let failure = credentials.rest(began + Duration::from_secs(299)).unwrap();
        assert_eq!(failure.class, ReadErrorClass::Denied);
        assert!(failure.reason.contains("Name or password is incorrect."), "{}", failure.reason);
    }

    #[tokio::test]
    async fn once_they_are_good_all_may_ask_at_once() {
        let (credentials, began) = (Credentials::default(), Instant::now());
        assert!(credentials.turn().await.unwrap().is_some());
        credentials.learn(&reply(401, WRONG), began);
        assert!(credentials.turn().await.is_err());
        credentials.learn(&reply(404, "{}"), began);
        assert!(credentials.turn().await.unwrap().is_none());
        // The next rest is a first one again, however many had asked.
        credentials.learn(&reply(401, WRONG), began);
        credentials.learn(&reply(401, WRONG), began);
        assert!(
            credentials.rest(began).is_some() && credentials.rest(began + FIRST_REST).is_none()
        );
    }

    #[test]
    fn a_try_without_an_answer_counts() {
        let (credentials, began) = (Credentials::default(), Instant::now());
        credentials.learn(&reply(401, WRONG), began);
        let again = began + FIRST_REST;
        assert!(credentials.rest(again).is_none());
        credentials.try_again(again);
        assert!(credentials.rest(again + FIRST_REST).is_some());
        assert!(credentials.rest(again + REST).is_none());
    }

    #[test]
    fn a_missing_right_is_no_wrong_password() {
        for (status, body) in [
            (401, r#"{"error":"unauthorized","reason":"You are not a server admin."}"#),
            (403, r#"{"error":"forbidden","reason":"You are not allowed to access this db."}"#),
            (401, "<html>a proxy's</html>"),
        ] {
            let (credentials, now) = (Credentials::default(), Instant::now());
            credentials.learn(&reply(status, body), now);
            assert!(credentials.rest(now).is_none(), "{body}");
        }
    }
}
