//! The cached directory.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::callflow::Patterns;

use super::{
    AccountId, Category, Database, DirectoryOptions, ReadError, ReadErrorClass, Source, Subject,
    derived::Derived,
    listing::{KAZOO, Listing},
    lists::Lists,
    load::Loader,
    options::Keeping,
    outage::Outage,
    report,
    shelf::Shelf,
    slot::{Answer, Loaded, Way},
};
use crate::dynamic_cid::List;

/// How long serving kept data may take after a read's deadline.
const SERVING: Duration = Duration::from_millis(20);

/// Cached, typed reading. Cheap to clone; clones share what they keep.
///
/// However many callers want something at once, it is read once. Errors are not kept, only that
/// something does not exist, and that for a short time. While the database cannot be read, data
/// past its time is served for a while, with a warning.
#[derive(Clone)]
pub struct Directory {
    pub(super) inner: Arc<Inner>,
    /// When reading has to be over.
    deadline: Option<Instant>,
}

pub(super) struct Inner {
    pub(super) loader: Loader,
    options: DirectoryOptions,
    keeping: Keeping,
    outage: Outage,
    pub(super) documents: Shelf<Option<Arc<Value>>>,
    pub(super) config: Shelf<Arc<Category>>,
    pub(super) lists: Shelf<Arc<List>>,
    pub(super) callflows: Listing<Arc<Patterns>>,
    /// What only we answer to; accounts without the views have no patterns at all.
    pub(super) exclusive: Listing<Option<Arc<Patterns>>>,
    pub(super) usernames: Shelf<Option<String>>,
    pub(super) derived: Derived,
    /// How often the configuration may have changed.
    pub(super) config_changes: AtomicU64,
}

impl Directory {
    /// Reads `source`; nothing is read yet.
    pub fn new(source: Arc<dyn Source>, options: DirectoryOptions) -> Self {
        let keeping = Keeping::from(&options);
        let (capacity, observer) = (options.capacity, options.observer.as_ref());
        let lists = Lists::new(&options, &keeping);
        let inner = Inner {
            loader: Loader {
                source,
                lists,
                max_list_rows: options.max_list_rows,
                max_patterns: options.max_patterns,
            },
            keeping,
            outage: Outage::default(),
            documents: Shelf::new(capacity, &keeping, observer),
            config: Shelf::new(capacity, &keeping, observer),
            lists: Shelf::new(capacity, &keeping, observer),
            callflows: Listing::new(capacity, &keeping, observer),
            exclusive: Listing::new(capacity, &keeping, observer),
            usernames: Shelf::new(capacity, &keeping, observer),
            derived: Derived::default(),
            config_changes: AtomicU64::new(0),
            options,
        };
        Self { inner: Arc::new(inner), deadline: None }
    }

    /// The same directory for one who can wait only so long for everything that is read from now
    /// on. What is not read by then fails with [`ReadErrorClass::Deadline`], or is served as it was
    /// kept.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { inner: Arc::clone(&self.inner), deadline: Instant::now().checked_add(limit) }
    }

    /// A category of the system's configuration; one without any key where there is no document.
    ///
    /// Source: `kapps_config.erl` (`get_category`).
    pub async fn config(&self, category: &str) -> Result<Arc<Category>, ReadError> {
        let inner = &self.inner;
        let database = Database::system_config();
        let (node, zone) = (inner.options.node.as_deref(), inner.options.zone.as_str());
        let load = || inner.loader.category(category, node, zone);
        inner.read(self.deadline, "config", &inner.config, &database, category, load).await
    }

    /// A list with its entries indexed: the rows of the first of
    /// [`list_views`](DirectoryOptions::list_views) that the account has, and the list's document,
    /// which may be missing.
    pub async fn list(&self, account: &AccountId, list_id: &str) -> Result<Arc<List>, ReadError> {
        let inner = &self.inner;
        let database = Database::account(account);
        let load = || inner.loader.list(&database, list_id);
        inner.read(self.deadline, "list", &inner.lists, &database, list_id, load).await
    }

    /// A document; a soft-deleted one reads as absent.
    ///
    /// Source: `kz_datamgr.erl` (`open_cache_doc`).
    pub async fn document(
        &self,
        database: &Database,
        id: &str,
    ) -> Result<Option<Arc<Value>>, ReadError> {
        let inner = &self.inner;
        let load = || inner.loader.document(database, id);
        inner.read(self.deadline, "document", &inner.documents, database, id, load).await
    }

    /// A callflow by its id.
    pub async fn callflow(
        &self,
        account: &AccountId,
        id: &str,
    ) -> Result<Option<Arc<Value>>, ReadError> {
        self.document(&Database::account(account), id).await
    }

    /// The callflow that serves a number; of several the one with the lowest id.
    ///
    /// Source: view `callflows/listing_by_number`, `cf_flow.erl` (`do_lookup`).
    pub async fn callflow_by_number(
        &self,
        account: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, ReadError> {
        let inner = &self.inner;
        let database = Database::account(account);
        let load = || inner.loader.callflow_by_number(KAZOO, &database, number);
        let numbers = &inner.callflows.numbers;
        inner.read(self.deadline, "number", numbers, &database, number, load).await
    }

    /// All callflow patterns of an account, compiled.
    ///
    /// Source: view `callflows/listing_by_pattern`, `cf_flow.erl` (`compile_patterns`).
    pub async fn patterns(&self, account: &AccountId) -> Result<Arc<Patterns>, ReadError> {
        let inner = &self.inner;
        let database = Database::account(account);
        let load = || inner.loader.patterns(KAZOO, &database);
        let patterns = &inner.callflows.patterns;
        inner.read(self.deadline, "patterns", patterns, &database, "", load).await
    }

    /// The callflow that has a number under our own key, where KAZOO does not look; of several the
    /// one with the lowest id.
    ///
    /// An account without our views has none. That is asked once for all its numbers.
    pub async fn exclusive_by_number(
        &self,
        account: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, ReadError> {
        let inner = &self.inner;
        let database = Database::account(account);
        if let Ok(None) = inner.exclusive_patterns(self.deadline, &database).await {
            return Ok(None);
        }
        let load = || inner.loader.exclusive_by_number(&database, number);
        let numbers = &inner.exclusive.numbers;
        inner.read(self.deadline, "exclusive_number", numbers, &database, number, load).await
    }

    /// All patterns under our own key of an account's callflows, compiled.
    pub async fn exclusive_patterns(
        &self,
        account: &AccountId,
    ) -> Result<Arc<Patterns>, ReadError> {
        let database = Database::account(account);
        let patterns = self.inner.exclusive_patterns(self.deadline, &database).await?;
        Ok(patterns.unwrap_or_default())
    }

    /// The endpoint that registers with a SIP username; none where several do.
    ///
    /// Source: view `attributes/sip_username`, `cf_util.erl` (`endpoint_id_by_sip_username`).
    pub async fn endpoint_by_sip_username(
        &self,
        account: &AccountId,
        username: &str,
    ) -> Result<Option<String>, ReadError> {
        let inner = &self.inner;
        let database = Database::account(account);
        let load = || inner.loader.endpoint_by_sip_username(&database, username);
        inner.read(self.deadline, "username", &inner.usernames, &database, username, load).await
    }

    /// The account's own document, the copy in its database.
    pub async fn account(&self, account: &AccountId) -> Result<Option<Arc<Value>>, ReadError> {
        self.document(&Database::account(account), account.as_str()).await
    }

    /// How much is kept of each kind, about; absent things count as what is kept of them.
    pub fn kept(&self) -> [(&'static str, u64); 5] {
        let inner = &self.inner;
        [
            ("documents", inner.documents.count()),
            ("config", inner.config.count()),
            ("lists", inner.lists.count()),
            ("callflows", inner.callflows.count() + inner.exclusive.count()),
            ("usernames", inner.usernames.count()),
        ]
    }

    /// Whether reads can be expected to work; asks the source each time.
    pub async fn answers(&self) -> Result<(), ReadError> {
        self.inner.loader.source.answers().await
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.inner.options;
        formatter.debug_struct("Directory").field("options", options).finish_non_exhaustive()
    }
}

impl Inner {
    /// How often the configuration may have changed.
    pub(super) fn config_changes(&self) -> u64 {
        self.config_changes.load(Ordering::SeqCst)
    }

    /// How long anything is taken as current at least.
    pub(super) fn shortest_life(&self) -> Duration {
        self.keeping.absent_ttl
    }

    /// The exclusive patterns of an account; none where it has no views for them.
    async fn exclusive_patterns(
        &self,
        deadline: Option<Instant>,
        database: &Database,
    ) -> Result<Option<Arc<Patterns>>, ReadError> {
        let load = || self.loader.exclusive_patterns(database);
        let patterns = &self.exclusive.patterns;
        self.read(deadline, "exclusive_patterns", patterns, database, "", load).await
    }

    /// Reads through a shelf, and reports: each failed read once, by whoever made it.
    async fn read<V, F>(
        &self,
        deadline: Option<Instant>,
        what: &'static str,
        kept: &Shelf<V>,
        database: &Database,
        id: &str,
        load: impl FnOnce() -> F,
    ) -> Result<V, ReadError>
    where
        V: Clone + Send + Sync + 'static,
        F: Future<Output = Result<Loaded<V>, ReadError>>,
    {
        let times = (&self.keeping, &self.outage);
        let load = || {
            let span = tracing::debug_span!("read", what, database = database.name(), id);
            load().instrument(span)
        };
        let late = || {
            let subject = Subject::Document(format!("{what} {id}").trim_end().to_owned());
            let reason = "the time for all reads of this call is over";
            ReadError::new(ReadErrorClass::Deadline, database, subject, reason)
        };
        let answer = match deadline {
            None => kept.get(times, database, id, load).await,
            Some(deadline) => {
                // In time to serve what is kept instead; the outer limit is for waiting behind
                // somebody who has more time.
                let load = async || match timeout_at(deadline, load()).await {
                    Ok(loaded) => loaded,
                    Err(_) => Err(late()),
                };
                let read = kept.get(times, database, id, load);
                match timeout_at(deadline + SERVING, read).await {
                    Ok(answer) => answer,
                    Err(_) => Answer::failed(late()),
                }
            }
        };
        match (&answer.failure, &answer.value) {
            (Some(failure), Ok(_)) => {
                let is_news = self.outage.is_worth_telling();
                report::failure(failure, report::Instead::Older { is_news });
                self.observe(what, failure.class().name());
            }
            (Some(failure), Err(_)) => report::failure(failure, report::Instead::Nothing),
            (None, _) => {}
        }
        let outcome = match (&answer.value, answer.way) {
            (Err(error), _) => error.class().name(),
            (Ok(_), Way::Hit) => "hit",
            (Ok(_), Way::Miss) => "miss",
            (Ok(_), Way::Shared) => "shared",
            (Ok(_), Way::Stale) => "stale",
        };
        self.observe(what, outcome);
        answer.value
    }

    pub(super) fn observe(&self, what: &'static str, outcome: &'static str) {
        if let Some(observer) = &self.options.observer {
            observer.read(what, outcome);
        }
    }
}
