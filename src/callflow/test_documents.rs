//! An account in a map, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{AccountId, Documents, ExclusiveDocuments, Patterns};
use crate::json;

pub(super) const ACCOUNT: &str = "c1d00000000000000000000000000001";

pub(super) fn account() -> AccountId {
    AccountId::new(ACCOUNT).unwrap()
}

/// Documents by id; the views are emulated over them.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub(super) documents: BTreeMap<String, Arc<Value>>,
    /// Ids, numbers and view names that cannot be read.
    pub(super) unreadable: BTreeSet<String>,
    /// The ids that were read, in order.
    pub(super) reads: Mutex<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be read")]
pub(super) struct Unreadable(pub(super) String);

impl Map {
    pub(super) fn of(documents: impl IntoIterator<Item = Value>) -> Self {
        let documents = documents
            .into_iter()
            .map(|document| (document["_id"].as_str().unwrap().to_owned(), Arc::new(document)))
            .collect();
        Self { documents, ..Self::default() }
    }

    /// The account of the recorded calls.
    pub(super) fn recorded() -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/transcripts/documents.account.json"
        );
        let text = std::fs::read_to_string(path).unwrap();
        Self::of(serde_json::from_str::<Vec<Value>>(&text).unwrap())
    }

    pub(super) fn unreadable(mut self, what: &str) -> Self {
        self.unreadable.insert(what.to_owned());
        self
    }

    fn check(&self, what: &str) -> Result<(), Unreadable> {
        self.reads.lock().unwrap().push(what.to_owned());
        if self.unreadable.contains(what) { Err(Unreadable(what.to_owned())) } else { Ok(()) }
    }

    /// The first callflow that has a number at a JSON pointer.
    fn by_number(&self, place: &str, number: &str) -> Option<Arc<Value>> {
        let listed = |document: &Value| {
            let numbers = document.pointer(place).and_then(Value::as_array);
            numbers.is_some_and(|all| all.contains(&json!(number)))
        };
        self.callflows().find(|(_, document)| listed(document)).map(|(_, found)| found.clone())
    }

    /// The patterns that callflows have at a JSON pointer.
    fn compiled(&self, place: &str) -> Arc<Patterns> {
        let mut rows: Vec<(String, String)> = self
            .callflows()
            .flat_map(|(id, document)| {
                let patterns = document.pointer(place).and_then(Value::as_array);
                let patterns = patterns.cloned().unwrap_or_default();
                patterns
                    .into_iter()
                    .map(|pattern| (pattern.as_str().unwrap().to_owned(), id.clone()))
            })
            .collect();
        rows.sort();
        Arc::new(Patterns::compile(rows))
    }

    fn callflows(&self) -> impl Iterator<Item = (&String, &Arc<Value>)> {
        self.documents.iter().filter(|(_, document)| document["pvt_type"] == "callflow")
    }
}

#[async_trait]
impl Documents for Map {
    type Error = Unreadable;

    async fn document(
        &self,
        account: &AccountId,
        id: &str,
    ) -> Result<Option<Arc<Value>>, Unreadable> {
        assert_eq!(account.as_str(), ACCOUNT);
        self.check(id)?;
        Ok(self
            .documents
            .get(id)
            .filter(|document| !json::is_true(document.as_object().unwrap(), "pvt_deleted", false))
            .cloned())
    }

    async fn callflow_by_number(
        &self,
        _account: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, Unreadable> {
        self.check(number)?;
        Ok(self.by_number("/numbers", number))
    }

    async fn patterns(&self, _account: &AccountId) -> Result<Arc<Patterns>, Unreadable> {
        self.check("listing_by_pattern")?;
        Ok(self.compiled("/patterns"))
    }

    async fn endpoint_by_sip_username(
        &self,
        _account: &AccountId,
        username: &str,
    ) -> Result<Option<String>, Unreadable> {
        self.check(&format!("sip_username {username}"))?;
        let registers = |document: &Value| {
            document["sip"]["username"] == username && document["sip"]["method"] == "password"
        };
        let mut rows = self.documents.iter().filter(|(_, document)| registers(document));
        let first = rows.next().map(|(id, _)| id.clone());
        Ok(first.filter(|_| rows.next().is_none()))
    }
}

#[async_trait]
impl ExclusiveDocuments for Map {
    async fn exclusive_by_number(
        &self,
        _account: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, Unreadable> {
        self.check(&format!("exclusive {number}"))?;
        Ok(self.by_number("/kazoo_dynamic_cid/numbers", number))
    }

    async fn exclusive_patterns(&self, _account: &AccountId) -> Result<Arc<Patterns>, Unreadable> {
        self.check("exclusive patterns")?;
        Ok(self.compiled("/kazoo_dynamic_cid/patterns"))
    }
}
