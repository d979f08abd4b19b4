//! What the steps share: where documents come from, the rules, and the remarks so far.

use std::sync::Arc;

use serde_json::Value;

use super::{BootstrapSettings, MergedEndpoint, Remark};
use crate::callflow::kz_json::{self, NoMembers};
use crate::callflow::{AccountId, Documents, NoEndpoint};
use crate::json::Object;
use crate::numbers::{AccountRules, BadRule, OnBadRule, Rules};

const AN_OBJECT: &str = "make it an object or remove it";

pub(super) struct Scene<'a, D: Documents> {
    pub(super) documents: &'a D,
    pub(super) account: &'a AccountId,
    pub(super) settings: &'a BootstrapSettings,
    pub(super) rules: &'a Rules,
    pub(super) account_rules: &'a AccountRules,
    pub(super) remarks: Vec<Remark<D::Error>>,
}

impl<'a, D: Documents> Scene<'a, D> {
    pub(super) fn new(
        documents: &'a D,
        account: &'a AccountId,
        settings: &'a BootstrapSettings,
        rules: &'a Rules,
        account_rules: &'a AccountRules,
    ) -> Self {
        let remarks = Vec::new();
        Self { documents, account, settings, rules, account_rules, remarks }
    }

    /// The merged endpoint of an id; none where KAZOO finds none either.
    pub(super) async fn endpoint(&mut self, id: Option<&str>) -> Option<MergedEndpoint> {
        let classes: Vec<&str> = self.rules.classifier_names().collect();
        match super::endpoint(self.documents, self.account, id, &classes).await {
            Ok(endpoint) => {
                self.remarks.extend(endpoint.misshapen().cloned().map(Remark::Misshapen));
                Some(endpoint)
            }
            Err(NoEndpoint::Unreadable { id, error }) => {
                self.remarks.push(Remark::Unreadable { id, error });
                None
            }
            Err(_) => None,
        }
    }

    /// The account's own document.
    pub(super) async fn account_document(&mut self) -> Option<Arc<Value>> {
        let id = self.account.as_str();
        let document = self.document(id).await;
        if matches!(document, Ok(None)) {
            self.remarks.push(Remark::NoAccount(id.to_owned()));
        }
        document.ok().flatten()
    }

    /// A key of the account's own configuration.
    ///
    /// KAZOO asks the account's reseller where the account has no such document, which lies in
    /// another database and is not looked at here.
    ///
    /// Source: `kapps_account_config.erl` (`get_global`, `get`).
    pub(super) async fn account_config(&mut self, category: &str, key: &str) -> Option<Value> {
        let config = self.document(&format!("configs_{category}")).await;
        config.ok()??.get(key).cloned()
    }

    /// A document; one that cannot be read is remarked upon.
    async fn document(&mut self, id: &str) -> Result<Option<Arc<Value>>, ()> {
        self.documents.document(self.account, id).await.map_err(|error| {
            self.remarks.push(Remark::Unreadable { id: id.to_owned(), error });
        })
    }

    /// The value under a path; what is in the way of it is remarked upon.
    pub(super) fn value<'o>(
        &mut self,
        whose: &str,
        members: &'o Object,
        path: &[&str],
    ) -> Option<&'o Value> {
        kz_json::get(members, path).unwrap_or_else(|raised| {
            self.unusable(whose, &raised, AN_OBJECT);
            None
        })
    }

    pub(super) fn unusable(&mut self, whose: &str, raised: &NoMembers, cure: &str) {
        let (whose, path) = (whose.to_owned(), raised.path.join("."));
        let (value, cure) = (raised.value.clone(), cure.to_owned());
        self.remarks.push(Remark::Unusable { whose, path, value, cure });
    }

    /// What number rules make of something, without those that KAZOO dies of.
    pub(super) fn apply<T>(
        &mut self,
        rules: impl Fn(OnBadRule) -> Result<T, BadRule>,
    ) -> Option<T> {
        rules(OnBadRule::Raise).ok().or_else(|| {
            let bad = rules(OnBadRule::Raise).err();
            self.remarks.extend(bad.map(Remark::BadRule));
            rules(OnBadRule::Skip).ok()
        })
    }
}
