//! Reading everything of an account. What cannot be read is a finding, never the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::snapshot::{ACTION, COMMAND, Entry, MEDIA, NUMBERS};
use super::{Code, Finding, Kazoo, Snapshot, System};
use crate::callflow::{Patterns, account_rules};
use crate::directory::{
    AccountId, Catalogue, Database, Page, ReadError, ReadErrorClass, Row, ViewQuery,
};
use crate::numbers::AccountRules;
use crate::schema::{Schemas, replaceable};

/// Documents asked for at once.
const PAGE: usize = 1000;

/// The views that may give the entries of lists: KAZOO 4 and master, then 5.
const ENTRY_VIEWS: [&str; 2] = ["lists", "contacts"];

/// Documents of other types say nothing of the action and are not kept. Lists of KAZOO 4.0 have no
/// type.
const KEPT: [&str; 9] =
    ["account", "callflow", "config", "contact", "device", "list", "list_entry", "menu", "user"];

/// The ids of all accounts.
pub async fn accounts(source: &dyn Catalogue) -> Result<Vec<AccountId>, ReadError> {
    let databases = source.databases().await?;
    Ok(databases.iter().filter_map(Database::account_id).collect())
}

/// Reads what all accounts share. Fails where the server does not answer.
pub async fn read_system(
    source: &dyn Catalogue,
    kazoo: Kazoo,
    node: Option<&str>,
    zone: &str,
) -> Result<System, ReadError> {
    source.answers().await?;
    let mut unreadable = Vec::new();
    let database = Database::system_config();
    let mut documents = BTreeMap::new();
    for category in [ACTION, COMMAND, MEDIA, NUMBERS, "privacy"] {
        match source.document(&database, category).await {
            Ok(Some(document)) => {
                documents.insert(category.to_owned(), document);
            }
            Ok(None) => {}
            // KAZOO creates the database; until then its code's defaults apply.
            Err(error) if error.class() == ReadErrorClass::MissingDatabase => break,
            Err(error) => unreadable.push(unread(None, &database, category, &error)),
        }
    }
    let mut schemas = Vec::new();
    for name in replaceable() {
        match source.document(&Database::system_schemas(), name).await {
            Ok(Some(document)) => schemas.push((name.to_owned(), document)),
            Ok(None) => {}
            Err(error) if error.class().is_missing() => break,
            Err(error) => {
                unreadable.push(unread(None, &Database::system_schemas(), name, &error));
            }
        }
    }
    let schemas = Schemas::with_overrides(schemas.into_iter());
    let mut system = System::new(kazoo, documents, node, zone, schemas);
    let database = Database::system_media();
    match ids(source, &database).await {
        Ok(ids) => system.media = Some(ids),
        // A worker needs no prompts to read, so its user may not be let in.
        Err(error)
            if matches!(
                error.class(),
                ReadErrorClass::MissingDatabase | ReadErrorClass::Denied
            ) =>
        {
            let code = Code::PromptsNotChecked;
            unreadable.push(Finding::new(code, None, &database, "", "", error.reason()));
        }
        Err(error) => unreadable.push(unread(None, &database, "", &error)),
    }
    system.unreadable = unreadable;
    Ok(system)
}

/// Reads an account. Fails where its database cannot be listed at all.
pub async fn read(source: &dyn Catalogue, account: &AccountId) -> Result<Snapshot, ReadError> {
    let mut snapshot = Snapshot {
        account: account.clone(),
        database: Database::account(account),
        documents: BTreeMap::new(),
        entries: BTreeMap::new(),
        rules: AccountRules::default(),
        patterns: Arc::default(),
        media: BTreeSet::new(),
        unreadable: Vec::new(),
    };
    snapshot.read_documents(source).await?;
    let Ok(rules) = account_rules(&snapshot, account).await;
    snapshot.rules = rules;
    snapshot.read_entries(source).await;
    snapshot.read_patterns(source).await;
    Ok(snapshot)
}

impl Snapshot {
    async fn read_documents(&mut self, source: &dyn Catalogue) -> Result<(), ReadError> {
        let mut after: Option<String> = None;
        loop {
            let page = Page { after: after.as_deref(), limit: PAGE, include_docs: true };
            let rows = match source.page(&self.database, page).await {
                Ok(rows) => rows,
                Err(error) if is_of_one_document(&error) => {
                    let page = Page { include_docs: false, ..page };
                    let rows = source.page(&self.database, page).await?;
                    self.read_one_by_one(source, rows).await
                }
                Err(error) => return Err(error),
            };
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let complete = rows.len() < PAGE;
            for row in rows {
                if let Some(document) = row.doc {
                    self.keep(row.id, document);
                }
            }
            if complete {
                return Ok(());
            }
        }
    }

    /// One document that is too deep or too large makes a page unreadable.
    async fn read_one_by_one(&mut self, source: &dyn Catalogue, rows: Vec<Row>) -> Vec<Row> {
        let mut read = Vec::with_capacity(rows.len());
        for mut row in rows {
            if !row.id.starts_with('_') {
                match source.document(&self.database, &row.id).await {
                    Ok(document) => row.doc = document,
                    Err(error) => self.could_not_read(&row.id, &error),
                }
            }
            read.push(row);
        }
        read
    }

    fn keep(&mut self, id: String, document: Value) {
        let kind = document.get("pvt_type").and_then(Value::as_str);
        let is_deleted = document.get("pvt_deleted").is_some_and(crate::json::value_is_true);
        if is_deleted || id.starts_with('_') {
            return;
        }
        match kind {
            Some("media" | "private_media") => {
                self.media.insert(id);
            }
            Some(kind) if !KEPT.contains(&kind) => {}
            _ => {
                self.documents.insert(id, Arc::new(document));
            }
        }
    }

    /// Through the view, as calls read them.
    async fn read_entries(&mut self, source: &dyn Catalogue) {
        let mut missing = None;
        for design in ENTRY_VIEWS {
            let query = ViewQuery { design, view: "entries", ..ViewQuery::default() };
            match source.view(&self.database, &query).await {
                Ok(rows) => {
                    for row in rows {
                        let list = row.key.as_str().unwrap_or_default().to_owned();
                        let entry = Entry { document: row.id, value: row.value };
                        self.entries.entry(list).or_default().push(entry);
                    }
                    return;
                }
                Err(error) if error.class() == ReadErrorClass::MissingView => {
                    missing.get_or_insert((query.name(), error));
                }
                Err(error) => return self.could_not_read(&query.name(), &error),
            }
        }
        if let Some((view, error)) = missing {
            self.could_not_read(&view, &error);
        }
    }

    async fn read_patterns(&mut self, source: &dyn Catalogue) {
        let (design, view) = ("callflows", "listing_by_pattern");
        let query = ViewQuery { design, view, ..ViewQuery::default() };
        match source.view(&self.database, &query).await {
            Ok(rows) => {
                let rows = rows.iter().filter_map(|row| Some((row.key.as_str()?, &*row.id)));
                self.patterns = Arc::new(Patterns::compile(rows));
            }
            Err(error) => self.could_not_read(&query.name(), &error),
        }
    }

    fn could_not_read(&mut self, document: &str, error: &ReadError) {
        let account = Some(self.account.as_str());
        self.unreadable.push(unread(account, &self.database, document, error));
    }
}

/// The ids of a database's documents.
async fn ids(source: &dyn Catalogue, database: &Database) -> Result<BTreeSet<String>, ReadError> {
    let mut ids = BTreeSet::new();
    loop {
        let after = ids.last().cloned();
        let page = Page { after: after.as_deref(), limit: PAGE, include_docs: false };
        let rows = source.page(database, page).await?;
        let complete = rows.len() < PAGE;
        ids.extend(rows.into_iter().map(|row| row.id));
        if complete {
            return Ok(ids);
        }
    }
}

/// Whether what is wrong may be a single document of a page.
fn is_of_one_document(error: &ReadError) -> bool {
    matches!(error.class(), ReadErrorClass::Malformed | ReadErrorClass::TooLarge)
}

fn unread(
    account: Option<&str>,
    database: &Database,
    document: &str,
    error: &ReadError,
) -> Finding {
    let account = account.map(str::to_owned);
    Finding::new(Code::Unreadable, account, database, document, "", error.to_string())
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
