//! How calls end, as words for log, metrics and records.

/// How a call ended for the worker: the word and what it means.
///
/// The words are stable; `docs/reasons.md` has this table.
pub const ENDS: &[(&str, &str)] = &[
    ("static", "handed back with a static caller ID; what follows the node runs"),
    (
        "static_callflow",
        "handed back with a static caller ID, then the callflow of the destination",
    ),
    (
        "static_inline",
        "handed back with a static caller ID, then that callflow's flow and the number to dial",
    ),
    (
        "static_callflow_inexact",
        "the same through a callflow node: KAZOO dials the key with the number",
    ),
    (
        "native",
        "handed back to KAZOO's own module, which decides the same and gets all fields right",
    ),
    ("set_cid", "handed back with set_cid, for a list of which no static node can be made"),
    ("continue", "handed back unchanged"),
    ("continue_unlocated", "handed back unchanged: the node was not found in the callflows"),
    ("continue_doubtful", "handed back unchanged: nobody knew whether the channel was still up"),
    ("continue_uncontrolled", "handed back unchanged: nobody executes commands for the call"),
    ("continue_overdue", "handed back unchanged: it took too long"),
    ("continue_unheld", "handed back unchanged: the queue for calls on disk was gone"),
    ("continue_limited", "handed back unchanged: a limit was reached"),
    ("continue_rejected", "handed back unchanged: the message could not be understood"),
    ("continue_panicked", "handed back unchanged after a defect of the worker"),
    ("late", "handed back after the callflow had been away"),
    ("stop", "ended: the caller heard why"),
    ("refused", "ended: the caller may not call there and heard so"),
    ("refused_still_up", "the same, but the channel did not end"),
    ("resume", "handed back to callflow of KAZOO 4.3"),
    (
        "resume_callflow",
        "handed back to callflow of KAZOO 4.3 with the callflow of the destination",
    ),
    ("hang_up", "ended with a hang-up"),
    ("overdue", "ended with the fault prompt: it took too long"),
    (
        "unresumable",
        "ended with the fault prompt: KAZOO dies of a document when it takes the call back",
    ),
    ("panicked", "a defect of the worker; the caller was told or went on"),
    ("destroyed", "the caller hung up"),
    ("disconnected", "the media server was gone"),
    ("transferred", "transferred to somebody else meanwhile"),
    ("usurped", "another application took the call"),
    ("pivoted", "another flow was put in its place"),
    ("channel_gone", "the channel had ended before"),
    ("control_gone", "the call's control queue had gone"),
    ("executor_gone", "nobody waited for the answer any more"),
    ("executor_gone_told", "the callflow was gone and the call was not: fault prompt, hang-up"),
    ("answered_before", "handed out again although it was answered"),
    ("nobody_took_it", "nobody took the call back"),
    ("resume_unseen", "callflow showed no sign that it took the call back"),
    ("unworkable", "a message of another worker could not be followed"),
    ("no_account", "the call named no account"),
];

/// The table's own text of a word, so that no other word gets into a record.
pub fn known(word: &str) -> Option<&'static str> {
    ENDS.iter().find(|(known, _)| *known == word).map(|(known, _)| *known)
}

/// What a word means.
pub fn meaning(word: &str) -> Option<&'static str> {
    ENDS.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

/// What ends have in common, for charts and colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The action decided, and KAZOO goes on with that.
    Decided,
    /// KAZOO goes on as if there had been no action: something was in its way.
    Undecided,
    /// The action ended the call, and the caller heard why.
    Ended,
    /// The call was over, or somebody else's, before it was decided.
    Gone,
    /// A fault that a caller may have noticed.
    Failed,
}

impl Class {
    /// Every class, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::Decided, Self::Undecided, Self::Ended, Self::Gone, Self::Failed];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Undecided => "undecided",
            Self::Ended => "ended",
            Self::Gone => "gone",
            Self::Failed => "failed",
        }
    }
}

/// The class of a word of [`ENDS`].
pub fn class(word: &str) -> Option<Class> {
    Some(match word {
        "static"
        | "static_callflow"
        | "static_inline"
        | "static_callflow_inexact"
        | "native"
        | "set_cid"
        | "continue"
        | "resume"
        | "resume_callflow" => Class::Decided,
        "continue_unlocated"
        | "continue_doubtful"
        | "continue_uncontrolled"
        | "continue_overdue"
        | "continue_unheld"
        | "continue_limited"
        | "continue_rejected"
        | "continue_panicked"
        | "late" => Class::Undecided,
        "stop" | "refused" | "hang_up" => Class::Ended,
        "destroyed" | "disconnected" | "transferred" | "usurped" | "pivoted" | "channel_gone"
        | "control_gone" | "executor_gone" | "answered_before" => Class::Gone,
        "refused_still_up" | "overdue" | "unresumable" | "panicked" | "executor_gone_told"
        | "nobody_took_it" | "resume_unseen" | "unworkable" | "no_account" => Class::Failed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_a_class_and_nothing_else_has() {
        for (word, _) in ENDS {
            assert!(class(word).is_some(), "{word}");
        }
        assert_eq!(class("static_"), None);
    }
}
