//! Looking at documents as they are read, and telling operators what is wrong with them.
//!
//! [`Inspected`] is a source that validates what passes through it, against the cluster's own
//! schemas where it has them and ours elsewhere. A violation is logged once per revision and
//! counted, and changes nothing: KAZOO reads such documents, too.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Metrics;
use super::records::Masking;
use crate::directory::{Database, ReadError, Row, Source, ViewQuery};
use crate::schema::{Reporter, Schemas, Subject, Violation, replaceable};

/// How often the cluster's schemas are read anew without a notice.
const REFRESH: Duration = Duration::from_secs(600);
/// How soon they are tried again while they cannot be read.
const RETRY: Duration = Duration::from_secs(10);
/// Rows of a list that are looked at; a larger list is for the tool that checks whole accounts.
const MOST_ROWS: usize = 1_000;

/// A source whose documents are validated on their way.
pub struct Inspected {
    source: Arc<dyn Source>,
    schemas: RwLock<Arc<Schemas>>,
    reporter: Reporter,
    metrics: Arc<Metrics>,
    changed: Notify,
}

impl Inspected {
    /// Validates with our own schemas until the cluster's are read.
    pub fn new(source: Arc<dyn Source>, metrics: Arc<Metrics>, masking: Masking) -> Self {
        let counted = Arc::clone(&metrics);
        let reporter = Reporter::new(Reporter::CAPACITY, move |_, _| counted.violated());
        Self {
            source,
            schemas: RwLock::new(Arc::new(Schemas::embedded())),
            reporter: reporter.showing(move |text| masking.show_in(text)),
            metrics,
            changed: Notify::new(),
        }
    }

    /// The cluster's schemas have changed.
    pub fn schemas_changed(&self) {
        self.changed.notify_one();
    }

    /// Keeps the cluster's schemas current until stopped.
    pub async fn keep_schemas(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let pause = if self.read_schemas().await { REFRESH } else { RETRY };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Whether they could be read; a cluster without `system_schemas` has none.
    async fn read_schemas(&self) -> bool {
        let database = Database::system_schemas();
        let mut documents = Vec::new();
        for name in replaceable() {
            match self.source.document(&database, name).await {
                Ok(Some(document)) => documents.push((name.to_owned(), document)),
                Ok(None) => {}
                Err(error) if error.class().is_missing() => break,
                Err(error) => {
                    tracing::debug!(%error, "the cluster's schemas cannot be read yet");
                    return false;
                }
            }
        }
        let found = documents.len();
        let schemas = Schemas::with_overrides(documents.into_iter());
        for refused in schemas.refused() {
            tracing::warn!(
                database = database.name(),
                document = refused.name,
                reason = refused.reason,
                "a schema of the cluster cannot be used; ours is"
            );
        }
        tracing::debug!(found, "the cluster's schemas are in use");
        *self.schemas.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(schemas);
        true
    }

    fn look_at(&self, database: &Database, document: &Value) {
        let text = |key| document.get(key).and_then(Value::as_str);
        let id = text("_id").unwrap_or_default();
        let schema = match text("pvt_type") {
            _ if *database == Database::system_config() => {
                if id != crate::dynamic_cid::CATEGORY {
                    return;
                }
                "system_config.callflow.dynamic_cid"
            }
            Some("callflow") => "callflows",
            Some("list") => "lists",
            Some("list_entry") => "list_entries",
            Some("contact") => "contacts",
            _ => return,
        };
        let subject =
            Subject { database: database.name(), document: id, revision: text("_rev"), schema };
        self.reporter.check(&subject, || self.validate(schema, document));
    }

    /// Notes how long a request took and how it ended.
    fn asked<T>(&self, kind: &'static str, since: Instant, answer: &Result<T, ReadError>) {
        let outcome = answer.as_ref().map_or_else(|error| error.class().name(), |_| "ok");
        self.metrics.database_asked(kind, outcome, since.elapsed().as_secs_f64());
    }

    fn validate(&self, schema: &str, document: &Value) -> Vec<Violation> {
        let schemas = Arc::clone(&self.schemas.read().unwrap_or_else(PoisonError::into_inner));
        match schema {
            "callflows" => schemas.validate_callflow(document),
            "system_config.callflow.dynamic_cid" => {
                schemas.validate_config(crate::dynamic_cid::CATEGORY, document)
            }
            _ => schemas.validate(schema, document),
        }
    }

    /// A list's rows hold what matters of its entries; the entries themselves are not read.
    fn look_at_entries(&self, database: &Database, rows: &[Row]) {
        for row in rows.iter().take(MOST_ROWS) {
            let Value::Object(members) = &row.value else {
                continue;
            };
            let mut entry = members.clone();
            entry.insert("list_id".to_owned(), row.key.clone());
            let entry = Value::Object(entry);
            let violations = self.validate("list_entries", &entry);
            if violations.is_empty() {
                continue;
            }
            let content = format!("of content {:016x}", hash(&entry.to_string()));
            let subject = Subject {
                database: database.name(),
                document: &row.id,
                revision: Some(&content),
                schema: "list_entries",
            };
            self.reporter.report(&subject, violations);
        }
    }
}

/// Tells one content from another where there is no revision.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[async_trait]
impl Source for Inspected {
    async fn document(&self, database: &Database, id: &str) -> Result<Option<Value>, ReadError> {
        let since = Instant::now();
        let answer = self.source.document(database, id).await;
        self.asked("document", since, &answer);
        let document = answer?;
        if let Some(document) = &document {
            self.look_at(database, document);
        }
        Ok(document)
    }

    async fn view(
        &self,
        database: &Database,
        query: &ViewQuery<'_>,
    ) -> Result<Vec<Row>, ReadError> {
        let since = Instant::now();
        let answer = self.source.view(database, query).await;
        self.asked("view", since, &answer);
        let rows = answer?;
        if query.view == "entries" {
            self.look_at_entries(database, &rows);
        }
        rows.iter().filter_map(|row| row.doc.as_ref()).for_each(|document| {
            self.look_at(database, document);
        });
        Ok(rows)
    }

    async fn answers(&self) -> Result<(), ReadError> {
        self.source.answers().await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::directory::{AccountId, Folder};

    const ACCOUNT: &str = "a0000000000000000000000000000001";

    fn inspected(documents: Vec<(Database, Vec<Value>)>) -> (Arc<Inspected>, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new());
        let folder = Arc::new(Folder::from_documents(documents).unwrap());
        (Arc::new(Inspected::new(folder, Arc::clone(&metrics), Masking::On)), metrics)
    }

    fn violations(metrics: &Metrics) -> String {
        let text = metrics.render();
        let line =
            text.lines().find(|line| line.starts_with("kazoo_dynamic_cid_schema_violations"));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_violation_is_told_once_and_the_document_is_served() {
        let account = Database::account(&AccountId::new(ACCOUNT).unwrap());
        let callflow = json!({
            "_id": "cf", "_rev": "1-a", "pvt_type": "callflow", "numbers": ["1"],
            "flow": {"module": "dynamic_cid", "data": {"action": "foo"}, "children": {}},
        });
        let entry = json!({
            "_id": "e", "pvt_type": "list_entry", "list_id": "l", "capture_group_length": "two",
        });
        let (inspected, metrics) = inspected(vec![(account.clone(), vec![callflow, entry])]);
        for _ in 0..2 {
            assert!(inspected.document(&account, "cf").await.unwrap().is_some());
            let query = ViewQuery {
                design: "lists",
                view: "entries",
                key: Some("l"),
                ..ViewQuery::default()
            };
            assert_eq!(inspected.view(&account, &query).await.unwrap().len(), 1);
        }
        assert_eq!(violations(&metrics), "2");
    }

    #[tokio::test]
    async fn the_clusters_own_schema_wins() {
        let account = Database::account(&AccountId::new(ACCOUNT).unwrap());
        let schema = json!({
            "_id": "lists", "$schema": "http://json-schema.org/draft-04/schema#",
            "type": "object", "required": ["shoe_size"],
        });
        let list = json!({"_id": "l", "_rev": "1-a", "pvt_type": "list", "name": "A list"});
        let databases =
            vec![(account.clone(), vec![list]), (Database::system_schemas(), vec![schema])];
        let (inspected, metrics) = inspected(databases);
        assert!(inspected.read_schemas().await);
        inspected.document(&account, "l").await.unwrap();
        assert_eq!(violations(&metrics), "1");
    }
}
