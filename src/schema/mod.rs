//! JSON schemas: what documents and messages may hold.
//!
//! Our own draft-04 schemas are part of the program. For documents the cluster's `system_schemas`
//! win where they are usable ([`Schemas::with_overrides`]); for messages (`kapi.*`) and for the
//! members that only we know (`worker`, `kazoo_dynamic_cid`) ours always count. A violation is told ([`Reporter`]) and never ends a call, so
//! nothing here returns an error.
//!
//! As in KAZOO a schema is found by its name, `$ref` holds such a name, and unknown keywords
//! (`kazoo-validation`, `support_level`) mean nothing. The data of a callflow node is checked for
//! the module `dynamic_cid` only.
//!
//! Source: `kz_json_schema.erl`, `kz_json_schema_extensions.erl`.

mod callflow;
mod embedded;
mod lenient;
mod reporter;
mod store;
#[cfg(test)]
mod tests;
mod violation;

use std::collections::HashMap;

use jsonschema::Validator;
use serde_json::Value;

pub use embedded::{documents, replaceable};
pub use reporter::{Reporter, Subject};
pub use store::{Origin, Refused};
pub use violation::Violation;

/// Most violations told about one document.
pub const MOST_VIOLATIONS: usize = 20;

/// Documents nested deeper than this are not looked into. `serde_json` refuses to read such text
/// in the first place; values built otherwise must not exhaust the stack either.
const DEEPEST: usize = 128;

/// Documents with more values than this are not looked into: the validator lists every violation
/// it finds before we take the first few.
const MOST_VALUES: usize = 200_000;

/// How wrong types are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// As they are.
    Strict,
    /// As KAZOO's API takes them by default: `"7"` passes for an integer, `"true"` for a boolean.
    Lenient,
}

/// All schemas the worker knows, compiled.
#[derive(Debug)]
pub struct Schemas {
    compiled: HashMap<&'static str, store::Compiled>,
    refused: Vec<Refused>,
}

impl Schemas {
    /// Our own schemas.
    pub fn embedded() -> Self {
        Self::with_overrides(std::iter::empty())
    }

    /// Our own schemas, replaced by those of the cluster: pairs of name and document as stored in
    /// `system_schemas`. A document that cannot be used is listed in [`refused`](Self::refused)
    /// and ours stays; one whose name we do not know counts only where another refers to it.
    pub fn with_overrides(documents: impl Iterator<Item = (String, Value)>) -> Self {
        let (compiled, refused) = store::compile(documents);
        Self { compiled, refused }
    }

    /// The schemas that could not be used.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Where the schema of this name comes from; `None` when there is none.
    pub fn origin(&self, name: &str) -> Option<Origin> {
        self.compiled.get(name).map(|schema| schema.origin)
    }

    /// What `value` does wrong by the schema `name`, at most [`MOST_VIOLATIONS`].
    ///
    /// A name without a schema is told as a violation of the whole value.
    pub fn validate(&self, name: &str, value: &Value) -> Vec<Violation> {
        self.validate_as(name, value, Strictness::Strict)
    }

    /// [`validate`](Self::validate), with a choice of how wrong types are taken.
    pub fn validate_as(&self, name: &str, value: &Value, strictness: Strictness) -> Vec<Violation> {
        if let Some(message) = oversize(value) {
            return vec![Violation::new("", message)];
        }
        let Some(schema) = self.compiled.get(name) else {
            return vec![Violation::new("", format!("there is no schema {name}"))];
        };
        let mut violations = check(&schema.validator, value, strictness);
        if let Some(own) = &schema.own
            && let Some(found) = value.get(own.member)
        {
            let found = check(&own.validator, found, strictness);
            let path = violation::step(own.member);
            violations.extend(found.into_iter().map(|violation| violation.below(&path)));
        }
        violations.truncate(MOST_VIOLATIONS);
        violations
    }

    /// What a callflow document does wrong: by the schema `callflows` and, for the data of each
    /// `dynamic_cid` node, by `callflows.dynamic_cid`. Paths start at the document. Data of other
    /// modules is left alone.
    pub fn validate_callflow(&self, document: &Value) -> Vec<Violation> {
        if let Some(message) = oversize(document) {
            return vec![Violation::new("", message)];
        }
        let mut violations = self.validate("callflows", document);
        callflow::dynamic_cid_nodes(document, |path, data| {
            let found = self.validate("callflows.dynamic_cid", data);
            violations.extend(found.into_iter().map(|violation| violation.below(path)));
            violations.len() < MOST_VIOLATIONS
        });
        violations.truncate(MOST_VIOLATIONS);
        violations
    }

    /// What a `system_config` document does wrong: each of its sections (`default`, zones, nodes)
    /// by the schema `system_config.<category>`. Paths start at the document.
    pub fn validate_config(&self, category: &str, document: &Value) -> Vec<Violation> {
        let name = format!("system_config.{category}");
        let Some(members) = document.as_object() else {
            return self.validate(&name, document);
        };
        let sections =
            members.iter().filter(|(key, _)| !key.starts_with('_') && !key.starts_with("pvt_"));
        let mut violations = Vec::new();
        for (key, section) in sections {
            let path = violation::step(key);
            let found = self.validate(&name, section);
            violations.extend(found.into_iter().map(|violation| violation.below(&path)));
            if violations.len() >= MOST_VIOLATIONS {
                break;
            }
        }
        violations.truncate(MOST_VIOLATIONS);
        violations
    }
}

/// What a value does wrong by one schema, at most [`MOST_VIOLATIONS`].
fn check(validator: &Validator, value: &Value, strictness: Strictness) -> Vec<Violation> {
    if validator.is_valid(value) {
        return Vec::new();
    }
    let lenient = strictness == Strictness::Lenient;
    let repaired =
        lenient.then(|| lenient::repaired(value, validator.iter_errors(value))).flatten();
    let value = repaired.as_ref().unwrap_or(value);
    let errors = validator.iter_errors(value).take(MOST_VIOLATIONS);
    errors.map(|error| Violation::from_error(&error)).collect()
}

/// Why a value is not checked at all, if so.
fn oversize(value: &Value) -> Option<String> {
    fn measure(value: &Value, depth: usize, count: &mut usize) -> Option<String> {
        *count += 1;
        if *count > MOST_VALUES {
            return Some(format!("holds more than {MOST_VALUES} values and was not checked"));
        }
        let too_deep = || {
            let message = format!("is nested more than {DEEPEST} levels deep and was not checked");
            (depth >= DEEPEST).then_some(message)
        };
        match value {
            Value::Array(items) => {
                too_deep().or_else(|| items.iter().find_map(|item| measure(item, depth + 1, count)))
            }
            Value::Object(members) => too_deep()
                .or_else(|| members.values().find_map(|item| measure(item, depth + 1, count))),
            _ => None,
        }
    }
    measure(value, 0, &mut 0)
}
