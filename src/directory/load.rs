//! Reading each kind of thing from the source.

use std::sync::Arc;

use serde_json::Value;

use crate::callflow::Patterns;

use super::{
    Category, Database, ReadError, ReadErrorClass, Row, Source, Subject, ViewQuery, heavy,
    listing::{EXCLUSIVE, Views},
    lists::Lists,
    report,
    slot::Loaded,
};
use crate::{dynamic_cid::List, json};

/// Indexing more rows than this takes about a millisecond.
const MANY_ROWS: usize = 500;
/// Compiling more patterns than this does.
const MANY_PATTERNS: usize = 20;

pub(super) struct Loader {
    pub(super) source: Arc<dyn Source>,
    pub(super) lists: Lists,
    pub(super) max_list_rows: usize,
    pub(super) max_patterns: usize,
}

impl Loader {
    pub(super) async fn document(
        &self,
        database: &Database,
        id: &str,
    ) -> Result<Loaded<Option<Arc<Value>>>, ReadError> {
        let document = self.stored(database, id).await?;
        Ok(Loaded::document(document))
    }

    pub(super) async fn category(
        &self,
        category: &str,
        node: Option<&str>,
        zone: &str,
    ) -> Result<Loaded<Arc<Category>>, ReadError> {
        let document = match self.stored(&Database::system_config(), category).await {
            // KAZOO creates the database; until then its code's defaults apply.
            Err(error) if error.class() == ReadErrorClass::MissingDatabase => {
                report::failure(&error, report::Instead::Nothing);
                None
            }
            document => document?,
        };
        let value = Arc::new(Category::new(category, document.as_ref(), node, zone));
        let weight = document.as_ref().map_or(1, weight);
        Ok(Loaded { value, weight, absent: document.is_none() })
    }

    /// The rows and the list's document, at the same time. The document only adds a length and the
    /// entries of the historic form: without it the list is what its rows are.
    pub(super) async fn list(
        &self,
        database: &Database,
        list_id: &str,
    ) -> Result<Loaded<Arc<List>>, ReadError> {
        let (rows, document) = tokio::join!(
            self.lists.rows(&*self.source, database, list_id, one_more(self.max_list_rows)),
            self.stored(database, list_id),
        );
        let rows = rows?;
        if rows.len() > self.max_list_rows {
            return Err(ReadError::new(
                ReadErrorClass::TooLarge,
                database,
                Subject::Document(list_id.to_owned()),
                format!("the list has more entries than the limit of {}", self.max_list_rows),
            ));
        }
        let (document, unread) = match document {
            Ok(document) => (document, false),
            Err(error) => {
                report::failure(&error, report::Instead::Nothing);
                (None, true)
            }
        };
        let weight = document.as_ref().map_or(1, weight) + share(rows.len(), 4);
        let value = heavy::run(rows.len() > MANY_ROWS, move || {
            Arc::new(List::from_rows(rows.into_iter().map(|row| row.value), document.as_ref()))
        })
        .await;
        // A document that could not be read is asked for again soon.
        Ok(Loaded { value, weight, absent: unread })
    }

    pub(super) async fn callflow_by_number(
        &self,
        views: Views,
        database: &Database,
        number: &str,
    ) -> Result<Loaded<Option<Arc<Value>>>, ReadError> {
        let query = ViewQuery {
            design: views.design,
            view: views.numbers,
            key: Some(number),
            include_docs: true,
            limit: Some(1),
        };
        let rows = self.source.view(database, &query).await?;
        let document = rows.into_iter().next().and_then(|row| row.doc);
        Ok(Loaded::document(document.filter(is_present)))
    }

    /// The documents are not asked for: patterns and ids are all that is needed of every callflow
    /// an account has.
    pub(super) async fn patterns(
        &self,
        views: Views,
        database: &Database,
    ) -> Result<Loaded<Arc<Patterns>>, ReadError> {
        let query = ViewQuery {
            design: views.design,
            view: views.patterns,
            key: None,
            include_docs: false,
            limit: Some(one_more(self.max_patterns)),
        };
        let rows = self.source.view(database, &query).await?;
        if rows.len() > self.max_patterns {
            return Err(ReadError::new(
                ReadErrorClass::TooLarge,
                database,
                Subject::View(query.name()),
                format!("the account has more patterns than the limit of {}", self.max_patterns),
            ));
        }
        let weight = 1 + share(rows.len(), 1);
        let value = heavy::run(rows.len() > MANY_PATTERNS, move || {
            let text = |row: Row| match row.key {
                Value::String(pattern) => Some((pattern, row.id)),
                _ => None,
            };
            Arc::new(Patterns::compile(rows.into_iter().filter_map(text)))
        })
        .await;
        Ok(Loaded { value, weight, absent: false })
    }

    pub(super) async fn endpoint_by_sip_username(
        &self,
        database: &Database,
        username: &str,
    ) -> Result<Loaded<Option<String>>, ReadError> {
        let query = ViewQuery {
            design: "attributes",
            view: "sip_username",
            key: Some(username),
            include_docs: false,
            limit: Some(2),
        };
        let mut rows = self.source.view(database, &query).await?.into_iter();
        // KAZOO takes a name that several endpoints have as one that nobody has.
        let value = rows.next().map(|row| row.id).filter(|_| rows.next().is_none());
        Ok(Loaded { absent: value.is_none(), value, weight: 1 })
    }

    /// The exclusive patterns; none where the account has no views for them.
    pub(super) async fn exclusive_patterns(
        &self,
        database: &Database,
    ) -> Result<Loaded<Option<Arc<Patterns>>>, ReadError> {
        match self.patterns(EXCLUSIVE, database).await {
            Err(error) if error.class() == ReadErrorClass::MissingView => {
                Ok(Loaded { value: None, weight: 1, absent: true })
            }
            read => read.map(|Loaded { value, weight, absent }| Loaded {
                value: Some(value),
                weight,
                absent,
            }),
        }
    }

    /// The callflow that has a number to itself.
    pub(super) async fn exclusive_by_number(
        &self,
        database: &Database,
        number: &str,
    ) -> Result<Loaded<Option<Arc<Value>>>, ReadError> {
        match self.callflow_by_number(EXCLUSIVE, database, number).await {
            Err(error) if error.class() == ReadErrorClass::MissingView => {
                Ok(Loaded::document(None))
            }
            read => read,
        }
    }

    /// A document that is not soft-deleted.
    async fn stored(&self, database: &Database, id: &str) -> Result<Option<Value>, ReadError> {
        Ok(self.source.document(database, id).await?.filter(is_present))
    }
}

/// One row more than allowed, to see that there are more.
fn one_more(limit: usize) -> usize {
    limit.saturating_add(1)
}

impl Loaded<Option<Arc<Value>>> {
    fn document(document: Option<Value>) -> Self {
        let weight = document.as_ref().map_or(1, weight);
        Self { absent: document.is_none(), value: document.map(Arc::new), weight }
    }
}

/// KAZOO keeps a deleted document as a marked one.
///
/// Source: `kzs_cache.erl` (`open_cache_doc`), `kz_doc.erl` (`is_soft_deleted`).
fn is_present(document: &Value) -> bool {
    document.as_object().is_some_and(|object| !json::is_true(object, "pvt_deleted", false))
}

/// A document's share of the capacity: one for about 30 values.
fn weight(document: &Value) -> u32 {
    1 + share(values(document), 30)
}

fn values(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(values).sum::<usize>(),
        Value::String(text) => 1 + text.len() / 64,
        _ => 1,
    }
}

fn share(count: usize, each: usize) -> u32 {
    u32::try_from(count / each).unwrap_or(u32::MAX - 1)
}
