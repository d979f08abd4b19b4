//! Which callflow a number leads to.
//!
//! Source: `cf_flow.erl` (`lookup/2`, `do_lookup`, `maybe_use_nomatch`, `return_callflow_doc`),
//! `kzd_callflows.erl` (`flow`, `capture_group`, `capture_groups`).

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::{
    AccountId, Documents, ExclusiveDocuments, LookupCrash, OptionalGroups, PatternMatch, Patterns,
};
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
        let no_match = members
            .get("numbers")
            .and_then(Value::as_array)
            .is_some_and(|numbers| numbers.iter().any(|number| number == NO_MATCH));
        Self { id: id.unwrap_or_default(), document, no_match, via }
    }

    /// Its tree of nodes; empty where the document has none, which ends a call at once.
    pub fn flow(&self) -> &Object {
        static EMPTY: LazyLock<Object> = LazyLock::new(Object::new);
        let flow = self.document.as_object().and_then(|members| json::object(members, "flow"));
        flow.unwrap_or_else(|| &EMPTY)
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
    let number = Number { documents, account, text: number, optional_groups };
    let by_number = documents.callflow_by_number(account, number.text);
    let patterns = async { Ok(documents.patterns(account).await.unwrap_or_default()) };
    if let Some(found) = number.listed(by_number, patterns).await? {
        return Ok(found);
    }
    let number_text = || number.text.to_owned();
    if number.text == NO_MATCH {
        return Err(LookupError::NoNoMatch { number: number_text() });
    }
    if !number.text.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(LookupError::NotFound { number: number_text() });
    }
    let no_match = documents.callflow_by_number(account, NO_MATCH).await;
    match no_match.map_err(|error| number.unreadable(error))? {
        Some(document) => Ok(Found::new(None, document, Via::NoMatch)),
        None => Err(LookupError::NoNoMatch { number: number_text() }),
    }
}

/// Looks a number up among what only we answer to: by number, then by pattern, by the same rules.
/// `None` where it is none of ours; nothing there takes all other numbers.
///
/// Every read must succeed: callflow does not answer to such a number either.
pub async fn lookup_exclusive<D: ExclusiveDocuments>(
    documents: &D,
    account: &AccountId,
    number: &str,
    optional_groups: OptionalGroups,
) -> Result<Option<Found>, LookupError<D::Error>> {
    let by_number = documents.exclusive_by_number(account, number);
    let patterns = documents.exclusive_patterns(account);
    let number = Number { documents, account, text: number, optional_groups };
    number.listed(by_number, patterns).await
}

/// A number that is looked for.
struct Number<'a, D> {
    documents: &'a D,
    account: &'a AccountId,
    text: &'a str,
    optional_groups: OptionalGroups,
}

impl<D: Documents> Number<'_, D> {
    /// The callflow that has the number in one listing, whose reads are made as far as needed: that
    /// of the number, then that of the patterns. No pattern takes `no_match`.
    async fn listed(
        &self,
        by_number: impl Future<Output = Result<Option<Arc<Value>>, D::Error>>,
        patterns: impl Future<Output = Result<Arc<Patterns>, D::Error>>,
    ) -> Result<Option<Found>, LookupError<D::Error>> {
        let number = || self.text.to_owned();
        if self.text.is_empty() {
            return Err(LookupError::InvalidNumber);
        }
        if let Some(document) = by_number.await.map_err(|error| self.unreadable(error))? {
            return Ok(Some(Found::new(None, document, Via::Number(number()))));
        }
        if self.text == NO_MATCH {
            return Ok(None);
        }
        let patterns = patterns.await.map_err(|error| self.unreadable(error))?;
        let Some(found) = patterns.find(self.text, self.optional_groups)? else {
            return Ok(None);
        };
        let document = self.documents.callflow(self.account, &found.flow_id).await;
        match document.map_err(|error| self.unreadable(error))? {
            Some(document) => {
                let id = found.flow_id.clone();
                Ok(Some(Found::new(Some(&id), document, Via::Pattern(found))))
            }
            None => Err(LookupError::Vanished { number: number(), found: found.into() }),
        }
    }

    fn unreadable(&self, error: D::Error) -> LookupError<D::Error> {
        LookupError::Unreadable { number: self.text.to_owned(), error }
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
