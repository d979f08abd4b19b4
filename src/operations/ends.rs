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
