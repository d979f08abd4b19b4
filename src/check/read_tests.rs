use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::check::findings;
use crate::directory::{Folder, Source, Subject};

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

fn account() -> AccountId {
    AccountId::new(ACCOUNT).unwrap()
}

/// A source in which some reads fail.
struct Damaged {
    folder: Folder,
    /// Documents that cannot be read, and views.
    broken: Vec<(&'static str, ReadErrorClass)>,
    pages: Mutex<usize>,
}

impl Damaged {
    fn new(documents: Vec<Value>, broken: &[(&'static str, ReadErrorClass)]) -> Self {
        let databases = [
            (Database::account(&account()), documents),
            (Database::system_config(), Vec::new()),
            (Database::system_media(), Vec::new()),
        ];
        let folder = Folder::from_documents(databases).unwrap();
        Self { folder, broken: broken.to_vec(), pages: Mutex::new(0) }
    }

    fn fails(&self, name: &str, database: &Database, subject: Subject) -> Result<(), ReadError> {
        match self.broken.iter().find(|(broken, _)| *broken == name) {
            Some((_, class)) => Err(ReadError::new(*class, database, subject, "told to fail")),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Source for Damaged {
    async fn document(&self, database: &Database, id: &str) -> Result<Option<Value>, ReadError> {
        self.fails(id, database, Subject::Document(id.to_owned()))?;
        self.folder.document(database, id).await
    }

    async fn view(
        &self,
        database: &Database,
        query: &ViewQuery<'_>,
    ) -> Result<Vec<Row>, ReadError> {
        self.fails(&query.name(), database, Subject::View(query.name()))?;
        self.folder.view(database, query).await
    }

    async fn answers(&self) -> Result<(), ReadError> {
        self.fails("server", &Database::system_config(), Subject::Server)
    }
}

#[async_trait]
impl Catalogue for Damaged {
    async fn databases(&self) -> Result<Vec<Database>, ReadError> {
        self.folder.databases().await
    }

    async fn page(&self, database: &Database, page: Page<'_>) -> Result<Vec<Row>, ReadError> {
        *self.pages.lock().unwrap() += 1;
        let rows = self.folder.page(database, page).await?;
        let subject = || Subject::View("_all_docs".to_owned());
        self.fails("_all_docs", database, subject())?;
        for row in rows.iter().filter(|row| row.doc.is_some()) {
            self.fails(&row.id, database, subject())?;
        }
        Ok(rows)
    }
}

fn document(id: &str, kind: &str) -> Value {
    json!({ "_id": id, "pvt_type": kind })
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_told_and_the_others_are_kept() {
    let documents = vec![
        document("a", "callflow"),
        document("deep", "callflow"),
        document("z", "device"),
        json!({ "_id": "gone", "pvt_type": "device", "pvt_deleted": true }),
        document("_design/lists", "callflow"),
        document("box", "vmbox"),
        json!({ "_id": "historic", "entries": {} }),
    ];
    let source = Damaged::new(documents, &[("deep", ReadErrorClass::Malformed)]);
    let snapshot = read(&source, &account()).await.unwrap();
    let kept: Vec<&String> = snapshot.documents.keys().collect();
    assert_eq!(kept, ["a", "historic", "z"]);
    let [unreadable] = &snapshot.unreadable[..] else { panic!("{:?}", snapshot.unreadable) };
    assert_eq!((unreadable.code, &*unreadable.document), (Code::Unreadable, "deep"));
    assert_eq!(unreadable.account.as_deref(), Some(ACCOUNT));
    let system = read_system(&source, Kazoo::Master, None, "local").await.unwrap();
    assert!(findings(&system, &snapshot).await.contains(unreadable));
}

#[tokio::test]
async fn a_large_account_is_read_page_by_page() {
    let documents = (0..=2 * PAGE).map(|id| document(&format!("{id:05}"), "device")).collect();
    let source = Damaged::new(documents, &[]);
    let snapshot = read(&source, &account()).await.unwrap();
    assert_eq!(snapshot.documents.len(), 2 * PAGE + 1);
    assert_eq!(*source.pages.lock().unwrap(), 3);
}

#[tokio::test]
async fn views_that_cannot_be_read_are_told() {
    for (broken, told) in [
        (&[("lists/entries", ReadErrorClass::Server)][..], &["lists/entries"][..]),
        (&[("lists/entries", ReadErrorClass::MissingView)], &["lists/entries"]),
        (
            &[("callflows/listing_by_pattern", ReadErrorClass::Timeout)],
            &["callflows/listing_by_pattern"],
        ),
        (&[], &[]),
    ] {
        let source = Damaged::new(Vec::new(), broken);
        let snapshot = read(&source, &account()).await.unwrap();
        let views: Vec<_> = snapshot.unreadable.iter().map(|it| it.document.as_str()).collect();
        assert_eq!(views, told);
    }
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_told() {
    let source = Damaged::new(Vec::new(), &[(ACTION, ReadErrorClass::Denied)]);
    let system = read_system(&source, Kazoo::Master, None, "local").await.unwrap();
    let [unreadable] = &system.unreadable[..] else { panic!("{:?}", system.unreadable) };
    assert_eq!((unreadable.code, &*unreadable.document), (Code::Unreadable, ACTION));
    assert_eq!((&*unreadable.database, &unreadable.account), ("system_config", &None));
}

/// The least user of a worker may not read the prompts, and needs none.
#[tokio::test]
async fn prompts_that_may_not_be_read_are_no_error() {
    let source = Damaged::new(Vec::new(), &[("_all_docs", ReadErrorClass::Denied)]);
    let system = read_system(&source, Kazoo::Master, None, "local").await.unwrap();
    let [finding] = &system.unreadable[..] else { panic!("{:?}", system.unreadable) };
    assert_eq!((finding.code, &*finding.database), (Code::PromptsNotChecked, "system_media"));
}

#[tokio::test]
async fn without_a_server_or_a_list_of_documents_nothing_can_be_checked() {
    let source = Damaged::new(Vec::new(), &[("server", ReadErrorClass::Unreachable)]);
    assert!(read_system(&source, Kazoo::Master, None, "local").await.is_err());
    let source = Damaged::new(Vec::new(), &[("_all_docs", ReadErrorClass::Denied)]);
    assert!(read(&source, &account()).await.is_err());
    let source = Damaged::new(Vec::new(), &[]);
    assert_eq!(accounts(&source).await.unwrap(), [account()]);
}
