//! What the log says of failed reads.

use super::{ReadError, Subject};

/// A read failed. The one place where that is logged.
pub(super) fn failure(error: &ReadError, served_stale: bool) {
    let database = error.database().map(super::Database::name);
    let (document, view) = match error.subject() {
        Subject::Document(id) => (Some(id.as_str()), None),
        Subject::View(view) => (None, Some(view.as_str())),
        Subject::Server => (None, None),
    };
    let (class, reason) = (error.class().name(), error.reason());
    if served_stale {
        tracing::warn!(
            database,
            document,
            view,
            class,
            reason,
            "the database cannot be read, older data is served"
        );
    } else {
        tracing::warn!(database, document, view, class, reason, "the database cannot be read");
    }
}
