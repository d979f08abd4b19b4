//! What was read: the documents all accounts share, and those of one account.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::Finding;
use crate::callflow::{Documents, Patterns};
use crate::directory::{AccountId, Category, Database};
use crate::dynamic_cid::{Departures, SystemConfig};
use crate::json::{self, Object};
use crate::numbers::{AccountRules, OnBadRule, Rules};
use crate::schema::Schemas;

/// The action's own category of settings.
pub(super) const ACTION: &str = "callflow.dynamic_cid";
/// Timeouts and stand-ins for missing caller IDs.
pub(super) const COMMAND: &str = "call_command";
/// The system's language.
pub(super) const MEDIA: &str = "media";
/// Rules for numbers.
pub(super) const NUMBERS: &str = "number_manager";

/// A line of KAZOO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kazoo {
    /// 2600hz's `master`: remote actions.
    #[default]
    Master,
    /// The published applications of 5: remote actions.
    Five,
    /// The released 4.3: no remote actions, route requests are answered instead.
    FourThree,
}

/// What all accounts share.
#[derive(Debug)]
pub struct System {
    /// Which line of KAZOO the documents are for.
    pub kazoo: Kazoo,
    /// The settings' documents that exist, by category.
    pub(super) documents: BTreeMap<String, Value>,
    /// The same as this node in this zone sees them.
    pub(super) categories: BTreeMap<String, Category>,
    /// The settings the worker makes of them.
    pub(super) settings: SystemConfig,
    /// The rules for numbers.
    pub(super) rules: Rules,
    /// Every short number that is an emergency number by these rules.
    pub(super) emergency: Vec<String>,
    /// The ids of the system's media; `None` where they could not be read.
    pub(super) media: Option<BTreeSet<String>>,
    /// The cluster's schemas, and ours.
    pub(super) schemas: Schemas,
    /// What could not be read.
    pub(super) unreadable: Vec<Finding>,
}

impl System {
    /// What follows from the documents alone.
    pub(super) fn new(
        kazoo: Kazoo,
        documents: BTreeMap<String, Value>,
        node: Option<&str>,
        zone: &str,
        schemas: Schemas,
    ) -> Self {
        let categories: BTreeMap<String, Category> = [ACTION, COMMAND, MEDIA, NUMBERS, "privacy"]
            .into_iter()
            .map(|name| (name.to_owned(), Category::new(name, documents.get(name), node, zone)))
            .collect();
        let get = |category: &str, key: &str| categories.get(category)?.get(key);
        let rules =
            Rules::from_config(get(NUMBERS, "e164_converters"), get(NUMBERS, "classifiers"));
        // The best known one first, as an example.
        let emergency = std::iter::once(911)
            .chain((0..1000).filter(|number| *number != 911))
            .map(|number| format!("{number:03}"))
            .filter(|number| {
                matches!(rules.classify(number, OnBadRule::Skip), Ok(Some("emergency")))
            })
            .collect();
        Self {
            kazoo,
            settings: SystemConfig::read(get),
            rules,
            emergency,
            media: None,
            schemas,
            unreadable: Vec::new(),
            categories,
            documents,
        }
    }

    /// The decisions in force for a node with this data.
    pub(super) fn departures(&self, data: &Object) -> Departures {
        let sections = self.categories.get(ACTION).map(|it| it.all("worker")).unwrap_or_default();
        let layers: Vec<&Object> =
            data.get("worker").into_iter().chain(sections).filter_map(Value::as_object).collect();
        Departures::read(&layers).0
    }
}

/// One row of the view that gives a list's entries.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The document it comes from.
    pub(super) document: String,
    /// What the action reads of it.
    pub(super) value: Value,
}

/// The documents of one account that calls read.
#[derive(Debug)]
pub struct Snapshot {
    /// The account.
    pub account: AccountId,
    /// Its database.
    pub database: Database,
    /// By id, without deleted ones.
    pub(super) documents: BTreeMap<String, Arc<Value>>,
    /// The rows of each list, in the order in which they are tried.
    pub(super) entries: BTreeMap<String, Vec<Entry>>,
    /// The account's rules for numbers.
    pub(super) rules: AccountRules,
    /// The callflows' patterns, as the worker has them.
    pub(super) patterns: Arc<Patterns>,
    /// The ids of the account's media.
    pub(super) media: BTreeSet<String>,
    /// What could not be read.
    pub(super) unreadable: Vec<Finding>,
}

impl Snapshot {
    /// The documents of one `pvt_type`.
    pub(super) fn of_type(&self, kind: &str) -> impl Iterator<Item = (&str, &Object)> {
        self.documents.iter().filter_map(move |(id, document)| {
            let object = document.as_object()?;
            let its = object.get("pvt_type").and_then(Value::as_str);
            (its == Some(kind)).then_some((id.as_str(), object))
        })
    }

    /// A document's members.
    pub(super) fn object(&self, id: &str) -> Option<&Object> {
        self.documents.get(id)?.as_object()
    }

    /// The account's own document.
    pub(super) fn account_document(&self) -> Option<&Object> {
        self.object(self.account.as_str())
    }

    /// The callflows with a number among their numbers, in the order of their ids.
    pub(super) fn callflows_with(&self, number: &str) -> impl Iterator<Item = (&str, &Object)> {
        self.of_type("callflow").filter(move |(_, document)| {
            let numbers = document.get("numbers").and_then(Value::as_array);
            numbers.is_some_and(|numbers| numbers.iter().any(|its| its == number))
        })
    }

    /// The flow of a callflow.
    pub(super) fn flow(&self, id: &str) -> Option<&Object> {
        json::object(self.object(id)?, "flow")
    }
}

/// The rules of callflows run over what was read.
#[async_trait]
impl Documents for Snapshot {
    type Error = Infallible;

    async fn document(&self, _: &AccountId, id: &str) -> Result<Option<Arc<Value>>, Infallible> {
        Ok(self.documents.get(id).cloned())
    }

    async fn callflow_by_number(
        &self,
        _: &AccountId,
        number: &str,
    ) -> Result<Option<Arc<Value>>, Infallible> {
        let first = self.callflows_with(number).next();
        Ok(first.and_then(|(id, _)| self.documents.get(id).cloned()))
    }

    async fn patterns(&self, _: &AccountId) -> Result<Arc<Patterns>, Infallible> {
        Ok(Arc::clone(&self.patterns))
    }

    async fn endpoint_by_sip_username(
        &self,
        _: &AccountId,
        username: &str,
    ) -> Result<Option<String>, Infallible> {
        let mut named = self.documents.iter().filter(|(_, document)| {
            document.pointer("/sip/username").and_then(Value::as_str) == Some(username)
        });
        Ok(named.next().filter(|_| named.next().is_none()).map(|(id, _)| id.clone()))
    }
}
