//! Answers to `action.execute`.

use serde_json::Value;

use super::inbound::Execute;
use super::term::{Atom, Term};
use super::{Address, Exchange, Identity, Message, header};
use crate::json::Object;

/// What the executor shall do next.
///
/// Source: `cf_remote_action.erl` (`handle_action_return/2`), `cf_exe.erl` (`handle_cast/2`).
#[derive(Debug, Clone, PartialEq)]
pub enum ActionResult {
    /// Go on with child `_`.
    Continue,
    /// Go on with the child of this key, else with `_`, else hang up.
    ContinueKey(String),
    /// Run this flow in the node's place; its children are forgotten. An empty one stops.
    ContinueWithFlow(Object),
    /// Run the flow stacked beneath, else hang up without a cause.
    Stop,
    /// Run the flow stacked beneath, else hang up with this cause.
    StopCause(String),
    /// Leave the call alone: somebody else transferred it.
    Transfer,
    /// Leave the call alone: somebody else controls it.
    Usurp,
}

impl ActionResult {
    /// The Erlang term.
    pub fn term(&self) -> Term {
        match self {
            Self::Continue => Term::atom(Atom::Continue),
            Self::ContinueKey(key) => Term::atom_and_text(Atom::Continue, key),
            Self::ContinueWithFlow(flow) => Term::atom_and_object(Atom::ContinueWithFlow, flow),
            Self::Stop => Term::atom(Atom::Stop),
            Self::StopCause(cause) => Term::atom_and_text(Atom::Stop, cause),
            Self::Transfer => Term::atom(Atom::Transfer),
            Self::Usurp => Term::atom(Atom::Usurp),
        }
    }

    /// The term as JSON that people can read: a word, or an object of one word and its value, such
    /// as `{"stop": "CALL_REJECTED"}`.
    pub fn into_readable(self) -> Value {
        let word = self.word();
        let value = match self {
            Self::Continue | Self::Stop | Self::Transfer | Self::Usurp => return word.into(),
            Self::ContinueKey(text) | Self::StopCause(text) => text.into(),
            Self::ContinueWithFlow(flow) => flow.into(),
        };
        Object::from_iter([(word.to_owned(), value)]).into()
    }

    /// Reads what [`into_readable`](Self::into_readable) wrote; anything else is `None`.
    pub fn from_readable(value: &Value) -> Option<Self> {
        match value {
            Value::String(word) => match word.as_str() {
                "continue" => Some(Self::Continue),
                "stop" => Some(Self::Stop),
                "transfer" => Some(Self::Transfer),
                "usurp" => Some(Self::Usurp),
                _ => None,
            },
            Value::Object(members) if members.len() == 1 => {
                let (word, value) = members.iter().next()?;
                match (word.as_str(), value) {
                    ("continue", Value::String(key)) => Some(Self::ContinueKey(key.clone())),
                    ("continue_with_flow", Value::Object(flow)) => {
                        Some(Self::ContinueWithFlow(flow.clone()))
                    }
                    ("stop", Value::String(cause)) => Some(Self::StopCause(cause.clone())),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The word in front: `continue`, `continue_with_flow`, `stop`, `transfer` or `usurp`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Continue | Self::ContinueKey(_) => Atom::Continue.as_str(),
            Self::ContinueWithFlow(_) => Atom::ContinueWithFlow.as_str(),
            Self::Stop | Self::StopCause(_) => Atom::Stop.as_str(),
            Self::Transfer => Atom::Transfer.as_str(),
            Self::Usurp => Atom::Usurp.as_str(),
        }
    }
}

/// Member with [`ActionResult::into_readable`]. KAZOO ignores it; traces and our own tools read it.
pub const RESULT_TERM: &str = "Result-Term";

/// Whom an answer goes to.
#[derive(Debug, Clone, Copy)]
pub struct Executor<'a> {
    /// Its address, from `Server-ID` of the execute.
    pub server_id: &'a Address,
    /// `Msg-ID` of the execute.
    pub msg_id: &'a str,
    /// The id the call has now: an answer under an older one is dropped.
    pub call_id: &'a str,
}

impl<'a> Executor<'a> {
    /// The executor of an execute whose call id has not changed.
    pub fn of(execute: &'a Execute) -> Self {
        Self { server_id: &execute.server_id, msg_id: &execute.msg_id, call_id: &execute.call_id }
    }
}

/// `action.accepted`: somebody works on it. KAZOO logs it and goes on waiting.
///
/// Source: `kapi_callflow.erl` (`action_accepted_definition`).
pub fn accepted(identity: &Identity, executor: Executor<'_>) -> Message {
    answer(identity, executor, "action.accepted", Object::new())
}

/// `action.result`, which ends the action; an executor must get exactly one.
///
/// Source: `kapi_callflow.erl` (`action_result_definition`).
pub fn result(identity: &Identity, executor: Executor<'_>, result: ActionResult) -> Message {
    let mut members = Object::new();
    members.insert("Result".to_owned(), Value::String(result.term().to_base64()));
    members.insert(RESULT_TERM.to_owned(), result.into_readable());
    answer(identity, executor, "action.result", members)
}

fn answer(identity: &Identity, executor: Executor<'_>, name: &str, mut members: Object) -> Message {
    for (key, value) in [
        (header::CALL_ID, executor.call_id),
        (header::MSG_ID, executor.msg_id),
        (header::SYSTEM_LOG_ID, executor.call_id),
    ] {
        members.insert(key.to_owned(), Value::from(value));
    }
    Message::to(("callflow", name), members, identity, Exchange::Targeted, executor.server_id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kapi::fixtures;

    fn flow(value: &Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn results_encode_as_the_table_of_kazoos_terms() {
        for (result, base64) in [
            (ActionResult::Continue, "g2QACGNvbnRpbnVl"),
            (ActionResult::ContinueKey("_".to_owned()), "g2gCZAAIY29udGludWVtAAAAAV8="),
            (ActionResult::ContinueKey("match".to_owned()), "g2gCZAAIY29udGludWVtAAAABW1hdGNo"),
            (ActionResult::Stop, "g2QABHN0b3A="),
            (
                ActionResult::StopCause("CALL_REJECTED".to_owned()),
                "g2gCZAAEc3RvcG0AAAANQ0FMTF9SRUpFQ1RFRA==",
            ),
            (ActionResult::Transfer, "g2QACHRyYW5zZmVy"),
            (ActionResult::Usurp, "g2QABXVzdXJw"),
            (
                ActionResult::ContinueWithFlow(flow(
                    &json!({"module": "play", "data": {"id": "abc"}, "children": {}}),
                )),
                "g2gCZAASY29udGludWVfd2l0aF9mbG93aAFsAAAAA2gCbQAAAAZtb2R1bGVtAAAABHBsYXloAm0AAAAE\
                 ZGF0YWgBbAAAAAFoAm0AAAACaWRtAAAAA2FiY2poAm0AAAAIY2hpbGRyZW5oAWpq",
            ),
        ] {
            assert_eq!(result.term().to_base64(), base64, "{result:?}");
        }
    }

    #[test]
    fn results_a_living_kazoo_understood_are_written_alike() {
        let recorded = fixtures::results();
        assert!(recorded.len() > 8);
        for (term, base64) in recorded {
            let result = ActionResult::from_readable(&term).unwrap();
            assert_eq!(result.term().to_base64(), base64, "{term}");
            assert_eq!(result.into_readable(), term);
        }
    }

    #[test]
    fn a_readable_result_reads_back() {
        for result in [
            ActionResult::Continue,
            ActionResult::ContinueKey(String::new()),
            ActionResult::ContinueWithFlow(Object::new()),
            ActionResult::ContinueWithFlow(flow(&json!({"module": "x"}))),
            ActionResult::Stop,
            ActionResult::StopCause("USER_BUSY".to_owned()),
            ActionResult::Transfer,
            ActionResult::Usurp,
        ] {
            let readable = result.clone().into_readable();
            let word = readable
                .as_str()
                .or(readable.as_object().and_then(|it| it.keys().next().map(String::as_str)));
            assert_eq!(word, Some(result.word()));
            assert_eq!(ActionResult::from_readable(&readable), Some(result));
        }
        for other in [
            json!("halt"),
            json!({}),
            json!({"stop": 1}),
            json!({"transfer": "x"}),
            json!({"stop": "USER_BUSY", "continue": "1"}),
            json!(1),
        ] {
            assert_eq!(ActionResult::from_readable(&other), None, "{other}");
        }
    }

    #[test]
    fn an_answer_goes_to_the_executor_under_the_current_call_id() {
        let identity = Identity::new("dcid@worker1.example.com", "dcid-worker-1-replies");
        let server_id = Address::parse("pid://<0.9876.0>/callflow_route_0f3c").unwrap();
        let executor = Executor {
            server_id: &server_id,
            msg_id: "4f1d2c3b5a69788796a5b4c3d2e1f001",
            call_id: "7c1e9f02-1@10.0.0.5",
        };
        for (message, example) in [
            (accepted(&identity, executor), "callflow_action_accepted.json"),
            (
                result(&identity, executor, ActionResult::Continue),
                "callflow_action_result_continue.json",
            ),
        ] {
            assert_eq!(message.exchange, Exchange::Targeted);
            assert_eq!(message.routing_key, "callflow_route_0f3c");
            assert_eq!(message.deliver_to_pid.as_deref(), Some("<0.9876.0>"));
            let mut body = message.body.clone();
            assert_eq!(body.remove("System-Log-ID"), Some(json!(executor.call_id)));
            body.remove(RESULT_TERM);
            fixtures::assert_same_except_app(&body, &fixtures::object(example));
        }
    }

    #[test]
    fn examples_of_results_are_written_alike() {
        for example in [
            "callflow_action_result_continue_key.json",
            "callflow_action_result_continue_with_flow.json",
            "callflow_action_result_stop.json",
            "callflow_action_result_stop_reason.json",
            "callflow_action_result_transfer.json",
            "callflow_action_result_usurp.json",
        ] {
            let result = match example {
                "callflow_action_result_continue_key.json" => {
                    ActionResult::ContinueKey("match".to_owned())
                }
                "callflow_action_result_continue_with_flow.json" => {
                    ActionResult::ContinueWithFlow(flow(&json!({
                        "module": "dynamic_cid",
                        "data": {"action": "static", "caller_id": {"number": "+15550100"}},
                        "children": {"_": {
                            "module": "resources",
                            "data": {"use_local_resources": false},
                            "children": {},
                        }},
                    })))
                }
                "callflow_action_result_stop.json" => ActionResult::Stop,
                "callflow_action_result_stop_reason.json" => {
                    ActionResult::StopCause("CALL_REJECTED".to_owned())
                }
                "callflow_action_result_transfer.json" => ActionResult::Transfer,
                _ => ActionResult::Usurp,
            };
            assert_eq!(fixtures::object(example)["Result"], result.term().to_base64(), "{example}");
        }
    }
}
