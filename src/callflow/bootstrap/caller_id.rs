//! The caller id with which a call comes to its first node.
//!
//! | The call | Number and name |
//! |---|---|
//! | from outside and not forwarded, or with `Retain-CID`; unless `force_dynamic_cid` is stored | the SIP caller's |
//! | with `dynamic_cid` in its store | that number, the SIP caller's name |
//! | with an endpoint | the endpoint's internal ones, external ones for a call from outside; the presence id for an absent internal number, the SIP caller's for whatever else is absent; the number as the endpoint formats it |
//! | otherwise | the SIP caller's |
//!
//! Then `prepend_cid_number`, `rewrite_cid_number` and `rewrite_cid_name` of the store apply.
//! `prepend_cid_name` does not: KAZOO leaves it to those who read the call later. Numbers and names
//! that are written as something else than texts are read as texts.
//!
//! Source: `kz_attributes.erl` (`caller_id/2` and all it calls), `kapps_call.erl`
//! (`caller_id_number`, `caller_id_name`), `cf_route_win.erl` (`update_ccvs`).

use serde_json::Value;

use super::refusal::whose;
use super::scene::Scene;
use super::{BootstrapSettings, MergedEndpoint, Remark};
use crate::call::Call;
use crate::callflow::Documents;
use crate::json;

const NUMBER: &str = "Caller-ID-Number";
const NAME: &str = "Caller-ID-Name";

pub(super) struct CallerId {
    pub(super) number: String,
    pub(super) name: String,
}

/// Whether KAZOO would look this call's caller id up among the account's numbers, and replace one
/// that is not there. [`bootstrap`](super::bootstrap()) does not; such a call is better left to KAZOO.
pub fn needs_number_database(call: &Call, settings: &BootstrapSettings) -> bool {
    settings.ensure_valid_caller_id && call.inception().is_some() && !keeps_sip_caller(call)
}

fn keeps_sip_caller(call: &Call) -> bool {
    let flag = |key| call.channel_variables().is_some_and(|it| json::is_true(it, key, false));
    let kept = call.inception().is_some() && !flag("Call-Forward") || flag("Retain-CID");
    let forced = call
        .kvs("force_dynamic_cid")
        .is_some_and(|forced| *forced != Value::Bool(false) && forced.as_str() != Some("false"));
    kept && !forced
}

impl<D: Documents> Scene<'_, D> {
    pub(super) async fn caller_id(
        &mut self,
        call: &Call,
        endpoint: Option<&MergedEndpoint>,
    ) -> CallerId {
        if needs_number_database(call, self.settings) {
            self.remarks.push(Remark::Unverified);
        }
        let stored = |key| call.kvs(key).and_then(json::to_text);
        let sip = self.sip_caller(call).await;
        let mut original = stored("original_cid_number");
        let (mut number, mut name) = (sip.number, sip.name);
        if keeps_sip_caller(call) {
        } else if let Some(dynamic) = stored("dynamic_cid") {
            number = dynamic;
        } else if let Some(endpoint) = endpoint {
            let kind = if call.inception().is_some() { "external" } else { "internal" };
            name = self.configured(endpoint, kind, "name").unwrap_or(name);
            let configured = self.configured(endpoint, kind, "number");
            original = configured.clone().or(original);
            let configured = match configured {
                None if kind == "internal" => self.presence_number(endpoint).await,
                configured => configured,
            };
            number = self.formatted(configured.unwrap_or(number), endpoint);
        }
        if let Some(prefix) = stored("prepend_cid_number") {
            // KAZOO forgets the format here.
            number = prefix + &original.unwrap_or(number);
        }
        CallerId {
            number: stored("rewrite_cid_number").unwrap_or(number),
            name: stored("rewrite_cid_name").unwrap_or(name),
        }
    }

    async fn sip_caller(&mut self, call: &Call) -> CallerId {
        CallerId {
            number: self.sip_part(call, NUMBER).await,
            name: self.sip_part(call, NAME).await,
        }
    }

    /// Number or name as the call has it, or what a caller without one is called: by the account
    /// if the field is there and empty, by the system if it is not there at all.
    async fn sip_part(&mut self, call: &Call, field: &str) -> String {
        let (category, key, default) = match field {
            NUMBER => ("privacy", "default_privacy_number", &self.settings.default_privacy_number),
            _ => ("call_command", "unknown_cid_name", &self.settings.unknown_cid_name),
        };
        let Some(written) = call.get(field) else { return default.clone() };
        if let Some(written) = json::config::text(written) {
            return written;
        }
        let own = self.account_config(category, key).await;
        own.as_ref().and_then(json::to_text).unwrap_or_else(|| default.clone())
    }

    /// Gives a call without number or name what it is called by then.
    pub(super) async fn name_caller(&mut self, call: &mut Call) {
        for field in [NUMBER, NAME] {
            if call.get(field).and_then(json::config::text).is_none() {
                let called = self.sip_part(call, field).await;
                call.set_caller(field, &called);
            }
        }
    }

    /// What the endpoint has under a kind of caller id, or under `default`.
    fn configured(&mut self, endpoint: &MergedEndpoint, kind: &str, key: &str) -> Option<String> {
        let mut text = |path: &[&str]| {
            let value = self.value(&whose(endpoint), endpoint.members(), path);
            value.and_then(json::config::text)
        };
        text(&["caller_id", kind, key]).or_else(|| text(&["default", key]))
    }
}

#[cfg(test)]
#[path = "caller_id_tests.rs"]
mod tests;
