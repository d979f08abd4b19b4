//! Ids that something happened to lately.
//!
//! A busy worker remembers tens of thousands, so an id is no more than a number here.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many ids are remembered at least; twice as many at most.
const MOST: usize = 100_000;

/// Ids, for a time.
pub(super) struct Lately {
    /// How long an id is remembered at least, unless there are too many.
    kept: Duration,
    /// With a key of this process. That two ids of a generation have the same hash is as likely as
    /// one in 10⁹.
    hasher: RandomState,
    generations: Mutex<Generations>,
}

/// The older one goes as a whole, when the newer one has become old or full.
struct Generations {
    newer: HashSet<u64>,
    older: HashSet<u64>,
    /// When the newer one began.
    began: Instant,
}

impl Lately {
    /// Remembers ids for so long.
    pub(super) fn new(kept: Duration) -> Self {
        let began = Instant::now();
        let generations = Generations { newer: HashSet::new(), older: HashSet::new(), began };
        Self { kept, hasher: RandomState::new(), generations: Mutex::new(generations) }
    }

    /// It happened to this one now.
    pub(super) fn note(&self, id: &str) {
        self.note_at(id, Instant::now());
    }

    /// Whether it happened to this one.
    pub(super) fn has(&self, id: &str) -> bool {
        let hash = self.hasher.hash_one(id);
        let generations = self.lock();
        generations.newer.contains(&hash) || generations.older.contains(&hash)
    }

    fn note_at(&self, id: &str, now: Instant) {
        let hash = self.hasher.hash_one(id);
        let mut generations = self.lock();
        let age = now.saturating_duration_since(generations.began);
        if age >= self.kept || generations.newer.len() >= MOST {
            generations.older = std::mem::take(&mut generations.newer);
            generations.began = now;
        }
        generations.newer.insert(hash);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        // A generation is a set at any time.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_remembered_for_its_time_and_then_forgotten() {
        let lately = Lately::new(Duration::from_secs(15 * 60));
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_secs(minutes * 60);
        lately.note_at("first", at(0));
        lately.note_at("last moment", at(14));
        lately.note_at("second", at(15));
        assert!(lately.has("first") && lately.has("last moment") && lately.has("second"));
        assert!(!lately.has("never"));
        lately.note_at("third", at(30));
        assert!(!lately.has("first"), "older than its time");
        assert!(lately.has("second") && lately.has("third"));
    }

    #[test]
    fn no_more_are_kept_than_two_generations_hold() {
        let lately = Lately::new(Duration::from_secs(15 * 60));
        for number in 0..3 * MOST {
            lately.note(&number.to_string());
        }
        let generations = lately.lock();
        assert!(generations.newer.len() <= MOST && generations.older.len() <= MOST);
        drop(generations);
        assert!(lately.has(&(2 * MOST).to_string()) && !lately.has("0"));
    }
}
