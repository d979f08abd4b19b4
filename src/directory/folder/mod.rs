//! A folder of JSON as a source.
//!
//! One sub-folder per database, named as in KAZOO's messages (`account%2F12%2F34%2F56…`,
//! `system_config`), holds `*.json` files, each one document or an array of documents. The views
//! the worker asks are emulated.

mod collation;
mod load;
mod views;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
};

use async_trait::async_trait;
use serde_json::Value;

pub use self::load::FolderError;
use super::{
    Catalogue, Database, Page, ReadError, ReadErrorClass, Row, Source, Subject, ViewQuery,
};

/// Documents in memory, read once.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    databases: BTreeMap<Database, Documents>,
}

/// A database's documents by id; bytewise order is the order CouchDB sorts ids in.
type Documents = BTreeMap<String, Value>;

impl Folder {
    /// Reads a folder. Hidden entries and files that are not `*.json` are passed over.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let (folder, damage) = load::open(path)?;
        damage.into_iter().next().map_or(Ok(folder), Err)
    }

    /// [`open`](Self::open), but files and documents that cannot be used are told and left out.
    /// Fails only where there is no database at all.
    pub fn open_damaged(path: &Path) -> Result<(Self, Vec<FolderError>), FolderError> {
        load::open(path)
    }

    /// The same from documents at hand. Fails for a document without `_id` and for an id that
    /// occurs twice in one database.
    pub fn from_documents(
        databases: impl IntoIterator<Item = (Database, Vec<Value>)>,
    ) -> Result<Self, FolderError> {
        let mut folder = Self::default();
        for (database, documents) in databases {
            let place = database.to_string();
            folder.databases.entry(database.clone()).or_default();
            for (position, document) in documents.into_iter().enumerate() {
                folder.add(&database, document, &format!("{place}, document {}", position + 1))?;
            }
        }
        Ok(folder)
    }

    fn add(
        &mut self,
        database: &Database,
        document: Value,
        place: &str,
    ) -> Result<(), FolderError> {
        let Some(object) = document.as_object() else {
            return Err(FolderError::NoDocument { place: place.to_owned() });
        };
        let id = match object.get("_id") {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            _ => return Err(FolderError::NoId { place: place.to_owned() }),
        };
        match self.databases.entry(database.clone()).or_default().entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(document);
                Ok(())
            }
            Entry::Occupied(entry) => Err(FolderError::Twice {
                place: place.to_owned(),
                id: entry.key().clone(),
                database: database.clone(),
            }),
        }
    }

    fn documents(&self, database: &Database, subject: Subject) -> Result<&Documents, ReadError> {
        self.databases.get(database).ok_or_else(|| {
            let class = ReadErrorClass::MissingDatabase;
            let reason = format!("there is no sub-folder `{}`", database.encoded());
            ReadError::new(class, database, subject, reason)
        })
    }
}

#[async_trait]
impl Source for Folder {
    async fn document(&self, database: &Database, id: &str) -> Result<Option<Value>, ReadError> {
        let documents = self.documents(database, Subject::Document(id.to_owned()))?;
        Ok(documents.get(id).cloned())
    }

    async fn view(
        &self,
        database: &Database,
        query: &ViewQuery<'_>,
    ) -> Result<Vec<Row>, ReadError> {
        let subject = Subject::View(query.name());
        let documents = self.documents(database, subject.clone())?;
        let Some(map) = views::map(query) else {
            let reason = "a folder of documents has no such view";
            return Err(ReadError::new(ReadErrorClass::MissingView, database, subject, reason));
        };
        let key = query.key.map(Value::from);
        let mut rows: Vec<Row> = documents
            .iter()
            .flat_map(|(id, document)| views::rows(map, id, document))
            .filter(|row| key.as_ref().is_none_or(|key| row.key == *key))
            .collect();
        // Stable: documents come in the order of their ids already.
        rows.sort_by(|left, right| collation::compare(&left.key, &right.key));
        rows.truncate(query.limit.unwrap_or(usize::MAX));
        if query.include_docs {
            for row in &mut rows {
                row.doc = documents.get(&row.id).cloned();
            }
        }
        Ok(rows)
    }

    async fn answers(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

#[async_trait]
impl Catalogue for Folder {
    async fn databases(&self) -> Result<Vec<Database>, ReadError> {
        Ok(self.databases.keys().cloned().collect())
    }

    async fn page(&self, database: &Database, page: Page<'_>) -> Result<Vec<Row>, ReadError> {
        let documents = self.documents(database, Subject::View("_all_docs".to_owned()))?;
        let behind = |id: &String| page.after.is_none_or(|after| id.as_str() > after);
        let rows = documents.iter().filter(|(id, _)| behind(id)).take(page.limit);
        let row = |(id, document): (&String, &Value)| Row {
            id: id.clone(),
            key: Value::from(id.as_str()),
            value: Value::Null,
            doc: page.include_docs.then(|| document.clone()),
        };
        Ok(rows.map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn folder(documents: Value) -> (Folder, Database) {
        let database = Database::from_encoded("account%2F12%2F34%2F56").unwrap();
        let Value::Array(documents) = documents else { panic!("{documents}") };
        (Folder::from_documents([(database.clone(), documents)]).unwrap(), database)
    }

    #[tokio::test]
    async fn documents_are_found_by_id_and_database() {
        let (folder, database) = folder(json!([{ "_id": "a", "pvt_deleted": true }]));
        let stored = folder.document(&database, "a").await.unwrap();
        assert_eq!(stored, Some(json!({ "_id": "a", "pvt_deleted": true })));
        assert_eq!(folder.document(&database, "b").await.unwrap(), None);
        let missing = folder.document(&Database::system_config(), "a").await.unwrap_err();
        assert_eq!(missing.class(), ReadErrorClass::MissingDatabase);
        assert!(missing.reason().contains("`system_config`"), "{missing}");
    }

    #[tokio::test]
    async fn rows_come_by_key_then_by_document_id() {
        let flow = |id: &str, patterns: Value| json!({ "_id": id, "pvt_type": "callflow", "patterns": patterns });
        let (folder, database) = folder(json!([
            flow("b", json!(["^a$", "^\\*2", "^1"])),
            flow("a", json!(["^1", "^A$", 7])),
            flow("B", json!(["^1"])),
        ]));
        let query =
            ViewQuery { design: "callflows", view: "listing_by_pattern", ..ViewQuery::default() };
        let rows = folder.view(&database, &query).await.unwrap();
        let order: Vec<_> = rows.iter().map(|row| format!("{} {}", row.key, row.id)).collect();
        assert_eq!(
            order,
            ["7 a", "\"^\\\\*2\" b", "\"^1\" B", "\"^1\" a", "\"^1\" b", "\"^a$\" b", "\"^A$\" a"]
        );
        let first = ViewQuery { key: Some("^1"), limit: Some(1), include_docs: true, ..query };
        let rows = folder.view(&database, &first).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].doc.as_ref().unwrap()["_id"], "B");
    }

    #[tokio::test]
    async fn documents_are_listed_page_by_page() {
        let (folder, database) = folder(json!([{"_id": "b"}, {"_id": "a"}, {"_id": "c"}]));
        let page = |after, limit| Page { after, limit, include_docs: true };
        let ids = async |page| -> Vec<String> {
            folder.page(&database, page).await.unwrap().into_iter().map(|row| row.id).collect()
        };
        assert_eq!(ids(page(None, 2)).await, ["a", "b"]);
        assert_eq!(ids(page(Some("b"), 2)).await, ["c"]);
        assert_eq!(ids(page(Some("c"), 2)).await, [""; 0]);
        assert_eq!(folder.databases().await.unwrap(), std::slice::from_ref(&database));
        let rows = folder.page(&database, page(None, 1)).await.unwrap();
        assert_eq!(rows[0].doc, Some(json!({"_id": "a"})));
    }

    #[tokio::test]
    async fn an_unknown_view_is_missing() {
        let (folder, database) = folder(json!([]));
        let query = ViewQuery { design: "contacts", view: "entries", ..ViewQuery::default() };
        let error = folder.view(&database, &query).await.unwrap_err();
        assert_eq!(error.class(), ReadErrorClass::MissingView);
    }
}
