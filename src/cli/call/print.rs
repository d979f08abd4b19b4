//! The transcript of a call, for people and for programs.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::json::{self, Object};
use crate::kapi::result::RESULT_TERM;
use crate::numbers::Rules;
use crate::peer::{self, Driven, End, Exchanged, Meaning, Play, Scenario, Told};

/// What to do without a worker.
pub(super) fn start_a_worker(seam: impl Into<peer::Seam>) -> String {
    let seams = match seam.into() {
        peer::Seam::Execute => "",
        peer::Seam::Route => " --seams route",
    };
    format!(
        "Start one against the same broker and virtual host with `kazoo-dynamic-cid run{seams}`, \
         and wait until its /readyz answers 200"
    )
}

/// A message of the transcript.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) message: Exchanged,
    pub(super) told: Told,
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, message, told } = self;
        let way = format!("{} → {}", message.from.as_str(), message.to.as_str());
        writeln!(
            out,
            "{number:>3}  {:>6} ms  {way:<18}  {:<24}  {}",
            message.at.as_millis(),
            told.name,
            told.sentence
        )?;
        message.faults.iter().try_for_each(|fault| writeln!(out, "{:>16}! {fault}", ""))
    }
}

/// A call that is over.
#[derive(Debug)]
pub(super) struct Transcript<'a> {
    scenario: &'a Scenario,
    call_id: &'a str,
    lines: &'a [Line],
    driven: &'a Driven,
    meaning: Meaning,
    notes: Vec<String>,
    /// Why this was no success, and what to look at.
    pub(super) problem: Option<String>,
}

impl<'a> Transcript<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        rules: &Rules,
        call_id: &'a str,
        lines: &'a [Line],
        driven: &'a Driven,
        play: Play<'_>,
    ) -> Self {
        Self {
            scenario,
            call_id,
            lines,
            driven,
            meaning: Meaning::of(scenario, &driven.end, rules),
            notes: notes(scenario, driven, play),
            problem: problem(call_id, lines, driven, play),
        }
    }

    /// What became of the call, for people.
    pub(super) fn conclusion(&self) -> String {
        let Meaning { answer, caller_id, sets_caller_id, destination, next } = &self.meaning;
        let mut text = String::from("\n");
        let mut row = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<12} {value}");
        };
        row("Answer", answer);
        if let Some(caller_id) = caller_id {
            let from = if *sets_caller_id {
                ""
            } else {
                ", as before; off-net KAZOO shows the endpoint's external caller ID where it has one"
            };
            row("Caller ID", &format!("{caller_id}{from}"));
        }
        if let Some(destination) = destination {
            row("Destination", destination);
        }
        row("Next", next);
        for note in &self.notes {
            row("Note", note);
        }
        if let Some(problem) = &self.problem {
            let _ = writeln!(text, "\nThis call failed: {problem}.");
        }
        text
    }

    /// Everything, for programs.
    pub(super) fn json(&self) -> Value {
        let Meaning { answer, caller_id, sets_caller_id, destination, next } = &self.meaning;
        let result = match &self.driven.end {
            End::Answered { result, .. } => result.get(RESULT_TERM),
            _ => None,
        };
        let end = match &self.driven.end {
            End::Answered { .. } => "answered",
            End::Resumed { .. } => "resumed",
            End::LeftToCallflow => "left_to_callflow",
            End::HungUp { .. } => "hung_up",
            End::Returned(_) => "returned",
            End::Unanswered => "unanswered",
        };
        let at = match &self.driven.end {
            End::Answered { at, .. } | End::Resumed { at, .. } | End::HungUp { at, .. } => {
                Some(milliseconds(*at))
            }
            _ => None,
        };
        let faults: usize = self.lines.iter().map(|line| line.message.faults.len()).sum();
        json!({
            "ok": self.problem.is_none(),
            "problem": self.problem,
            "call": self.call(),
            "messages": self.lines.iter().map(message).collect::<Vec<_>>(),
            "end": end,
            "ended_at_ms": at,
            "result": result,
            "answer": answer,
            "caller_id": caller_id
                .as_ref()
                .map(|caller_id| json!({"name": caller_id.name, "number": caller_id.number})),
            "sets_caller_id": sets_caller_id,
            "destination": destination,
            "next": next,
            "notes": self.notes,
            "faults": faults,
        })
    }

    fn call(&self) -> Value {
        let Scenario { account, caller, dialled, request_user, callflow, node, .. } = self.scenario;
        json!({
            "call_id": self.call_id,
            "account": account.id,
            "from": caller.endpoint.as_ref().map(|endpoint| &endpoint.id),
            "caller_id": {"name": caller.caller_id.name, "number": caller.caller_id.number},
            "dialled": dialled,
            "looked_up": request_user,
            "callflow": {"id": callflow.id, "name": callflow.name, "found_by": callflow.found_by},
            "capture_group": callflow.capture_group,
            "capture_groups": callflow.capture_groups,
            "node": {"callflow": node.document, "path": node.path, "data": node.data()},
        })
    }
}

/// Whole milliseconds with three decimals.
fn milliseconds(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn message(line: &Line) -> Value {
    let Line { number, message, told } = line;
    json!({
        "number": number,
        "at_ms": milliseconds(message.at),
        "from": message.from.as_str(),
        "to": message.to.as_str(),
        "name": told.name,
        "sentence": told.sentence,
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "deliver_to_pid": message.deliver_to_pid,
        "body": message.body,
        "faults": message.faults,
    })
}

/// What the call is, before it is placed.
pub(super) fn introduction(scenario: &Scenario) -> String {
    let Scenario { account, caller, dialled, request_user, callflow, node, .. } = scenario;
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let name = account.name.as_deref().unwrap_or("without a name");
    row("Account", &format!("{name} ({}), realm {}", account.id, account.realm));
    row(
        "Caller",
        &match &caller.endpoint {
            Some(endpoint) => {
                let name = endpoint.name.as_deref().unwrap_or("without a name");
                format!(
                    "{} {name} ({}), caller ID {}",
                    endpoint.kind, endpoint.id, caller.caller_id
                )
            }
            None => format!("nobody KAZOO knows, caller ID {}", caller.caller_id),
        },
    );
    let looked_up = match request_user {
        same if same == dialled => String::new(),
        other => format!(", looked up as {other}"),
    };
    row("Dials", &format!("{dialled}{looked_up}"));
    row(
        "Callflow",
        &format!("{} ({}), found by {}", callflow.name, callflow.id, callflow.found_by),
    );
    if let Some(group) = &callflow.capture_group {
        let named = named(&callflow.capture_groups);
        row("Captured", &format!("{group}{named}"));
    }
    let data = serde_json::to_string(&node.data()).unwrap_or_default();
    row("Node", &format!("{} of callflow {}, data {data}", node.path, node.document));
    text
}

fn named(groups: &Object) -> String {
    let groups: Vec<String> = groups
        .iter()
        .map(|(name, value)| {
            format!("{name} = {}", json::non_empty_text(value).unwrap_or_default())
        })
        .collect();
    if groups.is_empty() { String::new() } else { format!(", named {}", groups.join(", ")) }
}

/// What somebody who reads the transcript may overlook.
fn notes(scenario: &Scenario, driven: &Driven, play: Play<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if scenario.callflow.no_match && scenario.caller.endpoint.is_none() {
        let note = "a living KAZOO runs a `no_match` callflow for callers it knows only; add \
                    --from to call as one";
        notes.push(note.to_owned());
    }
    if driven.keys_left > 0 {
        let pressed = play.keys.chars().count() - driven.keys_left;
        notes.push(format!(
            "{pressed} of the {} keys of --dtmf were pressed: nobody asked for the others",
            play.keys.chars().count()
        ));
    }
    notes
}

/// Why the call was no success, with what to look at; a sentence without its full stop.
fn problem(call_id: &str, lines: &[Line], driven: &Driven, play: Play<'_>) -> Option<String> {
    let seconds = play.patience.as_secs();
    match (&driven.end, driven.accepted_at) {
        (End::Returned(words), _) => Some(format!(
            "no worker is running, the broker gave the call back ({words}). {}",
            start_a_worker(play.seam)
        )),
        (End::LeftToCallflow, _) => Some(
            "no worker took the call, so callflow would have it. A worker takes calls whose \
             callflow begins with dynamic_cid and that are opted in: `\"worker\": true` in the \
             node's data, or the account in worker.route_accounts of \
             system_config/callflow.dynamic_cid. Why it left this one alone, \
             its log says with RUST_LOG=debug, and kazoo_dynamic_cid_route_requests_total of \
             /metrics counts"
                .to_owned(),
        ),
        (End::Unanswered, None) => Some(format!(
            "no answer came within {seconds} s, nor a sign that a worker had taken the call. \
             Look for {call_id} in the worker's log, whether its /readyz answers 200, and in \
             queue `kazoo_dynamic_cid.rejected` for a message it could not understand"
        )),
        (End::Unanswered, Some(at)) => Some(format!(
            "a worker took the call after {} ms, but no answer came within {seconds} s. Look for \
             {call_id} in its log; where it asks for more digits, give them with --dtmf or wait \
             longer with --timeout",
            at.as_millis()
        )),
        (End::Answered { .. } | End::Resumed { .. } | End::HungUp { .. }, _) => {
            let faulty = lines.iter().filter(|line| !line.message.faults.is_empty()).count();
            (faulty > 0).then(|| {
                format!(
                    "an answer came, but KAZOO would not have understood {faulty} of the \
                     worker's messages; each is marked with `!` in the transcript"
                )
            })
        }
    }
}

#[cfg(test)]
#[path = "print_tests.rs"]
mod tests;
