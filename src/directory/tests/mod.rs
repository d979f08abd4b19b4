//! The cached directory over a source that counts, fails and stalls as it is told.

mod doubts;
mod forgetting;
mod keeping;
mod reading;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use super::*;

const ACCOUNT: &str = "1234567890abcdef1234567890abcdef";

fn account() -> AccountId {
    AccountId::new(ACCOUNT).unwrap()
}

fn account_db() -> Database {
    Database::account(&account())
}

/// A source over documents that can be replaced.
struct Fake {
    folder: Mutex<Folder>,
    reads: Mutex<Vec<String>>,
    failing: Mutex<Option<(String, ReadErrorClass)>>,
    /// What the views are called; a folder knows KAZOO 4's only.
    list_view: Mutex<&'static str>,
    /// Reads see the documents first and then wait here, as for a slow answer.
    gate: RwLock<()>,
}

impl Fake {
    fn new(documents: &Value) -> Arc<Self> {
        let fake = Self {
            folder: Mutex::default(),
            reads: Mutex::default(),
            failing: Mutex::default(),
            list_view: Mutex::new("lists/entries"),
            gate: RwLock::default(),
        };
        fake.store(documents);
        Arc::new(fake)
    }

    /// Replaces everything; `documents` is an object of arrays by database name.
    fn store(&self, documents: &Value) {
        let databases = documents.as_object().unwrap().iter().map(|(name, documents)| {
            (Database::from_encoded(name).unwrap(), documents.as_array().unwrap().clone())
        });
        *self.folder.lock().unwrap() = Folder::from_documents(databases).unwrap();
    }

    /// Fails every read whose name begins with `what`.
    fn fail(&self, what: &str, class: ReadErrorClass) {
        *self.failing.lock().unwrap() = Some((what.to_owned(), class));
    }

    /// The views that were read since the last time.
    fn views(&self) -> Vec<String> {
        self.reads().into_iter().filter(|name| name.contains('/')).collect()
    }

    fn recover(&self) {
        *self.failing.lock().unwrap() = None;
    }

    /// What was read since the last time.
    fn reads(&self) -> Vec<String> {
        std::mem::take(&mut *self.reads.lock().unwrap())
    }

    fn noted(&self, database: &Database, subject: Subject, name: &str) -> Result<(), ReadError> {
        self.reads.lock().unwrap().push(name.to_owned());
        match &*self.failing.lock().unwrap() {
            Some((what, class)) if name.starts_with(what.as_str()) => {
                Err(ReadError::new(*class, database, subject, "told to fail"))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Source for Fake {
    async fn document(&self, database: &Database, id: &str) -> Result<Option<Value>, ReadError> {
        let outcome = self.noted(database, Subject::Document(id.to_owned()), id);
        let folder = self.folder.lock().unwrap().clone();
        let document = folder.document(database, id).await;
        let _open = self.gate.read().await;
        outcome.and(document)
    }

    async fn view(
        &self,
        database: &Database,
        query: &ViewQuery<'_>,
    ) -> Result<Vec<Row>, ReadError> {
        let name = format!("{} {}", query.name(), query.key.unwrap_or("*"));
        let outcome = self.noted(database, Subject::View(query.name()), &name);
        let list_view = *self.list_view.lock().unwrap();
        let design = match query.name() {
            called if called == list_view => "lists",
            called if called == "lists/entries" => {
                let (class, subject) = (ReadErrorClass::MissingView, Subject::View(called));
                return Err(ReadError::new(class, database, subject, "no such view"));
            }
            _ => query.design,
        };
        let folder = self.folder.lock().unwrap().clone();
        let rows = folder.view(database, &ViewQuery { design, ..*query }).await;
        let _open = self.gate.read().await;
        outcome.and(rows)
    }

    async fn answers(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

fn directory(fake: &Arc<Fake>) -> Directory {
    Directory::new(Arc::<Fake>::clone(fake), DirectoryOptions::default())
}

/// Lets other tasks of this thread run until they wait.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// One document of each kind, all of version `version`.
fn documents(version: u64) -> Value {
    let base = |id: &str, kind: &str| json!({ "_id": id, "pvt_type": kind, "version": version });
    let with = |mut document: Value, members: Value| {
        let Value::Object(members) = members else { panic!("{members}") };
        document.as_object_mut().unwrap().extend(members);
        document
    };
    json!({
        "system_config": [
            { "_id": "media", "_rev": "1-a", "default": { "version": version } },
            { "_id": "number_manager", "default": { "classifiers": {
                format!("class_{version}"): { "regex": "^" } } } },
        ],
        account_db().encoded(): [
            base(ACCOUNT, "account"),
            base("dev", "device"),
            base("list", "list"),
            with(base("entry", "list_entry"), json!({ "list_id": "list",
                "capture_group_key": "01", "number": version.to_string() })),
            with(base("flow", "callflow"), json!({ "numbers": ["2001"],
                "patterns": [format!("^{version}$")] })),
        ],
    })
}
