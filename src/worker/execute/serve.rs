//! The execute seam: from one `action.execute` to its answer.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use super::unsent;
use crate::amqp::{HELD_QUEUE, LinkError, Published, Receipt};
use crate::call::Call;
use crate::dynamic_cid::Mode;
use crate::json::Object;
use crate::kapi::command::Dialect;
use crate::kapi::inbound::{Execute, WaitingFlow};
use crate::kapi::result::Executor;
use crate::kapi::{self, ActionResult, Message};
use crate::worker::Shared;
use crate::worker::answer::{Answer, Before};
use crate::worker::call_control::CallControl;
use crate::worker::channel;
use crate::worker::context::{self, Gathered, Seam};
use crate::worker::conversation::{Conversation, Decided, Interrupted};
use crate::worker::farewell::{Caller, farewell};
use crate::worker::hand_back::{self, Decision};
use crate::worker::session::{Kept, Session};

/// The seam's name in records.
pub(super) const SEAM: &str = "execute";

/// How serving an execute ended, when it was not cut short by the session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// KAZOO was told, and the broker confirmed it.
    Answered,
    /// Its caller is to be asked for digits: before that it is to be put on disk, as this body.
    ToHold(Vec<u8>),
    /// It is on disk, and comes again at once to whoever has time.
    Held,
    /// Nobody waits for an answer.
    NoAnswerOwed(&'static str),
}

/// What is to be served.
pub(super) struct Task<'a> {
    pub(super) execute: Box<Execute>,
    /// Who waits for the answer.
    pub(super) flow: &'a WaitingFlow,
    /// Whether it is kept on disk already.
    pub(super) held: bool,
    /// To settle it with; taken where that is done here.
    pub(super) receipt: &'a mut Option<Receipt>,
}

/// Serves one execute up to its confirmed answer. `doubtful` executes (redelivered, or old) are
/// served only if their channel is still there. Fails with the session; the broker redelivers.
pub(super) async fn serve(
    shared: &Shared,
    session: &Session,
    task: Task<'_>,
    doubtful: bool,
) -> Result<Served, LinkError> {
    let Task { mut execute, flow, held, receipt } = task;
    let conversation = conversation(shared, session, &mut execute);
    // On the heap: moved through several futures, it would have a place in each.
    let mut execution = Box::new(Execution { conversation, flow, held, receipt, told: "" });
    let served = execution.serve(execute, doubtful).await;
    match &served {
        Ok(Served::Answered) => execution.conversation.ended(SEAM, execution.told),
        Ok(Served::NoAnswerOwed(cause)) => execution.conversation.ended(SEAM, cause),
        // It comes again.
        Ok(Served::ToHold(_) | Served::Held) | Err(_) => {}
    }
    execution.conversation.leave().await;
    served
}

struct Execution<'a> {
    conversation: Conversation<'a>,
    flow: &'a WaitingFlow,
    held: bool,
    receipt: &'a mut Option<Receipt>,
    /// The answer's name.
    told: &'static str,
}

/// Opens the conversation with an execute's call, which is taken out of it.
fn conversation<'a>(
    shared: &'a Shared,
    session: &'a Session,
    execute: &mut Execute,
) -> Conversation<'a> {
    let control_queue = execute.control_queue();
    let call_id = execute.call_id.clone();
    let call = Call::new(std::mem::take(&mut execute.call));
    let control = match control_queue {
        Ok(Some(queue)) => Some(CallControl::new(&call, call_id.clone(), queue, Dialect::Master)),
        Ok(None) => None,
        Err(error) => {
            tracing::warn!(%error, "the call's Control-Queue cannot be used");
            None
        }
    };
    Conversation::new(shared, session, call, call_id, control)
}

impl Execution<'_> {
    async fn serve(
        &mut self,
        mut execute: Box<Execute>,
        doubtful: bool,
    ) -> Result<Served, LinkError> {
        let data = std::mem::take(&mut execute.data);
        // Nothing else is needed of what is on disk already.
        let to_hold = (!self.held).then_some(execute);
        if doubtful {
            match Box::pin(self.conversation.is_still_there()).await? {
                channel::State::Active => {}
                channel::State::Gone => return Ok(Served::NoAnswerOwed("channel_gone")),
                // Silence is not proof; going on with the flow harms nobody.
                channel::State::Unknown => {
                    tracing::warn!("no answer to the question whether the channel is still there");
                    let told = self.tell(ActionResult::Continue, "continue_doubtful", "unknown");
                    return Box::pin(told).await;
                }
            }
            self.conversation.begin_anew();
        }
        let conversation = &self.conversation;
        let shared = conversation.shared;
        // On the heap, here and below, what is over before the caller is waited for: a task is as
        // large as the largest of its steps, for as long as it lives.
        let gathered = Box::new(
            Box::pin(context::gather(
                &conversation.directory,
                conversation.account.as_ref(),
                &conversation.call,
                data,
                Seam::Execute,
            ))
            .instrument(tracing::debug_span!("gather"))
            .await,
        );
        shared.reports.departures(&gathered.bad_departures);
        shared.reports.settings(&gathered.context.config);
        let mode = gathered.job.mode();
        if let (Mode::Manual, Some(execute)) = (mode, to_hold) {
            return Ok(Served::ToHold(self.pack(execute, gathered.job.data)));
        }
        if mode == Mode::Manual {
            let Conversation { directory, account, call, .. } = &self.conversation;
            hand_back::look_ahead(directory, account.as_ref(), call, &gathered.job);
        }
        match self.act(gathered).await {
            Ok(served) => Ok(served),
            Err(interrupted) => Box::pin(self.interrupted(interrupted, mode.as_str())).await,
        }
    }

    /// The call for the disk; nothing of it is left here.
    fn pack(&mut self, mut execute: Box<Execute>, data: Object) -> Vec<u8> {
        execute.call = self.conversation.call.take().into_object().into();
        execute.data = data;
        let identity = &self.conversation.session.identity;
        kapi::held::message(&execute, identity, HELD_QUEUE).payload()
    }

    /// Runs the action and answers.
    async fn act(&mut self, gathered: Box<Gathered>) -> Result<Served, Interrupted> {
        // KAZOO is told that the answer will take its time, where it does.
        let action = self.conversation.run(gathered, Some(self.flow));
        let decided = action.instrument(tracing::debug_span!("action")).await?;
        Box::pin(self.end(&decided)).await
    }

    async fn end(&mut self, decided: &Decided) -> Result<Served, Interrupted> {
        let span = tracing::debug_span!("answer");
        let Answer { result, before, kind } = self.answer(decided).instrument(span.clone()).await;
        let Some(result) = result else {
            // The end of a refused call may take its time.
            self.conversation.log(decided, kind);
            return self.refuse().instrument(span).await;
        };
        let mode = decided.action.mode().as_str();
        let told = self.carry_out(before, result, kind, mode).instrument(span).await;
        // Now that nobody waits for it; under load the next call would, too.
        self.conversation.log(decided, kind);
        told
    }

    async fn carry_out(
        &mut self,
        before: Before,
        result: ActionResult,
        kind: &'static str,
        mode: &'static str,
    ) -> Result<Served, Interrupted> {
        let last_words = self.conversation.take_held(before)?;
        let told = self.tell_behind(last_words, result, kind, mode).await;
        told.map_err(Interrupted::Failed)
    }

    /// Chooses the answer, and tells operators where the node could not be located.
    async fn answer(&self, decided: &Decided) -> Answer {
        let conversation = &self.conversation;
        let decision = Decision {
            job: decided.action.job(),
            context: decided.action.context(),
            outcome: &decided.outcome,
            changes: &conversation.changes,
            route: decided.route.as_deref(),
        };
        let (shared, call) = (conversation.shared, &conversation.call);
        let account = conversation.account.as_ref();
        let (answer, following) =
            hand_back::choose(&conversation.directory, account, call, &decision).await;
        if let Some(following) = &following {
            let flow_id = call.kvs("cf_flow_id").and_then(Value::as_str);
            shared.metrics.followed(shared.reports.following(following, flow_id));
        }
        answer
    }

    fn executor(&self) -> Executor<'_> {
        let WaitingFlow { server_id, msg_id, .. } = self.flow;
        Executor { server_id, msg_id, call_id: &self.conversation.call_id }
    }

    /// The caller hears why and is hung up. No result: one would start a stacked flow, and KAZOO's
    /// own action tells its executor nothing either; the end of the channel does (D16).
    async fn refuse(&mut self) -> Result<Served, Interrupted> {
        let conversation = &mut self.conversation;
        conversation.hear_the_call().await?;
        let commands = conversation.take_held(Before::Everything)?;
        let session = conversation.session;
        let published = session.settle(self.receipt.take(), &commands, Kept::InMemory).await?;
        if published.iter().any(|one| *one != Published::Routed) {
            return Ok(Served::NoAnswerOwed("control_gone"));
        }
        let ended = conversation.see_hung_up().await?;
        Ok(Served::NoAnswerOwed(if ended { "refused" } else { "refused_still_up" }))
    }

    async fn tell(
        &mut self,
        result: ActionResult,
        kind: &'static str,
        mode: &'static str,
    ) -> Result<Served, LinkError> {
        self.tell_behind(Vec::new(), result, kind, mode).await
    }

    /// Publishes last commands and the result behind them, and waits for the broker to have it all.
    /// Where the caller hears something of it, or has before, the acknowledgement goes with it:
    /// all of it happens or nothing, and nobody speaks after the result.
    async fn tell_behind(
        &mut self,
        mut last_words: Vec<Message>,
        result: ActionResult,
        kind: &'static str,
        mode: &'static str,
    ) -> Result<Served, LinkError> {
        let Conversation { shared, session, started, .. } = &self.conversation;
        let message = kapi::result::result(&session.identity, self.executor(), result);
        let published = if last_words.is_empty() && !self.conversation.has_spoken() {
            let published = session.publish(&message, true).await;
            if published.is_err() {
                shared.unsent.keep(message.clone());
            }
            published?
        } else {
            last_words.push(message.clone());
            let settled = session.settle(self.receipt.take(), &last_words, Kept::InMemory).await?;
            settled.into_iter().last().unwrap_or(Published::Routed)
        };
        let seconds = started.elapsed().as_secs_f64();
        match published {
            Published::Routed => {
                shared.metrics.answered(mode, kind, seconds);
                self.told = kind;
                Ok(Served::Answered)
            }
            Published::Returned { reason } => {
                tracing::warn!(reason, "the executor's queue is gone: nobody takes the answer");
                self.look_for_the_executor(&message).await
            }
        }
    }

    /// Nobody took the answer. Where the call has not ended, its executor may be on its way back
    /// to a broker that was restarted; if it is not, the caller can only be told so.
    async fn look_for_the_executor(&mut self, message: &Message) -> Result<Served, LinkError> {
        let Some(state) = self.wait_for_the_switches(message).await? else {
            return Ok(self.answered_late());
        };
        if state != channel::State::Active {
            return Ok(Served::NoAnswerOwed("executor_gone"));
        }
        let Conversation { shared, session, .. } = &self.conversation;
        let patience = unsent::EXECUTOR_COMES_BACK;
        if unsent::patiently(session, message, patience).await? == Published::Routed {
            return Ok(self.answered_late());
        }
        let control_queue = self.conversation.control_queue();
        let Some(control_queue) = control_queue else {
            return Ok(Served::NoAnswerOwed("executor_gone"));
        };
        tracing::error!(
            "the call is up but the callflow that ran it is gone: the caller hears the fault \
             prompt and is hung up"
        );
        let language = self.conversation.call.text("Language");
        let caller = Caller {
            call_id: &self.conversation.call_id,
            control_queue,
            account: self.conversation.account.as_ref(),
            language: language.as_deref(),
            dialect: Dialect::Master,
        };
        let farewell = farewell(shared, session, caller).await;
        session.publish_commands(&farewell).await?;
        Ok(Served::NoAnswerOwed("executor_gone_told"))
    }

    /// What the switches know of the call, once one of them answers; `None` where the executor takes
    /// the answer before. Behind a broker that was stopped both are away for a while.
    async fn wait_for_the_switches(
        &mut self,
        message: &Message,
    ) -> Result<Option<channel::State>, LinkError> {
        /// Between two questions.
        const PAUSE: Duration = Duration::from_secs(2);
        let until = Instant::now() + unsent::KAZOO_COMES_BACK;
        loop {
            let state = self.conversation.channel_state().await?;
            if state != channel::State::Unknown || Instant::now() > until {
                return Ok(Some(state));
            }
            sleep(PAUSE).await;
            if self.conversation.session.publish(message, true).await? == Published::Routed {
                return Ok(None);
            }
        }
    }

    fn answered_late(&mut self) -> Served {
        self.conversation.shared.metrics.answered("unknown", "late", 0.0);
        self.told = "late";
        Served::Answered
    }

    async fn interrupted(
        &mut self,
        interrupted: Interrupted,
        mode: &'static str,
    ) -> Result<Served, LinkError> {
        match interrupted {
            Interrupted::Failed(error) => Err(error),
            Interrupted::Lost(loss) => {
                tracing::info!(cause = loss.as_str(), "the call is no longer ours");
                Ok(Served::NoAnswerOwed(loss.as_str()))
            }
            Interrupted::Overdue => {
                tracing::error!("the call has taken too long; its flow goes on unchanged");
                self.tell(ActionResult::Continue, "continue_overdue", mode).await
            }
            Interrupted::ControlGone => {
                tracing::warn!(
                    "nobody executes commands for this call; the flow goes on unchanged"
                );
                self.tell(ActionResult::Continue, "continue_uncontrolled", mode).await
            }
        }
    }
}
