//! A call without KAZOO: a virtual switch and clock around the decision core.
//!
//! `simulate` and the conformance suite run the same [`Action`] as the worker does. Time is
//! virtual, so a manual entry of ten seconds takes microseconds.

mod script;
mod switch;

pub use script::{Act, Script, ScriptStep, Trigger};
use switch::Switch;

use crate::dynamic_cid::{
    Action, Change, Command, Context, Effect, Event, Job, Millis, Next, Outcome, Question, Routed,
    Step,
};

/// Something that happened in a simulated call, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The action sent a command.
    Sent(Command),
    /// The action changed the call; KAZOO tells the switch with a `set` command.
    Changed(Change),
    /// The action stored the changed call with the executor.
    Stored,
    /// The switch reported an event.
    Event(Event),
    /// The action asked for the route of a destination.
    Asked(Question),
}

/// A simulated action from its start to its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What happened, with the virtual time since the start.
    pub happenings: Vec<(Millis, Happening)>,
    /// How the action ended.
    pub outcome: Outcome,
    /// When it ended.
    pub ended_at: Millis,
    /// Whether the caller was gone by then.
    pub destroyed: bool,
    /// The key of the selected entry.
    pub selected_key: Option<String>,
}

/// A simulation that did not end: nothing was left that could still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the action waits for an event that the script does not bring")]
pub struct Stuck;

/// Runs one action against the virtual switch.
///
/// `route` answers the action's question for a destination. Commands that end the call take effect
/// at once, so that [`Run::destroyed`] says what the executor would see.
pub fn run(
    job: Job,
    context: Context,
    script: Script,
    mut route: impl FnMut(&Question) -> Routed,
) -> Result<Run, Stuck> {
    let mut simulation = Simulation { now: 0, switch: Switch::new(script), happenings: Vec::new() };
    let (mut action, mut step) = Action::start(job, context, 0);
    loop {
        simulation.apply(&step);
        let event = match step.next {
            Next::Done(outcome) => {
                return Ok(Run {
                    ended_at: simulation.now,
                    destroyed: simulation.switch.is_destroyed(),
                    happenings: simulation.happenings,
                    outcome,
                    selected_key: action.selected_key().map(str::to_owned),
                });
            }
            Next::Ask(question) => {
                let routed = route(&question);
                simulation.record(Happening::Asked(question));
                Event::Routed(routed)
            }
            Next::Wait { wake_at } => simulation.next_event(wake_at).ok_or(Stuck)?,
        };
        step = action.on(simulation.now, &event);
    }
}

struct Simulation {
    now: Millis,
    switch: Switch,
    happenings: Vec<(Millis, Happening)>,
}

impl Simulation {
    fn record(&mut self, happening: Happening) {
        self.happenings.push((self.now, happening));
    }

    fn apply(&mut self, step: &Step) {
        for effect in &step.effects {
            match effect {
                Effect::Command(command) => {
                    self.record(Happening::Sent(command.clone()));
                    self.switch.command(self.now, command);
                }
                Effect::Change(change) => self.record(Happening::Changed(change.clone())),
                Effect::Store => self.record(Happening::Stored),
            }
        }
        self.drain();
    }

    /// What the switch reports stands in the record when it happens, not when it is heard.
    fn drain(&mut self) {
        for (at, event) in self.switch.take_reports() {
            self.happenings.push((at, Happening::Event(event)));
        }
    }

    /// The next event the action hears: what the switch has reported, else whatever comes first of
    /// the switch's next report and the action's timer.
    fn next_event(&mut self, wake_at: Option<Millis>) -> Option<Event> {
        loop {
            if let Some(event) = self.switch.hear() {
                return Some(event);
            }
            match (self.switch.next_at(), wake_at) {
                (Some(at), wake_at) if wake_at.is_none_or(|wake_at| at <= wake_at) => {
                    self.now = self.now.max(at);
                    self.switch.advance(self.now);
                    self.drain();
                }
                (_, Some(wake_at)) => {
                    self.now = self.now.max(wake_at);
                    return Some(Event::Timer);
                }
                (_, None) => return None,
            }
        }
    }
}
