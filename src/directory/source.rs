//! Where documents come from.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::{Database, ReadError};

/// A row of a view.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Row {
    /// The document that emitted the row.
    pub id: String,
    /// What it is sorted by.
    pub key: Value,
    /// What was emitted; `null` where it is absent.
    #[serde(default)]
    pub value: Value,
    /// The document, where it was asked for and still exists.
    #[serde(default)]
    pub doc: Option<Value>,
}

/// What to ask a view for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ViewQuery<'a> {
    /// The design document's name without `_design/`.
    pub design: &'a str,
    /// The view's name in it.
    pub view: &'a str,
    /// Only rows with this key; all rows without.
    pub key: Option<&'a str>,
    /// Whether each row carries its document.
    pub include_docs: bool,
    /// At most so many rows.
    pub limit: Option<usize>,
}

impl ViewQuery<'_> {
    /// `design/view`, as KAZOO writes it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.design, self.view)
    }
}

/// A place that holds KAZOO's documents. Reads only.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// One document as stored, `None` where there is none. A soft-deleted document (`pvt_deleted`)
    /// is stored like any other.
    async fn document(&self, database: &Database, id: &str) -> Result<Option<Value>, ReadError>;

    /// The rows of a view in CouchDB's order: by key, then by document id.
    async fn view(&self, database: &Database, query: &ViewQuery<'_>)
    -> Result<Vec<Row>, ReadError>;

    /// Whether reads can be expected to work.
    async fn answers(&self) -> Result<(), ReadError>;
}

/// A source whose databases and documents can be listed, for whoever looks at everything.
///
/// Serving calls never needs this: there, everything is found by its id or by a view.
#[async_trait]
pub trait Catalogue: Source {
    /// The names of all databases.
    async fn databases(&self) -> Result<Vec<Database>, ReadError>;

    /// The next documents of a database in the order of their ids, design documents included. The
    /// key of each row is the document's id.
    async fn page(&self, database: &Database, page: Page<'_>) -> Result<Vec<Row>, ReadError>;
}

/// Which documents to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<'a> {
    /// Only those behind this id.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
    /// Whether each row carries its document.
    pub include_docs: bool,
}
