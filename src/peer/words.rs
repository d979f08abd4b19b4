//! Messages in words, for people who have never seen KAZOO's.

use std::collections::HashMap;

use serde_json::Value;

use super::drive::{Exchanged, Party};
use super::meaning::Meaning;
use super::received::text;
use super::scenario::{MODULE, Scenario};
use crate::json::{self, Object};
use crate::kapi::header;
use crate::kapi::result::RESULT_TERM;
use crate::numbers::Rules;

/// Tells the messages of one call, in their order.
#[derive(Debug)]
pub struct Narrator<'a> {
    scenario: &'a Scenario,
    rules: &'a Rules,
    /// What each noop stands behind.
    noops: HashMap<String, String>,
}

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What kind of message it is, by KAZOO's name.
    pub name: String,
    /// What it says, in one sentence without its full stop.
    pub sentence: String,
}

impl Party {
    /// The party in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Callflow => "callflow",
            Self::Switch => "switch",
            Self::Worker => "worker",
        }
    }
}

impl<'a> Narrator<'a> {
    /// A narrator for the messages of one call.
    pub fn new(scenario: &'a Scenario, rules: &'a Rules) -> Self {
        Self { scenario, rules, noops: HashMap::new() }
    }

    /// Tells the next message.
    pub fn tell(&mut self, message: &Exchanged) -> Told {
        let body = &message.body;
        let name = text(body, header::EVENT_NAME);
        let (name, sentence) = match (text(body, header::EVENT_CATEGORY), name) {
            ("callflow", "action.execute") => (name.to_owned(), self.execute()),
            ("callflow", "action.accepted") => {
                let sentence = "a worker has taken the call; KAZOO waits for its answer";
                (name.to_owned(), sentence.to_owned())
            }
            ("callflow", "action.result") => (name.to_owned(), self.result(body)),
            ("call", "command") => self.command(body),
            ("dialplan", "route_req") => {
                (name.to_owned(), "KAZOO asks who takes this call".to_owned())
            }
            ("dialplan", "route_resp") => {
                (name.to_owned(), "a worker takes it, as callflow would".to_owned())
            }
            ("dialplan", "route_win") => {
                (name.to_owned(), "the worker has won the call".to_owned())
            }
            ("callflow", "resume") => {
                let end = super::drive::End::Resumed {
                    at: std::time::Duration::ZERO,
                    resume: body.clone(),
                };
                let caller_id = Meaning::of(self.scenario, &end, self.rules).caller_id;
                let caller_id = caller_id.map(|it| format!(", caller ID {it}")).unwrap_or_default();
                (name.to_owned(), format!("the call goes back to callflow{caller_id}"))
            }
            ("call_event" | "channel", "channel_status_req") => {
                (name.to_owned(), "is the caller still there?".to_owned())
            }
            ("call_event" | "channel", "channel_status_resp") => {
                (name.to_owned(), format!("the channel is {}", text(body, "Status")))
            }
            ("call_event", _) => (name.to_owned(), self.event(name, body)),
            ("error", "dialplan") => {
                let sentence = format!("a command failed: {}", text(body, "Error-Message"));
                ("dialplan error".to_owned(), sentence)
            }
            ("", "") => ("?".to_owned(), "not a message of KAZOO's".to_owned()),
            (category, name) => {
                (format!("{category}/{name}"), "not a message of this action".to_owned())
            }
        };
        Told { name, sentence }
    }

    fn execute(&self) -> String {
        let action = json::text(&self.scenario.node.data(), "action");
        let action = action.unwrap_or_else(|| "manual".to_owned());
        format!("KAZOO has reached the {MODULE} node (action {action}) and asks who does it")
    }

    fn result(&self, body: &Object) -> String {
        let end =
            super::drive::End::Answered { at: std::time::Duration::ZERO, result: body.clone() };
        let meaning = Meaning::of(self.scenario, &end, self.rules);
        match (meaning.caller_id, meaning.sets_caller_id, body.get(RESULT_TERM)) {
            (Some(caller_id), true, _) => format!("the answer: go on with caller ID {caller_id}"),
            (_, _, Some(_)) => format!("the answer: {}", meaning.answer),
            (_, _, None) => "the answer, as an Erlang term only".to_owned(),
        }
    }

    fn command(&mut self, body: &Object) -> (String, String) {
        let application = text(body, header::APPLICATION_NAME);
        let insert_at = text(body, "Insert-At");
        match (application, insert_at) {
            ("queue", _) => self.queue(body),
            ("noop", "flush") => {
                self.noop(body, "the prompt");
                (
                    "noop, flush".to_owned(),
                    "stop the prompt: the caller has begun to type".to_owned(),
                )
            }
            ("noop", _) => {
                self.noop(body, "everything before it");
                (application.to_owned(), "tell when everything before this is done".to_owned())
            }
            ("answer", _) => (application.to_owned(), "answer the call".to_owned()),
            ("hangup", _) => {
                let cause = text(body, "Hangup-Cause");
                let with = if cause.is_empty() { String::new() } else { format!(" with {cause}") };
                (application.to_owned(), format!("hang up{with}"))
            }
            ("set", _) => {
                let vars = json::object(body, header::CUSTOM_CHANNEL_VARS);
                let vars: Vec<String> = vars
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| format!("{key} = {}", plain(value)))
                    .collect();
                (application.to_owned(), format!("set on the channel: {}", vars.join(", ")))
            }
            (other, _) => (other.to_owned(), "a command that this action does not send".to_owned()),
        }
    }

    /// A list of commands; the list is in reverse of the order in which they run.
    fn queue(&mut self, body: &Object) -> (String, String) {
        let commands = body.get("Commands").and_then(Value::as_array);
        let commands: Vec<&Object> =
            commands.into_iter().flatten().filter_map(Value::as_object).rev().collect();
        let names: Vec<&str> =
            commands.iter().map(|command| text(command, header::APPLICATION_NAME)).collect();
        let played: Vec<&str> = commands
            .iter()
            .filter(|command| text(command, header::APPLICATION_NAME) == "play")
            .map(|command| text(command, "Media-Name"))
            .collect();
        let all = |words: fn(&str) -> String| {
            played.iter().map(|name| words(name)).collect::<Vec<_>>().join(", then ")
        };
        for command in &commands {
            if text(command, header::APPLICATION_NAME) == "noop" {
                self.noop(command, &all(short_media));
            }
        }
        (format!("queue ({})", names.join(", ")), format!("play {}", all(media)))
    }

    fn noop(&mut self, command: &Object, behind: &str) {
        self.noops.insert(text(command, header::MSG_ID).to_owned(), behind.to_owned());
    }

    fn event(&self, name: &str, body: &Object) -> String {
        match (name, text(body, header::APPLICATION_NAME)) {
            ("CHANNEL_EXECUTE_COMPLETE", "noop") => {
                let id = text(body, header::APPLICATION_RESPONSE);
                match self.noops.get(id) {
                    Some(behind) => format!("done with {behind}"),
                    None => "a noop is done".to_owned(),
                }
            }
            ("CHANNEL_EXECUTE_COMPLETE", "play") => {
                format!("{} has ended", short_media(text(body, "Raw-Application-Data")))
            }
            ("CHANNEL_EXECUTE_COMPLETE", application) => format!("`{application}` is done"),
            ("DTMF", _) => format!("the caller presses {}", text(body, "DTMF-Digit")),
            ("CHANNEL_ANSWER", _) => "the call is answered".to_owned(),
            ("CHANNEL_DESTROY", _) => {
                format!("the call is hung up ({})", text(body, "Hangup-Cause"))
            }
            _ => "an event of the call".to_owned(),
        }
    }
}

/// A value as a person would write it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A media that was told in full before.
fn short_media(name: &str) -> String {
    match prompt(name) {
        Some(prompt) => format!("the prompt {prompt}"),
        None if name.starts_with("tone_stream://") => "the tone".to_owned(),
        None => media(name),
    }
}

/// The id of a prompt: `prompt://<account>/<id>/<language>`.
fn prompt(name: &str) -> Option<&str> {
    name.strip_prefix("prompt://")?.split('/').nth(1)
}

/// A media with what a caller hears.
fn media(name: &str) -> String {
    if let Some(length) = name.strip_prefix("silence_stream://") {
        return format!("{length} ms of silence");
    }
    if name.starts_with("tone_stream://") {
        return format!("a tone ({name})");
    }
    let heard = match prompt(name).unwrap_or_default() {
        "dynamic-cid-enter_cid" => "asking for the number to show",
        "dynamic-cid-invalid_using_default" => "saying that the entry is not accepted",
        "dynamic-cid-accepted_cid" => "saying that the entry is accepted",
        "fault-can_not_be_completed_as_dialed" => "saying that the call cannot be completed",
        "disa-invalid_extension" => "saying that nobody has the number",
        "cf-unauthorized_call" => "saying that the caller may not call there",
        _ => return if name.is_empty() { "a media".to_owned() } else { name.to_owned() },
    };
    format!("{name} ({heard})")
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
