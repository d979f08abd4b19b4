//! Calls on disk that were answered lately.
//!
//! RabbitMQ writes acknowledgements to disk a moment later than it says so. Killed within that
//! moment, it hands out again what was answered, and its caller would be asked for digits in the
//! middle of what follows. A worker remembers its own; one that another worker answered is beyond
//! its knowledge.
//!
//! A busy worker remembers tens of thousands, so a call is no more than a number here.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long they are remembered at least, unless there are too many: a broker needs less to come
/// back.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// How many at least; twice as many at most.
const MOST: usize = 100_000;

/// The `Msg-ID`s of calls that were answered.
pub(in crate::worker) struct Answered {
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

impl Default for Answered {
    fn default() -> Self {
        let began = Instant::now();
        let generations = Generations { newer: HashSet::new(), older: HashSet::new(), began };
        Self { hasher: RandomState::new(), generations: Mutex::new(generations) }
    }
}

impl Answered {
    pub(super) fn note(&self, msg_id: &str) {
        self.note_at(msg_id, Instant::now());
    }

    pub(super) fn has(&self, msg_id: &str) -> bool {
        let hash = self.hasher.hash_one(msg_id);
        let generations = self.lock();
        generations.newer.contains(&hash) || generations.older.contains(&hash)
    }

    fn note_at(&self, msg_id: &str, now: Instant) {
        let hash = self.hasher.hash_one(msg_id);
        let mut generations = self.lock();
        let age = now.saturating_duration_since(generations.began);
        if age >= REMEMBERED || generations.newer.len() >= MOST {
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
    fn an_answer_is_remembered_for_its_time_and_then_forgotten() {
        let answered = Answered::default();
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_secs(minutes * 60);
        answered.note_at("first", at(0));
        answered.note_at("last moment", at(14));
        answered.note_at("second", at(15));
        assert!(answered.has("first") && answered.has("last moment") && answered.has("second"));
        assert!(!answered.has("never"));
        answered.note_at("third", at(30));
        assert!(!answered.has("first"), "older than its time");
        assert!(answered.has("second") && answered.has("third"));
    }

    #[test]
    fn no_more_are_kept_than_two_generations_hold() {
        let answered = Answered::default();
        for number in 0..3 * MOST {
            answered.note(&number.to_string());
        }
        let generations = answered.lock();
        assert!(generations.newer.len() <= MOST && generations.older.len() <= MOST);
        drop(generations);
        assert!(answered.has(&(2 * MOST).to_string()) && !answered.has("0"));
    }
}
