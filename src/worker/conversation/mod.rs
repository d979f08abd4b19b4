//! A call while an action runs on it: commands out, events in, and the action's own loop. The same
//! for both seams; what becomes of the outcome is theirs.

mod commands;
mod hearing;
mod record;
mod waits;

use std::collections::VecDeque;
use std::sync::Arc;

use futures_channel::mpsc;
use tokio::time::Instant;

use self::record::callflow;
use super::Shared;
use super::answer::{Before, Changes};
use super::call_control::{CallControl, Loss};
use super::context::{self, Gathered, Route};
use super::session::Session;
use crate::amqp::LinkError;
use crate::call::{Call, Packed};
use crate::directory::{AccountId, Directory};
use crate::dynamic_cid::{
    Action, Command, Context, Effect, Event, Millis, Next, NoopId, Outcome, Question, Step,
};
use crate::json::Object;
use crate::kapi::inbound::WaitingFlow;
use crate::kapi::result::Executor;
use crate::kapi::{self, Inbound};
use crate::operations::records::{Record, now_ms};
use crate::operations::running::{RunningCall, Serving};

/// The noop of a command that is not the action's, which counts its own from 1.
const NOBODYS: NoopId = NoopId(0);

/// What ends an action before its outcome.
#[derive(Debug)]
pub(super) enum Interrupted {
    /// The call is gone or somebody else's.
    Lost(Loss),
    /// Nobody executes our commands any more.
    ControlGone,
    /// The session is ending, and the broker hands the work out again.
    Failed(LinkError),
    /// It takes longer than any call of a living caller can.
    Overdue,
}

impl From<LinkError> for Interrupted {
    fn from(error: LinkError) -> Self {
        Self::Failed(error)
    }
}

/// An action that came to its outcome.
pub(super) struct Decided {
    /// The action.
    pub(super) action: Action,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The destination's route, where it asked for one.
    pub(super) route: Option<Box<Route>>,
}

/// Something to be sent in its turn.
enum Held {
    /// An effect of the action.
    Effect(Effect),
    /// Channel variables that the action knows nothing of.
    Variables(Object),
}

/// A call being served.
pub(super) struct Conversation<'a> {
    pub(super) shared: &'a Shared,
    pub(super) session: &'a Session,
    /// For what the caller waits for now.
    pub(super) directory: Directory,
    pub(super) call: Call,
    /// `None` where the call names no account that can be one.
    pub(super) account: Option<AccountId>,
    /// The id the call has now.
    pub(super) call_id: String,
    pub(super) started: Instant,
    /// What the action has changed so far.
    pub(super) changes: Changes,
    /// `None` where the call has no usable Control-Queue: it can be answered, not spoken to.
    control: Option<CallControl>,
    sender: mpsc::Sender<Arc<Inbound>>,
    events: mpsc::Receiver<Arc<Inbound>>,
    /// Events that came while something else was waited for.
    put_off: VecDeque<Arc<Inbound>>,
    listening: bool,
    /// Whether the caller may have heard something of us.
    spoken: bool,
    /// Whether somebody else may have had something played, which still plays.
    interrupts: bool,
    began_at_ms: u64,
    /// The document whose flow the call is in.
    callflow: Option<String>,
    /// What was decided, once it is.
    decided: Option<Box<Record>>,
    /// For those who look at what runs.
    _serving: Serving<'a>,
    /// What was not sent yet.
    held: Vec<Held>,
    /// The last media that was sent and has not ended, as far as we heard.
    playing: Option<NoopId>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        session: &'a Session,
        call: Call,
        call_id: String,
        control: Option<CallControl>,
    ) -> Self {
        let account = call.account_id();
        let account_id = account.as_deref().and_then(AccountId::new);
        if account_id.is_none() {
            tracing::warn!(account = account.as_deref().unwrap_or("none"), "no usable Account-ID");
        }
        let (sender, events) = Session::mailbox();
        let callflow = callflow(&call);
        let began_at_ms = now_ms();
        let running = RunningCall {
            call_id: call_id.clone(),
            account: account_id.as_ref().map(|account| account.as_str().to_owned()),
            began_at_ms,
        };
        Self {
            shared,
            session,
            directory: shared.reading(),
            call,
            account: account_id,
            call_id,
            started: Instant::now(),
            changes: Changes::default(),
            control,
            sender,
            events,
            put_off: VecDeque::new(),
            listening: false,
            spoken: false,
            interrupts: false,
            began_at_ms,
            callflow,
            decided: None,
            _serving: shared.metrics.running.begin(running),
            held: Vec::new(),
            playing: None,
        }
    }

    /// Runs the action to its outcome. Effects are sent when it has to wait for the call; what is
    /// left is held. The flow that waits is told before the first wait that the answer takes time.
    pub(super) async fn run(
        &mut self,
        gathered: Box<Gathered>,
        flow: Option<&WaitingFlow>,
    ) -> Result<Box<Decided>, Interrupted> {
        let mut away = None;
        let decided = self.drive(gathered, flow, &mut away).await;
        self.fetch(&mut away);
        decided
    }

    /// [`run`](Self::run), which leaves the call `away` where it was put last.
    async fn drive(
        &mut self,
        gathered: Box<Gathered>,
        mut flow: Option<&WaitingFlow>,
        away: &mut Option<Packed>,
    ) -> Result<Box<Decided>, Interrupted> {
        let (mut action, mut step) = start(gathered, self.now());
        let mut route: Option<Box<Route>> = None;
        loop {
            self.changes.note(&step.effects);
            self.held.extend(std::mem::take(&mut step.effects).into_iter().map(Held::Effect));
            let event = match step.next {
                Next::Done(outcome) => return Ok(Box::new(Decided { action, outcome, route })),
                Next::Ask(Question::Route { destination, restrictions }) => {
                    self.fetch(away);
                    let found = self.route(&destination, restrictions, action.context()).await;
                    let routed = found.routed.clone();
                    route = Some(Box::new(found));
                    Event::Routed(routed)
                }
                Next::Wait { wake_at } => {
                    // The caller may take minutes, and so may thousands of others.
                    away.get_or_insert_with(|| Packed::new(&mut self.call));
                    let opening = self.opening().await;
                    Box::pin(self.before_waiting(flow.take())).await?;
                    drop(opening);
                    let event = self.next_event(wake_at).await?;
                    self.directory = self.shared.reading();
                    event
                }
            };
            step = action.on(self.now(), &event);
        }
    }

    /// Has the call at hand again.
    fn fetch(&mut self, away: &mut Option<Packed>) {
        if let Some(packed) = away.take() {
            packed.restore(&mut self.call);
        }
    }

    /// What has to be in place before the call is waited for.
    async fn before_waiting(&mut self, flow: Option<&WaitingFlow>) -> Result<(), Interrupted> {
        self.hear_the_call().await?;
        if let Some(WaitingFlow { server_id, msg_id, .. }) = flow {
            let executor = Executor { server_id, msg_id, call_id: &self.call_id };
            let accepted = kapi::result::accepted(&self.session.identity, executor);
            self.session.publish(&accepted, false).await?;
        }
        if std::mem::take(&mut self.interrupts) {
            self.held.insert(0, Held::Effect(Effect::Command(Command::Flush { noop: NOBODYS })));
        }
        self.send_held(Before::Everything).await
    }

    async fn route(&self, destination: &str, restrictions: bool, context: &Context) -> Route {
        let authorizing = self.call.authorizing_id();
        let (directory, account) = (&self.directory, self.account.as_ref());
        let authorizing = authorizing.as_deref();
        let route =
            context::route(directory, account, authorizing, destination, restrictions, context);
        let route = Box::pin(route).await;
        if let Some(reason) = &route.unserved {
            let reason = self.shared.records.masking().show_in(reason);
            tracing::info!(reason, "no callflow serves the destination");
        }
        route
    }

    /// Milliseconds since the conversation began: the action's clock.
    pub(super) fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }
}

/// Starts the action; what was gathered for it takes no room any more.
fn start(gathered: Box<Gathered>, now: Millis) -> (Action, Step) {
    let Gathered { job, context, .. } = *gathered;
    Action::start(job, context, now)
}
