//! What KAZOO 4.3 does with a call between the route request and the callflow's first node.
//!
//! | | When | KAZOO |
//! |---|---|---|
//! | [`transferred`] | before the callflow is looked up | `cf_route_req:handle_req` |
//! | [`allow_no_match`] | when `no_match` takes the call | the same |
//! | [`metaflow`], [`entered()`] | when the callflow is found | `cf_route_req:update_call` |
//! | [`presence_id`] | for the answer to the request | `cf_route_req:response_ccvs` |
//! | [`bootstrap`] | when the route is won | `cf_route_win:execute_callflow` |
//!
//! This follows 4.3, which merges a call's [`endpoint()`] in ways of its own. Where its process would
//! die of a document, leaving the caller in silence, the value counts as absent and a [`Remark`]
//! says so. Closed groups are left out: they only matter to a callflow whose first node is a device
//! or a user.
//!
//! Source: `cf_route_req.erl`, `cf_route_win.erl` of 4.3.

mod caller_id;
mod endpoint;
mod entered;
mod format;
mod language;
mod presence;
mod refusal;
mod remark;
mod scene;
mod settings;
mod transfer;
mod variables;

#[cfg(test)]
mod recorded_tests;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use caller_id::needs_number_database;
pub use endpoint::{MergedEndpoint, endpoint};
pub use entered::{entered, metaflow};
pub use presence::presence_id;
pub use refusal::Refusal;
pub use remark::Remark;
pub use settings::BootstrapSettings;
pub use transfer::{allow_no_match, is_transferred, transferred};

use self::scene::Scene;
use super::{AccountId, Documents};
use crate::call::Call;
use crate::json::Object;
use crate::numbers::{AccountRules, Rules};

/// What becomes of a call whose route was won.
#[derive(Debug, Clone, PartialEq)]
pub enum Bootstrapped<E> {
    /// It is refused: KAZOO answers, plays `cf-unauthorized_call` and hangs up.
    Restricted(Restriction<E>),
    /// It goes to the callflow's first node.
    Ready {
        /// The call as that node gets it.
        call: Call,
        /// What KAZOO's one `set` command carries; without any, KAZOO sends none.
        channel_vars: Object,
        /// What 4.3 would have died of, and what could not be read.
        remarks: Vec<Remark<E>>,
        /// What 4.3 dies of again when it takes the call back, in words: it goes through all of
        /// this once more (`cf_route_resume.erl`).
        fatal_again: Option<String>,
    },
}

/// A call that is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Restriction<E> {
    /// Why.
    pub reason: Refusal,
    /// The call as it is refused.
    pub call: Call,
    /// The language of the prompt: the account's, as the endpoint's is not looked at by then.
    pub language: String,
    /// What 4.3 would have died of, and what could not be read.
    pub remarks: Vec<Remark<E>>,
}

/// Makes a call ready for the first node, or refuses it.
///
/// `call` is that of the route request, [`entered()`] into a callflow whose first node is no device
/// and no user, with the route win applied. `account_rules` are those of the call's account.
pub async fn bootstrap<D: Documents>(
    documents: &D,
    account: &AccountId,
    mut call: Call,
    settings: &BootstrapSettings,
    rules: &Rules,
    account_rules: &AccountRules,
) -> Bootstrapped<D::Error> {
    let mut scene = Scene::new(documents, account, settings, rules, account_rules);
    let document = scene.account_document().await;
    let nothing = Object::new();
    let account = document.as_deref().and_then(Value::as_object).unwrap_or(&nothing);
    let language = scene.prompt_language(account).await;
    call.set_language(&language);
    let caller_id = call.authorizing_id();
    let caller = scene.endpoint(caller_id.as_deref()).await;
    let restricting_id = call.dialling_endpoint_id();
    let other = if restricting_id == caller_id {
        None
    } else {
        Some(scene.endpoint(restricting_id.as_deref()).await)
    };
    let restricting = other.as_ref().unwrap_or(&caller).as_ref();
    if let Some(reason) = restricting.and_then(|it| scene.refusal(it, account, &call)) {
        let remarks = scene.remarks;
        return Bootstrapped::Restricted(Restriction { reason, call, language, remarks });
    }
    let owner = caller.as_ref().and_then(MergedEndpoint::owner_id);
    call.store_kvs("owner_id", owner.map(Value::from));
    if let Some(own) = caller.as_ref().and_then(MergedEndpoint::language) {
        call.set_language(&own);
    }
    let variables = scene.channel_variables(&call, caller.as_ref()).await;
    let channel_vars = call.set_channel_variables(&variables);
    scene.name_caller(&mut call).await;
    if let Some(endpoint) = restricting {
        call.set_kvs("denied_call_restrictions", scene.denied(endpoint).into());
    }
    if document.is_some() {
        scene.check_account().await;
    }
    let fatal = scene.remarks.iter().find(|remark| remark.is_fatal());
    let fatal_again = fatal.map(ToString::to_string);
    Bootstrapped::Ready { call, channel_vars, remarks: scene.remarks, fatal_again }
}
