//! Which callflow a number leads to.
//!
//! Source: `cf_flow.erl` (`lookup/2`, `do_lookup`, `maybe_use_nomatch`, `return_callflow_doc`),
//! `kzd_callflows.erl` (`flow`, `capture_group`, `capture_groups`).

use std::sync::Arc;

use serde_json::Value;

use super::{AccountId, Documents, LookupCrash, OptionalGroups, PatternMatch};
use crate::json::{self, Object};

/// The number of the callflow that takes all numbers no other callflow takes.
pub const NO_MATCH: &str = "no_match";

/// A callflow that a number leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The document's id.
    pub id: String,
    /// The whole document as stored.
    pub document: Arc<Value>,
    /// Its tree of nodes; empty where the document has none, which ends a call at once.
    pub flow: Object,
    /// Whether the document's numbers contain `no_match`, however it was found.
    pub no_match: bool,
    /// How it was found.
    pub via: Via,
}

/// How a callflow was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// The number is one of its numbers.
    Number(String),
    /// One of its patterns won.
    Pattern(PatternMatch),
    /// Nothing else took the number, and it consists of digits only.
    NoMatch,
}

/// No callflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError<E: std::error::Error + 'static> {
    /// The number is the empty text (KAZOO: `invalid_number`).
    #[error("there is no number to look a callflow up by")]
    InvalidNumber,
    /// Nothing takes the number, and `no_match` takes only digits.
    #[error(
        "no callflow has the number `{number}` or a pattern for it, and `no_match` takes only \
         digits"
    )]
    NotFound {
        /// The number looked for.
        number: String,
    },
    /// Nothing takes the number, not even `no_match`.
    #[error(
        "no callflow has the number `{number}` or a pattern for it, and none has the number \
         `no_match`"
    )]
    NoNoMatch {
        /// The number looked for.
        number: String,
    },
    /// The pattern's callflow is gone since the patterns were read.
    #[error("callflow `{}`, whose pattern `{}` matches `{number}`, does not exist", .found.flow_id, .found.pattern)]
    Vanished {
        /// The number looked for.
        number: String,
        /// The pattern that matches it.
        found: Box<PatternMatch>,
    },
    /// KAZOO's lookup dies.
    #[error(transparent)]
    Crash(#[from] LookupCrash),
    /// The documents cannot be read.
    #[error("the callflow for `{number}` cannot be looked up: {error}")]
    Unreadable {
        /// The number looked for.
        number: String,
        /// Why.
        #[source]
        error: E,
    },
}

impl Found {
    fn new(id: Option<&str>, document: Arc<Value>, via: Via) -> Self {
        let empty = Object::new();
        let members = document.as_object().unwrap_or(&empty);
        let id = id.map(str::to_owned).or_else(|| json::text(members, "_id"));
        let flow = json::object(members, "flow").cloned().unwrap_or_default();
        let no_match = members
            .get("numbers")
            .and_then(Value::as_array)
            .is_some_and(|numbers| numbers.iter().any(|number| number == NO_MATCH));
        Self { id: id.unwrap_or_default(), document, flow, no_match, via }
    }

    /// The capture group a call that enters here gets. Without a pattern's, a member
    /// `capture_group` stored in the document counts.
    pub fn capture_group(&self) -> Option<String> {
        self.matched()
            .and_then(|found| found.capture_group.clone())
            .or_else(|| json::text(self.document.as_object()?, "capture_group"))
    }

    /// The named groups a call that enters here gets, under the same rule.
    pub fn capture_groups(&self) -> Object {
        self.matched()
            .map(|found| &found.capture_groups)
            .filter(|groups| !groups.is_empty())
            .or_else(|| json::object(self.document.as_object()?, "capture_groups"))
            .cloned()
            .unwrap_or_default()
    }

    fn matched(&self) -> Option<&PatternMatch> {
        match &self.via {
            Via::Pattern(found) => Some(found),
            Via::Number(_) | Via::NoMatch => None,
        }
    }
}

/// Looks a number up as KAZOO does: by number, by pattern, and as `no_match` where it consists of
/// digits after any number of leading `+`.
///
/// Patterns that cannot be read count as none, as in KAZOO; every other read must succeed.
pub async fn lookup<D: Documents>(
    documents: &D,
    account: &AccountId,
    number: &str,
    optional_groups: OptionalGroups,
) -> Result<Found, LookupError<D::Error>> {
    let unreadable = |error| LookupError::Unreadable { number: number.to_owned(), error };
    if number.is_empty() {
        return Err(LookupError::InvalidNumber);
    }
    let by_number = documents.callflow_by_number(account, number).await.map_err(unreadable)?;
    if let Some(document) = by_number {
        return Ok(Found::new(None, document, Via::Number(number.to_owned())));
    }
    if number == NO_MATCH {
        return Err(LookupError::NoNoMatch { number: number.to_owned() });
    }
    let matched = match documents.patterns(account).await {
        Ok(patterns) => patterns.find(number, optional_groups)?,
        Err(_) => None,
    };
    if let Some(found) = matched {
        return match documents.callflow(account, &found.flow_id).await.map_err(unreadable)? {
            Some(document) => {
                let id = found.flow_id.clone();
                Ok(Found::new(Some(&id), document, Via::Pattern(found)))
            }
            None => Err(LookupError::Vanished { number: number.to_owned(), found: found.into() }),
        };
    }
    if !number.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(LookupError::NotFound { number: number.to_owned() });
    }
    match documents.callflow_by_number(account, NO_MATCH).await.map_err(unreadable)? {
        Some(document) => Ok(Found::new(None, document, Via::NoMatch)),
        None => Err(LookupError::NoNoMatch { number: number.to_owned() }),
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
