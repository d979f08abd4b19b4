//! What CouchDB's answers mean.

use serde::Deserialize;
use serde_json::Value;

use super::{
    ReadErrorClass, Row, malformed,
    transport::{Failure, Reply},
};

/// So much of what a server says is repeated in an error.
const LONGEST_QUOTE: usize = 160;

/// CouchDB's own error object.
#[derive(Deserialize)]
pub(crate) struct Complaint {
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) reason: String,
}

impl Complaint {
    /// Whether the database is missing: in the words of CouchDB 2 and later, and of CouchDB 1.
    pub(crate) fn is_missing_database(&self) -> bool {
        matches!(self.reason.as_str(), "Database does not exist." | "no_db_file")
    }

    /// Whether no user has this name and password.
    pub(crate) fn is_wrong_password(&self) -> bool {
        self.error == "unauthorized" && self.reason.starts_with("Name or password")
    }

    /// Whether the user is locked out for having given too many wrong passwords.
    pub(crate) fn is_locked_out(&self) -> bool {
        self.reason.starts_with("Account is temporarily locked")
    }
}

/// The answer of a view.
#[derive(Deserialize)]
pub(super) struct ViewAnswer {
    rows: Vec<Row>,
    /// Set where a shard failed after the answer had begun.
    #[serde(default)]
    error: Option<Value>,
}

impl ViewAnswer {
    pub(super) fn read(body: &[u8]) -> Result<Vec<Row>, Failure> {
        let answer: Self = serde_json::from_slice(body)
            .map_err(|error| malformed(format!("not the rows of a view: {error}")))?;
        match answer.error {
            None => Ok(answer.rows),
            Some(error) => Err(Failure {
                class: ReadErrorClass::Server,
                reason: format!("the rows are incomplete: {}", quote(&error.to_string())),
            }),
        }
    }
}

/// Reads a document and makes sure that it is the one asked for.
pub(super) fn document(body: &[u8], id: &str) -> Result<Value, Failure> {
    let document: Value = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("not a JSON document: {error}")))?;
    match document.get("_id").and_then(Value::as_str) {
        Some(found) if found == id => Ok(document),
        Some(found) => {
            Err(malformed(format!("the answer is another document, `{}`", quote(found))))
        }
        None => Err(malformed("the answer is not a document: it has no `_id`")),
    }
}

/// Makes sure that the answer is CouchDB's and not a page of something in front of it.
pub(super) fn any_object(body: &[u8]) -> Result<(), Failure> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(_)) => Ok(()),
        Ok(_) => Err(malformed("the answer is not a JSON object")),
        Err(error) => Err(malformed(format!("not a JSON object: {error}"))),
    }
}

/// The names of the databases.
pub(super) fn names(body: &[u8]) -> Result<Vec<String>, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| malformed(format!("not the names of databases: {error}")))
}

/// A document's 404: there is none (`Ok(None)`), or the database is missing.
pub(super) fn missing_document(reply: &Reply) -> Result<Option<Value>, Failure> {
    let complaint = not_found(reply)?;
    if complaint.is_missing_database() {
        return Err(Failure {
            class: ReadErrorClass::MissingDatabase,
            reason: "there is no such database".to_owned(),
        });
    }
    Ok(None)
}

/// A view's 404: the database is missing, or the view.
pub(super) fn missing_view(reply: &Reply) -> Failure {
    match not_found(reply) {
        Ok(complaint) if complaint.is_missing_database() => Failure {
            class: ReadErrorClass::MissingDatabase,
            reason: "there is no such database".to_owned(),
        },
        Ok(complaint) => Failure {
            class: ReadErrorClass::MissingView,
            reason: format!("there is no such view ({})", quote(&complaint.reason)),
        },
        Err(failure) => failure,
    }
}

/// A 404 counts only in CouchDB's own words; a proxy's says nothing about documents.
fn not_found(reply: &Reply) -> Result<Complaint, Failure> {
    serde_json::from_slice::<Complaint>(&reply.body)
        .ok()
        .filter(|complaint| complaint.error == "not_found")
        .ok_or_else(|| malformed(format!("{}, which is not CouchDB's own", describe(reply))))
}

/// The status and what the server says about it.
pub(super) fn describe(reply: &Reply) -> String {
    let said = match serde_json::from_slice::<Complaint>(&reply.body) {
        Ok(Complaint { error, reason }) if reason.is_empty() => error,
        Ok(Complaint { error, reason }) => format!("{error}, {reason}"),
        Err(_) => String::from_utf8_lossy(&reply.body).into_owned(),
    };
    let said = quote(&said);
    let separator = if said.is_empty() { "" } else { ": " };
    format!("HTTP {}{separator}{said}", reply.status)
}

/// A server's words, short and on one line.
pub(crate) fn quote(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|character| !character.is_control());
    match line.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
