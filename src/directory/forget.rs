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
        let inner = &self.inner;
        inner.loader.lists.forget_database(database);
        inner.documents.forget_database(database);
        inner.config.forget_database(database);
        inner.config_changed();
        inner.lists.forget_database(database);
        inner.callflows.forget_database(database);
        inner.exclusive.forget_database(database);
        inner.usernames.forget_database(database);
    }

    /// Notices may have been missed: everything is read again before it is used. Unlike what is
    /// forgotten, it still serves while the database cannot be read.
    pub fn distrust_everything(&self) {
        let inner = &self.inner;
        inner.documents.distrust_everything();
        inner.config.distrust_everything();
        inner.config_changed();
        inner.lists.distrust_everything();
        inner.callflows.distrust_everything();
        inner.exclusive.distrust_everything();
        inner.usernames.distrust_everything();
    }

    /// Forgets everything.
    pub fn forget_everything(&self) {
        let inner = &self.inner;
        inner.loader.lists.forget_everything();
        inner.documents.forget_everything();
        inner.config.forget_everything();
        inner.config_changed();
        inner.lists.forget_everything();
        inner.callflows.forget_everything();
        inner.exclusive.forget_everything();
        inner.usernames.forget_everything();
    }
}

impl Inner {
    /// To be said when what was kept of the configuration is forgotten, not before: whoever counts
    /// the change must not find it any more.
    fn config_changed(&self) {
        self.config_changes.fetch_add(1, Ordering::SeqCst);
    }
}
