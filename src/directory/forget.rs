//! What is not to be served any more as it was.

use std::sync::atomic::Ordering;

use super::cached::{Directory, Inner};
use super::{AccountId, Database};

impl Directory {
    /// Forgets what a changed document may have changed; `kind` is its `pvt_type`, where the
    /// notice says it.
    ///
    /// What is read from now on was stored after the change, also where a read is under way.
    ///
    /// Source: `kz_cache_conf_change.erl`.
    pub fn forget(&self, database: &Database, kind: Option<&str>, id: &str) {
        let inner = &self.inner;
        inner.documents.forget(database, id);
        if *database == Database::system_config() {
            inner.config.forget(database, id);
            inner.config_changed();
            return;
        }
        if *database == Database::accounts()
            && let Some(account) = AccountId::new(id)
        {
            // The account's own copy is written together with this one.
            inner.documents.forget(&Database::account(&account), id);
            return;
        }
        let unknown = matches!(kind, None | Some("undefined"));
        if unknown || matches!(kind, Some("list" | "list_entry" | "contact" | "contacts")) {
            inner.lists.forget_database(database);
        }
        if unknown || kind == Some("callflow") {
            inner.callflows.forget_database(database);
            inner.exclusive.forget_database(database);
        }
        if unknown || matches!(kind, Some("device" | "user" | "sys_info")) {
            inner.usernames.forget_database(database);
        }
    }

    /// Forgets everything of a database.
    pub fn forget_database(&self, database: &Database) {
        self.inner.loader.lists.forget_database(database);
        self.inner.everywhere(|place| place.forget_database(database));
    }

    /// Notices may have been missed: everything is read again before it is used. Unlike what is
    /// forgotten, it still serves while the database cannot be read.
    pub fn distrust_everything(&self) {
        self.inner.everywhere(|place| place.distrust_everything());
    }

    /// Forgets everything.
    pub fn forget_everything(&self) {
        self.inner.loader.lists.forget_everything();
        self.inner.everywhere(|place| place.forget_everything());
    }
}

/// A place where something is kept, by database.
pub(super) trait Forgets {
    /// Nothing of a database is found any more.
    fn forget_database(&self, database: &Database);

    /// All that is kept may be out of date: it is read again before it is used, and only used
    /// where that fails.
    fn distrust_everything(&self);

    /// Nothing is found any more.
    fn forget_everything(&self);
}

impl Inner {
    /// Does the same everywhere.
    fn everywhere(&self, forget: impl Fn(&dyn Forgets)) {
        let places: [&dyn Forgets; 6] = [
            &self.documents,
            &self.config,
            &self.lists,
            &self.callflows,
            &self.exclusive,
            &self.usernames,
        ];
        places.into_iter().for_each(forget);
        self.config_changed();
    }

    /// To be said when what was kept of the configuration is forgotten, not before: whoever counts
    /// the change must not find it any more.
    fn config_changed(&self) {
        self.config_changes.fetch_add(1, Ordering::SeqCst);
    }
}
