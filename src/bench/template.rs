//! A message built once, of which only the ids change from call to call.

use crate::kapi::{Address, Message};
use crate::peer::CallIds;

/// What stands in the place of an id while a message is built: characters that no other text has.
const MARKS: [char; 6] = ['\u{E000}', '\u{E001}', '\u{E002}', '\u{E003}', '\u{E004}', '\u{E005}'];

/// A message without its ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// The exchange's name.
    pub exchange: &'static str,
    /// The routing key.
    pub routing_key: String,
    /// Text, and the mark that follows it.
    parts: Vec<(String, Option<usize>)>,
}

impl Template {
    /// The template of what `build` makes of a call's names. `processes` is false for calls of the
    /// route seam, whose addresses are names of queues.
    pub(super) fn of(processes: bool, build: impl FnOnce(&CallIds) -> Message) -> Self {
        let mark = |mark: usize| MARKS.get(mark).map(char::to_string).unwrap_or_default();
        let address = |pid: usize| Address { queue: mark(3), pid: processes.then(|| mark(pid)) };
        let message = build(&CallIds {
            call_id: mark(0),
            fetch_id: mark(1),
            action_id: mark(2),
            executor: address(4),
            control: address(5),
        });
        let payload = String::from_utf8_lossy(&message.payload()).into_owned();
        let mut parts = Vec::new();
        let mut text = String::new();
        for character in payload.chars() {
            match MARKS.iter().position(|mark| *mark == character) {
                Some(mark) => parts.push((std::mem::take(&mut text), Some(mark))),
                None => text.push(character),
            }
        }
        parts.push((text, None));
        Self { exchange: message.exchange.name(), routing_key: message.routing_key, parts }
    }

    /// The payload for one call.
    pub(super) fn payload(&self, ids: &CallIds) -> Vec<u8> {
        let pid = |address: &'_ Address| address.pid.clone().unwrap_or_default();
        let (executor, control) = (pid(&ids.executor), pid(&ids.control));
        let values =
            [&ids.call_id, &ids.fetch_id, &ids.action_id, &ids.executor.queue, &executor, &control];
        let mut payload = String::with_capacity(4096);
        for (text, mark) in &self.parts {
            payload.push_str(text);
            if let Some(value) = mark.and_then(|mark| values.get(mark)) {
                payload.push_str(value);
            }
        }
        payload.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::names::Names;
    use crate::peer::{Events, Scenario};

    fn scenario() -> Scenario {
        use crate::peer::{Account, Caller, CallerId, Callflow, Node};
        let text = str::to_owned;
        Scenario {
            account: Account {
                id: text("a"),
                database: text("account%2Fa"),
                realm: text("r"),
                name: None,
            },
            caller: Caller {
                caller_id: CallerId { name: text("n"), number: text("1") },
                user: text("u"),
                endpoint: None,
            },
            dialled: text("*5"),
            request_user: text("*5"),
            callflow: Callflow {
                id: text("c"),
                name: text("c"),
                found_by: text("f"),
                capture_group: None,
                capture_groups: serde_json::Map::new(),
                no_match: false,
                exit_keys: Vec::new(),
            },
            node: Node {
                document: text("c"),
                path: text("/flow"),
                node: serde_json::Map::new(),
                previous: None,
                stacked: Vec::new(),
            },
            language: text("en-us"),
            host: text("h"),
        }
    }

    #[test]
    fn a_filled_template_is_the_message_built_anew() {
        let scenario = scenario();
        let names = Names::new(7);
        let template = Template::of(true, |ids| scenario.execute(ids));
        let ids = names.ids(3, "queue", true);
        let built = scenario.execute(&ids);
        assert_eq!(template.payload(&ids), built.payload());
        assert_eq!(template.exchange, built.exchange.name());
        assert_eq!(template.routing_key, built.routing_key);

        let template =
            Template::of(false, |ids| Events { scenario: &scenario, ids }.route_request());
        let ids = names.ids(3, "queue", false);
        let built = Events { scenario: &scenario, ids: &ids }.route_request();
        assert_eq!(template.payload(&ids), built.payload());
    }
}
