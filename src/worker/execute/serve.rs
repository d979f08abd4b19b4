//! The execute seam: from one `action.execute` to its answer.

use serde_json::Value;

use crate::amqp::{LinkError, Published};
use crate::call::Call;
use crate::dynamic_cid::Mode;
use crate::json::Object;
use crate::kapi::command::Dialect;
use crate::kapi::inbound::Execute;
use crate::kapi::result::Executor;
use crate::kapi::{self, ActionResult, Address};
use crate::worker::Shared;
use crate::worker::answer::{Answer, Before};
use crate::worker::call_control::CallControl;
use crate::worker::channel;
use crate::worker::context::{self, Gathered, Seam};
use crate::worker::conversation::{Conversation, Decided, Interrupted};
use crate::worker::hand_back::{self, Decision};
use crate::worker::session::Session;

/// How serving an execute ended, when it was not cut short by the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// KAZOO was told, and the broker confirmed it.
    Answered,
    /// Nobody waits for an answer.
    NoAnswerOwed(&'static str),
}

/// Serves one execute up to its confirmed answer. `doubtful` executes (redelivered, or old) are
/// served only if their channel is still there. Fails with the session; the broker redelivers.
pub(super) async fn serve(
    shared: &Shared,
    session: &Session,
    execute: Execute,
    doubtful: bool,
) -> Result<Served, LinkError> {
    let mut execution = Execution::new(shared, session, execute);
    let served = execution.serve(doubtful).await;
    execution.conversation.leave().await;
    served
}

struct Execution<'a> {
    conversation: Conversation<'a>,
    server_id: Address,
    msg_id: String,
    data: Object,
}

impl<'a> Execution<'a> {
    fn new(shared: &'a Shared, session: &'a Session, execute: Execute) -> Self {
        let control_queue = execute.control_queue();
        let Execute { call_id, msg_id, server_id, call, data, .. } = execute;
        let call = Call::new(call);
        let control = match control_queue {
            Ok(Some(queue)) => {
                Some(CallControl::new(&call, call_id.clone(), queue, Dialect::Master))
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "the call's Control-Queue cannot be used");
                None
            }
        };
        let conversation = Conversation::new(shared, session, call, call_id, control);
        Self { conversation, server_id, msg_id, data }
    }

    async fn serve(&mut self, doubtful: bool) -> Result<Served, LinkError> {
        if doubtful {
            match self.conversation.channel_state().await? {
                channel::State::Active => {}
                channel::State::Gone => return Ok(Served::NoAnswerOwed("channel_gone")),
                // Silence is not proof; going on with the flow harms nobody.
                channel::State::Unknown => {
                    tracing::warn!("no answer to the question whether the channel is still there");
                    return self
                        .tell(&ActionResult::Continue, "continue_doubtful", "unknown")
                        .await;
                }
            }
        }
        let conversation = &self.conversation;
        let shared = conversation.shared;
        let gathered = context::gather(
            &conversation.directory,
            conversation.account.as_ref(),
            &conversation.call,
            self.data.clone(),
            Seam::Execute,
        )
        .await;
        shared.reports.departures(&gathered.bad_departures);
        shared.reports.settings(&gathered.context.config);
        let mode = gathered.job.mode();
        match self.act(gathered).await {
            Ok(served) => Ok(served),
            Err(interrupted) => self.interrupted(interrupted, mode.as_str()).await,
        }
    }

    /// Runs the action and answers.
    async fn act(&mut self, gathered: Gathered) -> Result<Served, Interrupted> {
        let identity = &self.conversation.session.identity;
        // KAZOO is told that the answer will take its time, where it does.
        let accepted = kapi::result::accepted(identity, self.executor());
        let decided = self.conversation.run(gathered, Some(accepted)).await?;
        let answer = self.answer(&decided).await;
        self.conversation.log(&decided, answer.kind);
        self.carry_out(&answer, decided.action.mode()).await
    }

    /// Chooses the answer, and tells operators where the node could not be located.
    async fn answer(&self, decided: &Decided) -> Answer {
        let conversation = &self.conversation;
        let decision = Decision {
            job: decided.action.job(),
            context: decided.action.context(),
            outcome: &decided.outcome,
            changes: &conversation.changes,
            route: decided.route.as_ref(),
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
        let call_id = &self.conversation.call_id;
        Executor { server_id: &self.server_id, msg_id: &self.msg_id, call_id }
    }

    async fn carry_out(&mut self, answer: &Answer, mode: Mode) -> Result<Served, Interrupted> {
        let Some(result) = &answer.result else {
            return self.refuse().await;
        };
        self.conversation.send_held(answer.before).await?;
        self.tell(result, answer.kind, mode.as_str()).await.map_err(Interrupted::Failed)
    }

    /// The caller hears why and is hung up. No result: one would start a stacked flow, and KAZOO's
    /// own action tells its executor nothing either; the end of the channel does (D16).
    async fn refuse(&mut self) -> Result<Served, Interrupted> {
        let conversation = &mut self.conversation;
        conversation.hear_the_call().await?;
        conversation.send_held(Before::Everything).await?;
        let ended = conversation.see_hung_up().await?;
        Ok(Served::NoAnswerOwed(if ended { "refused" } else { "refused_still_up" }))
    }

    /// Publishes the result and waits for the broker to confirm it.
    async fn tell(
        &self,
        result: &ActionResult,
        kind: &'static str,
        mode: &'static str,
    ) -> Result<Served, LinkError> {
        let Conversation { shared, session, started, .. } = &self.conversation;
        let message = kapi::result::result(&session.identity, self.executor(), result);
        match session.publish(&message, true).await? {
            Published::Routed => {
                shared.metrics.answered(mode, kind, started.elapsed().as_secs_f64());
                Ok(Served::Answered)
            }
            Published::Returned { reason } => {
                tracing::warn!(reason, "the executor's queue is gone: nobody takes the answer");
                Ok(Served::NoAnswerOwed("executor_gone"))
            }
        }
    }

    async fn interrupted(
        &self,
        interrupted: Interrupted,
        mode: &'static str,
    ) -> Result<Served, LinkError> {
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
}
