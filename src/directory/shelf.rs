//! Things of one kind, kept by database and id.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use moka::{notification::RemovalCause, sync::Cache};

use super::{
    Database, ReadError,
    forget::Forgets,
    options::{Keeping, Observer},
    outage::Outage,
    slot::{Answer, Loaded, Slot, Trust, Way},
};

/// Slots, found by the epoch of their database and their id.
///
/// Whoever forgets something detaches its slot. A read that began before ends in the detached
/// slot, where no later reader looks: old data cannot come back.
pub(super) struct Shelf<V> {
    slots: Index<Key, Arc<Slot<V>>>,
    epochs: Epochs,
    trust: AtomicU64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    epoch: u64,
    id: String,
}

impl<V: Clone + Send + Sync + 'static> Shelf<V> {
    pub(super) fn new(
        capacity: u64,
        keeping: &Keeping,
        observer: Option<&Arc<dyn Observer>>,
    ) -> Self {
        // Slots judge their age themselves; this only drops those that nobody refreshes.
        let longest = keeping.ttl + keeping.stale_for + keeping.retry_pause;
        let mut slots = Cache::builder()
            .max_capacity(capacity)
            .weigher(|_, slot: &Arc<Slot<V>>| slot.weight())
            .support_invalidation_closures()
            .time_to_live(longest);
        if let Some(observer) = observer.cloned() {
            slots = slots.eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    observer.evicted();
                }
            });
        }
        let (epochs, trust) = (Epochs::new(capacity), AtomicU64::new(0));
        Self { slots: Index::new(slots.build()), epochs, trust }
    }

    /// What is kept under an id, or what `load` reads.
    pub(super) async fn get<F>(
        &self,
        (keeping, outage): (&Keeping, &Outage),
        database: &Database,
        id: &str,
        load: impl FnOnce() -> F,
    ) -> Answer<V>
    where
        F: Future<Output = Result<Loaded<V>, ReadError>>,
    {
        let trust = Trust(self.trust.load(Ordering::SeqCst));
        let key = Key { epoch: self.epochs.current(database), id: id.to_owned() };
        let slot = self.slots.find_or(&key, Arc::default);
        let answer = slot.get(keeping, outage, trust, load).await;
        if answer.way == Way::Miss && answer.value.is_ok() {
            // In again, with its new weight and age, unless it was detached meanwhile.
            self.slots.replace_if(&key, |found| Arc::ptr_eq(found, &slot));
        }
        answer
    }

    /// How many slots there are, about: what was forgotten may still be counted for a moment.
    pub(super) fn count(&self) -> u64 {
        self.slots.cache.entry_count()
    }

    pub(super) fn forget(&self, database: &Database, id: &str) {
        if let Some(epoch) = self.epochs.find(database) {
            self.slots.remove(&Key { epoch, id: id.to_owned() });
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Forgets for Shelf<V> {
    fn forget_database(&self, database: &Database) {
        let Some(epoch) = self.epochs.find(database) else { return };
        self.epochs.remove(database);
        // Nothing is found under the epoch any more; this gives the memory back. It cannot fail in
        // a cache that supports closures, and if it did, slots would go with their time.
        let _ = self.slots.cache.invalidate_entries_if(move |key, _| key.epoch == epoch);
    }

    fn distrust_everything(&self) {
        self.trust.fetch_add(1, Ordering::SeqCst);
    }

    fn forget_everything(&self) {
        self.epochs.end_all();
        // Nothing is found any more; this gives the memory back.
        self.slots.cache.invalidate_all();
    }
}

/// A number per database that changes when the database is forgotten. Numbers are never used
/// twice, so losing one here costs reads, but never brings anything back.
struct Epochs {
    of: RwLock<HashMap<Database, u64>>,
    capacity: usize,
    next: AtomicU64,
    /// Numbers below this have ended.
    first: AtomicU64,
}

impl Epochs {
    fn new(capacity: u64) -> Self {
        let (of, next, first) = Default::default();
        Self { of, capacity: usize::try_from(capacity).unwrap_or(usize::MAX), next, first }
    }

    fn current(&self, database: &Database) -> u64 {
        if let Some(epoch) = self.find(database) {
            return epoch;
        }
        let mut of = self.of.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(epoch) = of.get(database).copied().filter(|epoch| self.lasts(*epoch)) {
            return epoch;
        }
        if of.len() >= self.capacity
            && let Some(any) = of.keys().next().cloned()
        {
            of.remove(&any);
        }
        let epoch = self.next.fetch_add(1, Ordering::SeqCst);
        of.insert(database.clone(), epoch);
        epoch
    }

    fn find(&self, database: &Database) -> Option<u64> {
        let of = self.of.read().unwrap_or_else(PoisonError::into_inner);
        of.get(database).copied().filter(|epoch| self.lasts(*epoch))
    }

    fn remove(&self, database: &Database) {
        self.of.write().unwrap_or_else(PoisonError::into_inner).remove(database);
    }

    fn lasts(&self, epoch: u64) -> bool {
        epoch >= self.first.load(Ordering::SeqCst)
    }

    fn end_all(&self) {
        let next = self.next.fetch_add(1, Ordering::SeqCst);
        self.first.fetch_max(next, Ordering::SeqCst);
    }
}

/// A bounded map whose changes happen one after the other.
///
/// The cache's own `get_with` is not used: a caller may still be handed a value by another caller
/// after that value was removed.
struct Index<K, V> {
    cache: Cache<K, V>,
    changing: Mutex<()>,
}

impl<K, V> Index<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(cache: Cache<K, V>) -> Self {
        Self { cache, changing: Mutex::new(()) }
    }

    /// The value, or else a new one.
    fn find_or(&self, key: &K, create: impl FnOnce() -> V) -> V {
        if let Some(found) = self.cache.get(key) {
            return found;
        }
        self.change(|cache| {
            if let Some(found) = cache.get(key) {
                return found;
            }
            let created = create();
            cache.insert(key.clone(), created.clone());
            created
        })
    }

    /// Puts a value in again if it is there and the one that is meant.
    fn replace_if(&self, key: &K, meant: impl Fn(&V) -> bool) {
        self.change(|cache| {
            if let Some(found) = cache.get(key).filter(&meant) {
                cache.insert(key.clone(), found);
            }
        });
    }

    fn remove(&self, key: &K) {
        self.change(|cache| cache.invalidate(key));
    }

    fn change<T>(&self, change: impl FnOnce(&Cache<K, V>) -> T) -> T {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        change(&self.cache)
    }
}
