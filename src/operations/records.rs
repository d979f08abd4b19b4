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
    ring: Mutex<Ring>,
    capacity: usize,
    masking: Masking,
}

#[derive(Debug, Default)]
struct Ring {
    kept: VecDeque<Arc<Record>>,
    /// How many were ever added.
    added: u64,
}

/// Records that came after others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// The last one first.
    pub records: Vec<Arc<Record>>,
    /// Between the others and these there were so many more.
    pub missed: u64,
    /// To ask with for the next.
    pub mark: u64,
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

    /// A text as it may be shown: its words that are numbers, as numbers are.
    pub fn show_in(self, text: &str) -> String {
        if self == Self::Off {
            return text.to_owned();
        }
        let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let (word, tail) = rest.split_at(rest.find(|c| !in_word(c)).unwrap_or(rest.len()));
            shown += &if is_number(word) { self.show(word) } else { word.to_owned() };
            let (between, tail) = tail.split_at(tail.find(in_word).unwrap_or(tail.len()));
            shown += between;
            rest = tail;
        }
        shown
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
        while ring.kept.len() >= self.capacity && ring.kept.pop_front().is_some() {}
        if self.capacity > 0 {
            ring.kept.push_back(Arc::new(record));
            ring.added += 1;
        }
    }

    /// The latest records, the last one first.
    pub fn latest(&self, most: usize) -> Vec<Arc<Record>> {
        self.lock().kept.iter().rev().take(most).cloned().collect()
    }

    /// How many are kept.
    pub fn count(&self) -> usize {
        self.lock().kept.len()
    }

    /// The latest records of those that came after a mark, which 0 and the answer before give.
    pub fn since(&self, mark: u64, most: usize) -> Later {
        let ring = self.lock();
        let new = ring.added.saturating_sub(mark);
        let told = usize::try_from(new).unwrap_or(usize::MAX).min(most);
        let records: Vec<_> = ring.kept.iter().rev().take(told).cloned().collect();
        let missed = new - records.len() as u64;
        Later { records, missed, mark: ring.added }
    }

    /// The records of a call in their order: it may have come to several nodes.
    pub fn of_call(&self, call_id: &str) -> Vec<Arc<Record>> {
        self.lock().kept.iter().filter(|record| record.call_id == call_id).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
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
    fn who_asks_again_is_told_what_is_new() {
        let records = Records::new(3, Masking::Off);
        let ids = |later: &Later| {
            later.records.iter().map(|record| record.call_id.clone()).collect::<Vec<_>>()
        };
        let nothing = records.since(0, 10);
        assert_eq!(nothing, Later { records: Vec::new(), missed: 0, mark: 0 });
        for call_id in ["a", "b"] {
            records.add(record(call_id, "1"));
        }
        let first = records.since(nothing.mark, 10);
        assert_eq!((ids(&first), first.missed), (vec!["b".to_owned(), "a".to_owned()], 0));
        assert_eq!(records.since(first.mark, 10).records, []);
        for call_id in ["c", "d", "e", "f"] {
            records.add(record(call_id, "1"));
        }
        let second = records.since(first.mark, 2);
        assert_eq!((ids(&second), second.missed), (vec!["f".to_owned(), "e".to_owned()], 2));
        // What is no longer kept is missed, too.
        assert_eq!(records.since(first.mark, 10).missed, 1);
        // A mark of another process, which had seen more.
        assert_eq!(records.since(1000, 10).records, []);
    }

    #[test]
    fn numbers_in_a_text_are_masked_and_ids_are_not() {
        for (text, shown) in [
            (
                "The caller's number becomes `+15149072508`.",
                "The caller's number becomes `+xxxxxxxx508`.",
            ),
            ("*2015149072508 leads to", "*xxxxxxxxxx508 leads to"),
            (
                "list f17a6be2d09c4d3c8b5e24a1c7093d68, 01",
                "list f17a6be2d09c4d3c8b5e24a1c7093d68, 01",
            ),
            ("sip:15149072508@a", "sip:xxxxxxxx508@a"),
            ("", ""),
            ("ä 1234 é", "ä x234 é"),
        ] {
            assert_eq!(Masking::On.show_in(text), shown);
            assert_eq!(Masking::Off.show_in(text), text);
        }
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
