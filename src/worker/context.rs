//! Gathering what the action needs before it starts, and the route of a destination when it asks.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use futures_util::future::join_all;
use serde_json::Value;

use crate::call::Call;
use crate::callflow::bootstrap::{self, BootstrapSettings, Bootstrapped};
use crate::callflow::dial_plan::DialPlanError;
use crate::callflow::{self, Did, EndpointRestrictions, Found, LookupError};
use crate::directory::{AccountId, Database, Directory, ReadError, Settings};
use crate::dynamic_cid::{
    BadDeparture, Context, Departures, Endpoint, Job, ListRead, OptionalGroups, Preset, Prompts,
    RouteTarget, Routed, SystemConfig, account_prompts,
};
use crate::json::Object;
use crate::kapi::handover::Way;
use crate::numbers::{AccountRules, OnBadRule, Rules};

/// What a call has that takes no account of its account's rules and prompts; one for all.
static NONE_OF_THE_ACCOUNT: LazyLock<(Arc<AccountRules>, Arc<BTreeSet<String>>)> =
    LazyLock::new(Default::default);

/// Everything gathered for one execution.
#[derive(Debug)]
pub struct Gathered {
    /// The job.
    pub job: Job,
    /// What the action is given.
    pub context: Context,
    /// Settings of ours that cannot be used.
    pub bad_departures: Vec<BadDeparture>,
}

/// Which seam asks: over the route seam we write the Call ourselves, which takes more to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seam {
    /// KAZOO's static node computes `Request-User` itself.
    Execute,
    /// The account's number rules decide `Request-User`, and KAZOO 4.3 looks for prompts of the
    /// account's own. Where callflow may win such a call as well, it must not matter who does: it
    /// is decided as KAZOO decides.
    Route(Way),
}

/// Reads settings, number rules and the list a node needs. A read that fails leaves its default:
/// settings and rules KAZOO's own, the list [`ListRead::Failed`].
pub async fn gather(
    directory: &Directory,
    account: Option<&AccountId>,
    call: &Call,
    data: Object,
    seam: Seam,
) -> Gathered {
    let Settings { config, action, rules } = directory.settings().await;
    let sections = action.all("worker");
    let layers: Vec<&Object> =
        data.get("worker").into_iter().chain(sections).filter_map(Value::as_object).collect();
    let (departures, bad_departures) = Departures::read(&layers);
    let departures = match seam {
        Seam::Route(Way::Shared) => Departures::from(Preset::Kazoo),
        Seam::Execute | Seam::Route(Way::Exclusive) => departures,
    };
    let job = Job::new(data, call, &config);
    let list = match (job.list_id(), account) {
        (None, _) => ListRead::NotNeeded,
        (Some(_), None) => ListRead::Failed,
        (Some(id), Some(account)) => match directory.list(account, &id).await {
            Ok(list) => ListRead::Read(list),
            Err(_) => ListRead::Failed,
        },
    };
    let (account_rules, prompt_overrides) = match (seam, account) {
        (Seam::Route(_), Some(account)) => {
            let (rules, overrides) = tokio::join!(
                account_rules(directory, account),
                prompt_overrides(directory, account, &config)
            );
            (Arc::new(rules), Arc::new(overrides))
        }
        _ => NONE_OF_THE_ACCOUNT.clone(),
    };
    let context = Context { config, rules, account_rules, list, departures, prompt_overrides };
    Gathered { job, context, bad_departures }
}

/// The settings that count between a route request and the first node.
pub async fn bootstrap_settings(directory: &Directory) -> BootstrapSettings {
    let (callflow, command, media, privacy) = tokio::join!(
        directory.config("callflow"),
        directory.config("call_command"),
        directory.config("media"),
        directory.config("privacy"),
    );
    BootstrapSettings::read(|category, key| {
        let read = match category {
            "callflow" => &callflow,
            "call_command" => &command,
            "media" => &media,
            _ => &privacy,
        };
        read.as_ref().ok()?.get(key)
    })
}

/// A won call as callflow's first node gets it, or its refusal.
pub async fn bootstrap(
    directory: &Directory,
    account: &AccountId,
    call: Call,
) -> Bootstrapped<ReadError> {
    let (settings, rules, account_rules) = tokio::join!(
        bootstrap_settings(directory),
        directory.number_rules(),
        account_rules(directory, account),
    );
    bootstrap::bootstrap(directory, account, call, &settings, &rules, &account_rules).await
}

/// A document that cannot be read was logged where it was read; then the system's rules hold.
async fn account_rules(directory: &Directory, account: &AccountId) -> AccountRules {
    callflow::account_rules(directory, account).await.unwrap_or_default()
}

/// The prompts that the account has in a version of its own, as KAZOO 4.3 looks for them.
///
/// Source: `kz_media_util.erl` (`lookup_prompt/2`).
async fn prompt_overrides(
    directory: &Directory,
    account: &AccountId,
    config: &SystemConfig,
) -> BTreeSet<String> {
    let database = Database::account(account);
    let read = account_prompts(config).into_iter().map(async |name| {
        let found = directory.document(&database, name).await.ok().flatten();
        found.map(|_| name.to_owned())
    });
    join_all(read).await.into_iter().flatten().collect()
}

/// The media of a prompt, the account's own version where it has one; in the system's language
/// where no other is known.
pub async fn prompt(
    directory: &Directory,
    account: Option<&AccountId>,
    language: Option<&str>,
    name: &str,
) -> String {
    let (config, _) = directory.system_config().await;
    let overrides = match account {
        Some(account) => prompt_overrides(directory, account, &config).await,
        None => BTreeSet::new(),
    };
    let language = language.unwrap_or(&config.default_language);
    let account_id = account.map_or("system_media", AccountId::as_str);
    Prompts { config: &config, account_id, language, overrides: &overrides }.account(name)
}

/// A destination's route.
#[derive(Debug)]
pub struct Route {
    /// The action's answer.
    pub routed: Routed,
    /// The callflow that was found.
    pub found: Option<Found>,
    /// The id of the endpoint that was merged for it.
    pub endpoint_id: Option<String>,
    /// Why no callflow serves it, in words.
    pub unserved: Option<String>,
}

impl Route {
    /// The endpoint with this id, where it was merged.
    pub fn endpoint(&self, id: &str) -> Option<&Endpoint> {
        match &self.routed {
            Routed::Found { endpoint, .. } if self.endpoint_id.as_deref() == Some(id) => {
                Some(endpoint)
            }
            _ => None,
        }
    }
}

/// Looks up who serves a destination and, where asked for, what the caller's endpoint may call.
pub async fn route(
    directory: &Directory,
    account: Option<&AccountId>,
    authorizing_id: Option<&str>,
    destination: &str,
    restrictions: bool,
    context: &Context,
) -> Route {
    let unserved =
        |routed, reason| Route { routed, found: None, endpoint_id: None, unserved: Some(reason) };
    let Some(account) = account else {
        return unserved(Routed::NotFound, "the call has no account".to_owned());
    };
    let groups: OptionalGroups = context.departures.optional_groups;
    let found = match callflow::lookup(directory, account, destination, groups).await {
        Ok(found) => found,
        Err(error @ LookupError::Crash(_)) => return unserved(Routed::Crashed, error.to_string()),
        Err(error) => return unserved(Routed::NotFound, error.to_string()),
    };
    let endpoint = if restrictions {
        endpoint(directory, account, authorizing_id, &context.rules).await
    } else {
        Endpoint::None
    };
    let target = RouteTarget { callflow_id: found.id.clone(), no_match: found.no_match };
    let endpoint_id = authorizing_id.filter(|_| restrictions).map(str::to_owned);
    Route {
        routed: Routed::Found { target, endpoint },
        found: Some(found),
        endpoint_id,
        unserved: None,
    }
}

async fn endpoint(
    directory: &Directory,
    account: &AccountId,
    authorizing_id: Option<&str>,
    rules: &Rules,
) -> Endpoint {
    let classes: Vec<&str> = rules.classifier_names().collect();
    match callflow::restrictions(directory, account, authorizing_id, &classes).await {
        EndpointRestrictions::None(reason) => {
            tracing::debug!(%reason, "no endpoint restricts the call");
            Endpoint::None
        }
        EndpointRestrictions::Merged(endpoint) => Endpoint::Merged(Arc::new(endpoint)),
        EndpointRestrictions::Broken { reason, otherwise } => {
            tracing::warn!(endpoint = authorizing_id, %reason, "restrictions are misshapen");
            Endpoint::Broken(Arc::new(otherwise))
        }
    }
}

/// What off-net nodes dial when a call goes to `destination`, by the dial plan of an endpoint that
/// `route` may have merged already.
///
/// Source: `cf_resources.erl` (`get_to_did`).
pub async fn did(
    directory: &Directory,
    account: &AccountId,
    endpoint_id: Option<&str>,
    destination: &str,
    rules: &Rules,
    route: &Route,
) -> Result<Did, DialPlanError> {
    let merged = endpoint_id.and_then(|id| route.endpoint(id));
    let read = match merged {
        Some(_) => None,
        None => Some(callflow::restrictions(directory, account, endpoint_id, &[]).await),
    };
    let plan = merged.map_or_else(|| read.as_ref()?.dial_plan(), Endpoint::dial_plan);
    let plans = directory.config("dialplans").await.ok();
    // KAZOO asks for the node's section, and for `default` without one; zones have none here.
    let plans = plans.as_ref().and_then(|plans| {
        let section = |wanted: fn(&str) -> bool| plans.sections().find(|(name, _)| wanted(name));
        section(|name| name.contains('@')).or_else(|| section(|name| name == "default"))
    });
    let plans = plans.map(|(_, plans)| plans.clone()).unwrap_or_default();
    let account_rules = match plan {
        Some(_) => AccountRules::default(),
        None => account_rules(directory, account).await,
    };
    callflow::did_for(destination, plan, &plans, |number| {
        let normalised = rules.normalise_for_account(number, &account_rules, OnBadRule::Skip);
        normalised.unwrap_or_else(|_| number.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::directory::{DirectoryOptions, Folder};

    const ACCOUNT: &str = "c1d00000000000000000000000000001";

    fn dial_plan(prefix: &str) -> Value {
        json!({"dial_plan": {"^0(\\d+)$": {"prefix": prefix}}})
    }

    #[tokio::test]
    async fn an_endpoint_that_was_merged_for_the_route_is_not_merged_again() {
        let account = AccountId::new(ACCOUNT).unwrap();
        let device = |id: &str| {
            let mut device = dial_plan("+44");
            device["_id"] = id.into();
            device["pvt_type"] = "device".into();
            device
        };
        let documents = [(Database::account(&account), vec![device("dev1"), device("dev2")])];
        let folder = Folder::from_documents(documents).unwrap();
        let directory = Directory::new(Arc::new(folder), DirectoryOptions::default());
        let route = |endpoint, endpoint_id: Option<&str>| Route {
            routed: Routed::Found {
                target: RouteTarget { callflow_id: "flow".to_owned(), no_match: false },
                endpoint,
            },
            found: None,
            endpoint_id: endpoint_id.map(str::to_owned),
            unserved: None,
        };
        // Recognisable by a plan that no document has.
        let merged = || Endpoint::Merged(Arc::new(dial_plan("+49")));
        for (route, endpoint_id, dialled) in [
            (route(merged(), Some("dev1")), Some("dev1"), "+4930"),
            (
                route(Endpoint::Broken(Arc::new(dial_plan("+49"))), Some("dev1")),
                Some("dev1"),
                "+4930",
            ),
            (route(merged(), Some("dev1")), Some("dev2"), "+4430"),
            (route(merged(), None), Some("dev1"), "+4430"),
            (route(merged(), Some("dev1")), None, "030"),
            (route(Endpoint::None, Some("dev1")), Some("dev1"), "030"),
        ] {
            let rules = Rules::default();
            let did = did(&directory, &account, endpoint_id, "030", &rules, &route).await;
            assert_eq!(did.unwrap().bypassing, dialled, "{route:?} {endpoint_id:?}");
        }
    }
}
