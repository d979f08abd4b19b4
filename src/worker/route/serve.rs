//! Serving a won call: KAZOO's own checks, the action, and the way back.
//!
//! The call ends in one of three ways, each published together with the acknowledgement of its
//! job: it goes back to callflow with `callflow/resume`; it is ended as callflow's executor would
//! end it; or it is not ours any more, and nothing is said.
//!
//! Source: `cf_route_win.erl` (`execute_callflow/2`).

use std::time::Duration;

use tracing::Instrument;

use super::hand_back::{self, Becomes};
use super::job::last_words;
use crate::amqp::LinkError;
use crate::callflow::bootstrap::Bootstrapped;
use crate::dynamic_cid::{Command, NoopId, UNAUTHORIZED};
use crate::kapi::Message;
use crate::kapi::handover::Job;
use crate::kapi::resume::resume;
use crate::worker::answer::Before;
use crate::worker::channel;
use crate::worker::context::{self, Gathered, Seam};
use crate::worker::conversation::{Conversation, Decided, Interrupted};

/// How long the last prompt may play before the call goes back: resuming cuts it off.
const PROMPT: Duration = Duration::from_secs(60);

/// What becomes of a call.
#[derive(Debug)]
pub(super) enum Ending {
    /// It goes back to callflow.
    HandBack(Box<Message>),
    /// These commands end it.
    HangUp(Vec<Message>),
    /// It is not ours any more.
    Gone(&'static str),
}

/// What becomes of a call, and how that is counted.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) ending: Ending,
    /// The ending's name.
    pub(super) kind: &'static str,
    /// The action's mode, where it came to that.
    pub(super) mode: &'static str,
}

/// Serves a won call up to what becomes of it; nothing of that is published yet.
pub(super) async fn serve(
    conversation: &mut Conversation<'_>,
    job: &Job,
    doubtful: bool,
) -> Result<Served, LinkError> {
    match begin(conversation, job, doubtful).await {
        Ok(served) => Ok(served),
        Err(Interrupted::Failed(error)) => Err(error),
        Err(Interrupted::Lost(loss)) => {
            tracing::info!(cause = loss.as_str(), "the call is no longer ours");
            Ok(gone(loss.as_str()))
        }
        Err(Interrupted::Overdue) => {
            tracing::error!("the call has taken too long; the caller hears the fault prompt");
            let ending = Ending::HangUp(last_words(conversation, job).await);
            Ok(Served { ending, kind: "overdue", mode: "unknown" })
        }
        // On 4.3 each call has a control queue of its own, which goes with the call.
        Err(Interrupted::ControlGone) => {
            tracing::info!("the call's control queue is gone, and so is the call");
            Ok(gone("control_gone"))
        }
    }
}

fn gone(cause: &'static str) -> Served {
    Served { ending: Ending::Gone(cause), kind: cause, mode: "unknown" }
}

async fn begin(
    conversation: &mut Conversation<'_>,
    job: &Job,
    doubtful: bool,
) -> Result<Served, Interrupted> {
    if doubtful {
        match conversation.is_still_there().await? {
            channel::State::Active => {}
            channel::State::Gone => return Ok(gone("channel_gone")),
            // Where the call is gone, so is its control queue, as the first command will tell.
            channel::State::Unknown => {
                tracing::warn!("no answer to the question whether the channel is still there");
            }
        }
        conversation.begin_anew();
    }
    conversation.open().await?;
    conversation.has_not_ended()?;
    let Some(account) = conversation.account.clone() else {
        return Ok(gone("no_account"));
    };
    let shared = conversation.shared;
    let directory = &conversation.directory;
    let entered =
        Box::pin(context::bootstrap(directory, &account, conversation.call.clone())).await;
    match entered {
        Bootstrapped::Restricted(restriction) => {
            shared.reports.remarks(&restriction.remarks);
            let reason = shared.records.masking().show_in(&restriction.reason.to_string());
            tracing::info!(reason, "refused before the callflow's first node, as KAZOO does");
            shared.metrics.decided("unknown", "refused", "restricted");
            let media = context::prompt(
                directory,
                Some(&account),
                Some(&restriction.language),
                UNAUTHORIZED,
            )
            .await;
            conversation.hold(Command::Answer);
            conversation.hold(Command::Play { media, noop: NoopId(0) });
            conversation.hold(Command::Hangup);
            let commands = conversation.take_held(Before::Everything)?;
            Ok(Served { ending: Ending::HangUp(commands), kind: "refused", mode: "unknown" })
        }
        Bootstrapped::Ready { call, channel_vars, remarks, fatal_again } => {
            shared.reports.remarks(&remarks);
            if let Some(problem) = fatal_again {
                tracing::error!(
                    problem,
                    "KAZOO would die of it when it takes the call back; the caller hears the fault \
                     prompt instead of nothing"
                );
                let ending = Ending::HangUp(last_words(conversation, job).await);
                return Ok(Served { ending, kind: "unresumable", mode: "unknown" });
            }
            conversation.enter(call, channel_vars);
            act(conversation, job).await
        }
    }
}

/// Runs the action; what it has sent is in place when this returns.
async fn act(conversation: &mut Conversation<'_>, job: &Job) -> Result<Served, Interrupted> {
    let shared = conversation.shared;
    let data = job.offer.data.clone();
    let account = conversation.account.as_ref();
    let gathered: Box<Gathered> = Box::new(
        Box::pin(context::gather(
            &conversation.directory,
            account,
            &conversation.call,
            data,
            Seam::Route(job.offer.way),
        ))
        .instrument(tracing::debug_span!("gather"))
        .await,
    );
    shared.reports.departures(&gathered.bad_departures);
    shared.reports.settings(&gathered.context.config);
    let action = conversation.run(gathered, None).instrument(tracing::debug_span!("action"));
    let decided = action.await?;
    let mode = decided.action.mode().as_str();
    let (ending, kind) = Box::pin(end(conversation, job, &decided)).await?;
    conversation.log(&decided, kind);
    Ok(Served { ending, kind, mode })
}

async fn end(
    conversation: &mut Conversation<'_>,
    job: &Job,
    decided: &Decided,
) -> Result<(Ending, &'static str), Interrupted> {
    let child = job.offer.child.as_ref();
    let becomes =
        hand_back::choose(&decided.outcome, &conversation.changes, child, &conversation.call);
    let end = becomes.end();
    let (call, flow) = match becomes {
        Becomes::Gone => return Ok((Ending::Gone(end), end)),
        Becomes::Refused => {
            // A refusal brings its own hang-up.
            let commands = conversation.take_held(Before::Everything)?;
            return Ok((Ending::HangUp(commands), end));
        }
        Becomes::HungUp => {
            let mut commands = conversation.take_held(Before::Everything)?;
            commands.extend(conversation.hang_up());
            return Ok((Ending::HangUp(commands), end));
        }
        Becomes::Resumed { call, flow, .. } => (call, flow),
    };
    conversation.catch_up().await?;
    conversation.send_held(Before::Everything).await?;
    if !conversation.finish_playing(PROMPT).await? {
        tracing::warn!("the last prompt does not end; the call goes back without it");
    }
    // Callflow would run what follows for nobody.
    conversation.catch_up().await?;
    let call = hand_back::addressed(call, conversation);
    let message = resume(&conversation.session.identity, call, flow);
    Ok((Ending::HandBack(Box::new(message)), end))
}
