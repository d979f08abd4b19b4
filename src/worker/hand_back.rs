//! Handing a decided call back: what follows its node, and which answer that allows.

use serde_json::Value;

use super::answer::{self, Answer, Changes, Decided, Node};
use super::context::{self, Route};
use crate::call::Call;
use crate::callflow::follow::NotFound;
use crate::callflow::{self, Did, Following, Found};
use crate::directory::{AccountId, Directory, ReadError};
use crate::dynamic_cid::{
    Action, Context, Departures, Event, Job, Mode, Next, Outcome, Preset, Routed,
};
use crate::numbers::OnBadRule;

/// The callflow module whose nodes are looked for.
const MODULE: &str = "dynamic_cid";

/// What was decided for a call.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// What the action was given.
    pub job: &'a Job,
    /// What it knew.
    pub context: &'a Context,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// What it changed.
    pub changes: &'a Changes,
    /// The destination's route, where it asked for one.
    pub route: Option<&'a Route>,
}

/// Chooses the answer; with it the search for the node, where one was needed.
pub async fn choose(
    directory: &Directory,
    account: Option<&AccountId>,
    call: &Call,
    decision: &Decision<'_>,
) -> (Answer, Option<Following<ReadError>>) {
    let following = if answer::needs_following(decision.outcome, decision.changes) {
        Some(follow(directory, account, call, decision.job).await)
    } else {
        None
    };
    let node = following.as_ref().and_then(|following| {
        let node = following.node()?;
        let child = callflow::wildcard_child(node);
        Some(Node { node, child, branched_to: following.branched_to() })
    });
    let route = decision.route.filter(|route| route.found.is_some());
    let did = match (route, account, decision.changes.destination_number()) {
        (Some(route), Some(account), Some(destination)) => {
            did(directory, account, call, destination, decision.context, route).await
        }
        _ => None,
    };
    let found = route.and_then(|route| route.found.as_ref());
    let decided = Decided {
        mode: decision.job.mode(),
        outcome: decision.outcome,
        changes: decision.changes,
        whole_group: whole_group(decision),
        native_agrees: &|| native_agrees(decision),
        found_flow: found.map(Found::flow),
        did: did.as_ref(),
        list_answer: decision.context.departures.list_answer,
    };
    (answer::choose(&decided, node), following)
}

/// Has that read what the search for the node will want, while nobody waits for it: the database may
/// be away once the caller has typed.
pub fn look_ahead(directory: &Directory, account: Option<&AccountId>, call: &Call, job: &Job) {
    let (Some(account), Some(flow_id)) = (account, call.kvs("cf_flow_id").and_then(Value::as_str))
    else {
        return;
    };
    let (directory, account) = (directory.clone(), account.clone());
    let (flow_id, data) = (flow_id.to_owned(), job.data.clone());
    tokio::spawn(async move {
        let flow_id = Some(flow_id.as_str());
        drop(callflow::following(&directory, &account, flow_id, &data, MODULE).await);
    });
}

async fn follow(
    directory: &Directory,
    account: Option<&AccountId>,
    call: &Call,
    job: &Job,
) -> Following<ReadError> {
    let Some(account) = account else {
        return Following::NotFound(NotFound::NoFlowId);
    };
    let flow_id = call.kvs("cf_flow_id").and_then(Value::as_str);
    callflow::following(directory, account, flow_id, &job.data, MODULE).await
}

/// What off-net nodes would dial: `to_did` passes by the endpoint's dial plan, so it is applied
/// here. `None` where the plan cannot be applied; then the flow is not inlined.
async fn did(
    directory: &Directory,
    account: &AccountId,
    call: &Call,
    destination: &str,
    context: &Context,
    route: &Route,
) -> Option<Did> {
    let endpoint = call.dialling_endpoint_id();
    context::did(directory, account, endpoint.as_deref(), destination, &context.rules, route)
        .await
        .inspect_err(|error| tracing::warn!(%error, "the dial plan cannot be applied"))
        .ok()
}

/// Whether the destination is what KAZOO's static node makes of the capture group.
fn whole_group(decision: &Decision<'_>) -> bool {
    let group = decision.job.capture_group.as_deref();
    let rules = &decision.context.rules;
    let normalised = group.and_then(|group| rules.normalise(group, OnBadRule::Skip).ok());
    normalised.is_some() && normalised.as_deref() == decision.changes.destination_number()
}

/// Whether KAZOO's own module, on the same facts, would decide the same: the core is asked with
/// the preset that reproduces it.
fn native_agrees(decision: &Decision<'_>) -> bool {
    if !matches!(decision.job.mode(), Mode::List | Mode::Lists) {
        return false;
    }
    let mut context = decision.context.clone();
    context.departures = Departures::from(Preset::Kazoo);
    let (mut kazoo, mut step) = Action::start(decision.job.clone(), context, 0);
    let mut native = Changes::default();
    loop {
        native.note(&step.effects);
        match step.next {
            Next::Done(outcome) => {
                return outcome == *decision.outcome && native == *decision.changes;
            }
            Next::Wait { .. } => return false,
            Next::Ask(_) => {
                let routed = decision.route.map_or(Routed::NotFound, |route| route.routed.clone());
                step = kazoo.on(0, &Event::Routed(routed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::directory::{Database, DirectoryOptions, Folder, Observer};
    use crate::dynamic_cid::SystemConfig;

    /// How reads of documents ended.
    #[derive(Default)]
    struct Reads(Mutex<Vec<&'static str>>);

    impl Observer for Reads {
        fn read(&self, what: &'static str, outcome: &'static str) {
            if what == "document" {
                self.0.lock().unwrap().push(outcome);
            }
        }
    }

    #[tokio::test]
    async fn what_the_search_wants_is_there_when_it_begins() {
        let account = AccountId::new("c1d00000000000000000000000000001").unwrap();
        let data = json!({"action": "manual"});
        let node = json!({"module": "dynamic_cid", "remote_execution": true, "data": data});
        let document = json!({"_id": "flow1", "pvt_type": "callflow", "flow": node});
        let database = Database::account(&account);
        let folder = Folder::from_documents([(database, vec![document])]).unwrap();
        let reads = Arc::new(Reads::default());
        let observer = Some(Arc::clone(&reads) as Arc<dyn Observer>);
        let options = DirectoryOptions { observer, ..DirectoryOptions::default() };
        let directory = Directory::new(Arc::new(folder), options);
        let call = json!({"Key-Value-Store": {"cf_flow_id": "flow1"}});
        let call = Call::new(call.as_object().cloned().unwrap());
        let data = data.as_object().cloned().unwrap();
        let job = Job::new(data, &call, &SystemConfig::default());

        look_ahead(&directory, Some(&account), &call, &job);
        let known = || reads.0.lock().unwrap().clone();
        for _ in 0..400 {
            if known().len() >= 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The callflow, and the account, which may have a preflow.
        assert_eq!(known(), ["miss", "miss"]);
        let found = follow(&directory, Some(&account), &call, &job).await;
        assert!(found.node().is_some(), "{found:?}");
        assert_eq!(known(), ["miss", "miss", "hit", "hit"]);
    }
}
