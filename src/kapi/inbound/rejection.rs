//! Why a message cannot be understood.

use crate::kapi::Address;

/// What is wrong with a message, as a stable word for metrics and headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectReason {
    /// Another content type than JSON, or none.
    WrongContentType,
    /// More bytes than allowed.
    TooLarge,
    /// Nested deeper than allowed.
    TooDeep,
    /// Invalid UTF-8 or JSON.
    NotJson,
    /// JSON, but no object.
    NotAnObject,
    /// A required header is absent.
    MissingHeader,
    /// A header has another JSON type than KAZOO gives it.
    WrongType,
    /// A header has a value that its type of message cannot have.
    BadValue,
    /// A reply address nothing can be sent to.
    BadAddress,
}

impl RejectReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::WrongContentType,
        Self::TooLarge,
        Self::TooDeep,
        Self::NotJson,
        Self::NotAnObject,
        Self::MissingHeader,
        Self::WrongType,
        Self::BadValue,
        Self::BadAddress,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongContentType => "wrong_content_type",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingHeader => "missing_header",
            Self::WrongType => "wrong_type",
            Self::BadValue => "bad_value",
            Self::BadAddress => "bad_address",
        }
    }
}

/// A message that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.as_str())]
pub struct Rejection {
    /// What is wrong.
    pub reason: RejectReason,
    /// The same for people, naming the header.
    pub detail: String,
    /// Who waits nevertheless.
    pub waiting: Option<Box<Waiting>>,
}

/// Who waits for what becomes of a message that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// The flow of an `action.execute`.
    Flow(WaitingFlow),
    /// The caller of a call that was given to us.
    Caller(WaitingCaller),
}

/// A caller who can only be told that nothing more can be done, and hung up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCaller {
    /// The channel.
    pub call_id: String,
    /// Where commands for it go.
    pub control_queue: Address,
}

/// An executor whose `action.execute` is refused although it says whom to answer.
///
/// KAZOO waits for a result for ever, so a refusal without an answer strands the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingFlow {
    /// Where the answer goes.
    pub server_id: Address,
    /// `Msg-ID` the answer must have.
    pub msg_id: String,
    /// `Call-ID` the answer must have. It may be what was refused, so it must not be bound.
    pub call_id: String,
}

impl Rejection {
    pub(super) fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), waiting: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_reads_as_reason_and_detail() {
        let rejection = Rejection::new(RejectReason::MissingHeader, "`Call` is missing");
        assert_eq!(rejection.to_string(), "missing_header: `Call` is missing");
    }

    #[test]
    fn reasons_are_distinct_words() {
        let words: std::collections::BTreeSet<_> =
            RejectReason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), RejectReason::ALL.len());
    }
}
