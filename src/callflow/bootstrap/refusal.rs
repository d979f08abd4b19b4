//! Whether a call is refused before its first node.
//!
//! Source: `cf_route_win.erl` (`should_restrict_call`, `maybe_service_unavailable`, `get_services`,
//! `maybe_classification_restriction`, `maybe_normalize_number`, `find_request`,
//! `include_denied_call_restrictions`), `knm_converter_regex.erl` (`normalize/3`).

use serde_json::Value;

use super::MergedEndpoint;
use super::scene::Scene;
use crate::call::Call;
use crate::callflow::restrictions::{DIAL_PLAN, RESTRICTION, verdict_of};
use crate::callflow::{AccountId, Documents, Verdict};
use crate::json::{self, Object};
use crate::numbers::Plan;

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The endpoint's services do not include audio.
    #[error("endpoint `{0}` has its audio service switched off")]
    EndpointService(String),
    /// The account's services do not include audio.
    #[error("account `{0}` has its audio service switched off")]
    AccountService(AccountId),
    /// The number is of a class that is denied.
    #[error("endpoint `{endpoint}` may not call `{number}`, which is of the class `{class}`")]
    Denied {
        /// The endpoint.
        endpoint: String,
        /// The pattern's capture group or what was dialled, as it was classified.
        number: String,
        /// Its class.
        class: String,
    },
}

impl<D: Documents> Scene<'_, D> {
    pub(super) fn refusal(
        &mut self,
        endpoint: &MergedEndpoint,
        account: &Object,
        call: &Call,
    ) -> Option<Refusal> {
        if !self.has_audio(&whose(endpoint), endpoint.members()) {
            return Some(Refusal::EndpointService(endpoint.id().to_owned()));
        }
        if !self.has_audio(&format!("account `{}`", self.account), account) {
            return Some(Refusal::AccountService(self.account.clone()));
        }
        // Closed groups change nothing here, but KAZOO looks for them.
        self.value(&whose(endpoint), endpoint.members(), &[RESTRICTION, "closed_groups", "action"]);
        let number = self.number_dialled(endpoint, call);
        let rules = self.rules;
        let class = self.apply(|on_bad| rules.classify(&number, on_bad)).flatten()?;
        match verdict_of(endpoint.members(), Some(class)) {
            Verdict::Denied => {
                let (endpoint, class) = (endpoint.id().to_owned(), class.to_owned());
                Some(Refusal::Denied { endpoint, number, class })
            }
            Verdict::Allowed => None,
            Verdict::Broken(_) => {
                self.value(&whose(endpoint), endpoint.members(), &[RESTRICTION, class, "action"]);
                None
            }
        }
    }

    /// Services of the account's administrator go before the document's own; absent ones are on.
    fn has_audio(&mut self, whose: &str, document: &Object) -> bool {
        let nothing = Object::new();
        let [own, private] =
            ["services", "pvt_services"].map(|key| json::object(document, key).unwrap_or(&nothing));
        let services = json::merge(own, private);
        self.value(whose, &services, &["audio", "enabled"]).is_none_or(json::value_is_true)
    }

    /// The capture group or the number dialled; by the endpoint's dial plan and the account's
    /// converters, unless there is neither group nor plan.
    fn number_dialled(&mut self, endpoint: &MergedEndpoint, call: &Call) -> String {
        let group = call.capture_group();
        let number = group.map_or_else(|| call.request_user(), str::to_owned);
        let nothing = Object::new();
        let plan = json::object(endpoint.members(), DIAL_PLAN).unwrap_or(&nothing);
        if group.is_none() && plan.is_empty() {
            return number;
        }
        let plan = Plan::from_object(DIAL_PLAN, plan);
        let (rules, account) = (self.rules, self.account_rules);
        let planned = self.apply(|on_bad| rules.normalise_by_plan(&number, &plan, account, on_bad));
        planned.unwrap_or(number)
    }

    /// The endpoint's restrictions that deny, which KAZOO hands on to stepswitch.
    pub(super) fn denied(&mut self, endpoint: &MergedEndpoint) -> Object {
        let members = endpoint.members();
        let restrictions = json::object(members, RESTRICTION).into_iter().flatten();
        let denies = |(class, _): &(&String, &Value)| {
            let path = [RESTRICTION, class.as_str(), "action"];
            let action = self.value(&whose(endpoint), members, &path);
            action.and_then(json::to_text).as_deref() == Some("deny")
        };
        restrictions.filter(denies).map(|(class, rule)| (class.clone(), rule.clone())).collect()
    }
}

pub(super) fn whose(endpoint: &MergedEndpoint) -> String {
    format!("endpoint `{}`", endpoint.id())
}
