//! How many calls are let in, and how fast.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::operations::limits::Limit;
use crate::operations::rate::Bucket;

/// How long a call waits for one of those in flight to end. A caller notices more.
const PATIENCE: Duration = Duration::from_secs(1);

/// Accounts whose rate is remembered; those that have not called for a second need not be.
const ACCOUNTS: u64 = 10_000;
const REMEMBERED: Duration = Duration::from_secs(60);

/// Lets calls in.
pub(super) struct Gate {
    places: Arc<Semaphore>,
    /// How long a call waits for a place.
    patience: Duration,
    /// Calls an account may begin in a second.
    rate: u32,
    buckets: Cache<String, Arc<Mutex<Bucket>>>,
}

/// A call's place among those in flight; given back when dropped.
#[derive(Debug)]
pub(super) struct Pass {
    /// `None` for a call that had to be let in although there was no place.
    _place: Option<OwnedSemaphorePermit>,
}

impl Gate {
    pub(super) fn new(calls: u16, rate: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(usize::from(calls))),
            patience: PATIENCE,
            rate,
            buckets: Cache::builder().max_capacity(ACCOUNTS).time_to_idle(REMEMBERED).build(),
        }
    }

    /// Lets a call of an account in, perhaps after a moment; or says which limit is in its way.
    pub(super) async fn enter(&self, account: &str) -> Result<Pass, Limit> {
        self.in_time(account, Instant::now())?;
        let place = timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await;
        // It is never closed.
        place
            .ok()
            .and_then(Result::ok)
            .map(|place| Pass { _place: Some(place) })
            .ok_or(Limit::Calls)
    }

    /// Lets a call in that was let in before, by a worker that gave its place back to put it on disk;
    /// without a place where there is none.
    pub(super) async fn let_in_again(&self) -> Pass {
        let place = timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await;
        Pass { _place: place.ok().and_then(Result::ok) }
    }

    /// Lets a call in that is ours already: it can only be served.
    pub(super) fn let_in(&self) -> Pass {
        Pass { _place: Arc::clone(&self.places).try_acquire_owned().ok() }
    }

    /// Whether a call that is not ours yet would be let in; it counts for the account's rate.
    pub(super) fn has_room(&self, account: &str) -> Result<(), Limit> {
        self.in_time(account, Instant::now())?;
        if self.places.available_permits() > 0 { Ok(()) } else { Err(Limit::Calls) }
    }

    fn in_time(&self, account: &str, now: Instant) -> Result<(), Limit> {
        let bucket = self
            .buckets
            .get_with_by_ref(account, || Arc::new(Mutex::new(Bucket::new(self.rate, now))));
        // Nothing of ours panics while holding it.
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if bucket.take(self.rate, now) { Ok(()) } else { Err(Limit::AccountRate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(calls: u16, rate: u32) -> Gate {
        Gate { patience: Duration::from_millis(50), ..Gate::new(calls, rate) }
    }

    #[tokio::test]
    async fn a_call_waits_a_moment_for_a_place() {
        let gate = Arc::new(Gate { patience: Duration::from_secs(60), ..gate(1, 1000) });
        let first = gate.enter("a").await.unwrap();
        let second = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter("b").await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert_eq!(gate.has_room("c"), Err(Limit::Calls));
        drop(first);
        assert_eq!(second.await.unwrap(), Ok(()));
        assert_eq!(gate.has_room("c"), Ok(()));
    }

    #[tokio::test]
    async fn without_a_place_a_call_is_sent_on_after_a_moment() {
        let gate = gate(1, 1000);
        let _first = gate.enter("a").await.unwrap();
        let started = Instant::now();
        assert_eq!(gate.enter("b").await.map(drop), Err(Limit::Calls));
        assert!(started.elapsed() >= gate.patience);
        // What is ours already is served all the same.
        drop(gate.let_in());
        drop(gate.let_in_again().await);
    }

    #[tokio::test]
    async fn a_call_that_comes_back_takes_the_place_it_had() {
        let gate = Arc::new(Gate { patience: Duration::from_secs(60), ..gate(1, 1000) });
        let first = gate.enter("a").await.unwrap();
        let again = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.let_in_again().await }
        });
        tokio::task::yield_now().await;
        drop(first);
        let _again = again.await.unwrap();
        assert_eq!(gate.has_room("b"), Err(Limit::Calls));
    }

    #[test]
    fn an_account_begins_only_so_many_calls_in_a_second() {
        let (gate, start) = (gate(100, 3), Instant::now());
        let begin = |account, milliseconds| {
            gate.in_time(account, start + Duration::from_millis(milliseconds))
        };
        for _ in 0..3 {
            assert_eq!(begin("a", 0), Ok(()));
        }
        assert_eq!(begin("a", 0), Err(Limit::AccountRate));
        // Another account's calls are its own affair.
        assert_eq!(begin("b", 0), Ok(()));
        assert_eq!(begin("a", 334), Ok(()));
        assert_eq!(begin("a", 334), Err(Limit::AccountRate));
        let begun = (0..10).filter(|_| begin("a", 100_000).is_ok()).count();
        assert_eq!(begun, 3, "what was not used of earlier seconds is gone");
    }
}
