//! Why something could not be read.

use std::{fmt, sync::Arc};

use super::Database;

/// A failed read. Cheap to clone: everyone who waited for one read shares its error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0)]
pub struct ReadError(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    class: ReadErrorClass,
    database: Option<Database>,
    subject: Subject,
    reason: String,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A document, by its id.
    Document(String),
    /// A view, as `design/view`.
    View(String),
    /// Whether the database answers at all.
    Server,
}

/// What kind of failure it was; everything that depends on the failure depends on this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadErrorClass {
    /// No answer within the time allowed for a read.
    Timeout,
    /// The time for all reads of the caller's was over: [`Directory::within`].
    ///
    /// [`Directory::within`]: super::Directory::within
    Deadline,
    /// No connection, or it broke before the answer was complete.
    Unreachable,
    /// HTTP 401 or 403.
    Denied,
    /// There is no such database.
    MissingDatabase,
    /// There is no such design document, or it has no such view.
    MissingView,
    /// HTTP 5xx.
    Server,
    /// Another 4xx, or a request that cannot be made.
    Refused,
    /// The answer is not what CouchDB says.
    Malformed,
    /// The answer exceeds a limit of ours.
    TooLarge,
}

impl ReadErrorClass {
    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Deadline => "deadline",
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::MissingDatabase => "missing_database",
            Self::MissingView => "missing_view",
            Self::Server => "server",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
        }
    }

    /// Whether the database did not answer, so that asking it again at once costs time.
    pub fn is_outage(self) -> bool {
        matches!(self, Self::Timeout | Self::Deadline | Self::Unreachable | Self::Server)
    }

    /// Whether older data is better than this. So it is for everything that says nothing of the
    /// data itself, also for a database or a view that has gone without a notice of it: KAZOO
    /// takes views away for a moment when it refreshes them, and a node of a cluster may be behind.
    pub fn excuses_older_data(self) -> bool {
        self != Self::TooLarge
    }

    /// Whether the database said that what was asked does not exist.
    pub fn is_missing(self) -> bool {
        matches!(self, Self::MissingDatabase | Self::MissingView)
    }
}

impl ReadError {
    /// An error of reading `subject` in `database`.
    pub fn new(
        class: ReadErrorClass,
        database: &Database,
        subject: Subject,
        reason: impl Into<String>,
    ) -> Self {
        let database = Some(database.clone());
        Self(Arc::new(Inner { class, database, subject, reason: reason.into() }))
    }

    /// An error of reaching the server.
    pub fn of_server(class: ReadErrorClass, reason: impl Into<String>) -> Self {
        let subject = Subject::Server;
        Self(Arc::new(Inner { class, database: None, subject, reason: reason.into() }))
    }

    /// What kind of failure it was.
    pub fn class(&self) -> ReadErrorClass {
        self.0.class
    }

    /// The database; none where the server as a whole was asked.
    pub fn database(&self) -> Option<&Database> {
        self.0.database.as_ref()
    }

    /// What was read.
    pub fn subject(&self) -> &Subject {
        &self.0.subject
    }

    /// What happened, in words.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.subject, &self.database) {
            (Subject::Server, _) | (_, None) => write!(formatter, "asking the database")?,
            (Subject::Document(id), Some(database)) => {
                write!(formatter, "reading document `{id}` in database `{database}`")?;
            }
            (Subject::View(view), Some(database)) => {
                write!(formatter, "reading view `{view}` in database `{database}`")?;
            }
        }
        write!(formatter, ": {}", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_database_and_subject() {
        let database = Database::system_config();
        for (subject, text) in [
            (
                Subject::Document("media".to_owned()),
                "reading document `media` in database `system_config`: no answer",
            ),
            (
                Subject::View("lists/entries".to_owned()),
                "reading view `lists/entries` in database `system_config`: no answer",
            ),
        ] {
            let error = ReadError::new(ReadErrorClass::Timeout, &database, subject, "no answer");
            assert_eq!(error.to_string(), text);
        }
        assert_eq!(
            ReadError::of_server(ReadErrorClass::Denied, "HTTP 401").to_string(),
            "asking the database: HTTP 401"
        );
    }
}
