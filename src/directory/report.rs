//! What the log says of failed reads.

use super::{ReadError, Subject};

/// What was done about a failed read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// Older data was served; whether that is news.
    Older { is_news: bool },
    /// Nothing could be.
    Nothing,
}

/// A read failed. The one place where that is logged.
pub(super) fn failure(error: &ReadError, instead: Instead) {
    let database = error.database().map(super::Database::name);
    let (document, view) = match error.subject() {
        Subject::Document(id) => (Some(id.as_str()), None),
        Subject::View(view) => (None, Some(view.as_str())),
        Subject::Server => (None, None),
    };
    let (class, reason) = (error.class().name(), error.reason());
    let text = match instead {
        Instead::Older { .. } => "the database cannot be read, older data is served",
        Instead::Nothing => "the database cannot be read",
    };
    if instead == (Instead::Older { is_news: false }) {
        tracing::debug!(database, document, view, class, reason, "{text}");
    } else {
        tracing::warn!(database, document, view, class, reason, "{text}");
    }
}
