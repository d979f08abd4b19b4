//! The execute seam: from one `action.execute` to its answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, Before, Changes};
use super::call_control::{CallControl, Heard, Loss};
use super::context::{self, AccountNumbers, Gathered, Route};
use super::hand_back::{self, Decision};
use super::session::Session;
use super::{Shared, channel};
use crate::amqp::{LinkError, Published};
use crate::call::Call;
use crate::directory::AccountId;
use crate::dynamic_cid::{Action, Context, Effect, Event, Millis, Mode, Next, Outcome, Question};
use crate::json::Object;
use crate::kapi::inbound::Execute;
use crate::kapi::result::Executor;
use crate::kapi::{self, ActionResult, Address, Inbound, Message};

/// How long a refused caller may take to hear why before the call is hung up at once.
const REFUSAL: Duration = Duration::from_secs(60);
/// How long after that the channel may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// How serving an execute ended, when it was not cut short by the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// KAZOO was told, and the broker confirmed it.
    Answered,
    /// Nobody waits for an answer.
    NoAnswerOwed(&'static str),
}

/// Serving failed with the session; the broker redelivers the execute.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    /// A message could not be published or a binding not made.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// What ends an action before its outcome.
enum Interrupted {
    Lost(Loss),
    /// Nobody executes our commands any more.
    ControlGone,
    Failed(ServeError),
}

impl From<LinkError> for Interrupted {
    fn from(error: LinkError) -> Self {
        Self::Failed(error.into())
    }
}

/// Serves one execute up to its confirmed answer. `doubtful` executes (redelivered, or old) are
/// served only if their channel is still there.
pub(super) async fn serve(
    shared: &Shared,
    session: &Session,
    execute: Execute,
    doubtful: bool,
) -> Result<Served, ServeError> {
    let mut execution = Execution::new(shared, session, execute);
    let served = execution.serve(doubtful).await;
    execution.leave().await;
    served
}

struct Execution<'a> {
    shared: &'a Shared,
    session: &'a Session,
    started: Instant,
    server_id: Address,
    msg_id: String,
    data: Object,
    call: Call,
    account: Option<AccountId>,
    /// `None` where the call has no usable Control-Queue: it can be answered, not spoken to.
    control: Option<CallControl>,
    call_id: String,
    sender: mpsc::Sender<Arc<Inbound>>,
    events: mpsc::Receiver<Arc<Inbound>>,
    listening: bool,
    accepted: bool,
    /// Effects that wait for the answer to be known.
    held: Vec<Effect>,
    changes: Changes,
}

impl<'a> Execution<'a> {
    fn new(shared: &'a Shared, session: &'a Session, execute: Execute) -> Self {
        let control_queue = execute.control_queue();
        let Execute { call_id, msg_id, server_id, call, data, .. } = execute;
        let call = Call::new(call);
        let control = match control_queue {
            Ok(Some(queue)) => Some(CallControl::new(&call, call_id.clone(), queue)),
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "the call's Control-Queue cannot be used");
                None
            }
        };
        let account = call.account_id();
        let account_id = account.as_deref().and_then(AccountId::new);
        if account_id.is_none() {
            tracing::warn!(account = account.as_deref().unwrap_or("none"), "no usable Account-ID");
        }
        let (sender, events) = Session::mailbox();
        Self {
            shared,
            session,
            started: Instant::now(),
            server_id,
            msg_id,
            data,
            account: account_id,
            control,
            call,
            call_id,
            sender,
            events,
            listening: false,
            accepted: false,
            held: Vec::new(),
            changes: Changes::default(),
        }
    }

    async fn serve(&mut self, doubtful: bool) -> Result<Served, ServeError> {
        if doubtful {
            match self.channel_state().await {
                Ok(channel::State::Active) => {}
                Ok(channel::State::Gone) => {
                    return Ok(Served::NoAnswerOwed("channel_gone"));
                }
                // Silence is not proof; going on with the flow harms nobody.
                Ok(channel::State::Unknown) => {
                    tracing::warn!("no answer to the question whether the channel is still there");
                    return self
                        .tell(&ActionResult::Continue, "continue_doubtful", "unknown")
                        .await;
                }
                Err(interrupted) => return self.interrupted(interrupted, "unknown").await,
            }
        }
        let gathered = context::gather(
            &self.shared.directory,
            self.account.as_ref(),
            &self.call,
            self.data.clone(),
            AccountNumbers::Skip,
        )
        .await;
        self.shared.reports.departures(&gathered.bad_departures);
        self.shared.reports.settings(&gathered.context.config);
        let mode = gathered.job.mode();
        match self.act(gathered).await {
            Ok(served) => Ok(served),
            Err(interrupted) => self.interrupted(interrupted, mode.as_str()).await,
        }
    }

    /// Runs the action and answers.
    async fn act(&mut self, gathered: Gathered) -> Result<Served, Interrupted> {
        let Gathered { job, context, .. } = gathered;
        let (mut action, mut step) = Action::start(job.clone(), context.clone(), 0);
        let mut route = None;
        let outcome = loop {
            self.changes.note(&step.effects);
            self.held.append(&mut step.effects);
            let event = match step.next {
                Next::Done(outcome) => break outcome,
                Next::Ask(Question::Route { destination, restrictions }) => {
                    let found = self.route(&destination, restrictions, &context).await;
                    let routed = found.routed.clone();
                    route = Some(found);
                    Event::Routed(routed)
                }
                Next::Wait { wake_at } => {
                    self.hear_the_call().await?;
                    self.send_held(Before::Everything).await?;
                    self.next_event(wake_at).await?
                }
            };
            step = action.on(self.now(), &event);
        };
        self.shared.metrics.decided(
            action.mode().as_str(),
            outcome.as_str(),
            outcome.reason().as_str(),
        );
        let answer = self.answer(&action, &outcome, route.as_ref()).await;
        self.log(&action, &outcome, &answer);
        self.carry_out(&answer, action.mode()).await
    }

    async fn route(&self, destination: &str, restrictions: bool, context: &Context) -> Route {
        let authorizing = self.call.authorizing_id();
        let (directory, account) = (&self.shared.directory, self.account.as_ref());
        context::route(
            directory,
            account,
            authorizing.as_deref(),
            destination,
            restrictions,
            context,
        )
        .await
    }

    /// Chooses the answer, and tells operators where the node could not be located.
    async fn answer(&self, action: &Action, outcome: &Outcome, route: Option<&Route>) -> Answer {
        let decision = Decision {
            job: action.job(),
            context: action.context(),
            outcome,
            changes: &self.changes,
            route,
        };
        let shared = self.shared;
        let (answer, following) =
            hand_back::choose(&shared.directory, self.account.as_ref(), &self.call, &decision)
                .await;
        if let Some(following) = &following {
            let flow_id = self.call.kvs("cf_flow_id").and_then(Value::as_str);
            shared.metrics.followed(shared.reports.following(following, flow_id));
        }
        answer
    }

    // --- talking ----------------------------------------------------------------------------

    /// Binds the call's events before the first command that is waited for, and tells KAZOO that
    /// the answer will take its time.
    async fn hear_the_call(&mut self) -> Result<(), Interrupted> {
        if !self.listening {
            self.listening = true;
            self.session.listen(&self.call_id, self.sender.clone());
            self.session.link.bind_call(&kapi::routing::call_events_key(&self.call_id)).await?;
        }
        if !self.accepted {
            self.accepted = true;
            let accepted = kapi::result::accepted(&self.session.identity, self.executor());
            self.session.publish(&accepted, false).await?;
        }
        Ok(())
    }

    fn executor(&self) -> Executor<'_> {
        Executor { server_id: &self.server_id, msg_id: &self.msg_id, call_id: &self.call_id }
    }

    /// Sends what was held back, in its order, and waits until the broker has it all.
    async fn send_held(&mut self, before: Before) -> Result<(), Interrupted> {
        let held = std::mem::take(&mut self.held);
        let messages: Vec<Message> = match (&mut self.control, before) {
            (_, Before::Nothing) => return Ok(()),
            (None, _) if held.iter().any(|effect| matches!(effect, Effect::Command(_))) => {
                return Err(Interrupted::ControlGone);
            }
            (None, _) => return Ok(()),
            (Some(control), before) => held
                .iter()
                .filter_map(|effect| match effect {
                    Effect::Command(command) => {
                        Some(control.command(&self.session.identity, command))
                    }
                    Effect::Change(change) if before == Before::Everything => {
                        Some(control.set(&self.session.identity, change))
                    }
                    Effect::Change(_) | Effect::Store => None,
                })
                .collect(),
        };
        match self.session.publish_commands(&messages).await? {
            Published::Routed => Ok(()),
            Published::Returned { .. } => Err(Interrupted::ControlGone),
        }
    }

    /// The call's next event for the action, or its timer.
    async fn next_event(&mut self, wake_at: Option<Millis>) -> Result<Event, Interrupted> {
        let deadline = wake_at.map(|at| self.started + Duration::from_millis(at));
        loop {
            let heard = match deadline {
                None => self.events.recv().await,
                Some(deadline) => match timeout_at(deadline, self.events.recv()).await {
                    Ok(heard) => heard,
                    Err(_) => return Ok(Event::Timer),
                },
            };
            // The mailbox holds a sender of its own, so it cannot end; were it to, the session is
            // over and with it this task.
            let (Some(inbound), Some(control)) = (heard, &mut self.control) else {
                return Err(Interrupted::ControlGone);
            };
            match control.hear(&inbound) {
                Heard::Event(event) => return Ok(event),
                Heard::Nothing => {}
                Heard::Lost(loss) => return Err(Interrupted::Lost(loss)),
                Heard::Moved { from, to } => self.follow(from, to).await?,
            }
        }
    }

    /// The call goes on under another id: its events and the answer do, too.
    async fn follow(&mut self, from: String, to: String) -> Result<(), Interrupted> {
        tracing::info!(from, to, "the call goes on under another id");
        self.session.listen(&to, self.sender.clone());
        self.session.link.bind_call(&kapi::routing::call_events_key(&to)).await?;
        self.call_id = to;
        if self.session.leave(&from, &self.sender) {
            self.session.link.unbind_call(&kapi::routing::call_events_key(&from)).await?;
        }
        Ok(())
    }

    async fn channel_state(&mut self) -> Result<channel::State, Interrupted> {
        self.listening = true;
        self.session.listen(&self.call_id, self.sender.clone());
        self.session.link.bind_call(&kapi::routing::call_events_key(&self.call_id)).await?;
        Ok(channel::state(self.session, &self.call_id, &mut self.events).await?)
    }

    // --- answering --------------------------------------------------------------------------

    async fn carry_out(&mut self, answer: &Answer, mode: Mode) -> Result<Served, Interrupted> {
        let Some(result) = &answer.result else {
            return self.refuse().await;
        };
        self.send_held(answer.before).await?;
        self.tell(result, answer.kind, mode.as_str()).await.map_err(Interrupted::Failed)
    }

    /// The caller hears why and is hung up. No result: one would start a stacked flow, and KAZOO's
    /// own action tells its executor nothing either; the end of the channel does (D16).
    async fn refuse(&mut self) -> Result<Served, Interrupted> {
        self.hear_the_call().await?;
        self.send_held(Before::Everything).await?;
        if self.destroyed_within(REFUSAL).await? {
            return Ok(Served::NoAnswerOwed("refused"));
        }
        tracing::warn!("the refused call does not end; hanging up at once");
        if let Some(control) = &self.control {
            let hangup = control.hang_up_now(&self.session.identity);
            self.session.publish(&hangup, true).await?;
        }
        let ended = self.destroyed_within(FAREWELL).await?;
        Ok(Served::NoAnswerOwed(if ended { "refused" } else { "refused_still_up" }))
    }

    async fn destroyed_within(&mut self, limit: Duration) -> Result<bool, Interrupted> {
        let until = self.now() + u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        loop {
            match self.next_event(Some(until)).await {
                Ok(Event::Timer) => return Ok(false),
                Ok(_) => {}
                Err(Interrupted::Lost(_)) => return Ok(true),
                Err(interrupted) => return Err(interrupted),
            }
        }
    }

    /// Publishes the result and waits for the broker to confirm it.
    async fn tell(
        &mut self,
        result: &ActionResult,
        kind: &'static str,
        mode: &'static str,
    ) -> Result<Served, ServeError> {
        let message = kapi::result::result(&self.session.identity, self.executor(), result);
        match self.session.publish(&message, true).await? {
            Published::Routed => {
                self.shared.metrics.answered(mode, kind, self.started.elapsed().as_secs_f64());
                Ok(Served::Answered)
            }
            Published::Returned { reason } => {
                tracing::warn!(reason, "the executor's queue is gone: nobody takes the answer");
                Ok(Served::NoAnswerOwed("executor_gone"))
            }
        }
    }

    async fn interrupted(
        &mut self,
        interrupted: Interrupted,
        mode: &'static str,
    ) -> Result<Served, ServeError> {
        match interrupted {
            Interrupted::Failed(error) => Err(error),
            Interrupted::Lost(loss) => {
                tracing::info!(cause = loss.as_str(), "the call is no longer ours");
                Ok(Served::NoAnswerOwed(loss.as_str()))
            }
            Interrupted::ControlGone => {
                tracing::warn!(
                    "nobody executes commands for this call; the flow goes on unchanged"
                );
                self.tell(&ActionResult::Continue, "continue_uncontrolled", mode).await
            }
        }
    }

    /// Stops hearing the call.
    async fn leave(&mut self) {
        if !self.listening || !self.session.leave(&self.call_id, &self.sender) {
            return;
        }
        let key = kapi::routing::call_events_key(&self.call_id);
        if let Err(error) = self.session.link.unbind_call(&key).await {
            tracing::debug!(%error, "the call's events stay bound until the session ends");
        }
    }

    fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    fn log(&self, action: &Action, outcome: &Outcome, answer: &Answer) {
        tracing::info!(
            account = action.job().account_id,
            mode = action.mode().as_str(),
            outcome = outcome.as_str(),
            reason = outcome.reason().as_str(),
            number = self.changes.number,
            name = self.changes.name,
            destination = self.changes.destination,
            list = action.job().list_id(),
            entry = action.selected_key(),
            answer = answer.kind,
            "decided"
        );
    }
}
