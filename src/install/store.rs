//! Reading and writing single documents, and nothing else: no database is ever created or removed.

use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::directory::Database;
use crate::directory::couchdb::{Complaint, quote, root_cause, segment};

/// How long one request may take. Nobody waits on a phone here.
const PATIENCE: Duration = Duration::from_secs(30);

/// A CouchDB server, to write to.
pub struct Store {
    client: Client,
    /// Without credentials and without a slash at its end.
    server: String,
    user: Option<(String, Option<String>)>,
}

/// Why a document could not be read or written; says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct StoreError {
    kind: StoreErrorKind,
    text: String,
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Somebody else has written the document.
    Conflict,
    /// The user may not.
    Denied,
    /// CouchDB knows no such user or password, or has locked the user out. Each further try is one more
    /// wrong password, and a few of them lock everybody out who asks from here as this user.
    Stranger,
    /// There is no such database.
    MissingDatabase,
    /// No answer.
    Unreachable,
    /// Anything else that CouchDB says.
    Refused,
}

impl StoreError {
    /// What kind of failure it was.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl Store {
    /// A server by its URI, which may carry credentials.
    ///
    /// # Errors
    ///
    /// Where no HTTP client can be made, such as without root certificates.
    pub fn new(uri: &Url) -> Result<Self, StoreError> {
        // A second provider is refused and the first one stays, which is what is wanted.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().timeout(PATIENCE).build().map_err(|error| StoreError {
            kind: StoreErrorKind::Refused,
            text: format!(
                "no HTTP client for CouchDB: {}; root certificates must be installed (package \
                 ca-certificates) or named by SSL_CERT_FILE",
                root_cause(&error)
            ),
        })?;
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = (!uri.username().is_empty())
            .then(|| (plain(uri.username()), uri.password().map(plain)));
        let mut server = uri.clone();
        // Both fail only for URIs without a host, which the settings refuse.
        let _ = server.set_username("");
        let _ = server.set_password(None);
        let server = server.as_str().trim_end_matches('/').to_owned();
        Ok(Self { client, server, user })
    }

    /// A document as stored; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or its database does not exist.
    pub async fn read(&self, database: &Database, id: &str) -> Result<Option<Value>, StoreError> {
        let (status, body) = self.ask(Method::GET, database, id, None).await?;
        if status == StatusCode::NOT_FOUND {
            let said: Option<Complaint> = serde_json::from_slice(&body).ok();
            return match said {
                Some(said) if said.error == "not_found" && !said.is_missing_database() => Ok(None),
                _ => Err(self.failure(database, id, "read", status, &body)),
            };
        }
        if !status.is_success() {
            return Err(self.failure(database, id, "read", status, &body));
        }
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        if document.get("_id").and_then(Value::as_str) == Some(id) {
            return Ok(Some(document));
        }
        Err(self.failure(database, id, "read", status, &body))
    }

    /// Writes a document over the revision it names; the new revision.
    ///
    /// # Errors
    ///
    /// Where CouchDB does not take it; a [`Conflict`](StoreErrorKind::Conflict) where the revision
    /// is not the current one.
    pub async fn write(
        &self,
        database: &Database,
        id: &str,
        document: &Value,
    ) -> Result<String, StoreError> {
        let (status, body) = self.ask(Method::PUT, database, id, Some(document)).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match answer.get("rev").and_then(Value::as_str).filter(|_| status.is_success()) {
            Some(revision) => Ok(revision.to_owned()),
            None => Err(self.failure(database, id, "write", status, &body)),
        }
    }

    async fn ask(
        &self,
        method: Method,
        database: &Database,
        id: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Vec<u8>), StoreError> {
        let path = match id.strip_prefix("_design/") {
            Some(name) => format!("_design/{}", segment(name)),
            None => segment(id),
        };
        let url = format!("{}/{}/{path}", self.server, database.encoded());
        let mut request = self.client.request(method, url).header("Accept", "application/json");
        if let Some((name, password)) = &self.user {
            request = request.basic_auth(name, password.as_ref());
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let unreachable = |error: reqwest::Error| StoreError {
            kind: StoreErrorKind::Unreachable,
            text: if error.is_timeout() {
                format!("CouchDB at {} does not answer within {PATIENCE:?}", self.server)
            } else {
                format!("CouchDB at {} does not answer: {}", self.server, root_cause(&error))
            },
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unreachable)?;
        Ok((status, body.to_vec()))
    }

    /// What an answer means that is no success, with what to do about it.
    fn failure(
        &self,
        database: &Database,
        id: &str,
        what: &str,
        status: StatusCode,
        body: &[u8],
    ) -> StoreError {
        let complaint: Option<Complaint> = serde_json::from_slice(body).ok();
        let no_database = complaint.as_ref().is_some_and(Complaint::is_missing_database);
        let locked_out = complaint.as_ref().is_some_and(Complaint::is_locked_out);
        let (kind, cure) = match status {
            StatusCode::CONFLICT => {
                (StoreErrorKind::Conflict, "Others keep writing it; try again".to_owned())
            }
            StatusCode::UNAUTHORIZED => (StoreErrorKind::Stranger, self.who_is_it()),
            StatusCode::FORBIDDEN if locked_out => (
                StoreErrorKind::Stranger,
                "Correct the credentials of whatever gives the wrong password, and wait five \
                 minutes"
                    .to_owned(),
            ),
            StatusCode::FORBIDDEN => (StoreErrorKind::Denied, self.permission(database, id, what)),
            StatusCode::NOT_FOUND if no_database => (
                StoreErrorKind::MissingDatabase,
                "KAZOO makes its databases when it first starts, and an account's with the \
                 account; none is made here"
                    .to_owned(),
            ),
            _ => (StoreErrorKind::Refused, "See CouchDB's log".to_owned()),
        };
        let said = match complaint {
            Some(Complaint { error, reason }) => quote(&format!("{error}, {reason}")),
            None => quote(&String::from_utf8_lossy(body)),
        };
        // Most of CouchDB's reasons are sentences.
        let said = said.trim_end_matches('.');
        let text = format!("cannot {what} {database}/{id}: HTTP {status}: {said}. {cure}");
        StoreError { kind, text }
    }

    fn who_is_it(&self) -> String {
        match &self.user {
            Some((name, _)) => format!(
                "The user `{name}` is unknown or the password is wrong: correct the credentials of \
                 the CouchDB address"
            ),
            None => "CouchDB wants a user: give one in the CouchDB address or as \
                     KAZOO_DYNAMIC_CID_COUCHDB_USERNAME and KAZOO_DYNAMIC_CID_COUCHDB_PASSWORD"
                .to_owned(),
        }
    }

    /// The permission that is missing.
    fn permission(&self, database: &Database, id: &str, what: &str) -> String {
        let user = self.user.as_ref().map_or("nobody", |(name, _)| name.as_str());
        if what == "read" {
            return format!(
                "The user `{user}` is no member of the database `{database}`: add the user's name \
                 or role to `members` of its `_security`"
            );
        }
        if id.starts_with("_design/") {
            return format!(
                "The user `{user}` lacks the permission to write design documents in `{database}`: \
                 add the user's name or role to `admins` of its `_security`, or run this once as a \
                 server administrator"
            );
        }
        format!(
            "The user `{user}` lacks the permission to write documents in `{database}`: be a member \
             of the database whom no validate_doc_update function refuses, or run this once with \
             KAZOO's own user (docs/install.md)"
        )
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("server", &self.server).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(uri: &str) -> Store {
        Store::new(&Url::parse(uri).unwrap()).unwrap()
    }

    #[test]
    fn a_refusal_names_the_permission_and_no_password() {
        let store = store("http://reader:s3cret@couch:5984/");
        let said = br#"{"error":"forbidden","reason":"reads only."}"#;
        let database = Database::system_config();
        for (id, what, status, words) in [
            (
                "a",
                "write",
                403,
                "`reader` lacks the permission to write documents in `system_config`",
            ),
            ("_design/a", "write", 403, "to write design documents in `system_config`"),
            ("a", "read", 403, "`reader` is no member of the database `system_config`"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = store.failure(&database, id, what, status, said);
            let text = error.to_string();
            assert_eq!(error.kind(), StoreErrorKind::Denied);
            assert!(text.contains(words) && text.contains("reads only. "), "{text}");
            assert!(!format!("{text}{store:?}").contains("s3cret"));
        }
    }

    #[test]
    fn other_failures_are_told_apart() {
        let store = store("http://couch:5984");
        for (status, said, kind) in [
            (409, r#"{"error":"conflict","reason":""}"#, StoreErrorKind::Conflict),
            (
                404,
                r#"{"error":"not_found","reason":"Database does not exist."}"#,
                StoreErrorKind::MissingDatabase,
            ),
            (
                401,
                r#"{"error":"unauthorized","reason":"Name or password is incorrect."}"#,
                StoreErrorKind::Stranger,
            ),
            (
                403,
                r#"{"error":"forbidden","reason":"Account is temporarily locked due to multiple authentication failures"}"#,
                StoreErrorKind::Stranger,
            ),
            (500, "<html>", StoreErrorKind::Refused),
            (200, "[]", StoreErrorKind::Refused),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error =
                store.failure(&Database::system_config(), "a", "write", status, said.as_bytes());
            assert_eq!(error.kind(), kind, "{error}");
        }
    }
}
