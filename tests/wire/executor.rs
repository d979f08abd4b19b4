//! A model of KAZOO's executor: it walks a flow and does what results tell it.
//!
//! Source: `cf_exe.erl`, `cf_remote_action.erl`, `cf_callflow.erl`, `cf_resources.erl`,
//! `cf_set_cid.erl`, `cf_play.erl`, `kz_attributes.erl` (`caller_id`).

use kazoo_dynamic_cid::call::Call;
use kazoo_dynamic_cid::dynamic_cid::Outcome;
use kazoo_dynamic_cid::json::{self, Object};
use serde_json::{Value, json};

use crate::account::Account;
use crate::native;
use crate::term::Told;
use crate::transcript::{Offnet, Seen};

/// `callflow.max_branch_count`.
const MOST_BRANCHES: usize = 50;

/// Why the executor does not go on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pause {
    /// It waits for the result of a remote action.
    Remote(Object),
    /// It has ended.
    Ended,
}

/// One call's executor.
pub(crate) struct Executor<'a> {
    account: &'a Account,
    pub(crate) call: Call,
    dynamic_cid: Option<(String, Option<String>)>,
    /// Number and name that `set_cid` puts over everything.
    rewritten: (Option<String>, Option<String>),
    node: Object,
    stack: Vec<Object>,
    branches: usize,
    destroyed: bool,
    /// What it sent itself, without headers.
    pub(crate) commands: Vec<Value>,
    /// The calls that `probe` nodes saw.
    pub(crate) seen: Vec<Seen>,
    /// The calls that went out.
    pub(crate) offnets: Vec<Offnet>,
    /// The modules that ran, in order.
    pub(crate) trace: Vec<String>,
}

impl<'a> Executor<'a> {
    pub(crate) fn new(account: &'a Account, call: Object) -> Self {
        Self {
            account,
            call: Call::new(call),
            dynamic_cid: None,
            rewritten: (None, None),
            node: Object::new(),
            stack: Vec::new(),
            branches: 0,
            destroyed: false,
            commands: Vec::new(),
            seen: Vec::new(),
            offnets: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// A call that callflow of 4.3 takes back. A number in its key-value store is that of the
    /// action; calls from outside keep their own.
    pub(crate) fn resumed(account: &'a Account, call: Object) -> Self {
        let mut executor = Self::new(account, call);
        let number = executor.call.kvs("dynamic_cid").and_then(json::to_text);
        executor.dynamic_cid = number.map(|number| (number, None));
        executor
    }

    /// Runs a flow.
    pub(crate) fn run(&mut self, flow: &Object) -> Pause {
        self.launch(flow.clone())
    }

    /// Runs the flow of a callflow document.
    pub(crate) fn start(&mut self, id: &str) -> Pause {
        let flow = self.flow_of(id).unwrap_or_default();
        self.launch(flow)
    }

    fn flow_of(&self, id: &str) -> Option<Object> {
        self.account.document(id)?["flow"].as_object().cloned()
    }

    /// A remote action has answered.
    pub(crate) fn told(&mut self, told: &Told) -> Pause {
        match told {
            Told::Continue(key) => self.go_on(key),
            Told::ContinueWithFlow(flow) if self.destroyed || flow.is_empty() => self.stop(None),
            Told::ContinueWithFlow(flow) => self.launch(flow.clone()),
            Told::Stop(cause) => self.stop(cause.as_deref()),
            Told::Unknown(_) | Told::Undecodable(_) => self.go_on("_"),
        }
    }

    /// The channel has ended: whatever happens, nothing more is sent.
    pub(crate) fn destroyed(&mut self) -> Pause {
        self.destroyed = true;
        Pause::Ended
    }

    fn launch(&mut self, node: Object) -> Pause {
        self.node = node;
        if self.node.is_empty() {
            return self.stop(None);
        }
        let module = json::text(&self.node, "module").unwrap_or_default();
        let data = json::object(&self.node, "data").cloned().unwrap_or_default();
        if json::is_true(&data, "skip_module", false) {
            return self.go_on("_");
        }
        let remote = json::is_true(&self.node, "remote_execution", false);
        self.trace.push(format!("{}{module}", if remote { "remote " } else { "" }));
        match module.as_str() {
            "dynamic_cid" if remote => Pause::Remote(self.node.clone()),
            "dynamic_cid" => self.dynamic_cid(data),
            "probe" | "pivot" => {
                self.seen.push(Seen::of(&self.call.to_object()));
                self.go_on("_")
            }
            "callflow" => {
                let id = json::text(&data, "id").unwrap_or_default();
                match self.flow_of(&id) {
                    Some(flow) => self.branch(flow),
                    None => self.go_on("_"),
                }
            }
            "resources" | "offnet" => {
                self.dial(&data);
                self.stop(None)
            }
            "set_cid" => {
                self.rewritten =
                    (json::text(&data, "caller_id_number"), json::text(&data, "caller_id_name"));
                self.go_on("_")
            }
            "play" => {
                self.play(&data);
                self.go_on("_")
            }
            _ => self.go_on("_"),
        }
    }

    fn dynamic_cid(&mut self, data: Object) -> Pause {
        let native = match native::run(self.account, &self.call, data) {
            Ok(native) => native,
            Err(stuck) => panic!("KAZOO's own module never ends: {stuck}"),
        };
        self.commands.extend(native.commands);
        self.call = native.call;
        self.dynamic_cid = native.dynamic_cid.or(self.dynamic_cid.take());
        match native.outcome {
            Outcome::Continue(_) | Outcome::Died(_) => self.go_on("_"),
            Outcome::Branch { target, .. } => {
                let flow = self.flow_of(&target.callflow_id).unwrap_or_default();
                self.branch(flow)
            }
            Outcome::Stop(_) => self.stop(None),
            // The executor is told nothing; the hang-up that was sent ends it.
            Outcome::Refused => self.destroyed(),
        }
    }

    fn child(&self, key: &str) -> Option<Object> {
        json::object(&self.node, "children")?.get(key)?.as_object().cloned()
    }

    fn go_on(&mut self, key: &str) -> Pause {
        if self.destroyed {
            return Pause::Ended;
        }
        match self.child(key).or_else(|| self.child("_")) {
            Some(child) => self.launch(child),
            None => self.stop(None),
        }
    }

    fn branch(&mut self, flow: Object) -> Pause {
        self.branches += 1;
        if self.branches > MOST_BRANCHES {
            self.stack.clear();
            return self.stop(None);
        }
        self.stack.extend(self.child("_").filter(|child| !child.is_empty()));
        self.launch(flow)
    }

    fn stop(&mut self, cause: Option<&str>) -> Pause {
        if self.destroyed {
            return Pause::Ended;
        }
        if let Some(flow) = self.stack.pop() {
            return self.launch(flow);
        }
        let mut hangup = json!({"Application-Name": "hangup"});
        if let Some(cause) = cause {
            hangup["Hangup-Cause"] = json!(cause);
        }
        self.commands.push(hangup);
        self.destroyed()
    }

    fn play(&mut self, data: &Object) {
        if data.get("answer") != Some(&Value::Bool(false)) {
            self.commands.push(json!({"Application-Name": "answer"}));
        }
        let mut command = native::play(&json::text(data, "id").unwrap_or_default());
        // The module names the keys in another order than the others do.
        command["Commands"][1]["Terminators"] =
            json!(["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"]);
        self.commands.push(command);
    }

    fn dial(&mut self, data: &Object) {
        let text = |key| self.call.text(key).unwrap_or_default();
        let own = (text("Caller-ID-Number"), text("Caller-ID-Name"));
        let (number, name) = match &self.dynamic_cid {
            // A call that came from outside keeps the caller ID it has.
            _ if self.call.text("Inception").is_some() => own,
            Some((number, name)) => (number.clone(), name.clone().unwrap_or(own.1)),
            None => own,
        };
        self.offnets.push(Offnet {
            to_did: json::text(data, "to_did").unwrap_or_else(|| self.call.request_user()),
            caller_number: self.rewritten.0.clone().unwrap_or(number),
            caller_name: self.rewritten.1.clone().unwrap_or(name),
        });
    }
}
