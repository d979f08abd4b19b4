//! How a directory keeps what it read.

use std::{fmt, sync::Arc, time::Duration};

/// Longer times mean the same as this one.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Is told of every read; metrics are made of it.
pub trait Observer: Send + Sync {
    /// A read of `what` (`document`, `config`, `list`, `number`, `patterns`, `exclusive_number`,
    /// `exclusive_patterns`, `number_rules`) ended with `outcome`: `hit`, `miss` (read from the
    /// database), `shared` (another caller's read was waited for), `stale` (kept data, as the
    /// database cannot be read), `default` (KAZOO's own number rules, as the stored ones cannot be
    /// read), or the name of a [`ReadErrorClass`](super::ReadErrorClass).
    ///
    /// A failed refresh behind a stale answer is reported beside it. Settings that were looked up
    /// less than a second ago are not looked up again, so no read.
    fn read(&self, what: &'static str, outcome: &'static str);

    /// Something had to go to make room for something else.
    fn evicted(&self) {}
}

/// The options of a [`Directory`](super::Directory).
#[derive(Clone)]
pub struct DirectoryOptions {
    /// Whose node section of `system_config` applies: a full name, `name@host`.
    pub node: Option<String>,
    /// Whose zone section applies.
    pub zone: String,
    /// How long something is taken as current, unless it is forgotten before. KAZOO's documents
    /// live 900 s.
    pub ttl: Duration,
    /// The same for what does not exist.
    pub absent_ttl: Duration,
    /// How much longer something is served while the database cannot be read.
    pub stale_for: Duration,
    /// How long the database is left alone after it did not answer, where there is kept data to
    /// serve instead.
    pub retry_pause: Duration,
    /// How much is kept of each kind (documents, configuration, lists, numbers, patterns). A small
    /// document, four list entries and one pattern count one each, which is about 2 KiB.
    pub capacity: u64,
    /// A list with more entries than this cannot be read.
    pub max_list_rows: usize,
    /// With more patterns than this those of an account cannot be read.
    pub max_patterns: usize,
    /// The views that hold list entries, as design document and view, in the order they are
    /// tried: KAZOO 4's, then KAZOO 5's.
    pub list_views: Vec<(String, String)>,
    /// Who is told of reads.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self {
            node: None,
            zone: "local".to_owned(),
            ttl: Duration::from_secs(900),
            absent_ttl: Duration::from_secs(30),
            stale_for: Duration::from_secs(600),
            retry_pause: Duration::from_secs(5),
            capacity: 50_000,
            max_list_rows: 100_000,
            max_patterns: 10_000,
            list_views: [("lists", "entries"), ("contacts", "entries")]
                .map(|(design, view)| (design.to_owned(), view.to_owned()))
                .to_vec(),
            observer: None,
        }
    }
}

impl fmt::Debug for DirectoryOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DirectoryOptions")
            .field("node", &self.node)
            .field("zone", &self.zone)
            .field("ttl", &self.ttl)
            .field("absent_ttl", &self.absent_ttl)
            .field("stale_for", &self.stale_for)
            .field("retry_pause", &self.retry_pause)
            .field("capacity", &self.capacity)
            .field("max_list_rows", &self.max_list_rows)
            .field("max_patterns", &self.max_patterns)
            .field("list_views", &self.list_views)
            .field("observer", &self.observer.is_some())
            .finish()
    }
}

/// The times of [`DirectoryOptions`], bounded so that adding them to a moment cannot overflow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    pub(super) ttl: Duration,
    pub(super) absent_ttl: Duration,
    pub(super) stale_for: Duration,
    pub(super) retry_pause: Duration,
}

impl From<&DirectoryOptions> for Keeping {
    fn from(options: &DirectoryOptions) -> Self {
        Self {
            ttl: options.ttl.min(FOREVER),
            absent_ttl: options.absent_ttl.min(options.ttl).min(FOREVER),
            stale_for: options.stale_for.min(FOREVER),
            retry_pause: options.retry_pause.min(FOREVER),
        }
    }
}
