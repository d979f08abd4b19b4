//! One call as KAZOO 4.3 has it: ecallmgr, which asks who takes it and then executes commands, and
//! callflow, which takes it back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kazoo_dynamic_cid::json::Object;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use crate::check::{Checker, Expected};
use crate::events::{self, CALL, Cue};
use crate::harness::PATIENCE;
use crate::kazoo::{Kazoo, Received};
use crate::line::{Control, Until, noop_id};
use crate::transcript::{Transcript, in_words};

/// Messages that come so long after the end would have been worth a complaint.
const AFTERMATH: Duration = Duration::from_millis(60);
/// How long a request stays unanswered that nobody takes.
pub(crate) const SILENCE: Duration = Duration::from_millis(400);

/// Both sides of one call.
pub(crate) struct Switchboard<'a> {
    kazoo: &'a Kazoo,
    queue: String,
    received: mpsc::UnboundedReceiver<Received>,
    control: Control,
    pub(crate) call_id: String,
    pub(crate) fetch_id: String,
    checker: Checker,
    /// Whether the channel still exists.
    pub(crate) alive: bool,
    /// Whether another worker takes over, which first cuts off what still plays.
    flushes: bool,
    /// What the worker answered the request with.
    pub(crate) response: Value,
    /// The worker's own queue, once it has spoken.
    worker_queue: Option<String>,
    recorded: RecordedCall,
}

/// What was recorded of the call's beginning.
#[derive(Debug, Clone)]
pub(crate) struct RecordedCall {
    pub(crate) request: Object,
    pub(crate) win: Object,
}

/// What the worker did with a call it won.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Its commands, whole.
    pub(crate) commands: Vec<Value>,
    /// How callflow was asked to take the call back.
    pub(crate) resume: Option<Value>,
    /// From the win to the first command.
    pub(crate) first: Duration,
}

impl Taken {
    /// The commands in words.
    pub(crate) fn words(&self) -> Vec<String> {
        self.commands.iter().map(in_words).collect()
    }
}

impl RecordedCall {
    pub(crate) fn of(transcript: &Transcript) -> Result<Self> {
        let (request, win) = (transcript.route_request()?.clone(), transcript.route_win()?.clone());
        Ok(Self { request, win })
    }

    /// The same caller dials another number.
    pub(crate) fn dialling(mut self, number: &str) -> Self {
        for key in ["Request", "To"] {
            self.request.insert(key.to_owned(), format!("{number}@kzref.example.com").into());
        }
        self
    }
}

impl<'a> Switchboard<'a> {
    pub(crate) async fn open(kazoo: &'a Kazoo, recorded: RecordedCall) -> Result<Self> {
        Self::with(kazoo, recorded, Control::Plain, true).await
    }

    /// `callflow` is whether somebody takes resumed calls.
    pub(crate) async fn with(
        kazoo: &'a Kazoo,
        recorded: RecordedCall,
        control: Control,
        callflow: bool,
    ) -> Result<Self> {
        let random = rand::random::<u32>();
        let (queue, call_id) = (format!("drv_{random:08x}"), format!("route-{random:08x}@drv"));
        let status = format!("call.status_req.{}", events::encode(&call_id));
        let mut bindings =
            vec![("targeted", queue.as_str()), ("callctl", &queue), ("callevt", &status)];
        if callflow {
            bindings.push(("kapps", "callflow.resume"));
        }
        let received = kazoo.listen(&queue, &bindings).await?;
        Ok(Self {
            kazoo,
            received,
            control,
            call_id,
            fetch_id: format!("fetch-{random:08x}"),
            checker: Checker::new(),
            alive: true,
            flushes: false,
            response: Value::Null,
            worker_queue: None,
            recorded,
            queue,
        })
    }

    /// Asks who takes the call.
    pub(crate) async fn ask(&mut self) -> Result<()> {
        let request = self.request();
        let account = request["Custom-Channel-Vars"]["Account-ID"].as_str().unwrap_or_default();
        let key = format!("route.req.audio.{account}");
        self.kazoo.publish("callmgr", &key, &request).await
    }

    pub(crate) fn request(&self) -> Value {
        let mut request = Value::Object(self.recorded.request.clone());
        request["Custom-Channel-Vars"]["Fetch-ID"] = json!(self.fetch_id);
        for key in ["Fetch-ID", "Msg-ID"] {
            request[key] = json!(self.fetch_id);
        }
        request["Call-ID"] = json!(self.call_id);
        request["Server-ID"] = json!(self.queue);
        request
    }

    /// Asks, and expects the worker's answer; how long it took. Who knows nothing of the account
    /// yet may be too slow the first time, and then callflow would have the call.
    pub(crate) async fn is_answered(&mut self) -> Result<Duration> {
        for _ in 0..3 {
            let started = Instant::now();
            self.ask().await?;
            if let Ok(answer) = timeout(SILENCE, self.answer(started)).await {
                return answer;
            }
        }
        bail!("nobody answers the request")
    }

    /// The answer to a request that was made.
    pub(crate) async fn answer(&mut self, started: Instant) -> Result<Duration> {
        let received = timeout(PATIENCE, self.next()).await;
        let received = received.context("nobody answers the request")??;
        ensure!(received.text("Event-Name") == "route_resp", "{}", received.body);
        ensure!(received.content_type.as_deref() == Some("application/json"), "{received:?}");
        self.response = received.body;
        Ok(received.at - started)
    }

    /// Asks, and expects that nobody answers.
    pub(crate) async fn is_ignored(&mut self) -> Result<()> {
        self.ask().await?;
        self.hears_nothing().await
    }

    pub(crate) fn queue(&self) -> &str {
        &self.queue
    }

    pub(crate) async fn hears_nothing(&mut self) -> Result<()> {
        match timeout(SILENCE, self.next()).await {
            Ok(Ok(received)) => bail!("answered with {}", received.body),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// The next message for this call: everybody hears when another one is resumed.
    async fn next(&mut self) -> Result<Received> {
        loop {
            let received = self.received.recv().await.context("no connection")?;
            if received.exchange != "kapps" || received.text("Call-ID") == self.call_id {
                return Ok(received);
            }
        }
    }

    /// Where the win goes.
    pub(crate) fn win_queue(&self) -> Result<&str> {
        self.response["Server-ID"].as_str().context("the answer names no queue")
    }

    pub(crate) fn win(&self) -> Value {
        let mut win = Value::Object(self.recorded.win.clone());
        win["Custom-Channel-Vars"]["Fetch-ID"] = json!(self.fetch_id);
        for key in ["Call-ID", "Msg-ID"] {
            win[key] = json!(self.call_id);
        }
        win["Control-Queue"] = match self.control {
            Control::Plain => json!(self.queue),
            Control::Process => json!(format!("pid://<0.4242.0>/{}", self.queue)),
        };
        win
    }

    /// The worker has won the call; the switch says so to everybody else as well.
    pub(crate) async fn wins(&self) -> Result<Instant> {
        let queue = self.win_queue()?.to_owned();
        self.wins_at(&queue).await
    }

    pub(crate) async fn wins_at(&self, queue: &str) -> Result<Instant> {
        let started = Instant::now();
        self.kazoo.publish("targeted", queue, &self.win()).await?;
        let usurp = json!({
            "Event-Category": "call_event", "Event-Name": "usurp_control", "Call-ID": self.call_id,
            "Fetch-ID": self.fetch_id, "Reason": "Route-Win", "App-Name": "ecallmgr",
            "App-Version": "4.0.0", "Node": "ecallmgr@127.0.0.1", "Msg-ID": "u1",
        });
        self.kazoo.event(&usurp).await?;
        Ok(started)
    }

    /// Asks, lets the worker win, and listens until it is done with the call.
    pub(crate) async fn serve(&mut self, cues: &[Cue], until: Until) -> Result<Taken> {
        self.is_answered().await?;
        let started = self.wins().await?;
        self.follow(started, cues, until).await
    }

    /// Listens to a call that was won at `started`, letting the switch report what the cues say,
    /// until it is resumed, or hung up, or quiet.
    pub(crate) async fn follow(
        &mut self,
        started: Instant,
        cues: &[Cue],
        until: Until,
    ) -> Result<Taken> {
        let mut taken = Taken::default();
        let mut came = vec![started];
        let mut cues = cues.iter().peekable();
        let mut last = Instant::now();
        loop {
            let due = cues.peek().and_then(|cue| Some(*came.get(cue.after)? + cue.delay));
            let hung_up =
                taken.commands.last().is_some_and(|it| it["Application-Name"] == "hangup");
            if (taken.resume.is_some() || hung_up) && due.is_none() {
                if self.alive && hung_up {
                    self.hangs_up().await?;
                }
                return Ok(taken);
            }
            let patience = match until {
                Until::Silent(silence) if cues.peek().is_none() => silence,
                _ => PATIENCE,
            };
            tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or(last).into()), if due.is_some() => {
                    if let Some(cue) = cues.next() {
                        self.report(cue, &taken.commands).await?;
                        last = Instant::now();
                    }
                }
                received = self.received.recv() => {
                    let Some(received) = received else { bail!("the test's connection broke") };
                    let before = taken.commands.len();
                    if self.take(&received, &mut taken).await? {
                        last = Instant::now();
                    }
                    if taken.commands.len() > before {
                        if came.len() == 1 {
                            taken.first = received.at - started;
                        }
                        came.push(received.at);
                    }
                }
                () = sleep_until((last + patience).into()) => {
                    if matches!(until, Until::Silent(_)) && cues.peek().is_none() {
                        return Ok(taken);
                    }
                    bail!("nothing became of it within {patience:?}; so far: {:#?}", taken.words());
                }
            }
        }
    }

    /// Another worker takes over a call that is being asked for digits.
    pub(crate) fn begins_anew(&mut self) {
        self.flushes = true;
    }

    /// Takes a message into account; whether it is about this call.
    async fn take(&mut self, received: &Received, taken: &mut Taken) -> Result<bool> {
        if received.text("Event-Name") == "channel_status_req" {
            self.channel_status(received).await?;
            return Ok(true);
        }
        if received.text("Call-ID") != self.call_id {
            // Resumes of other calls are heard by everybody.
            return Ok(false);
        }
        self.check(received);
        match received.text("Event-Name") {
            "resume" => {
                ensure!(taken.resume.is_none(), "resumed twice");
                taken.resume = Some(received.body.clone());
                // KAZOO flushes the queue of a call it takes back.
                let mut flushed = events::event(
                    "CHANNEL_EXECUTE_COMPLETE",
                    json!({"Application-Name": "noop", "Application-Response": "of-callflow"}),
                );
                flushed["Call-ID"] = json!(self.call_id);
                self.kazoo.event(&flushed).await?;
            }
            "command" if std::mem::take(&mut self.flushes) => {
                ensure!(received.body["Insert-At"] == "flush", "no flush: {}", received.body);
            }
            "command" => taken.commands.push(received.body.clone()),
            other => bail!("what is {other}? {}", received.body),
        }
        Ok(true)
    }

    fn check(&mut self, received: &Received) {
        if let Some(queue) = received.body["Server-ID"].as_str() {
            self.worker_queue = Some(queue.to_owned());
        }
        let expected = Expected {
            executor: String::new(),
            control: (self.control == Control::Process).then(|| "<0.4242.0>".to_owned()),
            execute_id: String::new(),
        };
        self.checker.of_route_seam(received, &expected, &self.call_id);
    }

    async fn channel_status(&self, asked: &Received) -> Result<()> {
        let status = if self.alive { "active" } else { "terminated" };
        let body = json!({
            "Event-Category": "call_event", "Event-Name": "channel_status_resp",
            "Call-ID": self.call_id, "Status": status, "Msg-ID": asked.text("Msg-ID"),
            "App-Name": "ecallmgr", "App-Version": "4.0.0", "Node": "ecallmgr@127.0.0.1",
            "Switch-Nodename": "freeswitch@fs1.example.com",
        });
        self.kazoo.publish("targeted", asked.text("Server-ID"), &body).await
    }

    /// Publishes an event with its placeholders filled in. Errors go to the sender of the command.
    async fn report(&mut self, cue: &Cue, commands: &[Value]) -> Result<()> {
        let ids: Vec<String> = commands.iter().map(noop_id).collect();
        let event = events::fill_in(&cue.event, &|text| {
            let mut text = text.replace(CALL, &self.call_id);
            for (position, id) in ids.iter().enumerate() {
                text = text.replace(&events::noop(position + 1), id);
            }
            text
        });
        if event["Event-Name"] == "CHANNEL_DESTROY" && event["Call-ID"] == self.call_id.as_str() {
            self.alive = false;
        }
        match &self.worker_queue {
            Some(queue) if event["Event-Category"] == "error" => {
                self.kazoo.publish("targeted", queue, &event).await?;
            }
            _ => self.kazoo.event(&event).await?,
        }
        if cue.moves_the_call {
            let next = event["Replaced-By"].as_str();
            next.context("the event names no id")?.clone_into(&mut self.call_id);
        }
        Ok(())
    }

    /// The caller hangs up, or was hung up.
    pub(crate) async fn hangs_up(&mut self) -> Result<()> {
        let mut event = events::hung_up();
        event["Call-ID"] = json!(self.call_id);
        self.alive = false;
        self.kazoo.event(&event).await
    }

    /// Ends the line; an error where anything the worker sent was wrong, or came too late.
    pub(crate) async fn close(mut self) -> Result<()> {
        let deadline = Instant::now() + AFTERMATH;
        while let Ok(Some(late)) =
            tokio::time::timeout_at(deadline.into(), self.received.recv()).await
        {
            let about_us = late.text("Call-ID") == self.call_id;
            if about_us && late.text("Event-Name") != "channel_status_req" {
                let problem = format!("comes after the end of the call: {}", late.body);
                self.checker.problems.push(problem);
            }
        }
        ensure!(self.checker.problems.is_empty(), "{}", self.checker.problems.join("\n"));
        Ok(())
    }
}
