//! Reading one message's headers.

use serde_json::Value;

use super::{RejectReason, Rejection, shorten};
use crate::json::{self, Object};
use crate::kapi::{Address, header, routing};

/// The members of a message's body, with the checks KAZOO makes of them.
///
/// A JSON `null` reads as absent.
#[derive(Clone, Copy)]
pub(super) struct Headers<'a> {
    body: &'a Object,
}

impl<'a> Headers<'a> {
    pub(super) fn new(body: &'a Object) -> Self {
        Self { body }
    }

    /// Every header in [`header::DEFAULT_HEADERS`] is there; `kz_api.erl` (`validate/4`) asks for
    /// no more.
    pub(super) fn defaults(self) -> Result<(), Rejection> {
        header::DEFAULT_HEADERS.into_iter().try_for_each(|name| self.required(name).map(drop))
    }

    fn get(self, name: &str) -> Option<&'a Value> {
        self.body.get(name).filter(|value| !value.is_null())
    }

    fn required(self, name: &str) -> Result<&'a Value, Rejection> {
        self.get(name).ok_or_else(|| {
            Rejection::new(RejectReason::MissingHeader, format!("`{name}` is missing"))
        })
    }

    /// A required text that is echoed or compared, so nothing else will do.
    pub(super) fn exact_text(self, name: &str) -> Result<&'a str, Rejection> {
        let value = self.required(name)?;
        value.as_str().ok_or_else(|| wrong_type(name, value, "a string"))
    }

    /// A required text; a number is read as KAZOO's getters read it.
    pub(super) fn required_text(self, name: &str) -> Result<String, Rejection> {
        match self.required(name)? {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(wrong_type(name, other, "a string")),
        }
    }

    /// A required text that names a channel which is bound: an id that can be none is refused.
    pub(super) fn bindable_call_id(self, name: &str) -> Result<&'a str, Rejection> {
        let call_id = self.exact_text(name)?;
        if routing::is_call_id(call_id) {
            return Ok(call_id);
        }
        let call_id = shorten(call_id);
        let detail = format!("`{name}` cannot be the id of a channel: `{call_id}`");
        Err(Rejection::new(RejectReason::BadValue, detail))
    }

    /// A required text that something is sent to.
    pub(super) fn address(self, name: &str) -> Result<Address, Rejection> {
        Address::parse(self.exact_text(name)?)
            .map_err(|error| Rejection::new(RejectReason::BadAddress, format!("`{name}`: {error}")))
    }

    /// A required object.
    pub(super) fn required_object(self, name: &str) -> Result<&'a Object, Rejection> {
        let value = self.required(name)?;
        value.as_object().ok_or_else(|| wrong_type(name, value, "an object"))
    }

    /// A header that is one of these words or absent.
    pub(super) fn word_or_absent(self, name: &str, words: &[&str]) -> Result<(), Rejection> {
        match self.get(name) {
            Some(value) if !words.iter().any(|word| value == word) => {
                let (found, words) = (shorten(&value.to_string()), words.join(", "));
                let detail = format!("`{name}` is {found}, expected one of {words}");
                Err(Rejection::new(RejectReason::BadValue, detail))
            }
            _ => Ok(()),
        }
    }

    /// `kz_json:get_ne_binary_value` of a header that no predicate guards.
    pub(super) fn text(self, name: &str) -> Option<String> {
        self.get(name).and_then(json::non_empty_text)
    }

    /// [`text`](Self::text) of a channel variable.
    pub(super) fn channel_var(self, name: &str) -> Option<String> {
        let vars = self.get(header::CUSTOM_CHANNEL_VARS)?.as_object()?;
        vars.get(name).filter(|value| !value.is_null()).and_then(json::non_empty_text)
    }

    /// A header that names a channel; what can be none reads as absent.
    pub(super) fn call_id(self, name: &str) -> Option<String> {
        self.text(name).filter(|text| routing::is_call_id(text))
    }

    pub(super) fn integer(self, name: &str) -> Option<i64> {
        self.get(name).and_then(json::to_integer)
    }

    /// A required integer from 0 on.
    pub(super) fn unsigned(self, name: &str) -> Result<u64, Rejection> {
        let value = self.required(name)?;
        json::to_integer(value).and_then(|number| u64::try_from(number).ok()).ok_or_else(|| {
            let found = shorten(&value.to_string());
            let detail = format!("`{name}` is {found}, expected an integer from 0 on");
            Rejection::new(RejectReason::BadValue, detail)
        })
    }

    pub(super) fn is_true(self, name: &str) -> bool {
        self.get(name).is_some_and(json::value_is_true)
    }

    pub(super) fn object(self, name: &str) -> Option<&'a Object> {
        self.get(name)?.as_object()
    }

    /// Each of these headers is an object or absent.
    pub(super) fn objects_or_absent(self, names: &[&str]) -> Result<(), Rejection> {
        names.iter().try_for_each(|name| match self.get(name) {
            Some(value) if !value.is_object() => Err(wrong_type(name, value, "an object")),
            _ => Ok(()),
        })
    }

    /// Each of these headers is a string or absent.
    pub(super) fn texts_or_absent(self, names: &[&str]) -> Result<(), Rejection> {
        names.iter().try_for_each(|name| match self.get(name) {
            Some(value) if !value.is_string() => Err(wrong_type(name, value, "a string")),
            _ => Ok(()),
        })
    }

    /// `kz_term:is_boolean`: a boolean, its name, or absent.
    pub(super) fn boolean_or_absent(self, name: &str) -> Result<(), Rejection> {
        match self.get(name) {
            None | Some(Value::Bool(_)) => Ok(()),
            Some(Value::String(text)) if matches!(text.as_str(), "true" | "false") => Ok(()),
            Some(value) => Err(wrong_type(name, value, "a boolean")),
        }
    }
}

pub(super) fn wrong_type(name: &str, value: &Value, wanted: &str) -> Rejection {
    Rejection::new(
        RejectReason::WrongType,
        format!("`{name}` is {}, expected {wanted}", kind_of(value)),
    )
}

/// What a JSON value is, with its article.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
