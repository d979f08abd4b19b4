//! What becomes of a call behind the action, and handing it back to callflow.
//!
//! Source: `cf_exe.erl` (`handle_cast/2` for `continue`, `branch` and `stop`, `terminate/2`).

use serde_json::{Value, json};

use crate::call::Call;
use crate::callflow;
use crate::dynamic_cid::{Outcome, Reason};
use crate::json::{self, Object};
use crate::worker::answer::Changes;
use crate::worker::conversation::Conversation;

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Becomes {
    /// The caller is gone.
    Gone,
    /// The action told the caller that it is refused, and hangs up.
    Refused,
    /// It is hung up, as nothing follows.
    HungUp,
    /// Callflow takes it back.
    Resumed {
        /// The call as KAZOO's own module would leave it.
        call: Call,
        /// The flow that goes on.
        flow: Object,
        /// Whether that is the callflow of the destination.
        branched: bool,
    },
}

impl Becomes {
    /// The word for it, as in `operations::ends`.
    pub fn end(&self) -> &'static str {
        match self {
            Self::Gone => "destroyed",
            Self::Refused => "refused",
            Self::HungUp => "hang_up",
            Self::Resumed { branched: false, .. } => "resume",
            Self::Resumed { branched: true, .. } => "resume_callflow",
        }
    }
}

/// What becomes of a call by an outcome; `child` is what follows the node.
pub fn choose(
    outcome: &Outcome,
    changes: &Changes,
    child: Option<&Object>,
    call: &Call,
) -> Becomes {
    match outcome {
        Outcome::Stop(Reason::HungUp) => return Becomes::Gone,
        Outcome::Refused => return Becomes::Refused,
        _ => {}
    }
    let call = changed(call, changes);
    match flow(outcome, child, &call) {
        Some(flow) => {
            let branched = matches!(outcome, Outcome::Branch { .. });
            Becomes::Resumed { call, flow, branched }
        }
        None => Becomes::HungUp,
    }
}

/// The call as KAZOO's own module would leave it in the executor.
///
/// The number goes into the key-value store as a text: KAZOO's own pair of number and name has no
/// form in JSON, and without either KAZOO would put the endpoint's caller ID back.
/// `cf_capture_group` stays, so that KAZOO repeats exactly the check it makes at every route win.
pub fn changed(call: &Call, changes: &Changes) -> Call {
    let mut call = call.clone();
    if changes.stored {
        if let Some(number) = &changes.number {
            call.set_caller_id_number(number);
        }
        if let Some(name) = &changes.name {
            call.set_caller_id_name(name);
        }
        if let Some(destination) = &changes.destination {
            call.set_destination(destination);
        }
    }
    call.set_kvs("cf_last_action", Value::from("cf_dynamic_cid"));
    call
}

/// The same with the addresses and ids it has now: events of the resumed call's first command go
/// to us, later ones to the new executor.
pub(super) fn addressed(mut call: Call, conversation: &Conversation<'_>) -> Object {
    call.set_call_id(&conversation.call_id);
    call.set_controller_queue(&conversation.session.identity.server_id);
    call.into_object()
}

/// The flow that goes on after an outcome; `None` where the call ends.
///
/// A found callflow is entered through a `callflow` node, whose `_` child stands where KAZOO's own
/// branch would have stacked it.
fn flow(outcome: &Outcome, child: Option<&Object>, call: &Call) -> Option<Object> {
    match outcome {
        Outcome::Branch { target, .. } => {
            Some(callflow::callflow_node(&target.callflow_id, child.cloned()))
        }
        Outcome::Continue(_) | Outcome::Died(_) => {
            let child = child?;
            Some(if closed_groups_would_count(child, call) {
                passed_over(child)
            } else {
                child.clone()
            })
        }
        Outcome::Stop(_) | Outcome::Refused => None,
    }
}

/// At a resume KAZOO looks at the flow's root to see whether an extension is called, and lets an
/// endpoint with closed groups only call those of its groups. At the route win the root was our
/// node, so that natively this is never looked at.
///
/// Source: `cf_route_win.erl` (`maybe_closed_group_restriction/2`, `get_callee_extension_info/1`).
fn closed_groups_would_count(flow: &Object, call: &Call) -> bool {
    let extension = matches!(json::text(flow, "module").as_deref(), Some("device" | "user"));
    let denied = call.kvs("denied_call_restrictions").and_then(Value::as_object);
    extension && denied.is_some_and(|denied| denied.contains_key("closed_groups"))
}

/// The flow behind a node that KAZOO passes over.
fn passed_over(flow: &Object) -> Object {
    let node = json!({
        "module": "dynamic_cid", "data": {"skip_module": true}, "children": {"_": flow},
    });
    node.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Destination;
    use crate::dynamic_cid::{Reason, RouteTarget};

    fn object(value: Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    fn call(store: Value) -> Call {
        Call::new(object(json!({
            "Caller-ID-Number": "1001", "Caller-ID-Name": "Alice", "Request": "*2@r", "To": "*2@r",
            "Key-Value-Store": store,
        })))
    }

    #[test]
    fn only_what_was_stored_changes_the_call() {
        let destination = Destination { number: "+1514".into(), request_user: "+1514".into() };
        let changes = Changes {
            number: Some("1555".into()),
            name: Some("Sales".into()),
            destination: Some(destination),
            stored: true,
        };
        let store = json!({"cf_capture_group": "011514"});
        let after = changed(&call(store.clone()), &changes);
        assert_eq!(after.text("Caller-ID-Number").as_deref(), Some("1555"));
        assert_eq!(after.text("Caller-ID-Name").as_deref(), Some("Sales"));
        assert_eq!(after.text("Request").as_deref(), Some("+1514@r"));
        assert_eq!(
            after.to_object()["Key-Value-Store"],
            json!({
                "cf_capture_group": "011514", "dynamic_cid": "1555",
                "cf_last_action": "cf_dynamic_cid",
            })
        );
        let after = changed(&call(store), &Changes { stored: false, ..changes });
        assert_eq!(after.text("Caller-ID-Number").as_deref(), Some("1001"));
        assert_eq!(after.kvs("dynamic_cid"), None);
    }

    #[test]
    fn an_outcome_tells_what_becomes_of_the_call() {
        let child = object(json!({"module": "resources", "data": {}, "children": {}}));
        let target = RouteTarget { callflow_id: "found".into(), no_match: false };
        let branch = Outcome::Branch { reason: Reason::Entry, target };
        for (outcome, child, end) in [
            (Outcome::Stop(Reason::HungUp), Some(&child), "destroyed"),
            (Outcome::Refused, Some(&child), "refused"),
            (Outcome::Stop(Reason::TooShort), Some(&child), "hang_up"),
            (Outcome::Continue(Reason::Static), None, "hang_up"),
            (Outcome::Continue(Reason::Static), Some(&child), "resume"),
            (branch, None, "resume_callflow"),
        ] {
            let becomes = choose(&outcome, &Changes::default(), child, &call(json!({})));
            assert_eq!(becomes.end(), end, "{outcome:?}");
            assert!(crate::operations::ends::known(end).is_some());
        }
    }

    #[test]
    fn what_follows_is_the_child_or_the_found_callflow() {
        let child = object(json!({"module": "resources", "data": {}, "children": {}}));
        let device = object(json!({"module": "device", "data": {"id": "d"}}));
        let target = RouteTarget { callflow_id: "found".into(), no_match: true };
        let branch = Outcome::Branch { reason: Reason::Entry, target };
        let open = call(json!({}));
        let closed =
            call(json!({"denied_call_restrictions": {"closed_groups": {"action": "deny"}}}));
        for (outcome, child, call, expected) in [
            (Outcome::Continue(Reason::Static), Some(&child), &open, Some(json!(child))),
            (Outcome::Died(Reason::NotInList), Some(&child), &closed, Some(json!(child))),
            (Outcome::Continue(Reason::Static), None, &open, None),
            (Outcome::Stop(Reason::TooShort), Some(&child), &open, None),
            (Outcome::Refused, Some(&child), &open, None),
            (Outcome::Continue(Reason::Static), Some(&device), &open, Some(json!(device))),
            (
                Outcome::Continue(Reason::Static),
                Some(&device),
                &closed,
                Some(json!({
                    "module": "dynamic_cid", "data": {"skip_module": true},
                    "children": {"_": device},
                })),
            ),
            (
                branch.clone(),
                Some(&child),
                &open,
                Some(json!({
                    "module": "callflow", "data": {"id": "found"}, "children": {"_": child},
                })),
            ),
            (
                branch,
                None,
                &open,
                Some(json!({"module": "callflow", "data": {"id": "found"}, "children": {}})),
            ),
        ] {
            let found = flow(&outcome, child, call).map(Value::Object);
            assert_eq!(found, expected, "{outcome:?}");
        }
    }
}
