//! The messages of the route seam, read back into a case's words.

use std::collections::HashMap;

use kazoo_dynamic_cid::call::Call;
use kazoo_dynamic_cid::dynamic_cid::{Change, Command, NoopId};
use kazoo_dynamic_cid::kapi::command::{Dialect, TERMINATORS};
use kazoo_dynamic_cid::kapi::{Address, Identity, Message};
use kazoo_dynamic_cid::worker::call_control::CallControl;
use serde_json::{Map, Value, json};

use crate::words::noop_id;

/// The route seam's end of a call.
pub(crate) struct Wire {
    identity: Identity,
    control: CallControl,
    noops: HashMap<String, NoopId>,
}

impl Wire {
    pub(crate) fn new(call: &Call) -> Self {
        let identity = Identity::new("test@example.com", "a.queue");
        let control = Address::queue("control");
        let control = CallControl::new(call, "call-1".to_owned(), control, Dialect::V43);
        Self { identity, control, noops: HashMap::new() }
    }

    pub(crate) fn command(&mut self, command: &Command) -> Value {
        let message = self.control.command(&self.identity, command);
        if let Command::Play { noop, .. } | Command::Flush { noop } = command {
            let id = match &message.body["Application-Name"] {
                Value::String(name) if name == "queue" => &message.body["Commands"][0]["Msg-ID"],
                _ => &message.body["Msg-ID"],
            };
            let id = id.as_str().expect("a noop has an id").to_owned();
            self.noops.insert(id, *noop);
        }
        self.words(&message)
    }

    pub(crate) fn set(&mut self, change: &Change) -> Value {
        self.words(&self.control.set(&self.identity, change))
    }

    pub(crate) fn hang_up(&mut self) -> Value {
        self.words(&self.control.hang_up(&self.identity))
    }

    fn words(&self, message: &Message) -> Value {
        let mut words = self.one(&message.body);
        if let Some(commands) = message.body.get("Commands").and_then(Value::as_array) {
            let inside = commands.iter().filter_map(Value::as_object).map(|one| {
                let mut words = self.one(one);
                words.remove("insert_at");
                Value::Object(words)
            });
            words.insert("commands".to_owned(), inside.collect());
        }
        Value::Object(words)
    }

    /// A command without its headers. Where it says no place, it goes to the tail.
    fn one(&self, body: &Map<String, Value>) -> Map<String, Value> {
        let mut words = Map::new();
        let application = &body["Application-Name"];
        words.insert("application".to_owned(), application.clone());
        words.insert(
            "insert_at".to_owned(),
            body.get("Insert-At").cloned().unwrap_or("tail".into()),
        );
        if application == "noop" {
            let noop = body["Msg-ID"].as_str().and_then(|id| self.noops.get(id));
            words.insert("msg_id".to_owned(), noop.map(|noop| noop_id(*noop)).into());
        }
        if application == "hangup" {
            let cause = body.get("Hangup-Cause").cloned().unwrap_or_default();
            words.insert("hangup_cause".to_owned(), cause);
        }
        for (member, word) in [
            ("Media-Name", "media_name"),
            ("Endless-Playback", "endless_playback"),
            ("Custom-Channel-Vars", "custom_channel_vars"),
            ("Custom-Call-Vars", "custom_call_vars"),
            ("Export-All", "export_all"),
        ] {
            words.extend(body.get(member).map(|value| (word.to_owned(), value.clone())));
        }
        if let Some(keys) = body.get("Terminators") {
            let all = *keys == json!(TERMINATORS);
            words.insert("terminators".to_owned(), if all { json!("any") } else { keys.clone() });
        }
        words
    }
}
