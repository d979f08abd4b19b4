//! What the caller and the switch do during a simulated call.

use crate::dynamic_cid::Millis;

/// From when a step's delay counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The lead-in starts to play.
    SilenceStarted,
    /// The prompt starts to play.
    PromptStarted,
    /// The prompt has ended, by itself or by a key.
    PromptFinished,
    /// The step before was done.
    Previous,
}

/// What happens in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The caller presses a key.
    Digit(String),
    /// The caller hangs up.
    Hangup,
    /// The switch reports that a noop failed.
    NoopError,
    /// The switch reports an event that says nothing to the action.
    OtherEvent,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptStep {
    /// From when the delay counts.
    pub trigger: Trigger,
    /// The delay.
    pub after_ms: Millis,
    /// What happens.
    pub act: Act,
}

/// The steps, in order; a step whose trigger never comes holds up the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script(pub Vec<ScriptStep>);

impl Script {
    /// A caller who starts to type half a second into the prompt, three keys a second.
    pub fn typing(keys: &str) -> Self {
        let step = |(position, key): (usize, char)| ScriptStep {
            trigger: if position == 0 { Trigger::PromptStarted } else { Trigger::Previous },
            after_ms: if position == 0 { 500 } else { 300 },
            act: Act::Digit(key.to_string()),
        };
        Self(keys.chars().enumerate().map(step).collect())
    }
}
