//! What is to be said of a call although it goes on.

use crate::callflow::{Misshapen, NoEndpoint};
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
    /// A number is to be formatted, and there is none.
    #[error(
        "the caller's number is empty, and its endpoint formats numbers, of which KAZOO dies before \
         the call's first node: look at its presence id"
    )]
    NoNumber,
    /// The account is no endpoint itself: KAZOO reads its recording settings there.
    #[error("{0}, but it is the call's account: KAZOO dies before the call's first node")]
    NoAccount(NoEndpoint<E>),
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

impl<E> Remark<E> {
    /// Whether KAZOO dies of a document, every time it looks at it: when it takes a call back it
    /// does all it did when the call was won. What is about the caller's number is left out, as the
    /// call has another one then.
    pub(super) fn is_fatal(&self) -> bool {
        match self {
            Self::Misshapen(_) | Self::Unusable { .. } | Self::BadRule(_) => true,
            Self::NoAccount(reason) => !matches!(reason, NoEndpoint::Unreadable { .. }),
            Self::NoRealm(_) | Self::NoNumber | Self::Unreadable { .. } | Self::Unverified => false,
        }
    }
}
