//! What every message of the worker must be, whatever the call.

use std::collections::HashSet;

use kazoo_dynamic_cid::schema::{self, Schemas};
use serde_json::Value;

use crate::kazoo::Received;

/// Whom the worker may address, and how.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// The executor's process.
    pub(crate) executor: String,
    /// The call control's process, where the Control-Queue names one.
    pub(crate) control: Option<String>,
    pub(crate) execute_id: String,
}

/// KAZOO's microseconds since the year 0 in 2020; anything below is another unit.
const EARLIEST: u64 = 63_700_000_000_000_000;

/// Collects what is wrong with the messages of one call.
pub(crate) struct Checker {
    schemas: Schemas,
    message_ids: HashSet<String>,
    accepted: usize,
    commands: usize,
    pub(crate) problems: Vec<String>,
}

impl Checker {
    pub(crate) fn new() -> Self {
        Self {
            schemas: Schemas::embedded(),
            message_ids: HashSet::new(),
            accepted: 0,
            commands: 0,
            problems: Vec::new(),
        }
    }

    /// Checks one message; `call_ids` are those the call may have at this moment.
    pub(crate) fn message(
        &mut self,
        received: &Received,
        expected: &Expected,
        call_ids: &[String],
    ) {
        let mut problems = Vec::new();
        let mut must = |fine: bool, problem: String| {
            if !fine {
                problems.push(problem);
            }
        };
        let body = &received.body;
        let text = |key: &str| body[key].as_str().unwrap_or_default();
        must(
            received.content_type.as_deref() == Some("application/json"),
            format!("content type {:?}", received.content_type),
        );
        must(!received.encoded, "a content encoding".to_owned());
        must(
            received.timestamp.is_some_and(|timestamp| timestamp > EARLIEST),
            format!("timestamp {:?}", received.timestamp),
        );
        for header in ["App-Name", "App-Version", "Event-Category", "Event-Name", "Msg-ID", "Node"]
        {
            must(!text(header).is_empty(), format!("no {header}"));
        }
        must(
            text("Server-ID").starts_with("kazoo_dynamic_cid."),
            format!("Server-ID `{}` is not the worker's own queue", text("Server-ID")),
        );
        must(
            call_ids.iter().any(|id| id == text("Call-ID")),
            format!("Call-ID `{}` is none of {call_ids:?}", text("Call-ID")),
        );
        let kind = (text("Event-Category"), text("Event-Name"));
        let (exchange, pid) = match kind {
            ("call", "command") => ("callctl", expected.control.as_deref()),
            _ => ("targeted", Some(expected.executor.as_str())),
        };
        must(received.exchange == exchange, format!("through exchange {}", received.exchange));
        must(
            received.pid.as_deref() == pid,
            format!("Deliver-To-PID is {:?}, not {pid:?}", received.pid),
        );
        match kind {
            ("call", "command") => {
                self.commands += 1;
                let application = text("Application-Name");
                problems.extend(self.schema(&format!("kapi.dialplan.{application}"), body));
                for command in std::iter::once(body).chain(commands_inside(body)) {
                    problems.extend(self.command(command));
                }
            }
            ("callflow", name @ ("action.accepted" | "action.result")) => {
                let own = text("Msg-ID") == expected.execute_id;
                must(own, format!("Msg-ID `{}` is not the execute's", text("Msg-ID")));
                if name == "action.accepted" {
                    must(self.commands == 0, "accepted after the first command".to_owned());
                    must(self.accepted == 0, "accepted twice".to_owned());
                    self.accepted += 1;
                }
                problems.extend(self.schema(&format!("kapi.callflow.{name}"), body));
            }
            _ => must(false, "KAZOO does not know this message here".to_owned()),
        }
        let about = format!("{}/{} {}", kind.0, kind.1, text("Application-Name"));
        self.problems.extend(
            problems.into_iter().map(|problem| format!("{about}: {problem}\n    in {body}")),
        );
    }

    /// Checks one message of the route seam.
    pub(crate) fn of_route_seam(
        &mut self,
        received: &Received,
        expected: &Expected,
        call_id: &str,
    ) {
        if received.text("Event-Name") == "command" {
            let mut received = received.clone();
            // An executor's own hang-up has no sender on 4.3.
            if received.text("Application-Name") == "hangup" && received.text("Insert-At") == "tail"
            {
                if !received.body["Server-ID"].is_null() {
                    self.problems.push(format!("a hangup with a sender: {}", received.body));
                }
                received.body["Server-ID"] = Value::from("kazoo_dynamic_cid.");
            }
            self.message(&received, expected, &[call_id.to_owned()]);
            return;
        }
        let mut problems = self.schema("kapi.callflow.resume", &received.body);
        for (fine, problem) in [
            (received.exchange == "kapps", format!("through exchange {}", received.exchange)),
            (
                received.content_type.as_deref() == Some("application/json"),
                format!("content type {:?}", received.content_type),
            ),
            (!received.encoded, "a content encoding".to_owned()),
            (received.pid.is_none(), format!("Deliver-To-PID {:?}", received.pid)),
            (
                received.timestamp.is_some_and(|timestamp| timestamp > EARLIEST),
                format!("timestamp {:?}", received.timestamp),
            ),
        ] {
            if !fine {
                problems.push(problem);
            }
        }
        self.problems.extend(problems.into_iter().map(|problem| format!("resume: {problem}")));
    }

    /// Another worker serves the same execute from its beginning.
    pub(crate) fn begins_anew(&mut self) {
        self.accepted = 0;
        self.commands = 0;
    }

    fn command(&mut self, command: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        match command.get("Insert-At") {
            None => {}
            Some(Value::String(at)) if matches!(at.as_str(), "tail" | "head" | "now" | "flush") => {
            }
            Some(other) => problems.push(format!("Insert-At {other} crashes the call control")),
        }
        if let Some(id) = command["Msg-ID"].as_str()
            && !self.message_ids.insert(id.to_owned())
        {
            problems.push(format!("Msg-ID {id} was used before"));
        }
        problems
    }

    fn schema(&self, name: &str, value: &Value) -> Vec<String> {
        if !schema::documents().any(|(known, _)| known == name) {
            return vec![format!("there is no schema {name}")];
        }
        let violations = self.schemas.validate(name, value);
        violations.iter().map(|violation| format!("{name}: {violation}")).collect()
    }
}

/// The sub-commands of a `queue` command. They inherit the outer command's headers.
fn commands_inside(body: &Value) -> impl Iterator<Item = &Value> {
    body["Commands"].as_array().into_iter().flatten()
}
