//! Putting our documents into a cluster's CouchDB, and taking them out again.
//!
//! What is put: the settings of `system_configs/` ([`material`]), our JSON schemas, and on request a
//! view for an account. A value that is there already is never touched. What was put is remembered
//! in the document itself ([`Marker`]): one write for both, so that neither can be without the
//! other, and no second database to be allowed to write to.
//!
//! [`change`] decides and does no I/O; [`Store`] reads and writes; [`announce`] tells KAZOO.

pub mod announce;
pub mod change;
mod marker;
pub mod material;
mod store;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

pub use self::change::{Change, Edit};
pub use self::marker::{MARKER, Marker};
pub use self::material::{Item, Kind};
pub use self::store::{Store, StoreError, StoreErrorKind};
use crate::kapi::message::GREGORIAN_EPOCH;

/// How often a document is read again after somebody else wrote it first.
const TRIES: usize = 8;

/// What to do with the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Put what is missing.
    Install,
    /// Take out what was put and nobody changed.
    Uninstall,
}

/// What became of one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// What was decided; it was written unless this was a rehearsal.
    pub edit: Edit,
    /// The document before, without its revision; `None` where there was none.
    pub before: Option<Value>,
    /// The revision that was written.
    pub revision: Option<String>,
}

/// Decides for one document and, unless it is a rehearsal, writes. Where somebody else writes in
/// between, the document is read again and everything decided anew.
///
/// # Errors
///
/// Where the document cannot be read or written.
pub async fn carry_out(
    store: &Store,
    order: Order,
    item: &Item,
    rehearse: bool,
) -> Result<Done, StoreError> {
    let mut tries = TRIES;
    loop {
        let stored = store.read(&item.database, &item.id).await?;
        let edit = match order {
            Order::Install => change::install(item, stored.as_ref(), now()),
            Order::Uninstall => change::uninstall(item, stored.as_ref(), now()),
        };
        let before = stored.map(change::without_revision);
        let Some(document) = edit.document.as_ref().filter(|_| !rehearse) else {
            return Ok(Done { edit, before, revision: None });
        };
        match store.write(&item.database, &item.id, document).await {
            Ok(revision) => return Ok(Done { edit, before, revision: Some(revision) }),
            Err(error) if error.kind() == StoreErrorKind::Conflict && tries > 1 => {
                tracing::info!(
                    database = item.database.name(),
                    document = item.id,
                    "somebody else wrote the document; reading it again"
                );
                tries -= 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Seconds since the year 0, as KAZOO counts in documents.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_1970.as_secs() + GREGORIAN_EPOCH / 1_000_000
}
