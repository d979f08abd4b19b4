//! Calls on disk that were answered lately.
//!
//! RabbitMQ writes acknowledgements to disk a moment later than it says so. Killed within that
//! moment, it hands out again what was answered, and its caller would be asked for digits in the
//! middle of what follows. A worker remembers its own; one that another worker answered is beyond
//! its knowledge.

use std::time::Duration;

use moka::sync::Cache;

/// How long they are remembered: a broker needs less to come back.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// How many.
const MOST: u64 = 100_000;

/// The `Msg-ID`s of calls that were answered.
pub(in crate::worker) struct Answered(Cache<String, ()>);

impl Default for Answered {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(REMEMBERED).build())
    }
}

impl Answered {
    pub(super) fn note(&self, msg_id: &str) {
        self.0.insert(msg_id.to_owned(), ());
    }

    pub(super) fn has(&self, msg_id: &str) -> bool {
        self.0.contains_key(msg_id)
    }
}
