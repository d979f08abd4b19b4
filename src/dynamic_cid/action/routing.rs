//! Where a list's destination goes, and whether the caller may call it.

use super::super::prompt::{INVALID_EXTENSION, UNAUTHORIZED};
use super::super::{OptionalGroups, Reason, Verdict, verdict};
use super::{Action, Death, Progression, State};
use crate::dynamic_cid::{Command, Effect, Endpoint, Event, Next, Outcome, Question, Routed};
use crate::json;

impl Action {
    pub(super) fn route(
        &mut self,
        name: String,
        number: String,
        digits: Option<String>,
        effects: &mut Vec<Effect>,
    ) -> Progression {
        let Some(destination) = self.change(number, Some(name), digits, effects)? else {
            return Ok(Next::Done(Outcome::Continue(self.reason)));
        };
        self.state = State::Routing { destination: destination.clone() };
        let restrictions = self.enforces_restrictions();
        Ok(Next::Ask(Question::Route { destination, restrictions }))
    }

    pub(super) fn enforces_restrictions(&self) -> bool {
        json::is_true(&self.job.data, "enforce_call_restriction", true)
    }

    pub(super) fn routed(
        &mut self,
        destination: String,
        event: &Event,
        effects: &mut Vec<Effect>,
    ) -> Progression {
        let Event::Routed(routed) = event else {
            let restrictions = self.enforces_restrictions();
            self.state = State::Routing { destination: destination.clone() };
            return Ok(Next::Ask(Question::Route { destination, restrictions }));
        };
        let permitted = json::is_true(&self.job.data, "permit_custom_callflow", false);
        match routed {
            Routed::Found { target, endpoint } if target.no_match || permitted => {
                if self.enforces_restrictions() && self.is_restricted(&destination, endpoint)? {
                    return Ok(self.refuse_call(effects));
                }
                Ok(Next::Done(Outcome::Branch { reason: self.reason, target: target.clone() }))
            }
            Routed::Crashed if self.context.departures.optional_groups == OptionalGroups::Crash => {
                Err(Death(Reason::OptionalGroups))
            }
            Routed::Found { .. } | Routed::NotFound | Routed::Crashed => {
                let noop = self.play(self.prompts().account(INVALID_EXTENSION), effects);
                self.state = State::InvalidExtension { noop };
                Ok(Next::Wait { wake_at: self.deadline })
            }
        }
    }

    pub(super) fn is_restricted(
        &self,
        destination: &str,
        endpoint: &Endpoint,
    ) -> Result<bool, Death> {
        let endpoint = match endpoint {
            Endpoint::None => return Ok(false),
            Endpoint::Broken(_) if self.dies_of_documents() => {
                return Err(Death(Reason::InvalidRestriction));
            }
            Endpoint::Merged(endpoint) | Endpoint::Broken(endpoint) => endpoint,
        };
        let class = self
            .context
            .rules
            .classify(destination, self.on_bad_rule())
            .map_err(|_| Death(Reason::InvalidNumberRule))?;
        match verdict(endpoint, class) {
            Verdict::Denied => Ok(true),
            Verdict::Broken(_) if self.dies_of_documents() => {
                Err(Death(Reason::InvalidRestriction))
            }
            Verdict::Allowed | Verdict::Broken(_) => Ok(false),
        }
    }

    pub(super) fn refuse_call(&mut self, effects: &mut Vec<Effect>) -> Next {
        effects.push(Effect::Command(Command::Answer));
        self.play(self.prompts().account(UNAUTHORIZED), effects);
        effects.push(Effect::Command(Command::Hangup));
        Next::Done(Outcome::Refused)
    }
}
