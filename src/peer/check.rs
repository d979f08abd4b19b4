//! Whether what a worker sends is what KAZOO understands.
//!
//! A living KAZOO tells nobody: a listener that cannot match a message dies, a control process
//! drops an invalid command without a word. So each fault is told with what KAZOO would do.

use serde_json::Value;

use super::ids::CallIds;
use super::received::{Kind, Received, text};
use crate::json::Object;
use crate::kapi::message::CONTENT_TYPE;
use crate::kapi::result::RESULT_TERM;
use crate::kapi::{ActionResult, Address, header};
use crate::schema::Schemas;

/// Checks messages against KAZOO's rules and our schemas.
#[derive(Debug)]
pub struct Checker {
    schemas: Schemas,
}

impl Default for Checker {
    fn default() -> Self {
        Self { schemas: Schemas::embedded() }
    }
}

impl Checker {
    /// What a message of a call's worker does wrong, a sentence each.
    pub fn check(&self, received: &Received, ids: &CallIds) -> Vec<String> {
        let mut faults = properties(received);
        let body = match &received.body {
            Ok(body) => body,
            Err(reason) => {
                faults.push(format!("{reason}; the KAZOO process that reads it dies"));
                return faults;
            }
        };
        faults.extend(headers(body));
        let call_id = text(body, header::CALL_ID);
        if received.kind() == Kind::RouteResponse {
            if text(body, header::MSG_ID) != ids.fetch_id {
                faults.push("`Msg-ID` is not that of the request; KAZOO drops it".to_owned());
            }
        } else if call_id != ids.call_id {
            faults.push(format!("`Call-ID` is `{call_id}`, not this call's; KAZOO drops it"));
        }
        match received.kind() {
            Kind::Accepted | Kind::Result => self.answer(&mut faults, received, body, ids),
            Kind::Command => self.command(&mut faults, received, body, ids),
            Kind::StatusRequest => {
                self.schema(&mut faults, "kapi.call.channel_status_req", body);
                if text(body, header::SERVER_ID).is_empty() {
                    faults.push("`Server-ID` is missing, so nobody can answer".to_owned());
                }
            }
            Kind::RouteResponse => {
                addressed(&mut faults, received, "targeted", &ids.executor);
                self.schema(&mut faults, "kapi.route.resp", body);
            }
            Kind::Resume => {
                if received.exchange != "kapps" {
                    faults.push(format!("it came over `{}`, not `kapps`", received.exchange));
                }
                self.schema(&mut faults, "kapi.callflow.resume", body);
            }
            Kind::Other => faults.push(format!(
                "`{}/{}` is no message of a worker's; KAZOO ignores it",
                text(body, header::EVENT_CATEGORY),
                text(body, header::EVENT_NAME)
            )),
        }
        faults
    }

    fn answer(&self, faults: &mut Vec<String>, received: &Received, body: &Object, ids: &CallIds) {
        addressed(faults, received, "targeted", &ids.executor);
        if text(body, header::MSG_ID) != ids.action_id {
            faults.push("`Msg-ID` is not that of the execute; KAZOO goes on waiting".to_owned());
        }
        if received.kind() == Kind::Accepted {
            self.schema(faults, "kapi.callflow.action.accepted", body);
        } else {
            self.schema(faults, "kapi.callflow.action.result", body);
            faults.extend(result_term(body));
        }
    }

    fn command(&self, faults: &mut Vec<String>, received: &Received, body: &Object, ids: &CallIds) {
        addressed(faults, received, "callctl", &ids.control);
        if let Some(insert_at) = body.get("Insert-At")
            && !matches!(insert_at.as_str(), Some("tail" | "head" | "now" | "flush"))
        {
            faults.push(format!("`Insert-At` is {insert_at}; the call's control process dies"));
        }
        self.application(faults, body);
        for command in body.get("Commands").and_then(Value::as_array).into_iter().flatten() {
            match command.as_object() {
                Some(command) => {
                    // A command of a list takes the headers it lacks from the list.
                    let mut whole = body.clone();
                    whole.extend(command.clone());
                    whole.shift_remove("Commands");
                    self.application(faults, &whole);
                }
                None => faults.push("a member of `Commands` is no object".to_owned()),
            }
        }
    }

    fn application(&self, faults: &mut Vec<String>, command: &Object) {
        let application = text(command, header::APPLICATION_NAME);
        match application {
            "queue" | "play" | "noop" | "answer" | "hangup" | "set" => {
                self.schema(faults, &format!("kapi.dialplan.{application}"), command);
            }
            _ => faults.push(format!("`{application}` is no command this action sends")),
        }
    }

    fn schema(&self, faults: &mut Vec<String>, schema: &str, body: &Object) {
        let violations = self.schemas.validate(schema, &Value::Object(body.clone()));
        faults.extend(violations.iter().map(|violation| format!("{schema}: {violation}")));
    }
}

/// Content type and encoding.
fn properties(received: &Received) -> Vec<String> {
    let mut faults = Vec::new();
    let dies = "the KAZOO process that reads it dies";
    match received.content_type.as_deref() {
        Some(CONTENT_TYPE) => {}
        Some(other) => {
            faults.push(format!("the content type is `{other}`, not `{CONTENT_TYPE}`; {dies}"));
        }
        None => faults.push(format!("there is no content type; {dies}")),
    }
    if let Some(encoding) = &received.content_encoding {
        faults.push(format!("the content encoding is `{encoding}`; KAZOO's listeners want none"));
    }
    faults
}

/// The headers every message has.
fn headers(body: &Object) -> Vec<String> {
    let mut faults = Vec::new();
    for name in header::DEFAULT_HEADERS {
        match body.get(name) {
            Some(Value::String(value)) if !value.is_empty() => {}
            Some(other) => faults.push(format!("`{name}` is {other}, not a text")),
            None => faults.push(format!("`{name}` is missing; KAZOO refuses the message")),
        }
    }
    let node = text(body, header::NODE);
    if body.contains_key(header::NODE) && node.matches('@').count() != 1 {
        faults.push(format!("`Node` is `{node}`, not of the form name@host"));
    }
    faults
}

/// Whether a message came to the process it is for.
fn addressed(faults: &mut Vec<String>, received: &Received, exchange: &str, address: &Address) {
    if received.exchange != exchange {
        let other = &received.exchange;
        faults.push(format!("it came through `{other}` instead of `{exchange}`; KAZOO drops it"));
    }
    let name = header::DELIVER_TO_PID;
    match (&received.deliver_to_pid, &address.pid) {
        (Some(given), Some(wanted)) if given != wanted => faults
            .push(format!("`{name}` is `{given}`, not `{wanted}`; it reaches another process")),
        (None, Some(_)) => faults.push(format!("`{name}` is missing; nobody gets the message")),
        _ => {}
    }
}

/// Whether the readable result says what the Erlang term says. Nothing here decodes terms; they
/// are written again instead.
fn result_term(body: &Object) -> Option<String> {
    let readable = body.get(RESULT_TERM)?;
    let Some(result) = ActionResult::from_readable(readable) else {
        return Some(format!("`{RESULT_TERM}` is {readable}, which is no result"));
    };
    let written = result.term().to_base64();
    (text(body, "Result") != written)
        .then(|| format!("`Result` is not the term that `{RESULT_TERM}` tells"))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
