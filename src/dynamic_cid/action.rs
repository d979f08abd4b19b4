//! The state machine.

mod choice;
mod manual;
mod routing;

use super::collect::Collection;
use super::config::{DEFAULT_WHITELIST, Setting};
use super::step::{Change, Command, Effect, Event, Millis, Next, NoopId, Outcome, Step};
use super::{Context, InvalidDocument, Job, Mode, Prompts, Reason};
use crate::call::Destination;
use crate::numbers::OnBadRule;

/// A running `dynamic_cid` action.
#[derive(Debug, Clone)]
pub struct Action {
    job: Job,
    context: Context,
    state: State,
    noops: u32,
    /// When the overall limit is reached.
    deadline: Option<Millis>,
    /// Why the caller ID is what it is, once that is known.
    reason: Reason,
    selected: Option<Selected>,
}

/// The entry a list mode selected.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Selected {
    key: Option<String>,
}

#[derive(Debug, Clone)]
enum State {
    /// The lead-in plays.
    LeadIn {
        noop: NoopId,
    },
    Collecting(Collection),
    /// The destination's callflow is being looked up.
    Routing {
        destination: String,
    },
    /// The caller hears that the destination is invalid.
    InvalidExtension {
        noop: NoopId,
    },
    Done(Outcome),
}

/// Ends the action early: KAZOO's process dies here.
struct Death(Reason);

type Progression = Result<Next, Death>;

impl Action {
    /// Starts the action.
    pub fn start(job: Job, context: Context, now: Millis) -> (Self, Step) {
        let limit = context.departures.overall_limit_ms;
        let mut action = Self {
            job,
            context,
            state: State::Done(Outcome::Continue(Reason::HungUp)),
            noops: 0,
            deadline: (limit > 0).then(|| now.saturating_add(limit)),
            reason: Reason::HungUp,
            selected: None,
        };
        let mut effects = Vec::new();
        let next = match action.job.mode() {
            Mode::Manual => action.lead_in(&mut effects),
            Mode::Static => action.fixed(&mut effects),
            Mode::List => action.list(&mut effects),
            Mode::Lists => action.lists(&mut effects),
        };
        let step = action.step(effects, next);
        (action, step)
    }

    /// Answers an event. After the outcome nothing is sent any more.
    pub fn on(&mut self, now: Millis, event: &Event) -> Step {
        let mut effects = Vec::new();
        let overdue = self.deadline.is_some_and(|deadline| now >= deadline);
        let state = std::mem::replace(&mut self.state, State::Done(Outcome::Continue(self.reason)));
        let next = match state {
            State::Done(outcome) => Ok(Next::Done(outcome)),
            State::LeadIn { noop } => self.during_lead_in(noop, now, event, overdue, &mut effects),
            State::Collecting(collection) => {
                self.during_collection(collection, now, event, overdue, &mut effects)
            }
            State::Routing { destination } => self.routed(destination, event, &mut effects),
            State::InvalidExtension { noop } => {
                if ends_wait(noop, event) || overdue {
                    Ok(Next::Done(Outcome::Stop(Reason::NoCallflow)))
                } else {
                    self.state = State::InvalidExtension { noop };
                    Ok(Next::Wait { wake_at: self.deadline })
                }
            }
        };
        self.step(effects, next)
    }

    /// What the action does.
    pub fn mode(&self) -> Mode {
        self.job.mode()
    }

    /// The job it was given.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The decisions it follows.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The key of the entry that was selected from the list.
    pub fn selected_key(&self) -> Option<&str> {
        self.selected.as_ref()?.key.as_deref()
    }

    /// The outcome, once there is one.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    fn step(&mut self, effects: Vec<Effect>, next: Progression) -> Step {
        let next = next.unwrap_or_else(|Death(reason)| Next::Done(Outcome::Died(reason)));
        if let Next::Done(outcome) = &next {
            self.state = State::Done(outcome.clone());
        }
        Step { effects, next }
    }

    /// Changes the call; the answer is the normalised destination.
    fn change(
        &mut self,
        number: String,
        name: Option<String>,
        digits: Option<String>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<String>, Death> {
        let on_bad = self.on_bad_rule();
        let death = |_| Death(Reason::InvalidNumberRule);
        let rules = &self.context.rules;
        let destination =
            digits.map(|digits| rules.normalise(&digits, on_bad)).transpose().map_err(death)?;
        let destination = destination.filter(|number| !number.is_empty());
        effects.push(Effect::Change(Change::Number(number)));
        effects.extend(name.map(|name| Effect::Change(Change::Name(name))));
        if let Some(number) = &destination {
            let account = &self.context.account_rules;
            // What stands behind an `@` is taken for the realm.
            let user = number.split('@').next().unwrap_or_default();
            let request_user = if user.starts_with('*') {
                user.to_owned()
            } else {
                rules.normalise_for_account(user, account, on_bad).map_err(death)?
            };
            let number = number.clone();
            effects.push(Effect::Change(Change::Destination(Destination { number, request_user })));
        }
        effects.push(Effect::Store);
        Ok(destination)
    }

    fn play(&mut self, media: String, effects: &mut Vec<Effect>) -> NoopId {
        let noop = self.next_noop();
        effects.push(Effect::Command(Command::Play { media, noop }));
        noop
    }

    fn next_noop(&mut self) -> NoopId {
        self.noops += 1;
        NoopId(self.noops)
    }

    fn prompts(&self) -> Prompts<'_> {
        Prompts {
            config: &self.context.config,
            account_id: &self.job.account_id,
            language: &self.job.language,
            overrides: &self.context.prompt_overrides,
        }
    }

    fn whitelist(&self) -> Result<String, Death> {
        match &self.context.config.whitelist_regex {
            Ok(whitelist) => Ok(whitelist.clone()),
            Err(_) if self.dies_of_documents() => Err(Death(Reason::InvalidSetting)),
            Err(_) => Ok(DEFAULT_WHITELIST.to_owned()),
        }
    }

    /// A setting, or KAZOO's default where its stored value is unusable.
    fn setting(&self, setting: &Setting<i64>, default: i64) -> Result<i64, Death> {
        match setting {
            Ok(value) => Ok(*value),
            Err(_) if self.dies_of_documents() => Err(Death(Reason::InvalidSetting)),
            Err(_) => Ok(default),
        }
    }

    fn dies_of_documents(&self) -> bool {
        self.context.departures.invalid_document == InvalidDocument::Crash
    }

    fn on_bad_rule(&self) -> OnBadRule {
        if self.dies_of_documents() { OnBadRule::Raise } else { OnBadRule::Skip }
    }
}

/// Whether an event ends a wait for a noop: it completed, the switch failed, the caller is gone.
fn ends_wait(noop: NoopId, event: &Event) -> bool {
    match event {
        Event::NoopComplete(completed) => *completed == Some(noop),
        Event::NoopFailed(_) | Event::Hangup => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
