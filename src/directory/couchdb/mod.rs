//! CouchDB as a source.
//!
//! `couch_rs` makes the connections, adds the credentials and builds the requests; paths, answers
//! and errors are read here. Its own document and view calls hide why CouchDB said 404, put a `+`
//! for a blank into paths, and `Client::db` creates databases.

mod answer;
mod credentials;
mod transport;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt, time::Duration};

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

use self::{
    answer::ViewAnswer,
    credentials::Credentials,
    transport::{Failure, Reply, Transport},
};
pub(crate) use self::{
    answer::{Complaint, quote},
    transport::root_cause,
};
use super::{
    Catalogue, Database, Page, ReadError, ReadErrorClass, Row, Source, Subject, ViewQuery, heavy,
};

/// What stays as it is in a path segment. Everything else, slashes included, is escaped once.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The largest answer that is read, in bytes after decompression.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Parsing more than this takes about a millisecond.
const LARGE_ANSWER: usize = 128 * 1024;

/// A CouchDB server.
pub struct CouchDb {
    transport: Transport,
    /// The server without credentials, for logs.
    server: String,
}

/// A URI that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CouchDbError {
    /// Neither `http` nor `https`, or no host.
    #[error(
        "a CouchDB URI starts with http:// or https:// and names a host, this one has scheme `{0}`"
    )]
    Scheme(String),
    /// The user name or password is not UTF-8 after percent-decoding.
    #[error("the credentials in the CouchDB URI are not UTF-8; escape them as %XX")]
    Credentials,
    /// No HTTP client can be made; with TLS compiled in, root certificates must exist even for
    /// `http`.
    #[error(
        "no HTTP client for CouchDB: {0}; root certificates must be installed (package \
         ca-certificates) or named by SSL_CERT_FILE"
    )]
    Client(String),
}

impl CouchDb {
    /// A server by its URI, which may carry credentials; they are sent as basic authentication
    /// with every request. `timeout` is for a whole read: connection, retries and body.
    ///
    /// Nothing is asked of the server yet.
    pub fn new(uri: &Url, timeout: Duration) -> Result<Self, CouchDbError> {
        if !matches!(uri.scheme(), "http" | "https") || !uri.has_host() {
            return Err(CouchDbError::Scheme(uri.scheme().to_owned()));
        }
        // A second provider is refused and the first one stays, which is what is wanted.
        drop(rustls::crypto::ring::default_provider().install_default());
        let decode = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| CouchDbError::Credentials)
        };
        let username = Some(decode(uri.username())?).filter(|name| !name.is_empty());
        let password = uri.password().map(decode).transpose()?;
        let mut server = uri.clone();
        // Both fail only for URIs without a host, which were refused above. The client would
        // otherwise repeat the credentials in a Referer header.
        let _ = server.set_username("");
        let _ = server.set_password(None);
        let prefix = server.path().trim_end_matches('/').to_owned();
        server.set_path("");
        server.set_query(None);
        server.set_fragment(None);
        let client = couch_rs::Client::new_with_timeout(
            server.as_str(),
            username.as_deref(),
            password.as_deref(),
            None,
        )
        .map_err(|error| CouchDbError::Client(transport::root_cause(&error)))?;
        let server = format!("{}{prefix}", server.as_str().trim_end_matches('/'));
        let largest_answer = LARGEST_ANSWER;
        let credentials = Credentials::default();
        let transport = Transport { client, prefix, timeout, largest_answer, credentials };
        Ok(Self { transport, server })
    }

    /// Refuses answers of more than so many bytes, 64 MiB without this.
    #[must_use]
    pub fn with_largest_answer(mut self, bytes: usize) -> Self {
        self.transport.largest_answer = bytes;
        self
    }

    /// The server without credentials.
    pub fn server(&self) -> &str {
        &self.server
    }
}

impl fmt::Debug for CouchDb {
    /// The client would print its headers, the credentials among them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CouchDb").field("server", &self.server).finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for CouchDb {
    async fn document(&self, database: &Database, id: &str) -> Result<Option<Value>, ReadError> {
        if !is_document_id(id) {
            return Ok(None);
        }
        let path = document_path(database, id);
        let outcome = match self.transport.get(&path, &HashMap::new()).await {
            Ok(reply) if reply.status == StatusCode::NOT_FOUND => answer::missing_document(&reply),
            Ok(reply) => {
                let id = id.to_owned();
                parse(reply, move |body| answer::document(body, &id).map(Some)).await
            }
            Err(failure) => Err(failure),
        };
        outcome.map_err(|failure| failure.into_error(database, Subject::Document(id.to_owned())))
    }

    async fn view(
        &self,
        database: &Database,
        query: &ViewQuery<'_>,
    ) -> Result<Vec<Row>, ReadError> {
        let path = format!(
            "/{}/_design/{}/_view/{}",
            database.encoded(),
            segment(query.design),
            segment(query.view)
        );
        let mut options = HashMap::new();
        if let Some(key) = query.key {
            options.insert("key".to_owned(), Value::from(key).to_string());
        }
        if query.include_docs {
            options.insert("include_docs".to_owned(), "true".to_owned());
        }
        if let Some(limit) = query.limit {
            options.insert("limit".to_owned(), limit.to_string());
        }
        let outcome = match self.transport.get(&path, &options).await {
            Ok(reply) if reply.status == StatusCode::NOT_FOUND => Err(answer::missing_view(&reply)),
            Ok(reply) => parse(reply, ViewAnswer::read).await,
            Err(failure) => Err(failure),
        };
        outcome.map_err(|failure| failure.into_error(database, Subject::View(query.name())))
    }

    /// Asks for `system_config` itself: unlike the root and `_up`, that needs the credentials and
    /// the database's shards. A cluster that has no such database yet does answer.
    async fn answers(&self) -> Result<(), ReadError> {
        let path = format!("/{}", Database::system_config().encoded());
        let outcome = match self.transport.get(&path, &HashMap::new()).await {
            Ok(reply) if reply.status == StatusCode::NOT_FOUND => {
                match answer::missing_view(&reply) {
                    failure if failure.class.is_missing() => Ok(()),
                    failure => Err(failure),
                }
            }
            Ok(reply) => parse(reply, answer::any_object).await,
            Err(failure) => Err(failure),
        };
        outcome.map_err(|failure| ReadError::of_server(failure.class, failure.reason))
    }
}

#[async_trait]
impl Catalogue for CouchDb {
    async fn databases(&self) -> Result<Vec<Database>, ReadError> {
        let outcome = match self.transport.get("/_all_dbs", &HashMap::new()).await {
            Ok(reply) => parse(reply, answer::names).await,
            Err(failure) => Err(failure),
        };
        let names =
            outcome.map_err(|failure| ReadError::of_server(failure.class, failure.reason))?;
        // CouchDB's own databases begin with an underscore and are none of KAZOO's.
        Ok(names.iter().filter_map(|name| Database::from_encoded(name)).collect())
    }

    async fn page(&self, database: &Database, page: Page<'_>) -> Result<Vec<Row>, ReadError> {
        let path = format!("/{}/_all_docs", database.encoded());
        let mut options = HashMap::from([("limit".to_owned(), page.limit.to_string())]);
        if let Some(after) = page.after {
            // The least text that sorts behind the id; `skip` would count a deleted id wrongly.
            let next = Value::from(format!("{after}\0"));
            options.insert("startkey".to_owned(), next.to_string());
        }
        if page.include_docs {
            options.insert("include_docs".to_owned(), "true".to_owned());
        }
        let outcome = match self.transport.get(&path, &options).await {
            Ok(reply) if reply.status == StatusCode::NOT_FOUND => Err(answer::missing_view(&reply)),
            Ok(reply) => parse(reply, ViewAnswer::read).await,
            Err(failure) => Err(failure),
        };
        let subject = Subject::View("_all_docs".to_owned());
        outcome.map_err(|failure| failure.into_error(database, subject))
    }
}

impl Failure {
    fn into_error(self, database: &Database, subject: Subject) -> ReadError {
        ReadError::new(self.class, database, subject, self.reason)
    }
}

/// Reads the body of a success; a large one beside the threads that serve calls.
async fn parse<T: Send + 'static>(
    reply: Reply,
    read: impl FnOnce(&[u8]) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let body = reply.accepted()?;
    heavy::run(body.len() > LARGE_ANSWER, move || read(&body)).await
}

/// Whether a stored document can have this id and a URL can name it. CouchDB keeps ids with a
/// leading underscore for itself (`_all_docs` would answer with the whole database), and dots
/// alone are steps in a path.
fn is_document_id(id: &str) -> bool {
    !id.is_empty() && !id.starts_with('_') && id != "." && id != ".."
}

fn document_path(database: &Database, id: &str) -> String {
    format!("/{}/{}", database.encoded(), segment(id))
}

/// A document's id or a view's name as a segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A failure of the class `Malformed`.
fn malformed(reason: impl Into<String>) -> Failure {
    Failure { class: ReadErrorClass::Malformed, reason: reason.into() }
}
