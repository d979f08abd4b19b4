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

/// How long they rest after the first refusals: a node that is just starting may not know its users,
/// and somebody may just be setting the password. With [`REST`] it is four in five minutes at most.
const FIRST_RESTS: [Duration; 3] =
    [Duration::from_secs(10), Duration::from_secs(30), Duration::from_secs(120)];

/// How long they rest after every further one.
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
        /// How often in a row.
        times: usize,
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
                    "{said} The credentials are tried again within {} s, and not at once, so that \
                     CouchDB does not lock the user out",
                    REST.as_secs()
                ),
            }),
            State::Unknown | State::Good | State::Refused { .. } => None,
        }
    }

    /// CouchDB takes long over a wrong password. A try counts there even where its answer comes too
    /// late for us, so the next rest begins with the try.
    fn try_again(&self, now: Instant) {
        if let State::Refused { until, times, .. } = &mut *self.state() {
            *until = now + rest_after(*times + 1);
            *times += 1;
        }
    }

    fn learn(&self, reply: &Reply, now: Instant) {
        let mut state = self.state();
        if !refuses_credentials(reply) {
            *state = State::Good;
            return;
        }
        let times = match *state {
            // Noted when it was tried, or asked together with the one that was refused before.
            State::Refused { until, .. } if now < until => return,
            State::Refused { times, .. } => times + 1,
            State::Unknown | State::Good => 1,
        };
        let until = now + rest_after(times);
        *state = State::Refused { until, times, said: answer::describe(reply) };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long they rest after so many refusals in a row, the first of which is 1.
fn rest_after(times: usize) -> Duration {
    FIRST_RESTS.get(times - 1).copied().unwrap_or(REST)
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
    fn four_refusals_fill_five_minutes() {
        let (credentials, began) = (Credentials::default(), Instant::now());
        let seconds = (0..700).filter(|second| {
            let now = began + Duration::from_secs(*second);
            let may = credentials.rest(now).is_none();
            if may {
                credentials.learn(&reply(401, WRONG), now);
            }
            may
        });
        let seconds: Vec<_> = seconds.collect();
        assert_eq!(seconds, [0, 10, 40, 160, 310, 460, 610]);
        for began in &seconds {
            let within = seconds.iter().filter(|at| (*began..*began + 300).contains(*at));
            assert!(within.count() < 5, "{began}");
        }
        let failure = credentials.rest(began + Duration::from_secs(699)).unwrap();
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
            credentials.rest(began).is_some() && credentials.rest(began + FIRST_RESTS[0]).is_none()
        );
    }

    #[test]
    fn a_try_without_an_answer_counts() {
        let (credentials, began) = (Credentials::default(), Instant::now());
        credentials.learn(&reply(401, WRONG), began);
        let again = began + FIRST_RESTS[0];
        assert!(credentials.rest(again).is_none());
        credentials.try_again(again);
        assert!(credentials.rest(again + FIRST_RESTS[0]).is_some());
        assert!(credentials.rest(again + FIRST_RESTS[1]).is_none());
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
