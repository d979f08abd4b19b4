//! One call: handed over, played and checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use super::account::Dialled;
use super::line::{Arrived, Line, What};
use super::template::Template;
use crate::amqp::{LinkError, Pipeline, Published};
use crate::json::{self, Object};
use crate::kapi::ActionResult;
use crate::peer::{CallIds, ChannelState, Events, Pace, Scenario, Seam, Switch};

/// How long is looked for why a call got no answer.
const REASON: Duration = Duration::from_secs(1);

/// A call ready to be placed any number of times.
#[derive(Debug)]
pub(super) struct Prepared {
    scenario: Scenario,
    dialled: Dialled,
    seam: Seam,
    /// How the seam hands it over.
    first: Template,
    /// `action.execute`, which the echo takes at any seam.
    execute: Template,
}

/// Who is to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answerer {
    /// A worker, with the caller ID.
    Worker,
    /// The echo, with `continue`.
    Echo,
}

/// What became of a call.
#[derive(Debug)]
pub(super) enum Fate {
    /// Answered as it must be, after this time.
    Right(Duration),
    /// Answered otherwise; in words.
    Wrong(String),
    /// Not answered; why, where it is known.
    Lost(String),
}

/// A lane: one call at a time.
pub(super) struct Lane {
    sender: UnboundedSender<Arrived>,
    inbox: UnboundedReceiver<Arrived>,
}

/// Keeps callers from typing for a while.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    /// How many are being asked.
    pub asked: Arc<AtomicUsize>,
    /// Who may type: a permit for each, until its call is over.
    pub typing: Arc<Semaphore>,
}

impl Default for Lane {
    fn default() -> Self {
        let (sender, inbox) = unbounded_channel();
        Self { sender, inbox }
    }
}

impl Prepared {
    /// Prepares the calls of a scenario.
    pub(super) fn new(scenario: Scenario, dialled: Dialled, seam: Seam) -> Self {
        let execute = Template::of(true, |ids| scenario.execute(ids));
        let first = match seam {
            Seam::Execute => execute.clone(),
            Seam::Route => {
                Template::of(false, |ids| Events { scenario: &scenario, ids }.route_request())
            }
        };
        Self { scenario, dialled, seam, first, execute }
    }

    /// Places a call that was to begin at `started`, and waits for its answer until `patience`
    /// after that.
    pub(super) async fn place(
        &self,
        line: &Line,
        lane: &mut Lane,
        number: u64,
        answerer: Answerer,
        (started, patience): (Instant, Duration),
        hold: Option<Hold>,
    ) -> Fate {
        let seam = if answerer == Answerer::Echo { Seam::Execute } else { self.seam };
        let ids = line.names().ids(number, line.queue(), seam == Seam::Execute);
        line.listen(number, &lane.sender);
        let mut playing =
            Playing { call: self, line, ids, answerer, started, switch: None, hold, typing: None };
        let fate = playing.until_answered(lane, number, seam, started + patience).await;
        line.forget(number);
        fate.unwrap_or_else(|error| Fate::Lost(error.to_string()))
    }

    /// What is wrong with a caller ID, if anything.
    fn wrong(&self, name: Option<&str>, number: Option<&str>) -> Option<String> {
        let expected = &self.dialled;
        let right = number == Some(expected.caller_id.as_str())
            && (expected.name.is_none() || expected.name.as_deref() == name);
        let told = |text: Option<&str>| text.unwrap_or("none").to_owned();
        (!right).then(|| {
            format!(
                "{} must get the caller ID {} <{}>, and got {} <{}>",
                expected.number,
                told(expected.name.as_deref()),
                expected.caller_id,
                told(name),
                told(number),
            )
        })
    }

    /// What is wrong with a result of the execute seam, if anything.
    fn wrong_result(&self, answerer: Answerer, term: &Value) -> Option<String> {
        if answerer == Answerer::Echo {
            let right = *term == ActionResult::Continue.into_readable();
            return (!right).then(|| format!("the echo must answer continue, and said {term}"));
        }
        let own = term.pointer("/continue_with_flow/data/caller_id");
        let part = |key: &str| own.and_then(|own| own.get(key)).and_then(Value::as_str);
        let fault = self.wrong(part("name"), part("number"))?;
        Some(if own.is_some() { fault } else { format!("{fault}; the answer was {term}") })
    }

    /// What is wrong with a call handed back to callflow, if anything.
    fn wrong_resume(&self, resume: &Object) -> Option<String> {
        let call = json::object(resume, "Call");
        let part = |key: &str| call?.get(key)?.as_str();
        self.wrong(part("Caller-ID-Name"), part("Caller-ID-Number"))
    }
}

struct Playing<'a> {
    call: &'a Prepared,
    line: &'a Line,
    ids: CallIds,
    answerer: Answerer,
    started: Instant,
    switch: Option<Switch>,
    hold: Option<Hold>,
    /// Of a call that was held back.
    typing: Option<OwnedSemaphorePermit>,
}

impl Playing<'_> {
    async fn until_answered(
        &mut self,
        lane: &mut Lane,
        number: u64,
        seam: Seam,
        deadline: Instant,
    ) -> Result<Fate, LinkError> {
        let echo = self.answerer == Answerer::Echo;
        let template = if echo { &self.call.execute } else { &self.call.first };
        let body = template.payload(&self.ids);
        let handed = self.line.hand_over(template.exchange, &template.routing_key, body).await?;
        let mut commands: Vec<Object> = Vec::new();
        loop {
            let held = !commands.is_empty() && self.hold.is_some();
            let arrived = tokio::select! {
                biased;
                arrived = timeout_at(deadline.into(), lane.inbox.recv()) => arrived,
                permit = released(self.hold.as_ref()), if held => {
                    self.typing = permit;
                    self.hold = None;
                    for command in commands.drain(..) {
                        self.command(&command).await?;
                    }
                    continue;
                }
            };
            let Ok(Some(Arrived { call, at, what })) = arrived else {
                return Ok(Fate::Lost(self.why(handed).await));
            };
            if call != number {
                continue;
            }
            match what {
                What::Result(term) if seam == Seam::Execute => {
                    let wrong = self.call.wrong_result(self.answerer, &term);
                    confirmed(handed).await;
                    return Ok(self.over(at, wrong));
                }
                What::Resume(resume) if seam == Seam::Route => {
                    let events = Events { scenario: &self.call.scenario, ids: &self.ids };
                    self.line.tell(&events.flushed(self.state())).await?;
                    let wrong = self.call.wrong_resume(&resume);
                    confirmed(handed).await;
                    return Ok(self.over(at, wrong));
                }
                What::Command(command) => match &self.hold {
                    Some(hold) => {
                        if commands.is_empty() {
                            hold.asked.fetch_add(1, Ordering::Relaxed);
                        }
                        commands.push(command);
                    }
                    None => self.command(&command).await?,
                },
                What::StatusRequest(request) => {
                    let events = Events { scenario: &self.call.scenario, ids: &self.ids };
                    if let Some(answer) = events.status(&request, self.state()) {
                        self.line.tell(&answer).await?;
                    }
                }
                What::RouteResponse(response) => {
                    let events = Events { scenario: &self.call.scenario, ids: &self.ids };
                    if let Some(win) = events.route_win(&response) {
                        self.line.tell(&win).await?;
                    }
                }
                // Of the other seam: none of ours.
                What::Result(_) | What::Resume(_) => {}
            }
        }
    }

    fn over(&self, at: Instant, wrong: Option<String>) -> Fate {
        match wrong {
            Some(words) => Fate::Wrong(words),
            None => Fate::Right(at.saturating_duration_since(self.started)),
        }
    }

    fn state(&self) -> ChannelState {
        let switch = self.switch.as_ref();
        ChannelState {
            alive: switch.is_none_or(Switch::is_alive),
            answered: switch.is_some_and(Switch::is_answered),
        }
    }

    /// Does what the worker commands and tells what becomes of it, at once.
    async fn command(&mut self, command: &Object) -> Result<(), LinkError> {
        let now = self.started.elapsed();
        let switch = self.switch.get_or_insert_with(|| {
            Switch::new(self.ids.call_id.clone(), Pace::INSTANT, self.call.dialled.keys)
        });
        switch.command(now, command);
        switch.advance(now);
        let reports = switch.take_reports();
        let events = Events { scenario: &self.call.scenario, ids: &self.ids };
        for report in reports {
            let message = events.message(&report, self.state(), crate::peer::unix_micros());
            self.line.tell(&message).await?;
        }
        Ok(())
    }

    /// Why there was no answer, as far as the broker can tell.
    async fn why(&self, handed: Pipeline) -> String {
        match tokio::time::timeout(REASON, handed.confirmed()).await {
            Ok(Ok(published)) => {
                let returned = published.into_iter().find_map(|published| match published {
                    Published::Returned { reason } => Some(reason),
                    Published::Routed => None,
                });
                returned.map_or_else(
                    || "no answer in time".to_owned(),
                    |reason| format!("no queue took it: {reason}"),
                )
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the broker did not confirm it".to_owned(),
        }
    }
}

/// Takes the broker's confirmation, which has come by now: one that nobody takes is kept, and a
/// session keeps no more than 65 536.
async fn confirmed(handed: Pipeline) {
    // The call was answered, so that the broker must have had it.
    let _ = handed.confirmed().await;
}

/// Returns when the caller may type.
async fn released(hold: Option<&Hold>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(&hold?.typing).acquire_owned().await.ok()
}
