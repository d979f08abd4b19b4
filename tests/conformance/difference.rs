//! What a run did differently from what was recorded.

use serde_json::{Value, json};

use crate::case::{Case, TimelineEntry};
use crate::executor::Answer;

/// The recording clock was slowed down ten times and scaled back; single entries lag by this much.
const TOLERANCE_MS: u64 = 60;

pub(crate) fn between(case: &Case, answer: &Answer) -> Vec<String> {
    let expected = &case.expected;
    let mut differences = Vec::new();
    let mut compare = |what: &str, recorded: &Value, answered: &Value| {
        if recorded != answered {
            differences.push(format!("{what}: recorded {recorded}, answered {answered}"));
        }
    };
    for position in 0..expected.commands.len().max(answer.commands.len()) {
        let of = |commands: &[Value]| commands.get(position).cloned().unwrap_or(Value::Null);
        compare(&format!("command {position}"), &of(&expected.commands), &of(&answer.commands));
    }
    compare("outcome", &json!(expected.outcome), &json!(answer.outcome));
    compare("caller_id_name", &expected.caller_id_name, &json!(answer.caller_id_name));
    compare("caller_id_number", &expected.caller_id_number, &json!(answer.caller_id_number));
    compare("request", &expected.request, &json!(answer.request));
    compare("request_user", &expected.request_user, &json!(answer.request_user));
    compare("to", &expected.to, &json!(answer.to));
    compare("callee_id_number", &expected.callee_id_number, &json!(answer.callee_id_number));
    compare("dynamic_cid", &expected.dynamic_cid, &answer.dynamic_cid);
    compare("hangup_sent", &json!(expected.hangup_sent), &json!(answer.hangup_sent));
    compare("hangup_cause", &expected.hangup_cause, &Value::Null);
    compare("module_crash", &json!(!expected.module_crash.is_null()), &json!(answer.died));
    differences.extend(timeline(&expected.timeline, &answer.timeline));
    differences
}

/// Compares the order and the times of what was sent and, on its own, of what the switch reported:
/// which of two things of the same moment was noted first is chance. What the switch reports after
/// the run (a prompt that ends, the hang-up the executor asked for) is not part of it.
fn timeline(recorded: &[TimelineEntry], answered: &[TimelineEntry]) -> Option<String> {
    let start = |entries: &[TimelineEntry]| entries.first().map_or(0, |entry| entry.at_ms);
    let (recorded_start, answered_start) = (start(recorded), start(answered));
    let close = |(recorded, answered): (&TimelineEntry, &TimelineEntry)| {
        let at = recorded.at_ms - recorded_start;
        (recorded.send, &recorded.event) == (answered.send, &answered.event)
            && at.abs_diff(answered.at_ms - answered_start) <= TOLERANCE_MS + at / 20
    };
    let same = |recorded: &[TimelineEntry], answered: &[TimelineEntry]| {
        answered.len() <= recorded.len() && recorded.iter().zip(answered).all(close)
    };
    let (recorded_sends, recorded_events) = apart(recorded);
    let (answered_sends, answered_events) = apart(answered);
    let whole = recorded_sends.len() == answered_sends.len();
    let agrees =
        whole && same(&recorded_sends, &answered_sends) && same(&recorded_events, &answered_events);
    (!agrees).then(|| format!("timeline: recorded {recorded:?}, answered {answered:?}"))
}

/// What was sent and what was reported; errors are not on record in every case.
fn apart(entries: &[TimelineEntry]) -> (Vec<TimelineEntry>, Vec<TimelineEntry>) {
    let noted = entries.iter().filter(|entry| {
        let event = entry.event.as_deref().unwrap_or_default();
        event != "next action started" && !event.starts_with("error")
    });
    noted.cloned().partition(|entry| entry.send.is_some())
}
