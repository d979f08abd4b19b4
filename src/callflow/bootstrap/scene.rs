//! What the steps share: where documents come from, the rules, and the remarks so far.

use std::sync::Arc;

use serde_json::Value;

use super::{BootstrapSettings, MergedEndpoint, Remark};
use crate::callflow::kz_json::{self, NoMembers};
use crate::callflow::{AccountId, Documents, Misshapen, NoEndpoint};
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
                self.misshapen(&endpoint);
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
        let id = self.account.as_str().to_owned();
        match self.documents.account(self.account).await {
            Ok(Some(document)) => return Some(document),
            Ok(None) => self.remarks.push(Remark::NoAccount(NoEndpoint::Missing(id))),
            Err(error) => {
                self.remarks.push(Remark::NoAccount(NoEndpoint::Unreadable { id, error }));
            }
        }
        None
    }

    /// Looks at the account as an endpoint of its own: KAZOO reads its recording settings there.
    pub(super) async fn check_account(&mut self) {
        let classes: Vec<&str> = self.rules.classifier_names().collect();
        let id = Some(self.account.as_str());
        match super::endpoint(self.documents, self.account, id, &classes).await {
            Ok(account) => self.misshapen(&account),
            Err(reason) => self.remarks.push(Remark::NoAccount(reason)),
        }
    }

    fn misshapen(&mut self, endpoint: &MergedEndpoint) {
        let known = |shape: &Misshapen| {
            self.remarks.iter().any(|it| matches!(it, Remark::Misshapen(other) if other == shape))
        };
        let new = endpoint.misshapen().filter(|shape| !known(shape));
        self.remarks.extend(new.cloned().map(Remark::Misshapen));
    }

    /// A key of the account's own configuration.
    ///
    /// KAZOO asks the account's reseller where the account has no such document, which lies in
    /// another database and is not looked at here.
    ///
    /// Source: `kapps_account_config.erl` (`get_global`, `get`).
    pub(super) async fn account_config(&mut self, category: &str, key: &str) -> Option<Value> {
        let id = format!("configs_{category}");
        match self.documents.document(self.account, &id).await {
            Ok(document) => document?.get(key).cloned(),
            Err(error) => {
                self.remarks.push(Remark::Unreadable { id, error });
                None
            }
        }
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
        let known = |it: &Remark<_>| matches!(it, Remark::Unusable { whose: of, path: at, .. } if *of == whose && *at == path);
        if !self.remarks.iter().any(known) {
            self.remarks.push(Remark::Unusable { whose, path, value, cure });
        }
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
