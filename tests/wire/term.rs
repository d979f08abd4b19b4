//! Reads result terms with a decoder that shares nothing with our encoder.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eetf::Term;
use kazoo_dynamic_cid::json::Object;
use serde_json::Value;

/// What KAZOO's executor is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// Go on with the child of this key.
    Continue(String),
    /// Go on with this flow in place of the node.
    ContinueWithFlow(Object),
    /// Stop; the cause, where there is one.
    Stop(Option<String>),
    /// A term the executor does not know: it goes on with `_` after a warning.
    Unknown(String),
    /// No term: the action's process dies and the executor goes on with `_`.
    Undecodable(String),
}

impl Told {
    /// Reads `Result` of an `action.result`.
    ///
    /// Source: `cf_remote_action.erl` (`handle_msg`, `handle_action_return`).
    pub(crate) fn read(result: &str) -> Self {
        let bytes = match STANDARD.decode(result) {
            Ok(bytes) => bytes,
            Err(error) => return Self::Undecodable(error.to_string()),
        };
        match Term::decode(Cursor::new(bytes)) {
            Ok(term) => Self::understand(&term),
            Err(error) => Self::Undecodable(error.to_string()),
        }
    }

    fn understand(term: &Term) -> Self {
        let unknown = || Self::Unknown(term.to_string());
        match term {
            Term::Atom(atom) if atom.name == "continue" => Self::Continue("_".to_owned()),
            Term::Atom(atom) if atom.name == "stop" => Self::Stop(None),
            Term::Tuple(tuple) => match tuple.elements.as_slice() {
                [Term::Atom(what), argument] => match (what.name.as_str(), json(argument)) {
                    ("continue", Some(Value::String(key))) => Self::Continue(key),
                    ("continue_with_flow", Some(Value::Object(flow))) => {
                        Self::ContinueWithFlow(flow)
                    }
                    ("stop", Some(Value::String(cause))) => Self::Stop(Some(cause)),
                    ("stop", _) if is_atom(argument, "undefined") => Self::Stop(None),
                    _ => unknown(),
                },
                _ => unknown(),
            },
            _ => unknown(),
        }
    }

    /// The flow that follows, where there is one.
    pub(crate) fn flow(&self) -> Option<&Object> {
        match self {
            Self::ContinueWithFlow(flow) => Some(flow),
            _ => None,
        }
    }
}

fn is_atom(term: &Term, name: &str) -> bool {
    matches!(term, Term::Atom(atom) if atom.name == name)
}

/// A term in KAZOO's JSON form: objects are 1-tuples of pair lists.
fn json(term: &Term) -> Option<Value> {
    Some(match term {
        Term::Atom(atom) => match atom.name.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => return None,
        },
        Term::FixInteger(number) => number.value.into(),
        // Wide enough for every number a document can hold without turning into a float.
        Term::BigInteger(number) => serde_json::from_str(&number.to_string()).ok()?,
        Term::Float(number) => number.value.into(),
        Term::Binary(binary) => Value::String(String::from_utf8(binary.bytes.clone()).ok()?),
        Term::ByteList(list) => list.bytes.iter().map(|byte| Value::from(*byte)).collect(),
        Term::List(list) => list.elements.iter().map(json).collect::<Option<Value>>()?,
        Term::Tuple(tuple) => match tuple.elements.as_slice() {
            [Term::List(members)] => {
                members.elements.iter().map(member).collect::<Option<Object>>()?.into()
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn member(term: &Term) -> Option<(String, Value)> {
    let Term::Tuple(pair) = term else { return None };
    match pair.elements.as_slice() {
        [Term::Binary(key), value] => {
            Some((String::from_utf8(key.bytes.clone()).ok()?, json(value)?))
        }
        _ => None,
    }
}
