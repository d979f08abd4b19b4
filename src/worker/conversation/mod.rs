//! A call while an action runs on it: commands out, events in, and the action's own loop. The same
//! for both seams; what becomes of the outcome is theirs.

mod waits;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::answer::{Before, Changes};
use super::call_control::{CallControl, Heard, Loss};
use super::context::{self, Gathered, Route};
use super::session::Session;
use super::{Shared, channel};
use crate::amqp::{LinkError, Published};
use crate::call::{Call, Packed};
use crate::directory::{AccountId, Directory};
use crate::dynamic_cid::{
    Action, Command, Context, Effect, Event, Millis, Next, NoopId, Outcome, Question, Reason,
};
use crate::json::Object;
use crate::kapi::inbound::EventName;
use crate::kapi::{self, Address, Inbound, Message};
use crate::operations::records::{Record, now_ms};
use crate::operations::running::{RunningCall, Serving};

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
    /// What is known of the call so far.
    record: Record,
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
            record: Record { began_at_ms, callflow, ..Record::default() },
            _serving: shared.metrics.running.begin(running),
            held: Vec::new(),
            playing: None,
        }
    }

    /// Runs the action to its outcome. Effects are sent when it has to wait for the call; what is
    /// left is held. `notice` goes out before the first wait.
    pub(super) async fn run(
        &mut self,
        gathered: Box<Gathered>,
        notice: Option<Message>,
    ) -> Result<Box<Decided>, Interrupted> {
        let mut away = None;
        let decided = self.drive(gathered, notice, &mut away).await;
        self.fetch(&mut away);
        decided
    }

    /// [`run`](Self::run), which leaves the call `away` where it was put last.
    async fn drive(
        &mut self,
        gathered: Box<Gathered>,
        mut notice: Option<Message>,
        away: &mut Option<Packed>,
    ) -> Result<Box<Decided>, Interrupted> {
        let Gathered { job, context, .. } = *gathered;
        let (mut action, mut step) = Action::start(job, context, self.now());
        let mut route: Option<Box<Route>> = None;
        loop {
            self.changes.note(&step.effects);
            self.held.extend(step.effects.drain(..).map(Held::Effect));
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
                    Box::pin(self.before_waiting(notice.take())).await?;
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
    async fn before_waiting(&mut self, notice: Option<Message>) -> Result<(), Interrupted> {
        self.hear_the_call().await?;
        if let Some(notice) = notice {
            self.session.publish(&notice, false).await?;
        }
        self.send_held(Before::Everything).await
    }

    async fn route(&self, destination: &str, restrictions: bool, context: &Context) -> Route {
        let authorizing = self.call.authorizing_id();
        let (directory, account) = (&self.directory, self.account.as_ref());
        let authorizing = authorizing.as_deref();
        let route =
            context::route(directory, account, authorizing, destination, restrictions, context);
        Box::pin(route).await
    }

    // --- events -----------------------------------------------------------------------------

    /// Binds the call's events; to be done before the first command that is waited for.
    pub(super) async fn hear_the_call(&mut self) -> Result<(), LinkError> {
        if self.listening {
            return Ok(());
        }
        self.listening = true;
        self.session.listen(&self.call_id, self.sender.clone());
        self.session.link.bind_call(&kapi::routing::call_events_key(&self.call_id)).await
    }

    /// What the switches know of the call's channel.
    pub(super) async fn channel_state(&mut self) -> Result<channel::State, LinkError> {
        self.hear_the_call().await?;
        channel::state(self.session, &self.call_id, &mut self.events, &mut self.put_off).await
    }

    /// Keys that were pressed before the action began are not meant for it.
    pub(super) fn begin_anew(&mut self) {
        let is_key = |inbound: &Inbound| matches!(inbound, Inbound::CallEvent(event) if event.name == EventName::Dtmf);
        self.put_off.retain(|inbound| !is_key(inbound));
    }

    /// The call's next event for the action, or its timer.
    pub(super) async fn next_event(
        &mut self,
        wake_at: Option<Millis>,
    ) -> Result<Event, Interrupted> {
        let deadline = wake_at.map(|at| self.started + Duration::from_millis(at));
        loop {
            let Some(inbound) = self.heard_until(deadline).await? else {
                return Ok(Event::Timer);
            };
            let Some(control) = &mut self.control else {
                return Err(Interrupted::ControlGone);
            };
            match control.hear(&inbound) {
                Heard::Event(event) => {
                    if ends(self.playing, &event) {
                        self.playing = None;
                    }
                    return Ok(event);
                }
                Heard::Nothing => {}
                Heard::Lost(loss) => return Err(Interrupted::Lost(loss)),
                Heard::Moved { from, to } => Box::pin(self.follow(from, to)).await?,
            }
        }
    }

    /// The call goes on under another id: its events and the answer do, too.
    async fn follow(&mut self, from: String, to: String) -> Result<(), LinkError> {
        tracing::info!(from, to, "the call goes on under another id");
        self.session.listen(&to, self.sender.clone());
        self.session.link.bind_call(&kapi::routing::call_events_key(&to)).await?;
        self.call_id = to;
        if self.session.leave(&from, &self.sender) {
            self.session.link.unbind_call(&kapi::routing::call_events_key(&from)).await?;
        }
        Ok(())
    }

    /// Stops hearing the call.
    pub(super) async fn leave(&mut self) {
        if !self.listening || !self.session.leave(&self.call_id, &self.sender) {
            return;
        }
        let key = kapi::routing::call_events_key(&self.call_id);
        if let Err(error) = self.session.link.unbind_call(&key).await {
            tracing::debug!(%error, "the call's events stay bound until the session ends");
        }
    }

    // --- commands ---------------------------------------------------------------------------

    /// Has something done that is not the action's.
    pub(super) fn hold(&mut self, command: Command) {
        self.held.push(Held::Effect(Effect::Command(command)));
    }

    /// The call as KAZOO has it before its first node, and the channel variables it tells the
    /// switch then.
    pub(super) fn enter(&mut self, call: Call, variables: Object) {
        if let Some(control) = &mut self.control {
            control.changed(&call);
        }
        self.call = call;
        self.record.callflow = callflow(&self.call);
        if !variables.is_empty() {
            self.held.push(Held::Variables(variables));
        }
    }

    /// Sends what was held back, in its order, and waits until the broker has it all.
    pub(super) async fn send_held(&mut self, before: Before) -> Result<(), Interrupted> {
        let messages = self.take_held(before)?;
        if messages.is_empty() {
            return Ok(());
        }
        self.spoken = true;
        match self.session.publish_commands(&messages).await? {
            Published::Routed => Ok(()),
            Published::Returned { .. } => Err(Interrupted::ControlGone),
        }
    }

    /// The messages for what was held back, in its order; nothing is held any more.
    pub(super) fn take_held(&mut self, before: Before) -> Result<Vec<Message>, Interrupted> {
        let held = std::mem::take(&mut self.held);
        if before == Before::Nothing {
            return Ok(Vec::new());
        }
        let Some(control) = &mut self.control else {
            let speaks = |held: &Held| matches!(held, Held::Effect(Effect::Command(_)));
            let speaks = held.iter().any(speaks);
            return if speaks { Err(Interrupted::ControlGone) } else { Ok(Vec::new()) };
        };
        let identity = &self.session.identity;
        let mut messages = Vec::with_capacity(held.len());
        for held in held {
            match held {
                Held::Effect(Effect::Command(command)) => {
                    if let Command::Play { noop, .. } = &command {
                        self.playing = Some(*noop);
                    }
                    messages.push(control.command(identity, &command));
                }
                Held::Effect(Effect::Change(change)) if before == Before::Everything => {
                    messages.push(control.set(identity, &change));
                }
                Held::Variables(variables) => {
                    messages.push(control.set_variables(identity, variables));
                }
                Held::Effect(Effect::Change(_) | Effect::Store) => {}
            }
        }
        Ok(messages)
    }

    /// Whether commands have been sent to the call.
    pub(super) fn has_spoken(&self) -> bool {
        self.spoken
    }

    /// Where commands for the call go.
    pub(super) fn control_queue(&self) -> Option<&Address> {
        self.control.as_ref().map(CallControl::control_queue)
    }

    /// The hang-up of an executor whose flow is over.
    pub(super) fn hang_up(&self) -> Option<Message> {
        let control = self.control.as_ref()?;
        Some(control.hang_up(&self.session.identity))
    }

    /// Counts a decision that counts, and writes the one line that says why the call has the
    /// caller ID it has.
    pub(super) fn log(&mut self, decided: &Decided, answer: &'static str) {
        let Decided { action, outcome, .. } = decided;
        let (outcome_name, reason) = (outcome.as_str(), outcome.reason().as_str());
        self.shared.metrics.decided(action.mode().as_str(), outcome_name, reason);
        let (list, entry) = (action.job().list_id(), action.selected_key());
        let selected = matches!(outcome.reason(), Reason::Entry | Reason::EntryIncomplete);
        if let (Some(account), Some(list), Some(entry), true) =
            (&self.account, &list, entry, selected)
        {
            self.shared.metrics.selected(account.as_str(), list, entry);
        }
        let shown = |number: Option<&str>| Some(self.shared.records.masking().show(number?));
        tracing::info!(
            account = action.job().account_id,
            mode = action.mode().as_str(),
            outcome = outcome_name,
            reason,
            number = shown(self.changes.number.as_deref()),
            name = self.changes.name,
            destination = shown(self.changes.destination_number()),
            list,
            entry,
            answer,
            "decided"
        );
        let owned = |text: &str| Some(text.to_owned());
        self.record = Record {
            mode: owned(action.mode().as_str()),
            outcome: owned(outcome_name),
            reason: owned(reason),
            number: self.changes.number.clone(),
            name: self.changes.name.clone(),
            destination: self.changes.destination_number().map(str::to_owned),
            list,
            entry: entry.map(Into::into),
            ..std::mem::take(&mut self.record)
        };
    }

    /// Keeps what became of the call.
    pub(super) fn ended(&mut self, seam: &str, end: &'static str) {
        self.shared.records.add(Record {
            call_id: self.call_id.clone(),
            took_ms: self.now(),
            seam: seam.to_owned(),
            account: self.account.as_ref().map(|account| account.as_str().to_owned()),
            end: end.to_owned(),
            ..std::mem::take(&mut self.record)
        });
    }

    /// Milliseconds since the conversation began: the action's clock.
    pub(super) fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }
}

/// The document whose flow the call is in.
fn callflow(call: &Call) -> Option<String> {
    call.kvs("cf_flow_id").and_then(serde_json::Value::as_str).map(str::to_owned)
}

/// Whether an event says that the media before a noop has ended. Of errors KAZOO does not say
/// which noop they are about; a later noop stands behind all media before it.
fn ends(playing: Option<NoopId>, event: &Event) -> bool {
    match (playing, event) {
        (Some(playing), Event::NoopComplete(Some(noop)) | Event::NoopFailed(Some(noop))) => {
            *noop >= playing
        }
        (Some(_), Event::NoopFailed(None)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_ends_with_its_noop_or_a_later_one() {
        let noop = |id| Event::NoopComplete(Some(NoopId(id)));
        for (playing, event, ended) in [
            (Some(2), noop(2), true),
            (Some(2), noop(3), true),
            (Some(2), noop(1), false),
            (Some(2), Event::NoopComplete(None), false),
            (Some(2), Event::NoopFailed(Some(NoopId(2))), true),
            (Some(2), Event::NoopFailed(Some(NoopId(1))), false),
            (Some(2), Event::NoopFailed(None), true),
            (Some(2), Event::Dtmf("1".to_owned()), false),
            (None, noop(2), false),
        ] {
            assert_eq!(ends(playing.map(NoopId), &event), ended, "{playing:?} {event:?}");
        }
    }
}
