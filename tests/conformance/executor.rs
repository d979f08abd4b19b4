//! A small model of KAZOO's executor around the core, which answers with what a case records.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use kazoo_dynamic_cid::call::Call;
use kazoo_dynamic_cid::callflow::{LookupError, lookup};
use kazoo_dynamic_cid::directory::{AccountId, Database, Directory, DirectoryOptions, Folder};
use kazoo_dynamic_cid::dynamic_cid::{
    Change, Command, Context, Departures, Effect, Endpoint, Event, Job, List, ListRead, Mode,
    Outcome, Preset, Question, RouteTarget, Routed, SystemConfig,
};
use kazoo_dynamic_cid::numbers::{AccountRules, OnBadRule, Rules};
use kazoo_dynamic_cid::simulation::{self, Act, Happening, Script, ScriptStep, Trigger};

use kazoo_dynamic_cid::worker::answer::Changes;
use kazoo_dynamic_cid::worker::route::hand_back;

use crate::case::{Case, CaseStep, TimelineEntry};
use crate::wire::Wire;
use crate::words::{command_json, noop_id, set_json};

/// What the run did, in the words of a case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) commands: Vec<Value>,
    pub(crate) caller_id_name: String,
    pub(crate) caller_id_number: String,
    pub(crate) request: String,
    pub(crate) to: String,
    pub(crate) request_user: String,
    pub(crate) callee_id_number: String,
    pub(crate) dynamic_cid: Value,
    pub(crate) outcome: String,
    pub(crate) hangup_sent: bool,
    pub(crate) died: bool,
    pub(crate) timeline: Vec<TimelineEntry>,
}

/// The only list that has entries and a document in a case.
const LIST_ID: &str = "list1";

/// Whose commands are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seam {
    /// What the core says, in a case's own words.
    Core,
    /// The messages of the route seam, and the call it hands back.
    Route,
}

pub(crate) fn run(case: &Case, preset: Preset, seam: Seam) -> Answer {
    let config = SystemConfig::read(|category, key| case.system_config.get(category)?.get(key));
    let stored = |key| case.system_config.get("number_manager").and_then(|doc| doc.get(key));
    let rules = Rules::from_config(stored("e164_converters"), stored("classifiers"));
    let account_rules =
        AccountRules::from_account(case.account_doc.as_ref().unwrap_or(&Value::Null));
    let call = initial_call(case, &rules, &account_rules);
    let mut recorder = Recorder::new(call, &config, seam);

    if !case.tokens_available {
        return recorder.stop("stop");
    }
    if kazoo_dynamic_cid::json::is_true(&case.data, "skip_module", false) {
        return recorder.go_on(case, "skipped (continue)", "skipped (continue)");
    }
    let departures = Departures::from(preset);
    let job = Job::new(case.data.clone(), &recorder.call, &config);
    let (mode, list) = (job.mode(), list_read(case, &job));
    let context = Context {
        config: Arc::new(config.clone()),
        rules: Arc::new(rules),
        account_rules: Arc::new(account_rules),
        list,
        departures,
        ..Context::default()
    };
    let mut branch = None;
    let run = simulation::run(job, context, script(case), |question| {
        let routed = route(case, question, departures);
        branch = Some(routed.clone());
        routed
    });
    let Ok(run) = run else {
        return recorder.end("the action never ends");
    };
    for (at, happening) in &run.happenings {
        recorder.record(*at, happening, mode);
    }
    recorder.now = run.ended_at;
    recorder.died = matches!(run.outcome, Outcome::Died(_));
    match &run.outcome {
        _ if run.destroyed && !matches!(run.outcome, Outcome::Refused) => {
            recorder.end("channel_destroyed")
        }
        Outcome::Continue(_) => recorder.go_on(case, "continue", "continue without child: stop"),
        Outcome::Died(_) => {
            recorder.go_on(case, "crash, continue", "crash, continue without child: stop")
        }
        Outcome::Stop(_) => recorder.stop("stop"),
        Outcome::Refused => {
            recorder.hangup_sent = true;
            recorder.end("restricted: answer, prompt, hangup")
        }
        Outcome::Branch { target, .. } => recorder.branch(case, target),
    }
}

fn initial_call(case: &Case, rules: &Rules, account_rules: &AccountRules) -> Call {
    let (user, realm) =
        case.call.request.split_once('@').unwrap_or((&case.call.request, "norealm"));
    let request_user = if user.starts_with('*') {
        user.to_owned()
    } else {
        rules
            .normalise_for_account(user, account_rules, OnBadRule::Skip)
            .unwrap_or_else(|_| user.to_owned())
    };
    let (to_user, to_realm) = case.call.to.split_once('@').unwrap_or((&case.call.to, "norealm"));
    let mut store = Map::new();
    if let Some(group) = &case.capture_group {
        store.insert("cf_capture_group".into(), json!(group));
    }
    store
        .insert("cf_capture_groups".into(), json!(case.capture_groups.clone().unwrap_or_default()));
    let mut call = json!({
        "Account-ID": case.account_id,
        "Request": case.call.request, "Request-User": request_user, "Request-Realm": realm,
        "To": case.call.to, "To-User": to_user, "To-Realm": to_realm,
        "Callee-ID-Number": to_user,
        "Language": case.call.language.as_deref().unwrap_or("en-us"),
        "Custom-Channel-Vars": case.call.ccvs.clone().unwrap_or_default(),
        "Key-Value-Store": store,
    });
    let optional = [
        ("Caller-ID-Name", &case.call.caller_id_name),
        ("Caller-ID-Number", &case.call.caller_id_number),
        ("Inception", &case.call.inception),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            call[key] = json!(value);
        }
    }
    Call::new(call.as_object().cloned().unwrap_or_default())
}

fn list_read(case: &Case, job: &Job) -> ListRead {
    match job.list_id().as_deref() {
        None => ListRead::NotNeeded,
        Some(_) if case.view_error.as_ref().is_some_and(|error| *error != json!(false)) => {
            ListRead::Failed
        }
        Some(LIST_ID) => ListRead::Read(Arc::new(List::from_rows(
            case.entries.clone().unwrap_or_default(),
            case.list_doc.as_ref(),
        ))),
        Some(_) => ListRead::Read(Arc::default()),
    }
}

/// KAZOO's lookup over the case's callflows, and its endpoint as merged already.
fn route(case: &Case, question: &Question, departures: Departures) -> Routed {
    let Question::Route { destination, .. } = question;
    let Some(account) = AccountId::new(&case.account_id) else {
        return Routed::NotFound;
    };
    let documents = case.callflows.iter().cloned().map(|mut document| {
        document["pvt_type"] = json!("callflow");
        document
    });
    let folder = Folder::from_documents([(Database::account(&account), documents.collect())])
        .expect("callflows of a case have ids of their own");
    let directory = Directory::new(Arc::new(folder), DirectoryOptions::default());
    let lookup = lookup(&directory, &account, destination, departures.optional_groups);
    match block_on(lookup) {
        Ok(found) => Routed::Found {
            target: RouteTarget { callflow_id: found.id, no_match: found.no_match },
            endpoint: case
                .endpoint
                .clone()
                .map_or(Endpoint::None, |it| Endpoint::Merged(it.into())),
        },
        Err(LookupError::Crash(_)) => Routed::Crashed,
        Err(_) => Routed::NotFound,
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime of one thread needs nothing").block_on(future)
}

fn script(case: &Case) -> Script {
    let step = |step: &CaseStep| ScriptStep {
        trigger: match step.after_event.as_str() {
            "silence_started" => Trigger::SilenceStarted,
            "prompt_started" => Trigger::PromptStarted,
            "prompt_finished" => Trigger::PromptFinished,
            _ => Trigger::Previous,
        },
        after_ms: step.after_ms,
        act: match step {
            CaseStep { digit: Some(digit), .. } => Act::Digit(digit.clone()),
            CaseStep { hangup: Some(true), .. } => Act::Hangup,
            CaseStep { error_noop: Some(true), .. } => Act::NoopError,
            _ => Act::OtherEvent,
        },
    };
    Script(case.dtmf_script.iter().map(step).collect())
}

/// Collects what a case records.
struct Recorder {
    initial: Call,
    /// The executor's call: changed only where the action stored its changes.
    call: Call,
    /// The call as the action has changed it so far.
    pending: Call,
    dynamic_cid: Value,
    pending_dynamic_cid: Value,
    /// The same as the route seam keeps it.
    changes: Changes,
    wire: Option<Wire>,
    config: SystemConfig,
    commands: Vec<Value>,
    timeline: Vec<TimelineEntry>,
    now: u64,
    hangup_sent: bool,
    died: bool,
}

impl Recorder {
    fn new(call: Call, config: &SystemConfig, seam: Seam) -> Self {
        Self {
            initial: call.clone(),
            pending: call.clone(),
            changes: Changes::default(),
            wire: (seam == Seam::Route).then(|| Wire::new(&call)),
            call,
            dynamic_cid: Value::Null,
            pending_dynamic_cid: Value::Null,
            config: config.clone(),
            commands: Vec::new(),
            timeline: Vec::new(),
            now: 0,
            hangup_sent: false,
            died: false,
        }
    }

    fn record(&mut self, at: u64, happening: &Happening, mode: Mode) {
        self.now = at;
        match happening {
            Happening::Sent(command) => {
                let words = match &mut self.wire {
                    Some(wire) => wire.command(command),
                    None => command_json(command),
                };
                self.send(words);
            }
            Happening::Changed(change) => {
                let words = match &mut self.wire {
                    Some(wire) => wire.set(change),
                    None => set_json(change, &self.call),
                };
                self.send(words);
                self.changes.note(&[Effect::Change(change.clone())]);
                match change {
                    Change::Number(number) => {
                        self.pending.set_caller_id_number(number);
                        self.pending_dynamic_cid = json!(number);
                    }
                    Change::Name(name) => {
                        self.pending.set_caller_id_name(name);
                        if mode != Mode::Manual {
                            self.pending_dynamic_cid =
                                json!({"number": self.pending_dynamic_cid, "name": name});
                        }
                    }
                    Change::Destination(destination) => self.pending.set_destination(destination),
                }
            }
            Happening::Stored => {
                self.changes.note(&[Effect::Store]);
                self.call = self.pending.clone();
                self.dynamic_cid = self.pending_dynamic_cid.clone();
            }
            Happening::Event(event) => {
                let name = match event {
                    Event::NoopComplete(Some(noop)) => format!("noop complete {}", noop_id(*noop)),
                    Event::Dtmf(digit) => format!("DTMF {digit}"),
                    Event::Hangup => "CHANNEL_DESTROY".to_owned(),
                    // Errors and unrelated events are not on record in every case.
                    _ => return,
                };
                self.timeline.push(TimelineEntry { at_ms: at, send: None, event: Some(name) });
            }
            Happening::Asked(_) => {}
        }
    }

    fn send(&mut self, command: Value) {
        let send = Some(self.commands.len());
        self.timeline.push(TimelineEntry { at_ms: self.now, send, event: None });
        self.commands.push(command);
    }

    fn hang_up(&mut self) {
        let words = match &mut self.wire {
            Some(wire) => wire.hang_up(),
            None => command_json(&Command::Hangup),
        };
        self.send(words);
        self.hangup_sent = true;
    }

    fn go_on(&mut self, case: &Case, with_child: &str, without: &str) -> Answer {
        if case.has_default_child {
            return self.end(with_child);
        }
        self.hang_up();
        self.end(without)
    }

    fn stop(&mut self, outcome: &str) -> Answer {
        self.hang_up();
        self.end(outcome)
    }

    fn branch(&mut self, case: &Case, target: &RouteTarget) -> Answer {
        let budget = case.system_config.get("callflow").and_then(|doc| doc.get("max_branch_count"));
        if budget.and_then(Value::as_i64) == Some(0) {
            return self.stop("stop");
        }
        let branched = format!("branch:{}", target.callflow_id);
        if !case.branch_flow_stops {
            return self.end(&branched);
        }
        let stops = format!("{branched}, then continue when the branch stops");
        self.go_on(case, &stops, &format!("{branched}, then stop when the branch stops"))
    }

    fn end(&mut self, outcome: &str) -> Answer {
        if self.wire.is_some() {
            self.handed_back();
        }
        let text = |key: &str| self.call.text(key).unwrap_or_default();
        // A caller without name or number is what the accessors of KAZOO's call say.
        let caller = Job::new(Map::new(), &self.call, &self.config);
        Answer {
            commands: std::mem::take(&mut self.commands),
            caller_id_name: caller.caller_name,
            caller_id_number: caller.caller_number,
            request: text("Request"),
            to: text("To"),
            request_user: text("Request-User"),
            callee_id_number: text("Callee-ID-Number"),
            dynamic_cid: self.dynamic_cid.clone(),
            outcome: outcome.to_owned(),
            hangup_sent: self.hangup_sent,
            died: self.died,
            timeline: std::mem::take(&mut self.timeline),
        }
    }
}

impl Recorder {
    /// The call as the route seam hands it back. Its number is in the store as a text; where KAZOO
    /// keeps number and name, the name is the call's.
    fn handed_back(&mut self) {
        self.call = hand_back::changed(&self.initial, &self.changes);
        let number = self.call.kvs("dynamic_cid").cloned().unwrap_or(Value::Null);
        self.dynamic_cid = match &self.dynamic_cid {
            Value::Object(_) => json!({"number": number, "name": self.call.text("Caller-ID-Name")}),
            _ => number,
        };
    }
}
