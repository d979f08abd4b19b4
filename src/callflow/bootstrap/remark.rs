//! What is to be said of a call although it goes on.

use crate::callflow::Misshapen;
use crate::numbers::BadRule;

/// Something of which 4.3's process dies, so that the caller hears nothing; or something that could
/// not be read, and counts as absent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Remark<E> {
    /// A document of the endpoint has a shape that it does not merge.
    #[error(transparent)]
    Misshapen(Misshapen),
    /// A value has a shape that it does not read.
    #[error(
        "`{path}` of {whose} is {value}, of which KAZOO dies before the call's first node: {cure}"
    )]
    Unusable {
        /// The document: "endpoint `dev1`", merged, or "account `…`".
        whose: String,
        /// Dotted path of the member.
        path: String,
        /// The value as JSON text, shortened.
        value: String,
        /// What to write instead.
        cure: String,
    },
    /// A number rule is no rule.
    #[error("{0}, of which KAZOO dies before the call's first node: correct it or remove it")]
    BadRule(BadRule),
    /// A presence id cannot be completed.
    #[error(
        "presence id `{0}` has no realm, and its endpoint has no account to take one from, of which \
         KAZOO dies before the call's first node: write it with its realm"
    )]
    NoRealm(String),
    /// The account has no document in its own database.
    #[error("the account has no document `{0}` in its database; KAZOO dies without it")]
    NoAccount(String),
    /// A document could not be read and counts as absent.
    #[error("document `{id}` cannot be read: {error}")]
    Unreadable {
        /// Its id.
        id: String,
        /// Why.
        error: E,
    },
    /// KAZOO would look the caller's number up among the account's numbers; this does not.
    #[error("`ensure_valid_caller_id` is set, but the caller's number was not looked up")]
    Unverified,
}
