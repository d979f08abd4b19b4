//! One call's executor and call control, as far as a worker sees them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kazoo_dynamic_cid::json::Object;
use lapin::Channel;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use crate::check::{Checker, Expected};
use crate::events::{self, CALL, Cue};
use crate::harness::PATIENCE;
use crate::kazoo::{self, Kazoo, Received};
use crate::term::Told;
use crate::transcript::in_words;

/// Messages that come so long after the end would have been worth a complaint.
const AFTERMATH: Duration = Duration::from_millis(60);

/// How the Control-Queue names the call control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// A queue per call.
    Plain,
    /// A process behind a shared queue: ecallmgr of master and 5.
    Process,
}

/// The other side of one call.
pub(crate) struct Line {
    pub(crate) queue: String,
    channel: Channel,
    received: mpsc::UnboundedReceiver<Received>,
    expected: Expected,
    control: String,
    /// The ids the call has had; the last is its present one.
    pub(crate) call_ids: Vec<String>,
    checker: Checker,
    /// The worker's own queue, once it has spoken.
    worker_queue: Option<String>,
}

/// What the worker did up to its answer.
#[derive(Debug, Default)]
pub(crate) struct Served {
    /// Its commands, whole.
    pub(crate) commands: Vec<Value>,
    /// Its answer, where one came.
    pub(crate) told: Option<Told>,
    /// The body of the answer.
    pub(crate) result: Value,
    /// From the execute to the answer.
    pub(crate) took: Duration,
    /// Whether it said that the answer would take time.
    pub(crate) accepted: bool,
}

/// When to stop listening although no answer came.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// An answer must come.
    Answered,
    /// None may come within this time after the last event.
    Silent(Duration),
}

impl Line {
    pub(crate) async fn open(kazoo: &Kazoo, control: Control, call_id: &str) -> Result<Self> {
        static NUMBERS: AtomicU32 = AtomicU32::new(1);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let queue = format!("callflow_route_{}_{number}", std::process::id());
        let bindings = [("targeted", queue.as_str()), ("callctl", queue.as_str())];
        let received = kazoo.listen(&queue, &bindings).await?;
        let process = format!("<0.{}.0>", 40_000 + number);
        let controller = (control == Control::Process).then(|| format!("<0.{}.1>", 900 + number));
        let control = match &controller {
            Some(process) => format!("pid://{process}/{queue}"),
            None => queue.clone(),
        };
        let expected =
            Expected { executor: process, control: controller, execute_id: String::new() };
        Ok(Self {
            channel: kazoo.channel().await?,
            received,
            expected,
            control,
            call_ids: vec![call_id.to_owned()],
            checker: Checker::new(),
            worker_queue: None,
            queue,
        })
    }

    /// `Server-ID` of the executor.
    pub(crate) fn server_id(&self) -> String {
        format!("pid://{}/{}", self.expected.executor, self.queue)
    }

    /// The call's present id.
    pub(crate) fn call_id(&self) -> &str {
        self.call_ids.last().map_or("", String::as_str)
    }

    /// The execute for a call; its addresses and id become this line's.
    pub(crate) fn execute(&mut self, call: &Object, data: Option<&Value>) -> Value {
        self.expected.execute_id = kazoo_dynamic_cid::kapi::new_msg_id();
        let mut call = call.clone();
        for (key, value) in [
            ("Call-ID", self.call_id()),
            ("Control-Queue", &self.control),
            ("Controller-Queue", &self.server_id()),
        ] {
            call.insert(key.to_owned(), value.into());
        }
        let mut execute = json!({
            "Call": call, "Call-ID": self.call_id(), "Msg-ID": self.expected.execute_id,
            "Server-ID": self.server_id(), "Event-Category": "callflow",
            "Event-Name": "action.execute", "App-Name": "callflow", "App-Version": "4.0.0",
            "Node": "kazoo_apps@127.0.0.1",
        });
        if let Some(data) = data {
            execute["Data"] = data.clone();
        }
        execute
    }

    /// Hands the call to whichever worker takes it.
    pub(crate) async fn send(&self, execute: &Value) -> Result<()> {
        let properties = kazoo::properties();
        kazoo::publish_work(&self.channel, execute.to_string().as_bytes(), properties).await
    }

    /// Hands the call over and listens, letting the switch report what the cues say.
    pub(crate) async fn serve(
        &mut self,
        call: &Object,
        data: Option<&Value>,
        cues: &[Cue],
        until: Until,
    ) -> Result<Served> {
        let execute = self.execute(call, data);
        let started = Instant::now();
        self.send(&execute).await?;
        self.follow(started, cues, until).await
    }

    /// Listens to a call that was handed over at `started`.
    pub(crate) async fn follow(
        &mut self,
        started: Instant,
        cues: &[Cue],
        until: Until,
    ) -> Result<Served> {
        let mut served = Served::default();
        // When each command came; the first entry is the execute.
        let mut came = vec![started];
        let mut cues = cues.iter().peekable();
        let mut last = Instant::now();
        loop {
            let due = cues.peek().and_then(|cue| Some(*came.get(cue.after)? + cue.delay));
            let patience = match until {
                Until::Silent(silence) if cues.peek().is_none() => silence,
                _ => PATIENCE,
            };
            tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or(last).into()), if due.is_some() => {
                    if let Some(cue) = cues.next() {
                        self.report(cue, &served.commands).await?;
                        last = Instant::now();
                    }
                }
                received = self.received.recv() => {
                    let Some(received) = received else { bail!("the test's connection broke") };
                    last = Instant::now();
                    if self.take(&received, &mut served) {
                        served.took = received.at - started;
                        return Ok(served);
                    }
                    if received.exchange == "callctl" {
                        came.push(received.at);
                    }
                }
                () = sleep_until((last + patience).into()) => {
                    if matches!(until, Until::Silent(_)) && cues.peek().is_none() {
                        return Ok(served);
                    }
                    let so_far: Vec<_> = served.commands.iter().map(in_words).collect();
                    bail!("no answer within {patience:?}; commands so far: {so_far:#?}");
                }
            }
        }
    }

    /// Takes a message into account; whether it was the answer.
    fn take(&mut self, received: &Received, served: &mut Served) -> bool {
        self.checker.message(received, &self.expected, &self.call_ids);
        self.worker_queue = Some(received.text("Server-ID").to_owned());
        match received.text("Event-Name") {
            "action.result" => {
                let current = received.text("Call-ID") == self.call_id();
                if !current {
                    let problem = format!("answers for a former id: {}", received.body);
                    self.checker.problems.push(problem);
                }
                served.told = Some(Told::read(received.text("Result")));
                served.result = received.body.clone();
                true
            }
            "action.accepted" => {
                served.accepted = true;
                false
            }
            _ => {
                served.commands.push(received.body.clone());
                false
            }
        }
    }

    /// Publishes an event with its placeholders filled in.
    async fn report(&mut self, cue: &Cue, commands: &[Value]) -> Result<()> {
        let ids: Vec<String> = commands.iter().map(noop_id).collect();
        let call_id = self.call_id().to_owned();
        let event = events::fill_in(&cue.event, &|text| {
            let mut text = text.replace(CALL, &call_id);
            for (position, id) in ids.iter().enumerate() {
                text = text.replace(&events::noop(position + 1), id);
            }
            text
        });
        if cue.moves_the_call {
            let next = event["Replaced-By"].as_str().or(event["Connecting-Leg-B-UUID"].as_str());
            self.call_ids.extend(next.map(str::to_owned));
        }
        match &self.worker_queue {
            Some(queue) if cue.targeted => {
                let (body, properties) = (event.to_string(), kazoo::properties());
                kazoo::publish(&self.channel, "targeted", queue, body.as_bytes(), properties).await
            }
            _ => kazoo::event_on(&self.channel, &event).await,
        }
    }

    /// The same line over another connection: KAZOO is back after the broker was away, and its
    /// queues have the names they had.
    pub(crate) async fn reopened(self, kazoo: &Kazoo) -> Result<Self> {
        let bindings = [("targeted", self.queue.as_str()), ("callctl", self.queue.as_str())];
        let received = kazoo.listen(&self.queue, &bindings).await?;
        Ok(Self { channel: kazoo.channel().await?, received, ..self })
    }

    /// Another worker takes over: it begins anew.
    pub(crate) fn begins_anew(&mut self) {
        self.checker.begins_anew();
    }

    /// The worker's own queue.
    pub(crate) fn worker_queue(&self) -> Result<String> {
        self.worker_queue.clone().context("the worker has not spoken yet")
    }

    /// Ends the line; an error where anything the worker sent was wrong, or came too late.
    pub(crate) async fn close(mut self) -> Result<()> {
        while let Ok(Some(late)) = timeout(AFTERMATH, self.received.recv()).await {
            let known = self.call_ids.clone();
            self.checker.message(&late, &self.expected, &known);
            self.checker.problems.push(format!("comes after the end of the call: {}", late.body));
        }
        self.channel.close(200, "OK".into()).await.ok();
        ensure!(self.checker.problems.is_empty(), "{}", self.checker.problems.join("\n"));
        Ok(())
    }
}

/// The id of the noop that says that a command is done.
pub(crate) fn noop_id(command: &Value) -> String {
    let inside = command["Commands"].as_array().into_iter().flatten();
    let noop = std::iter::once(command)
        .chain(inside)
        .find(|command| command["Application-Name"] == "noop");
    noop.and_then(|noop| noop["Msg-ID"].as_str()).unwrap_or_default().to_owned()
}
