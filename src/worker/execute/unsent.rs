//! Answers that a broken session kept from being sent.
//!
//! The broker hands out again what was not acknowledged, but not after a restart: KAZOO's executes
//! live in its memory. So an answer that was ready is sent over the next session. Where the execute
//! was handed out again as well, KAZOO gets the same answer twice and ignores the second. Answers
//! of calls that are on disk are not kept: these calls come again, and may have to be asked again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep};

use super::super::session::Session;
use crate::amqp::{LinkError, Published};
use crate::kapi::Message;

/// Answers kept at most; the oldest go first.
const MOST: usize = 10_000;
/// After this the caller has hung up.
const USEFUL: Duration = Duration::from_secs(60);
/// How long KAZOO may take to come back to a broker that was stopped: it leaves one that closed its
/// connection politely alone for 30 s, and then tries every 5 s (`kz_amqp_assignments.erl`,
/// `kz_amqp_connection.erl`).
pub(super) const KAZOO_COMES_BACK: Duration = Duration::from_secs(45);
/// How long an executor may take to be back where the switches are: both waited as long.
pub(super) const EXECUTOR_COMES_BACK: Duration = Duration::from_secs(8);
/// Between two tries; the longest time between two of many.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The answers that wait for a session.
#[derive(Default)]
pub(crate) struct Unsent(Mutex<Vec<Answer>>);

struct Answer {
    since: Instant,
    message: Message,
}

impl Unsent {
    /// Keeps an answer for the next session.
    pub(super) fn keep(&self, message: Message) {
        let mut answers = self.lock();
        if answers.len() >= MOST {
            answers.remove(0);
        }
        answers.push(Answer { since: Instant::now(), message });
    }

    /// Sends what is kept, all at once: each waits for an executor of its own.
    pub(in crate::worker) async fn send(&self, session: &Session) {
        let answers = std::mem::take(&mut *self.lock());
        let all: FuturesUnordered<_> =
            answers.into_iter().map(|answer| self.send_one(session, answer)).collect();
        all.collect::<()>().await;
    }

    async fn send_one(&self, session: &Session, answer: Answer) {
        let Answer { since, message } = answer;
        let call_id = message.body.get("Call-ID").and_then(serde_json::Value::as_str);
        if since.elapsed() > USEFUL {
            tracing::warn!(call_id, "an answer is too old to be sent");
            return;
        }
        match patiently(session, &message, KAZOO_COMES_BACK).await {
            Ok(Published::Routed) => {
                tracing::info!(call_id, "an answer that a broken session had kept back was sent");
            }
            Ok(Published::Returned { reason }) => {
                tracing::warn!(call_id, reason, "nobody takes an answer that was kept back");
            }
            Err(_) => self.lock().push(Answer { since, message }),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Answer>> {
        // Answers are put in and taken out whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes an answer; where no queue takes it, again and again for so long.
pub(super) async fn patiently(
    session: &Session,
    message: &Message,
    patience: Duration,
) -> Result<Published, LinkError> {
    let until = Instant::now() + patience;
    let mut pause = PAUSE;
    loop {
        let published = session.publish(message, true).await?;
        if published == Published::Routed || Instant::now() + pause > until {
            return Ok(published);
        }
        sleep(pause).await;
        pause = pause.mul_f32(1.25).min(LONGEST_PAUSE);
    }
}
