//! Whether the database is known to be silent.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::clock;

/// How often it is told, at least, that older data is served.
const REMINDER: Duration = Duration::from_secs(60);

/// Remembers that the database did not answer, so that callers who have something to fall back on
/// do not each wait for its timeout. One of them asks again after each pause.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Silence>>);

/// The database's silence.
#[derive(Debug)]
struct Silence {
    since: Instant,
    ask_again: Instant,
    /// When it was last told that older data is served.
    told: Option<Instant>,
}

impl Outage {
    /// The database did not answer.
    pub(super) fn began(&self, pause: Duration) {
        let now = clock::now();
        let ask_again = now + pause;
        self.lock().get_or_insert(Silence { since: now, ask_again, told: None }).ask_again =
            ask_again;
    }

    /// The database answered.
    pub(super) fn ended(&self) {
        let Some(silence) = self.lock().take() else { return };
        let seconds = clock::now().saturating_duration_since(silence.since).as_secs();
        tracing::info!(seconds, "the database answers again");
    }

    /// Whether to ask now. Whoever is told so after a pause is the only one until the next.
    pub(super) fn may_ask(&self, pause: Duration) -> bool {
        let now = clock::now();
        match &mut *self.lock() {
            None => true,
            Some(silence) if now < silence.ask_again => false,
            Some(silence) => {
                silence.ask_again = now + pause;
                true
            }
        }
    }

    /// Whether to tell that older data is served: the first time, and then now and again. Without
    /// an outage each time, for then it is something else that fails.
    pub(super) fn is_worth_telling(&self) -> bool {
        let now = clock::now();
        let mut silence = self.lock();
        let Some(silence) = &mut *silence else { return true };
        let is_news =
            silence.told.is_none_or(|told| now.saturating_duration_since(told) >= REMINDER);
        if is_news {
            silence.told = Some(now);
        }
        is_news
    }

    fn lock(&self) -> MutexGuard<'_, Option<Silence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_after_each_pause_until_there_is_an_answer() {
        let outage = Outage::default();
        let pause = Duration::from_secs(5);
        assert!(outage.may_ask(pause));
        outage.began(pause);
        assert!(!outage.may_ask(pause));
        clock::test::advance(5);
        assert!(outage.may_ask(pause));
        assert!(!outage.may_ask(pause));
        outage.ended();
        assert!(outage.may_ask(pause));
    }

    #[test]
    fn older_data_is_told_of_at_once_and_then_once_a_minute() {
        let outage = Outage::default();
        assert!(outage.is_worth_telling() && outage.is_worth_telling());
        outage.began(Duration::from_secs(5));
        assert!(outage.is_worth_telling());
        clock::test::advance(59);
        outage.began(Duration::from_secs(5));
        assert!(!outage.is_worth_telling());
        clock::test::advance(1);
        assert!(outage.is_worth_telling());
        assert!(!outage.is_worth_telling());
        outage.ended();
        outage.began(Duration::from_secs(5));
        assert!(outage.is_worth_telling());
    }
}
