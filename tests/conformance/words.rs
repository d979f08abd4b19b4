//! The core's commands in a case's words.

use kazoo_dynamic_cid::call::Call;
use kazoo_dynamic_cid::dynamic_cid::{Change, Command, NoopId};
use serde_json::{Value, json};

pub(crate) fn noop_id(noop: NoopId) -> String {
    format!("$N{}", noop.0)
}

/// A command in a case's words.
pub(crate) fn command_json(command: &Command) -> Value {
    match command {
        Command::Play { media, noop } => json!({
            "application": "queue", "insert_at": "tail", "commands": [
                {"application": "noop", "msg_id": noop_id(*noop)},
                {"application": "play", "media_name": media, "terminators": "any", "endless_playback": false},
            ],
        }),
        Command::Flush { noop } => {
            json!({"application": "noop", "insert_at": "flush", "msg_id": noop_id(*noop)})
        }
        Command::Answer => json!({"application": "answer", "insert_at": "tail"}),
        Command::Hangup => {
            json!({"application": "hangup", "insert_at": "tail", "hangup_cause": null})
        }
    }
}

/// The `set` command that KAZOO sends for a change.
pub(crate) fn set_json(change: &Change, call: &Call) -> Value {
    let variables = match change {
        Change::Number(number) => {
            json!({"Caller-ID-Number": number, "Privacy-Hide-Number": call.hides_number()})
        }
        Change::Name(name) => {
            json!({"Caller-ID-Name": name, "Privacy-Hide-Name": call.hides_name()})
        }
        Change::Destination(destination) => json!({"Callee-ID-Number": destination.number}),
    };
    json!({
        "application": "set", "insert_at": "now",
        "custom_channel_vars": variables, "custom_call_vars": {},
    })
}
