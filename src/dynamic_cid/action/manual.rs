//! Manual entry: lead-in, prompt, digits, verdict.

use super::super::collect::{Collection, Limits, Progress};
use super::super::config::{DEFAULT_COLLECT_MS, DEFAULT_DIGITS, DEFAULT_INTERDIGIT_MS};
use super::super::{InvalidRegex, Reason};
use super::{Action, Death, Progression, State, ends_wait};
use crate::dynamic_cid::{Command, Effect, Event, Millis, Next, NoopId, Outcome};
use crate::json;
use crate::pattern::Pattern;

/// Played before the prompt, so that its beginning is not cut off.
const LEAD_IN: &str = "silence_stream://100";
/// Played after manual entry; KAZOO calls it flushing DTMF (D33).
const LEAD_OUT: &str = "silence_stream://50";

impl Action {
    /// The settings are read before anything is played, the timeouts only when they are needed.
    pub(super) fn lead_in(&mut self, effects: &mut Vec<Effect>) -> Progression {
        self.setting(&self.context.config.max_digits, DEFAULT_DIGITS)?;
        self.setting(&self.context.config.min_digits, DEFAULT_DIGITS)?;
        self.whitelist()?;
        let noop = self.play(LEAD_IN.to_owned(), effects);
        self.state = State::LeadIn { noop };
        Ok(Next::Wait { wake_at: self.deadline })
    }

    /// However the lead-in ends, the prompt follows (D13).
    pub(super) fn during_lead_in(
        &mut self,
        noop: NoopId,
        now: Millis,
        event: &Event,
        overdue: bool,
        effects: &mut Vec<Effect>,
    ) -> Progression {
        if overdue {
            return self.refuse_digits(Reason::OverallLimit, effects);
        }
        if !ends_wait(noop, event) {
            self.state = State::LeadIn { noop };
            return Ok(Next::Wait { wake_at: self.deadline });
        }
        let media = json::text(&self.job.data, "media_id")
            .unwrap_or_else(|| self.prompts().system(&self.context.config.default_prompt));
        let configured =
            self.setting(&self.context.config.interdigit_timeout, DEFAULT_INTERDIGIT_MS)?;
        let max_digits = self.setting(&self.context.config.max_digits, DEFAULT_DIGITS)?;
        let prompt = self.play(media, effects);
        let limits = Limits {
            max_digits: json::integer(&self.job.data, "max_digits").unwrap_or(max_digits),
            collect_timeout: self
                .setting(&self.context.config.collect_timeout, DEFAULT_COLLECT_MS)?,
            interdigit_timeout: json::integer(&self.job.data, "interdigit_timeout")
                .unwrap_or(configured),
            prompt,
            arithmetic: self.context.departures.timer_arithmetic,
        };
        Ok(self.collect(Collection::start(limits, now)))
    }

    pub(super) fn collect(&mut self, collection: Collection) -> Next {
        let timer = collection.wake_at();
        let wake_at = self.deadline.map_or(timer, |deadline| deadline.min(timer));
        self.state = State::Collecting(collection);
        Next::Wait { wake_at: Some(wake_at) }
    }

    pub(super) fn during_collection(
        &mut self,
        mut collection: Collection,
        now: Millis,
        event: &Event,
        overdue: bool,
        effects: &mut Vec<Effect>,
    ) -> Progression {
        if collection.wants_flush(event) {
            let noop = self.next_noop();
            effects.push(Effect::Command(Command::Flush { noop }));
        }
        match collection.on(now, event) {
            Progress::HungUp => Ok(Next::Done(Outcome::Stop(Reason::HungUp))),
            Progress::Failed => self.refuse_digits(Reason::SwitchError, effects),
            Progress::Complete => self.judge(collection.digits(), effects),
            Progress::Waiting if overdue && collection.digits().is_empty() => {
                self.refuse_digits(Reason::OverallLimit, effects)
            }
            Progress::Waiting if overdue => self.judge(collection.digits(), effects),
            Progress::Waiting => Ok(self.collect(collection)),
        }
    }

    /// Accepts the digits or not: regular expression first, then the length.
    pub(super) fn judge(&mut self, digits: &str, effects: &mut Vec<Effect>) -> Progression {
        if digits.is_empty() {
            return self.refuse_digits(Reason::NoDigits, effects);
        }
        let whitelist = match json::text(&self.job.data, "whitelist_regex") {
            Some(whitelist) => whitelist,
            None => self.whitelist()?,
        };
        let matches = match Pattern::new(&whitelist) {
            Ok(pattern) => pattern.is_match(digits),
            Err(_) if self.context.departures.invalid_regex == InvalidRegex::Crash => {
                return Err(Death(Reason::InvalidRegex));
            }
            Err(_) => return self.refuse_digits(Reason::InvalidRegex, effects),
        };
        let configured = self.setting(&self.context.config.min_digits, DEFAULT_DIGITS)?;
        let min_digits = json::integer(&self.job.data, "min_digits").unwrap_or(configured);
        if !matches {
            return self.refuse_digits(Reason::NotWhitelisted, effects);
        }
        if i64::try_from(digits.len()).unwrap_or(i64::MAX) < min_digits {
            return self.refuse_digits(Reason::TooFewDigits, effects);
        }
        self.reason = Reason::DigitsAccepted;
        self.play(self.context.config.accept_prompt.clone(), effects);
        self.manual_number(digits.to_owned(), effects)
    }

    /// The caller's own number is used, and stored as if it had been chosen (D6).
    pub(super) fn refuse_digits(
        &mut self,
        reason: Reason,
        effects: &mut Vec<Effect>,
    ) -> Progression {
        self.reason = reason;
        self.play(self.prompts().system(&self.context.config.reject_prompt), effects);
        self.manual_number(self.job.caller_number.clone(), effects)
    }

    pub(super) fn manual_number(
        &mut self,
        number: String,
        effects: &mut Vec<Effect>,
    ) -> Progression {
        self.play(LEAD_OUT.to_owned(), effects);
        self.change(number, None, self.job.capture_group.clone(), effects)?;
        Ok(Next::Done(Outcome::Continue(self.reason)))
    }
}
