//! Telling operators about documents that do not satisfy their schema, once each.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Violation;

/// The document a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// Database the document was read from.
    pub database: &'a str,
    /// The document's `_id`.
    pub document: &'a str,
    /// The document's `_rev`. Without one, all versions of the document count as the same.
    pub revision: Option<&'a str>,
    /// Name of the schema it was checked with.
    pub schema: &'a str,
}

type Counter = Box<dyn Fn(&Subject<'_>, usize) + Send + Sync>;
type Shown = Box<dyn Fn(&str) -> String + Send + Sync>;

/// Logs the violations of each document revision once and counts them.
///
/// It remembers a fixed number of revisions, eight bytes each twice; the oldest is forgotten first,
/// and may then be reported again.
pub struct Reporter {
    seen: Mutex<Seen>,
    hasher: RandomState,
    counter: Counter,
    shown: Shown,
}

impl Reporter {
    /// How many document revisions a reporter usually remembers.
    pub const CAPACITY: usize = 16_384;

    /// A reporter that remembers `capacity` revisions and calls `counter` with each newly reported
    /// document and the number of its violations.
    pub fn new(
        capacity: usize,
        counter: impl Fn(&Subject<'_>, usize) + Send + Sync + 'static,
    ) -> Self {
        let seen = Seen { capacity: capacity.max(1), ..Seen::default() };
        Self {
            seen: Mutex::new(seen),
            hasher: RandomState::new(),
            counter: Box::new(counter),
            shown: Box::new(str::to_owned),
        }
    }

    /// The same with another way to show what is wrong, which quotes the document.
    #[must_use]
    pub fn showing(self, shown: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { shown: Box::new(shown), ..self }
    }

    /// Validates a document revision the first time it is met, and reports what is wrong with it.
    /// A revision met before, valid or not, costs a look-up. Returns whether it was validated.
    pub fn check(&self, subject: &Subject<'_>, validate: impl FnOnce() -> Vec<Violation>) -> bool {
        let key = self.hasher.hash_one((subject.database, subject.document, subject.revision));
        if !self.seen().insert(key) {
            return false;
        }
        let violations = validate();
        for violation in &violations {
            tracing::warn!(
                database = subject.database,
                document = subject.document,
                revision = subject.revision,
                schema = subject.schema,
                path = violation.path,
                reason = (self.shown)(&violation.message),
                "document does not satisfy its schema"
            );
        }
        if !violations.is_empty() {
            (self.counter)(subject, violations.len());
        }
        true
    }

    /// Reports violations already at hand, unless this revision was met before.
    pub fn report(&self, subject: &Subject<'_>, violations: Vec<Violation>) -> bool {
        self.check(subject, || violations)
    }

    /// Forgets all revisions, as when the schemas have changed.
    pub fn forget_everything(&self) {
        let mut seen = self.seen();
        seen.members.clear();
        seen.order.clear();
    }

    /// A panic elsewhere cannot leave the memory in a state that matters.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reporter").field("seen", &self.seen().order.len()).finish()
    }
}

/// A set that forgets its oldest member when it is full.
#[derive(Debug, Default)]
struct Seen {
    members: HashSet<u64>,
    order: VecDeque<u64>,
    capacity: usize,
}

impl Seen {
    /// Whether the key is new.
    fn insert(&mut self, key: u64) -> bool {
        if !self.members.insert(key) {
            return false;
        }
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
        self.order.push_back(key);
        true
    }
}
