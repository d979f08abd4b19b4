//! Calls recorded on a living KAZOO.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use kazoo_dynamic_cid::json::Object;
use serde_json::{Value, json};

use crate::account::Account;
use crate::events::{self, CALL, Cue};

/// One recorded call.
#[derive(Debug, Clone)]
pub(crate) struct Transcript {
    pub(crate) name: String,
    pub(crate) call_id: String,
    pub(crate) summary: Value,
    messages: Vec<Message>,
}

#[derive(Debug, Clone)]
struct Message {
    /// Since the start.
    at: Duration,
    from_kazoo: bool,
    exchange: String,
    payload: Value,
}

/// What the next node saw of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) caller_name: String,
    pub(crate) caller_number: String,
    pub(crate) callee_number: String,
    pub(crate) request: String,
    pub(crate) to: String,
}

/// What went to the carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offnet {
    pub(crate) to_did: String,
    pub(crate) caller_name: String,
    pub(crate) caller_number: String,
}

/// What was recorded on one line of KAZOO.
pub(crate) struct Recordings {
    pub(crate) transcripts: Vec<Transcript>,
    /// The account of the calls.
    pub(crate) account: Account,
}

impl Recordings {
    /// Reads a folder of `tests/fixtures`.
    pub(crate) fn read(folder: &str) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
        Ok(Self { transcripts: all(&folder)?, account: account(&folder)? })
    }

    pub(crate) fn transcript(&self, name: &str) -> Result<&Transcript> {
        let found = self.transcripts.iter().find(|transcript| transcript.name == name);
        found.with_context(|| format!("there is no transcript {name}"))
    }
}

fn read(path: &PathBuf) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// Every recorded call, by name.
fn all(folder: &Path) -> Result<Vec<Transcript>> {
    let mut transcripts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if file.ends_with(".json") && !file.starts_with("documents.") {
            transcripts.push(Transcript::read(&read(&path)?).with_context(|| file.into_owned())?);
        }
    }
    transcripts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(transcripts)
}

fn account(folder: &Path) -> Result<Account> {
    let documents = |name: &str| -> Result<Vec<Value>> {
        Ok(read(&folder.join(name))?.as_array().cloned().unwrap_or_default())
    };
    Ok(Account {
        documents: documents("documents.account.json")?,
        configuration: documents("documents.system_config.json")?,
    })
}

impl Transcript {
    fn read(file: &Value) -> Result<Self> {
        let summary = file["summary"].clone();
        let text = |key: &str| summary[key].as_str().map(str::to_owned).context("a bad summary");
        let message = |message: &Value| {
            Some(Message {
                at: Duration::try_from_secs_f64(message["t"].as_f64()?).ok()?,
                from_kazoo: message["from"] == "kazoo",
                exchange: message["exchange"].as_str()?.to_owned(),
                payload: message["payload"].clone(),
            })
        };
        let messages = file["messages"].as_array().context("no messages")?;
        let messages = messages.iter().map(message).collect::<Option<_>>().context("a message")?;
        Ok(Self { name: text("name")?, call_id: text("call_id")?, summary, messages })
    }

    /// What the switch asked when the call came.
    pub(crate) fn route_request(&self) -> Result<&Object> {
        self.first("route_req").context("no route_req")
    }

    /// What the switch said when callflow had won the call.
    pub(crate) fn route_win(&self) -> Result<&Object> {
        self.first("route_win").context("no route_win")
    }

    fn first(&self, name: &str) -> Option<&Object> {
        let found = self.messages.iter().find(|message| message.payload["Event-Name"] == name);
        found?.payload.as_object()
    }

    fn kazoos(&self, name: &str) -> impl Iterator<Item = &Value> {
        let from_kazoo = self.messages.iter().filter(|message| message.from_kazoo);
        from_kazoo.map(|message| &message.payload).filter(move |it| it["Event-Name"] == name)
    }

    /// Every command KAZOO sent.
    pub(crate) fn commands(&self) -> Vec<Value> {
        self.kazoos("command").cloned().collect()
    }

    /// Every call that KAZOO handed to a remote action of this name.
    pub(crate) fn executes(&self, action: &str) -> Vec<&Object> {
        let ours = self.kazoos("action.execute");
        let calls = ours.filter_map(|execute| execute["Call"].as_object());
        calls.filter(|call| call["Key-Value-Store"]["remote-action"] == action).collect()
    }

    /// What the nodes after the action saw.
    pub(crate) fn probes(&self) -> Vec<Seen> {
        self.probed().into_iter().map(Seen::of).collect()
    }

    /// The calls the nodes after the action saw: remote ones, or `pivot` nodes on 4.3.
    pub(crate) fn probed(&self) -> Vec<&Object> {
        let asked = self.kazoos("pivot_req").filter_map(|request| request["Call"].as_object());
        self.executes("probe").into_iter().chain(asked).collect()
    }

    /// What callflow answered the switch, where it did.
    pub(crate) fn route_response(&self) -> Option<&Object> {
        self.first("route_resp")
    }

    /// What was sent to the carrier.
    pub(crate) fn offnets(&self) -> Vec<Offnet> {
        let text = |request: &Value, key: &str| request[key].as_str().unwrap_or("").to_owned();
        self.kazoos("offnet_req")
            .map(|request| Offnet {
                to_did: text(request, "To-DID"),
                caller_name: text(request, "Outbound-Caller-ID-Name"),
                caller_number: text(request, "Outbound-Caller-ID-Number"),
            })
            .collect()
    }

    /// The answers the recording side gave to `dynamic_cid`, with the `Msg-ID` right or wrong.
    pub(crate) fn answers(&self) -> Vec<&str> {
        let Some(action) = self
            .kazoos("action.execute")
            .find(|execute| execute["Call"]["Key-Value-Store"]["remote-action"] == "dynamic_cid")
        else {
            return Vec::new();
        };
        let answers = self.messages.iter().map(|message| &message.payload).filter(|payload| {
            payload["Event-Name"] == "action.result" && payload["Msg-ID"] == action["Msg-ID"]
        });
        answers.filter_map(|payload| payload["Result"].as_str()).collect()
    }

    /// What the switch reported, and after which of KAZOO's commands.
    pub(crate) fn cues(&self) -> Vec<Cue> {
        let mut cues = Vec::new();
        let mut commands = 0;
        let mut anchor = Duration::ZERO;
        let mut noops: Vec<(String, String)> = Vec::new();
        for message in &self.messages {
            let payload = &message.payload;
            if payload["Event-Name"] == "route_win" {
                anchor = message.at;
            }
            if message.from_kazoo && message.exchange == "callctl" {
                commands += 1;
                anchor = message.at;
                let inside = payload["Commands"].as_array().into_iter().flatten();
                let ids = std::iter::once(payload).chain(inside).filter_map(|one| {
                    (one["Application-Name"] == "noop").then(|| one["Msg-ID"].as_str()).flatten()
                });
                noops.extend(ids.map(|id| (id.to_owned(), events::noop(commands))));
            }
            let is_event =
                payload["Event-Category"] == "call_event" || payload["Event-Category"] == "error";
            if message.from_kazoo || !is_event {
                continue;
            }
            let event = events::fill_in(payload, &|text| {
                let known = noops.iter().find(|(id, _)| id == text).map(|(_, noop)| noop.clone());
                known.unwrap_or_else(|| {
                    if text == self.call_id { CALL.to_owned() } else { text.to_owned() }
                })
            });
            let delay = message.at.saturating_sub(anchor);
            cues.push(Cue { delay, ..Cue::at_once(commands, event) });
        }
        cues
    }
}

impl Seen {
    pub(crate) fn of(call: &Object) -> Self {
        let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        Self {
            caller_name: text("Caller-ID-Name"),
            caller_number: text("Caller-ID-Number"),
            callee_number: text("Callee-ID-Number"),
            request: text("Request"),
            to: text("To"),
        }
    }
}

/// Headers that differ from sender to sender and from call to call.
const HEADERS: [&str; 8] = [
    "App-Name",
    "App-Version",
    "Call-ID",
    "Event-Category",
    "Event-Name",
    "Msg-ID",
    "Node",
    "Server-ID",
];

/// What a command does, whoever sent it for whichever call.
pub(crate) fn bare(command: &Value) -> Value {
    let Some(members) = command.as_object() else { return command.clone() };
    let mut bare: Object = members
        .iter()
        .filter(|(key, _)| !HEADERS.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(commands) = members.get("Commands").and_then(Value::as_array) {
        bare.insert("Commands".to_owned(), commands.iter().map(self::bare).collect());
    }
    Value::Object(bare)
}

/// A command in one line, for people.
pub(crate) fn in_words(command: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    match command["Application-Name"].as_str() {
        Some("queue") => {
            let inside = command["Commands"].as_array().into_iter().flatten();
            let words = inside.map(|inner| {
                let media = inner.get("Media-Name").map(|media| format!(" {}", text(media)));
                text(&inner["Application-Name"]) + &media.unwrap_or_default()
            });
            format!("queue [{}]", words.collect::<Vec<_>>().join(", "))
        }
        Some("set") => format!("set {}", command["Custom-Channel-Vars"]),
        Some(other) => format!("{other}{}", json!(command.get("Insert-At"))),
        None => command.to_string(),
    }
}
