//! Limits that were reached: counted, and said in the log without flooding it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Metrics;

/// How often the log repeats that a limit is reached.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Calls in flight.
    Calls,
    /// Calls an account begins in a second.
    AccountRate,
    /// Bytes of a message.
    MessageSize,
    /// Nesting of a message's JSON.
    MessageDepth,
    /// Entries of a list.
    ListRows,
    /// Patterns of an account's callflows.
    Patterns,
    /// Steps of a regular expression.
    Match,
    /// What the cache holds.
    Cache,
    /// Time for reading.
    ReadDeadline,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 9] = [
        Self::Calls,
        Self::AccountRate,
        Self::MessageSize,
        Self::MessageDepth,
        Self::ListRows,
        Self::Patterns,
        Self::Match,
        Self::Cache,
        Self::ReadDeadline,
    ];

    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::AccountRate => "account_rate",
            Self::MessageSize => "message_size",
            Self::MessageDepth => "message_depth",
            Self::ListRows => "list_rows",
            Self::Patterns => "patterns",
            Self::Match => "match",
            Self::Cache => "cache",
            Self::ReadDeadline => "read_deadline",
        }
    }

    /// The setting that moves it.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Calls => "--prefetch",
            Self::AccountRate => "--account-rate",
            Self::MessageSize => "--max-message",
            Self::MessageDepth => "--max-depth",
            Self::ListRows => "--max-list-rows",
            Self::Patterns => "--max-patterns",
            Self::Match => "--match-limit",
            Self::Cache => "--cache-capacity",
            Self::ReadDeadline => "--read-deadline",
        }
    }

    /// What follows, in words for the log.
    fn consequence(self) -> &'static str {
        match self {
            Self::Calls | Self::AccountRate => "calls go on unchanged, or are left to callflow",
            Self::MessageSize | Self::MessageDepth => {
                "the message is kept on the rejected queue, and its caller goes on or is told"
            }
            Self::ListRows => "the list counts as one that cannot be read",
            Self::Patterns => "the account's patterns count as ones that cannot be read",
            Self::Match => "the regular expression counts as one that does not match",
            Self::Cache => "what was not used for the longest time is read again when needed",
            Self::ReadDeadline => "what was not read in time counts as unreadable",
        }
    }
}

/// Counts and tells.
#[derive(Debug)]
pub struct Limits {
    metrics: Arc<Metrics>,
    said: Mutex<HashMap<Limit, Said>>,
}

#[derive(Debug, Clone, Copy)]
struct Said {
    at: Instant,
    /// Hits since then.
    silent: u64,
}

impl Limits {
    /// Nothing was reached yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, said: Mutex::default() }
    }

    /// A limit was reached; `detail` says where, for people.
    pub fn reached(&self, limit: Limit, detail: &str) {
        self.metrics.limit(limit.as_str());
        if let Some(times) = self.worth_saying(limit, Instant::now()) {
            tracing::warn!(
                limit = limit.as_str(),
                setting = limit.setting(),
                times,
                detail,
                "a limit is reached: {}",
                limit.consequence()
            );
        }
    }

    /// How often it was reached since it was last said, where it is time to say so again.
    fn worth_saying(&self, limit: Limit, now: Instant) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match said.get_mut(&limit) {
            Some(said) if now.saturating_duration_since(said.at) < SAY_AGAIN => {
                said.silent += 1;
                None
            }
            Some(said) => {
                let times = said.silent + 1;
                *said = Said { at: now, silent: 0 };
                Some(times)
            }
            None => {
                said.insert(limit, Said { at: now, silent: 0 });
                Some(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::settings;

    #[test]
    fn a_limit_is_said_at_once_and_then_from_time_to_time() {
        let limits = Limits::new(Arc::default());
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(limits.worth_saying(Limit::Calls, at(0)), Some(1));
        assert_eq!(limits.worth_saying(Limit::Calls, at(1)), None);
        assert_eq!(limits.worth_saying(Limit::Match, at(1)), Some(1));
        assert_eq!(limits.worth_saying(Limit::Calls, at(9_999)), None);
        assert_eq!(limits.worth_saying(Limit::Calls, at(10_000)), Some(3));
        assert_eq!(limits.worth_saying(Limit::Calls, at(10_001)), None);
    }

    #[test]
    fn each_hit_is_counted() {
        let metrics = Arc::new(Metrics::new());
        let limits = Limits::new(Arc::clone(&metrics));
        limits.reached(Limit::Calls, "");
        limits.reached(Limit::Calls, "");
        let text = metrics.render();
        assert!(text.contains("kazoo_dynamic_cid_limits_total{limit=\"calls\"} 2"), "{text}");
    }

    #[test]
    fn each_limit_has_a_name_and_a_setting_of_its_own_that_exists() {
        let names: HashSet<_> = Limit::ALL.iter().map(|limit| limit.as_str()).collect();
        let flags: HashSet<_> = Limit::ALL.iter().map(|limit| limit.setting()).collect();
        assert_eq!((names.len(), flags.len()), (Limit::ALL.len(), Limit::ALL.len()));
        for flag in flags {
            let known = settings::reference().iter().any(|setting| setting.flag == Some(flag));
            assert!(known, "{flag}");
        }
    }
}
