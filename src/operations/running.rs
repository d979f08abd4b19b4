//! The calls that are being served now, so that somebody can see which one hangs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// A call that is being served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningCall {
    /// The id it had when the worker took it.
    pub call_id: String,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When the worker took it, in milliseconds since 1970.
    pub began_at_ms: u64,
}

/// Knows them all.
#[derive(Debug, Default)]
pub struct Running(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    /// In the order in which they began.
    calls: BTreeMap<u64, RunningCall>,
    next: u64,
}

/// A call is being served for as long as this lives.
#[derive(Debug)]
pub struct Serving<'a> {
    running: &'a Running,
    number: u64,
}

impl Running {
    /// A call begins.
    pub fn begin(&self, call: RunningCall) -> Serving<'_> {
        let mut calls = self.lock();
        let number = calls.next;
        calls.next += 1;
        calls.calls.insert(number, call);
        Serving { running: self, number }
    }

    /// Those that have been served for the longest time, the oldest first.
    pub fn oldest(&self, most: usize) -> Vec<RunningCall> {
        self.lock().calls.values().take(most).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        // Calls are put in and taken out whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.running.lock().calls.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_come_first_and_are_gone_when_they_end() {
        let running = Running::default();
        let begin = |call_id: &str| {
            let call_id = call_id.to_owned();
            running.begin(RunningCall { call_id, account: None, began_at_ms: 0 })
        };
        let ids = |most| -> Vec<String> {
            running.oldest(most).into_iter().map(|call| call.call_id).collect()
        };
        let (first, second, third) = (begin("a"), begin("b"), begin("a"));
        assert_eq!(ids(2), ["a", "b"]);
        drop(first);
        assert_eq!(ids(9), ["b", "a"]);
        drop((second, third));
        assert!(ids(9).is_empty());
    }
}
