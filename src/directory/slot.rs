//! One thing that is kept: read once for everyone who waits, refreshed when it is old, served
//! beyond that while the database cannot be read.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use super::{ReadError, clock, options::Keeping, outage::Outage};

/// What a read gave.
#[derive(Debug)]
pub(super) struct Loaded<V> {
    pub(super) value: V,
    /// Its share of the capacity.
    pub(super) weight: u32,
    /// Whether it stands for something that is absent, which may appear unannounced.
    pub(super) absent: bool,
}

/// How an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It was there.
    Hit,
    /// It was read.
    Miss,
    /// Somebody else read it meanwhile.
    Shared,
    /// It is older than allowed, but the database cannot be read.
    Stale,
}

/// How often all that is kept has become doubtful. What was read before the last time is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trust(pub(super) u64);

#[derive(Debug)]
pub(super) struct Answer<V> {
    pub(super) value: Result<V, ReadError>,
    pub(super) way: Way,
    /// The failure of the read made for this answer, also where older data hides it.
    pub(super) failure: Option<ReadError>,
}

pub(super) struct Slot<V> {
    state: Mutex<State<V>>,
    /// Held while reading. A reader that is dropped gives its place to the next.
    flight: tokio::sync::Mutex<()>,
    weight: AtomicU32,
}

struct State<V> {
    kept: Option<Kept<V>>,
    /// The failure the last read ended with; none where it left something to serve.
    failure: Option<ReadError>,
    /// Reads that ended so far.
    reads: u64,
}

struct Kept<V> {
    /// That something does not exist is an answer, too.
    value: Result<V, ReadError>,
    fresh_until: Instant,
    usable_until: Instant,
    /// Since when it was current: see [`Trust`].
    trust: Trust,
    /// Whether the last refresh failed.
    stale: bool,
}

/// What a look at the state says.
enum Look<V> {
    Fresh(Answer<V>),
    Old { reads: u64, fallback: Option<V>, refresh_failed: bool },
}

impl<V> Default for Slot<V> {
    fn default() -> Self {
        let state = State { kept: None, failure: None, reads: 0 };
        Self {
            state: Mutex::new(state),
            flight: tokio::sync::Mutex::default(),
            weight: AtomicU32::new(1),
        }
    }
}

impl<V: Clone> Slot<V> {
    /// Its share of the capacity.
    pub(super) fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    /// What is kept, or what `load` reads.
    pub(super) async fn get<F>(
        &self,
        keeping: &Keeping,
        outage: &Outage,
        trust: Trust,
        load: impl FnOnce() -> F,
    ) -> Answer<V>
    where
        F: Future<Output = Result<Loaded<V>, ReadError>>,
    {
        let (seen, fallback, refresh_failed) = match self.state().look(trust) {
            Look::Fresh(answer) => return answer,
            Look::Old { reads, fallback, refresh_failed } => (reads, fallback, refresh_failed),
        };
        let _flight = match (self.flight.try_lock(), fallback) {
            (Ok(flight), None) => flight,
            (Ok(flight), Some(value)) => {
                if !outage.may_ask(keeping.retry_pause) {
                    return Answer::stale(value);
                }
                flight
            }
            // Somebody waits for a database that did not answer before; there is no need to join.
            (Err(_), Some(value)) if refresh_failed => return Answer::stale(value),
            (Err(_), _) => self.flight.lock().await,
        };
        if let Some(answer) = self.state().ended_since(seen, trust) {
            return answer;
        }
        let outcome = load().await;
        match &outcome {
            Err(error) if error.class().is_outage() => outage.began(keeping.retry_pause),
            _ => outage.ended(),
        }
        if let Ok(loaded) = &outcome {
            self.weight.store(loaded.weight, Ordering::Relaxed);
        }
        self.state().settle(outcome, keeping, trust)
    }

    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Clone> State<V> {
    fn look(&self, trust: Trust) -> Look<V> {
        let now = clock::now();
        match &self.kept {
            Some(kept) if now < kept.fresh_until && kept.trust >= trust => {
                Look::Fresh(kept.answer(Way::Hit))
            }
            kept => {
                let usable = kept.as_ref().filter(|kept| now < kept.usable_until);
                Look::Old {
                    reads: self.reads,
                    fallback: usable.and_then(|kept| kept.value.as_ref().ok().cloned()),
                    refresh_failed: usable.is_some_and(|kept| kept.stale),
                }
            }
        }
    }

    /// What a read came to that ended after `seen` reads had. Everyone who waited for it takes
    /// that, a failure too: asking one after the other would add their timeouts up.
    fn ended_since(&self, seen: u64, trust: Trust) -> Option<Answer<V>> {
        if self.reads == seen {
            return None;
        }
        match (&self.failure, self.kept.as_ref().filter(|kept| kept.trust >= trust)) {
            (Some(error), _) => {
                Some(Answer { value: Err(error.clone()), way: Way::Shared, failure: None })
            }
            (None, Some(kept)) => Some(kept.answer(Way::Shared)),
            (None, None) => None,
        }
    }

    /// Takes a read's outcome in, which began while things were trusted as given.
    fn settle(
        &mut self,
        outcome: Result<Loaded<V>, ReadError>,
        keeping: &Keeping,
        trust: Trust,
    ) -> Answer<V> {
        let now = clock::now();
        self.reads += 1;
        self.failure = None;
        let error = match outcome {
            Ok(loaded) => {
                let ttl = if loaded.absent { keeping.absent_ttl } else { keeping.ttl };
                let usable_until = now + ttl + keeping.stale_for;
                return self.keep(Ok(loaded.value), now + ttl, usable_until, trust);
            }
            Err(error) => error,
        };
        if error.class().excuses_older_data()
            && let Some(kept) = &mut self.kept
            && now < kept.usable_until
            && let Ok(value) = &kept.value
        {
            let value = value.clone();
            kept.fresh_until = kept.usable_until.min(now + keeping.retry_pause);
            kept.stale = true;
            kept.trust = kept.trust.max(trust);
            return Answer { failure: Some(error), ..Answer::stale(value) };
        }
        if error.class().is_missing() {
            let until = now + keeping.absent_ttl.min(keeping.retry_pause);
            return self.keep(Err(error), until, until, trust);
        }
        self.failure = Some(error.clone());
        Answer { value: Err(error.clone()), way: Way::Miss, failure: Some(error) }
    }

    fn keep(
        &mut self,
        value: Result<V, ReadError>,
        fresh_until: Instant,
        usable_until: Instant,
        trust: Trust,
    ) -> Answer<V> {
        let failure = value.as_ref().err().cloned();
        let answer = Answer { value: value.clone(), way: Way::Miss, failure };
        self.kept = Some(Kept { value, fresh_until, usable_until, trust, stale: false });
        answer
    }
}

impl<V: Clone> Kept<V> {
    fn answer(&self, way: Way) -> Answer<V> {
        let way = if self.stale { Way::Stale } else { way };
        Answer { value: self.value.clone(), way, failure: None }
    }
}

impl<V> Answer<V> {
    fn stale(value: V) -> Self {
        Self { value: Ok(value), way: Way::Stale, failure: None }
    }

    /// A read that came to nothing, known to nobody else.
    pub(super) fn failed(error: ReadError) -> Self {
        Self { value: Err(error.clone()), way: Way::Miss, failure: Some(error) }
    }
}
