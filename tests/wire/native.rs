//! KAZOO's own `dynamic_cid` module, which runs when an answer puts a local node into the flow: the
//! core with the preset that reproduces it, over the account in memory.

use kazoo_dynamic_cid::call::Call;
use kazoo_dynamic_cid::dynamic_cid::{
    Change, Command, Endpoint, Job, Mode, Outcome, Question, RouteTarget, Routed,
};
use kazoo_dynamic_cid::json::Object;
use kazoo_dynamic_cid::simulation::{self, Happening, Script};
use serde_json::{Value, json};

use crate::account::Account;

/// What the module did.
pub(crate) struct Native {
    /// The commands it sent, without headers.
    pub(crate) commands: Vec<Value>,
    /// The call as it left it.
    pub(crate) call: Call,
    /// Number and, for all but manual entry, name.
    pub(crate) dynamic_cid: Option<(String, Option<String>)>,
    pub(crate) outcome: Outcome,
}

/// Runs the module; nobody presses a key.
pub(crate) fn run(account: &Account, call: &Call, data: Object) -> Result<Native, String> {
    let settings = account.settings();
    let job = Job::new(data, call, &settings);
    let (mode, context) = (job.mode(), account.context(&job));
    let run =
        simulation::run(job, context, Script::default(), |question| route(account, call, question));
    let run = run.map_err(|stuck| stuck.to_string())?;
    let (mut stored, mut pending) = (call.clone(), call.clone());
    let (mut dynamic_cid, mut pending_cid) = (None, None);
    let mut commands = Vec::new();
    for (_, happening) in &run.happenings {
        match happening {
            Happening::Sent(command) => commands.push(sent(command)),
            Happening::Changed(change) => {
                commands.push(set(call, change));
                match change {
                    Change::Number(number) => {
                        pending.set_caller_id_number(number);
                        pending_cid = Some((number.clone(), None));
                    }
                    Change::Name(name) => {
                        pending.set_caller_id_name(name);
                        if let Some((_, known)) = &mut pending_cid
                            && mode != Mode::Manual
                        {
                            *known = Some(name.clone());
                        }
                    }
                    Change::Destination(destination) => pending.set_destination(destination),
                }
            }
            Happening::Stored => {
                stored = pending.clone();
                dynamic_cid.clone_from(&pending_cid);
            }
            Happening::Event(_) | Happening::Asked(_) => {}
        }
    }
    Ok(Native { commands, call: stored, dynamic_cid, outcome: run.outcome })
}

/// The endpoint is the device's document: nothing else in the account restricts calls.
fn route(account: &Account, call: &Call, question: &Question) -> Routed {
    let Question::Route { destination, .. } = question;
    match account.lookup(destination) {
        None => Routed::NotFound,
        Some(found) => Routed::Found {
            target: RouteTarget {
                callflow_id: found.document["_id"].as_str().unwrap_or_default().to_owned(),
                no_match: found.is_no_match(),
            },
            endpoint: call
                .authorizing_id()
                .and_then(|id| account.document(&id).cloned())
                .map_or(Endpoint::None, |it| Endpoint::Merged(it.into())),
        },
    }
}

/// `kapps_call_command` for what the module plays and queues.
pub(crate) fn sent(command: &Command) -> Value {
    match command {
        Command::Play { media, .. } => play(media),
        Command::Flush { .. } => json!({"Application-Name": "noop", "Insert-At": "flush"}),
        Command::Answer => json!({"Application-Name": "answer"}),
        Command::Hangup => json!({"Application-Name": "hangup"}),
    }
}

/// `kapps_call_command:play/2`.
pub(crate) fn play(media: &str) -> Value {
    json!({"Application-Name": "queue", "Commands": [
        {"Application-Name": "noop"},
        {
            "Application-Name": "play", "Media-Name": media, "Endless-Playback": false,
            "Terminators": ["#", "*", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        },
    ]})
}

/// `kapps_call_command:set/3` for a changed field.
fn set(call: &Call, change: &Change) -> Value {
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
        "Application-Name": "set", "Insert-At": "now", "Export-All": false,
        "Custom-Channel-Vars": variables, "Custom-Call-Vars": {},
    })
}
