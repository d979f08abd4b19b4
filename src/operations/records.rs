//! What became of the last calls, one record each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Digits of a number that stay readable when numbers are masked.
const READABLE: usize = 3;

/// What became of one call at one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The call's id at the end.
    pub call_id: String,
    /// When the worker took it, in milliseconds since 1970.
    pub began_at_ms: u64,
    /// How long it was the worker's, in milliseconds.
    pub took_ms: u64,
    /// The way it came: `execute` or `route`.
    pub seam: String,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The callflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callflow: Option<String>,
    /// What the node does: `manual`, `static`, `list`, `lists`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The key of the entry that was selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The caller's number from then on; absent where it was not changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The caller's name from then on; absent where it was not changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the call goes; absent where it was not changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// How the action ended: `continue`, `branch`, `stop`, `refused`, `died`; absent where it did
    /// not come to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Why: a code of `docs/reasons.md`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How the call ended for the worker: a word of [`ENDS`](super::ends::ENDS).
    pub end: String,
}

/// The last records, the oldest of which go first.
#[derive(Debug)]
pub struct Records {
    ring: Mutex<VecDeque<Arc<Record>>>,
    capacity: usize,
    masking: Masking,
}

/// Whether numbers of callers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Masking {
    /// In full.
    #[default]
    Off,
    /// Only the last three digits.
    On,
}

impl Masking {
    /// A number as it may be shown.
    pub fn show(self, number: &str) -> String {
        match self {
            Self::Off => number.to_owned(),
            Self::On => {
                let hidden = number.chars().count().saturating_sub(READABLE);
                let mask = |(position, digit)| if position < hidden { 'x' } else { digit };
                number.chars().enumerate().map(mask).collect()
            }
        }
    }
}

impl Records {
    /// Keeps so many; 0 keeps none.
    pub fn new(capacity: usize, masking: Masking) -> Self {
        Self { ring: Mutex::default(), capacity, masking }
    }

    /// How numbers are shown.
    pub fn masking(&self) -> Masking {
        self.masking
    }

    /// Keeps a record, its numbers masked where that is asked for.
    pub fn add(&self, mut record: Record) {
        for number in [&mut record.number, &mut record.destination] {
            *number = number.as_deref().map(|number| self.masking.show(number));
        }
        let mut ring = self.lock();
        while ring.len() >= self.capacity && ring.pop_front().is_some() {}
        if self.capacity > 0 {
            ring.push_back(Arc::new(record));
        }
    }

    /// The latest records, the last one first.
    pub fn latest(&self, most: usize) -> Vec<Arc<Record>> {
        self.lock().iter().rev().take(most).cloned().collect()
    }

    /// The records of a call in their order: it may have come to several nodes.
    pub fn of_call(&self, call_id: &str) -> Vec<Arc<Record>> {
        self.lock().iter().filter(|record| record.call_id == call_id).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Record>>> {
        // Records are put in and taken out whole.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(call_id: &str, number: &str) -> Record {
        Record { call_id: call_id.to_owned(), number: Some(number.to_owned()), ..Record::default() }
    }

    #[test]
    fn the_oldest_go_first() {
        let records = Records::new(2, Masking::Off);
        for (call_id, number) in [("a", "1"), ("b", "2"), ("a", "3")] {
            records.add(record(call_id, number));
        }
        let numbers = |records: Vec<Arc<Record>>| {
            records.iter().map(|record| record.number.clone().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(records.latest(10)), ["3", "2"]);
        assert_eq!(numbers(records.latest(1)), ["3"]);
        assert_eq!(numbers(records.of_call("a")), ["3"]);
        assert_eq!(numbers(records.of_call("c")), Vec::<String>::new());
    }

    #[test]
    fn without_a_place_nothing_is_kept() {
        let records = Records::new(0, Masking::Off);
        records.add(record("a", "1"));
        assert_eq!(records.latest(10), []);
    }

    #[test]
    fn masked_numbers_keep_their_last_digits() {
        for (number, shown) in
            [("+15149072508", "xxxxxxxxx508"), ("508", "508"), ("", ""), ("äöüß", "xöüß")]
        {
            assert_eq!(Masking::On.show(number), shown);
            assert_eq!(Masking::Off.show(number), number);
        }
        let records = Records::new(1, Masking::On);
        records.add(Record { destination: Some("911000".into()), ..record("a", "+15149072508") });
        let kept = &records.latest(1)[0];
        assert_eq!(kept.number.as_deref(), Some("xxxxxxxxx508"));
        assert_eq!(kept.destination.as_deref(), Some("xxx000"));
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        let record = Record { reason: Some("entry".into()), ..record("a", "1") };
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("destination"), "{text}");
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
