//! Jobs: won calls on their way through a worker.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::serve::{self, Ending, Served};
use super::{Came, comes_again, done_with};
use crate::amqp::{LinkError, Published};
use crate::call::Call;
use crate::kapi::Message;
use crate::kapi::command::Dialect;
use crate::kapi::handover::{Job, Kind};
use crate::kapi::inbound::{Unworkable, Why};
use crate::worker::Shared;
use crate::worker::call_control::CallControl;
use crate::worker::conversation::{Conversation, Interrupted};
use crate::worker::farewell::{Caller, farewell};
use crate::worker::session::{Kept, Session};

/// How long KAZOO may take to show that it took a call back.
const RESUMED: Duration = Duration::from_secs(5);
/// How long a message of a newer worker is held before it is given back, for one of those to take.
const PAUSE: Duration = Duration::from_millis(300);
/// How long that goes on before somebody has to tell the caller.
const NEWER: Duration = Duration::from_secs(5);

/// Serves a won call, and settles its job together with what becomes of it.
pub(super) async fn run(shared: &Shared, session: &Session, job: Job, came: Came) {
    let key = format!("{} {}", job.offer.call_id, job.offer.fetch_id.as_deref().unwrap_or(""));
    if !session.begin(&key) {
        tracing::warn!("the same call is being served already; its second job is dropped");
        done_with(session, came.receipt);
        return;
    }
    shared.metrics.in_flight.inc();
    let _pass = shared.gate.let_in();
    tokio::select! {
        biased;
        () = session.ended.cancelled() => {
            tracing::warn!("the session ended; the broker will hand the call out again");
        }
        () = serve_and_settle(shared, session, &job, came) => {}
    }
    shared.metrics.in_flight.dec();
    session.finish(&key);
}

async fn serve_and_settle(shared: &Shared, session: &Session, job: &Job, came: Came) {
    let Came { receipt, doubtful, .. } = came;
    let call = Call::new(job.offer.call.clone());
    let call_id = job.offer.call_id.clone();
    let control_queue = job.control_queue.clone();
    let control = CallControl::new(&call, call_id.clone(), control_queue, Dialect::V43);
    let mut conversation = Conversation::new(shared, session, call, call_id, Some(control));
    // A panic would be a defect of ours; the caller must not wait for ever because of it.
    session.link.unblocked().await;
    let serving = AssertUnwindSafe(serve::serve(&mut conversation, job, doubtful));
    let served = match serving.catch_unwind().await {
        Ok(Ok(served)) => served,
        Ok(Err(error)) => {
            conversation.leave().await;
            return comes_again(&error, "the call could not be served");
        }
        Err(_) => {
            tracing::error!("serving the call panicked; the caller hears the fault prompt");
            let farewell = last_words(&conversation, job).await;
            Served { ending: Ending::HangUp(farewell), kind: "panicked", mode: "unknown" }
        }
    };
    let Served { ending, kind, mode } = served;
    let messages = match &ending {
        Ending::HandBack(resume) => std::slice::from_ref(&**resume),
        Ending::HangUp(commands) => commands,
        Ending::Gone(_) => &[],
    };
    let settled = session.settle([receipt], messages, Kept::InMemory).await;
    match settled {
        Ok(published) => {
            let taken = published.iter().all(|one| *one == Published::Routed);
            let seconds = conversation.started.elapsed().as_secs_f64();
            let end = match ending {
                Ending::Gone(cause) => {
                    shared.metrics.abandoned(cause);
                    cause
                }
                Ending::HandBack(_) | Ending::HangUp(_) if taken => {
                    shared.metrics.answered(mode, kind, seconds);
                    kind
                }
                Ending::HandBack(_) | Ending::HangUp(_) => {
                    shared.metrics.abandoned("nobody_took_it");
                    "nobody_took_it"
                }
            };
            conversation.ended("route", end);
            if let Err(error) = see_off(&mut conversation, job, &ending, taken).await {
                tracing::warn!(%error, "what became of the call was not seen to its end");
            }
        }
        Err(error) => comes_again(&error, "what becomes of the call could not be published"),
    }
    conversation.leave().await;
}

/// Looks after a call whose job is done: it should be KAZOO's, or end.
async fn see_off(
    conversation: &mut Conversation<'_>,
    job: &Job,
    ending: &Ending,
    taken: bool,
) -> Result<(), LinkError> {
    let seen = match ending {
        Ending::Gone(_) => return Ok(()),
        // The call's own control queue has gone with the call.
        Ending::HangUp(_) if !taken => return Ok(()),
        Ending::HangUp(_) => conversation.see_hung_up().await.map(drop),
        Ending::HandBack(_) if taken => was_resumed(conversation).await,
        Ending::HandBack(_) => {
            tracing::error!(
                "no callflow application of KAZOO takes the call back: is one running on this \
                 broker? The caller hears the fault prompt and is hung up"
            );
            let farewell = last_words(conversation, job).await;
            conversation.session.publish_commands(&farewell).await?;
            conversation.see_hung_up().await.map(drop)
        }
    };
    match seen {
        Err(Interrupted::Failed(error)) => Err(error),
        Ok(()) | Err(Interrupted::Lost(_) | Interrupted::ControlGone | Interrupted::Overdue) => {
            Ok(())
        }
    }
}

/// A resumed call begins with a flushed queue, whose noop completes: a sign that KAZOO has it.
async fn was_resumed(conversation: &mut Conversation<'_>) -> Result<(), Interrupted> {
    if !conversation.others_act_within(RESUMED).await? {
        conversation.shared.metrics.abandoned("resume_unseen");
        tracing::warn!(
            "KAZOO has shown no sign within {} s that it took the call back: look for its call id \
             in callflow's log",
            RESUMED.as_secs()
        );
    }
    Ok(())
}

/// The fault prompt and the hang-up behind it.
pub(super) async fn last_words(conversation: &Conversation<'_>, job: &Job) -> Vec<Message> {
    let language = conversation.call.text("Language");
    let caller = Caller {
        call_id: &conversation.call_id,
        control_queue: &job.control_queue,
        account: conversation.account.as_ref(),
        language: language.as_deref(),
        dialect: Dialect::V43,
    };
    farewell(conversation.shared, conversation.session, caller).await
}

/// A message of another worker that cannot be followed: another of that version may be able to, but
/// a caller who waits for it must not wait for ever.
pub(super) async fn unworkable(
    shared: &Shared,
    session: &Session,
    message: Unworkable,
    came: Came,
) {
    let Unworkable { kind, call_id, control_queue, version, why, .. } = message;
    match &why {
        Why::Newer if came.age.is_some_and(|age| age < NEWER) => {
            tracing::warn!(version, "a newer worker wrote this; it is left to one of those");
            tokio::time::sleep(PAUSE).await;
            if let Err(error) = session.link.requeue(came.receipt) {
                tracing::debug!(%error, "it goes back with the end of the session");
            }
            return;
        }
        Why::Newer => {
            tracing::error!(version, "a newer worker wrote this, and none of those took it");
        }
        Why::Damaged(rejection) => {
            tracing::error!(version, %rejection, "a worker's message is damaged");
        }
    }
    shared.metrics.abandoned("unworkable");
    let farewell = match (kind, &control_queue) {
        (Kind::Job, Some(control_queue)) => {
            let caller = Caller {
                call_id: &call_id,
                control_queue,
                account: None,
                language: None,
                dialect: Dialect::V43,
            };
            farewell(shared, session, caller).await
        }
        // An offer that nobody can read: its win, if it comes, is told so.
        _ => Vec::new(),
    };
    if let Err(error) = session.settle([came.receipt], &farewell, Kept::InMemory).await {
        comes_again(&error, "the caller could not be told");
    }
}
