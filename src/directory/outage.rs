//! Whether the database is known to be silent.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::clock;

/// Remembers that the database did not answer, so that callers who have something to fall back on
/// do not each wait for its timeout. One of them asks again after each pause.
#[derive(Debug, Default)]
pub(super) struct Outage {
    ask_again: Mutex<Option<Instant>>,
}

impl Outage {
    /// The database did not answer.
    pub(super) fn began(&self, pause: Duration) {
        self.set(Some(clock::now() + pause));
    }

    /// The database answered.
    pub(super) fn ended(&self) {
        self.set(None);
    }

    /// Whether to ask now. Whoever is told so after a pause is the only one until the next.
    pub(super) fn may_ask(&self, pause: Duration) -> bool {
        let mut ask_again = self.ask_again.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        match *ask_again {
            None => true,
            Some(then) if now < then => false,
            Some(_) => {
                *ask_again = Some(now + pause);
                true
            }
        }
    }

    fn set(&self, ask_again: Option<Instant>) {
        *self.ask_again.lock().unwrap_or_else(PoisonError::into_inner) = ask_again;
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
}
