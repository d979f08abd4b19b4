//! Callflows by number and by pattern.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Database,
    forget::Forgets,
    options::{Keeping, Observer},
    shelf::Shelf,
};

/// The views of one listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Views {
    /// The design document's name.
    pub(super) design: &'static str,
    /// The view of numbers.
    pub(super) numbers: &'static str,
    /// The view of patterns.
    pub(super) patterns: &'static str,
}

/// KAZOO's own listing.
pub(super) const KAZOO: Views =
    Views { design: "callflows", numbers: "listing_by_number", patterns: "listing_by_pattern" };

/// The listing of what callflows have under our own key, which KAZOO does not look at.
pub(super) const EXCLUSIVE: Views =
    Views { design: "kazoo_dynamic_cid", numbers: "numbers", patterns: "patterns" };

/// What is kept of a listing: documents by number, and all patterns of a database.
pub(super) struct Listing<P> {
    pub(super) numbers: Shelf<Option<Arc<Value>>>,
    pub(super) patterns: Shelf<P>,
}

impl<P: Clone + Send + Sync + 'static> Listing<P> {
    pub(super) fn new(
        capacity: u64,
        keeping: &Keeping,
        observer: Option<&Arc<dyn Observer>>,
    ) -> Self {
        Self {
            numbers: Shelf::new(capacity, keeping, observer),
            patterns: Shelf::new(capacity, keeping, observer),
        }
    }

    /// How many slots there are of both views, about.
    pub(super) fn count(&self) -> u64 {
        self.numbers.count() + self.patterns.count()
    }
}

impl<P: Clone + Send + Sync + 'static> Forgets for Listing<P> {
    fn forget_database(&self, database: &Database) {
        self.numbers.forget_database(database);
        self.patterns.forget_database(database);
    }

    fn distrust_everything(&self) {
        self.numbers.distrust_everything();
        self.patterns.distrust_everything();
    }

    fn forget_everything(&self) {
        self.numbers.forget_everything();
        self.patterns.forget_everything();
    }
}
