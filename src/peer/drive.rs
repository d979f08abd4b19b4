//! One call from the execute to its end.

use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::time::sleep_until;

use super::check::Checker;
use super::events::{ChannelState, Events};
use super::link::{Arrival, CallLink, PeerError, Taken};
use super::received::{Kind, Received};
use super::scenario::Scenario;
use super::switch::{Pace, Report, Switch};
use super::wire::unix_micros;
use crate::json::Object;
use crate::kapi::Message;

/// How long KAZOO 4.3 waits for somebody who takes a call.
const ROUTE: Duration = Duration::from_millis(2600);

/// How a call is handed over; as text `execute` or `route`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seam {
    /// `callflow/action.execute` of KAZOO master and 5.
    Execute,
    /// `dialplan/route_req` of KAZOO 4.3.
    Route,
}

/// How a call is played.
#[derive(Debug, Clone, Copy)]
pub struct Play<'a> {
    /// How the call is handed over.
    pub seam: Seam,
    /// How long things take.
    pub pace: Pace,
    /// What the caller presses when asked.
    pub keys: &'a str,
    /// When the caller gives up and hangs up, from the execute on.
    pub patience: Duration,
    /// How long to go on listening after the answer, for what must not come then.
    pub linger: Duration,
    /// Checks what the worker sends; without one nothing is checked, which is faster.
    pub checker: Option<&'a Checker>,
}

/// Who sends or gets a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The executor of the callflow.
    Callflow,
    /// The call's control process and media server.
    Switch,
    /// The worker.
    Worker,
}

/// A message that was sent or has arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchanged {
    /// When, from the execute on.
    pub at: Duration,
    /// Who sent it.
    pub from: Party,
    /// Who gets it.
    pub to: Party,
    /// The exchange.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// The process it is for.
    pub deliver_to_pid: Option<String>,
    /// The payload.
    pub body: Object,
    /// What is wrong with it, a sentence each.
    pub faults: Vec<String>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// The worker gave the call back.
    Answered {
        /// When the answer arrived.
        at: Duration,
        /// The `action.result`.
        result: Object,
    },
    /// The worker handed the call back to callflow of 4.3.
    Resumed {
        /// When.
        at: Duration,
        /// The `callflow/resume`.
        resume: Object,
    },
    /// No worker took the call within the time KAZOO 4.3 waits: callflow, which answers as well,
    /// has it.
    LeftToCallflow,
    /// The worker had the call hung up and gave no answer before.
    HungUp {
        /// When.
        at: Duration,
        /// The cause.
        cause: String,
    },
    /// No queue took the call: nobody works here. The broker's words.
    Returned(String),
    /// The caller gave up.
    Unanswered,
}

/// A call that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Driven {
    /// How it ended.
    pub end: End,
    /// When the worker said that it takes the call, or had taken it.
    pub accepted_at: Option<Duration>,
    /// Keys that the caller had no occasion to press.
    pub keys_left: usize,
}

/// Hands a call over and plays KAZOO's side until it is over. `observe` is told each message.
pub async fn drive(
    link: &mut CallLink,
    scenario: &Scenario,
    play: Play<'_>,
    observe: impl FnMut(Exchanged),
) -> Result<Driven, PeerError> {
    let ids = link.ids().clone();
    let switch = Switch::new(ids.call_id.clone(), play.pace, play.keys);
    let first = match play.seam {
        Seam::Execute => scenario.execute(&ids),
        Seam::Route => Events { scenario, ids: &ids }.route_request(),
    };
    let started = Instant::now();
    let mut drive = Drive {
        scenario,
        play,
        started,
        switch,
        accepted_at: None,
        end: None,
        until: match play.seam {
            Seam::Execute => play.patience,
            Seam::Route => play.patience.min(ROUTE),
        },
        observe,
    };
    let from = match play.seam {
        Seam::Execute => Party::Callflow,
        Seam::Route => Party::Switch,
    };
    drive.sent(from, Duration::ZERO, &first);
    if let Taken::Returned(words) = link.hand_over(&first).await? {
        return Ok(drive.over(End::Returned(words)));
    }
    loop {
        // What has arrived comes first: a list of commands is told before what becomes of it.
        while let Some(arrival) = link.arrived() {
            if let Some(words) = drive.arrival(link, arrival).await? {
                return Ok(drive.over(End::Returned(words)));
            }
        }
        let now = started.elapsed();
        drive.switch.advance(now);
        drive.tell(link, now).await?;
        if now >= drive.until {
            match drive.end.take() {
                Some(end) => return Ok(drive.over(end)),
                None => drive.give_up(now),
            }
            continue;
        }
        let wake_at = drive.switch.next_at().map_or(drive.until, |at| at.min(drive.until));
        tokio::select! {
            biased;
            arrival = link.next() => {
                if let Some(words) = drive.arrival(link, arrival?).await? {
                    return Ok(drive.over(End::Returned(words)));
                }
            }
            () = sleep_until((started + wake_at).into()) => {}
        }
    }
}

struct Drive<'a, F> {
    scenario: &'a Scenario,
    play: Play<'a>,
    started: Instant,
    switch: Switch,
    accepted_at: Option<Duration>,
    end: Option<End>,
    /// When to stop: the caller's patience, or the rest of the time after the end.
    until: Duration,
    observe: F,
}

impl<F: FnMut(Exchanged)> Drive<'_, F> {
    fn over(self, end: End) -> Driven {
        Driven { end, accepted_at: self.accepted_at, keys_left: self.switch.keys_left() }
    }

    fn state(&self) -> ChannelState {
        ChannelState { alive: self.switch.is_alive(), answered: self.switch.is_answered() }
    }

    /// The call is decided; what still comes is only watched.
    fn ended(&mut self, at: Duration, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            self.until = at + self.play.linger;
        }
    }

    fn give_up(&mut self, now: Duration) {
        if self.play.seam == Seam::Route && self.accepted_at.is_none() {
            return self.ended(now, End::LeftToCallflow);
        }
        self.switch.hang_up();
        self.ended(now, End::Unanswered);
    }

    /// Publishes what the switch has to tell.
    async fn tell(&mut self, link: &CallLink, now: Duration) -> Result<(), PeerError> {
        for report in self.switch.take_reports() {
            if let Report::Destroyed { cause } = &report {
                self.ended(now, End::HungUp { at: now, cause: cause.clone() });
            }
            let events = Events { scenario: self.scenario, ids: link.ids() };
            let message = events.message(&report, self.state(), unix_micros());
            link.tell(&message).await?;
            self.sent(Party::Switch, now, &message);
        }
        Ok(())
    }

    /// Takes what has arrived; the broker's words where the execute came back.
    async fn arrival(
        &mut self,
        link: &CallLink,
        arrival: Arrival,
    ) -> Result<Option<String>, PeerError> {
        match arrival {
            Arrival::Message(received) => self.take(link, received).await.map(|()| None),
            Arrival::Returned(words) => Ok(Some(words)),
        }
    }

    /// Takes a message of the worker's.
    async fn take(&mut self, link: &CallLink, received: Received) -> Result<(), PeerError> {
        let at = received.at.saturating_duration_since(self.started);
        let kind = received.kind();
        let mut faults =
            self.play.checker.map_or_else(Vec::new, |it| it.check(&received, link.ids()));
        let answered = matches!(self.end, Some(End::Answered { .. } | End::Resumed { .. }));
        match kind {
            Kind::Result if answered => {
                let fault = "a second result; KAZOO hands it to whatever action runs by then";
                faults.push(fault.to_owned());
            }
            Kind::Resume if answered => {
                faults.push("a second resume; KAZOO would run what follows twice".to_owned());
            }
            Kind::Command if answered => {
                let fault = "a command after the result; KAZOO's own may have overtaken it";
                faults.push(fault.to_owned());
            }
            _ => {}
        }
        let body = received.members();
        (self.observe)(Exchanged {
            at,
            from: Party::Worker,
            to: match kind {
                Kind::Accepted | Kind::Result | Kind::Resume => Party::Callflow,
                Kind::Command | Kind::StatusRequest | Kind::RouteResponse | Kind::Other => {
                    Party::Switch
                }
            },
            exchange: received.exchange,
            routing_key: received.routing_key,
            deliver_to_pid: received.deliver_to_pid,
            body: body.clone(),
            faults,
        });
        match kind {
            Kind::Accepted => {
                self.accepted_at.get_or_insert(at);
            }
            Kind::Result => self.ended(at, End::Answered { at, result: body }),
            Kind::Command => self.switch.command(self.started.elapsed(), &body),
            Kind::RouteResponse => self.won(link, at, &body).await?,
            Kind::Resume => {
                self.ended(at, End::Resumed { at, resume: body });
                let events = Events { scenario: self.scenario, ids: link.ids() };
                link.tell(&events.flushed(self.state())).await?;
            }
            Kind::StatusRequest => {
                let events = Events { scenario: self.scenario, ids: link.ids() };
                if let Some(answer) = events.status(&body, self.state()) {
                    link.tell(&answer).await?;
                    let now = self.started.elapsed();
                    self.sent(Party::Switch, now, &answer);
                }
            }
            Kind::Other => {}
        }
        Ok(())
    }

    /// The first who answers in time wins the call.
    async fn won(
        &mut self,
        link: &CallLink,
        at: Duration,
        response: &Object,
    ) -> Result<(), PeerError> {
        let too_late = self.accepted_at.is_some() || self.end.is_some();
        if too_late || self.play.seam != Seam::Route {
            return Ok(());
        }
        let events = Events { scenario: self.scenario, ids: link.ids() };
        let Some(win) = events.route_win(response) else { return Ok(()) };
        self.accepted_at = Some(at);
        self.until = self.play.patience;
        link.tell(&win).await?;
        let now = self.started.elapsed();
        self.sent(Party::Switch, now, &win);
        Ok(())
    }

    fn sent(&mut self, from: Party, at: Duration, message: &Message) {
        (self.observe)(Exchanged {
            at,
            from,
            to: Party::Worker,
            exchange: message.exchange.name().to_owned(),
            routing_key: message.routing_key.clone(),
            deliver_to_pid: message.deliver_to_pid.clone(),
            body: message.body.clone(),
            faults: Vec::new(),
        });
    }
}
