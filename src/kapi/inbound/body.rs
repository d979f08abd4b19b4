//! A message's members.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::{RejectReason, Rejection, headers};
use crate::json::{LazyObject, LazyValue, Object};

/// The member that is not read: most of it nobody asks for.
pub(super) const CALL: &str = "Call";

/// A message's members; the call among them apart, where it is an object.
pub(super) struct Body {
    pub(super) members: Object,
    pub(super) call: Option<LazyObject>,
}

impl Body {
    /// Reads a payload.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Rejection> {
        // Text need not be looked at for characters that are none member by member.
        let body = std::str::from_utf8(payload).ok().map(serde_json::from_str);
        if let Some(Ok(body)) = body {
            return Ok(body);
        }
        // Whatever is wrong is told as of the whole payload.
        match serde_json::from_slice(payload) {
            Ok(Value::Object(members)) => Ok(members.into()),
            Ok(other) => Err(Rejection::new(
                RejectReason::NotAnObject,
                format!("the payload is {}, expected an object", headers::kind_of(&other)),
            )),
            Err(error) => Err(Rejection::new(
                RejectReason::NotJson,
                format!("the payload is not JSON: {error}"),
            )),
        }
    }

    /// All members, read.
    pub(super) fn into_object(self) -> Object {
        let Self { mut members, call } = self;
        members.extend(call.map(|call| (CALL.to_owned(), call.into_object().into())));
        members
    }
}

impl From<Object> for Body {
    fn from(mut members: Object) -> Self {
        let call = match members.get_mut(CALL) {
            Some(Value::Object(call)) => Some(std::mem::take(call)),
            _ => None,
        };
        if call.is_some() {
            members.shift_remove(CALL);
        }
        Self { members, call: call.map(LazyObject::from) }
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
        /// An execute has about as many.
        const USUAL: usize = 16;
        let (mut members, mut call) = (Object::with_capacity(USUAL), None);
        while let Some(name) = map.next_key::<String>()? {
            if name != CALL {
                members.insert(name, map.next_value()?);
                continue;
            }
            // Of several the last one counts.
            match map.next_value()? {
                LazyValue::Object(object) => {
                    members.shift_remove(CALL);
                    call = Some(object);
                }
                LazyValue::Other(value) => {
                    members.insert(name, value);
                    call = None;
                }
            }
        }
        Ok(Body { members, call })
    }
}
