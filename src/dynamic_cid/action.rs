//! The state machine.

use super::collect::{Collection, Limits, Progress};
use super::config::{
    DEFAULT_COLLECT_MS, DEFAULT_DIGITS, DEFAULT_INTERDIGIT_MS, DEFAULT_WHITELIST, Setting,
};
use super::step::{
    Change, Command, Effect, Endpoint, Event, Millis, Next, NoopId, Outcome, Question, Routed, Step,
};
use super::{
    Context, IdxName, InvalidDocument, InvalidRegex, Job, ListRead, Mode, OptionalGroups, Prompts,
    Reason, Row, Selection, Verdict, verdict,
};
use crate::call::Destination;
use crate::json;
use crate::numbers::OnBadRule;
use crate::pattern::Pattern;

/// Played before the prompt, so that its beginning is not cut off.
const LEAD_IN: &str = "silence_stream://100";
/// Played after manual entry; KAZOO calls it flushing DTMF (D33).
const LEAD_OUT: &str = "silence_stream://50";

/// A running `dynamic_cid` action.
#[derive(Debug, Clone)]
pub struct Action {
    job: Job,
    context: Context,
    state: State,
    noops: u16,
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

    // --- manual -----------------------------------------------------------------------------

    /// The settings are read before anything is played, the timeouts only when they are needed.
    fn lead_in(&mut self, effects: &mut Vec<Effect>) -> Progression {
        self.setting(&self.context.config.max_digits, DEFAULT_DIGITS)?;
        self.setting(&self.context.config.min_digits, DEFAULT_DIGITS)?;
        self.whitelist()?;
        let noop = self.play(LEAD_IN.to_owned(), effects);
        self.state = State::LeadIn { noop };
        Ok(Next::Wait { wake_at: self.deadline })
    }

    /// However the lead-in ends, the prompt follows (D13).
    fn during_lead_in(
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

    fn collect(&mut self, collection: Collection) -> Next {
        let timer = collection.wake_at();
        let wake_at = self.deadline.map_or(timer, |deadline| deadline.min(timer));
        self.state = State::Collecting(collection);
        Next::Wait { wake_at: Some(wake_at) }
    }

    fn during_collection(
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
    fn judge(&mut self, digits: &str, effects: &mut Vec<Effect>) -> Progression {
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
    fn refuse_digits(&mut self, reason: Reason, effects: &mut Vec<Effect>) -> Progression {
        self.reason = reason;
        self.play(self.prompts().system(&self.context.config.reject_prompt), effects);
        self.manual_number(self.job.caller_number.clone(), effects)
    }

    fn manual_number(&mut self, number: String, effects: &mut Vec<Effect>) -> Progression {
        self.play(LEAD_OUT.to_owned(), effects);
        self.change(number, None, self.job.capture_group.clone(), effects)?;
        Ok(Next::Done(Outcome::Continue(self.reason)))
    }

    // --- static -----------------------------------------------------------------------------

    fn fixed(&mut self, effects: &mut Vec<Effect>) -> Progression {
        let caller_id = json::object(&self.job.data, "caller_id");
        let member = |key| caller_id.and_then(|caller_id| json::text(caller_id, key));
        let (name, number) = (member("name"), member("number"));
        self.reason = if number.is_some() { Reason::Static } else { Reason::StaticIncomplete };
        let (name, number) = self.fill_in(name, number, effects);
        self.change(number, Some(name), self.job.capture_group.clone(), effects)?;
        Ok(Next::Done(Outcome::Continue(self.reason)))
    }

    /// What is missing comes from the caller; a missing number is announced.
    fn fill_in(
        &mut self,
        name: Option<String>,
        number: Option<String>,
        effects: &mut Vec<Effect>,
    ) -> (String, String) {
        if number.is_none() {
            self.play(self.prompts().account(&self.context.config.reject_prompt), effects);
        }
        (
            name.unwrap_or_else(|| self.job.caller_name.clone()),
            number.unwrap_or_else(|| self.job.caller_number.clone()),
        )
    }

    // --- list and lists ---------------------------------------------------------------------

    fn list(&mut self, effects: &mut Vec<Effect>) -> Progression {
        let Some(name) = json::text(&self.job.data, "idx_name") else {
            return self.lists(effects);
        };
        if self.job.list_id().is_none() {
            return Ok(self.bad_destination(Reason::ListIdMissing, effects));
        }
        let ListRead::Read(list) = self.context.list.clone() else {
            return Ok(self.bad_destination(Reason::ListUnreadable, effects));
        };
        let inside = self.context.departures.single_document_lists;
        let group = json::text(&self.job.capture_groups, &name);
        let filled = group.as_deref().is_some_and(|group| !json::text_is_empty(group));
        let inverted = self.context.departures.idx_name == IdxName::Inverted;
        if filled && inverted && !list.rows(inside).is_empty() {
            return Ok(self.bad_destination(Reason::IdxNameInverted, effects));
        }
        let destination = self.job.capture_group.clone();
        if let Some(row) = list.by_key(group.as_deref(), inside) {
            self.entry(row, destination, effects)
        } else {
            self.reason = Reason::EntryDefault;
            let (name, number) = self.fill_in(None, None, effects);
            self.route(name, number, destination, effects)
        }
    }

    fn lists(&mut self, effects: &mut Vec<Effect>) -> Progression {
        if self.job.list_id().is_none() {
            return Ok(self.bad_destination(Reason::ListIdMissing, effects));
        }
        let ListRead::Read(list) = self.context.list.clone() else {
            return Ok(self.bad_destination(Reason::ListUnreadable, effects));
        };
        let departures = &self.context.departures;
        let dialled = self.job.capture_group.clone().unwrap_or_default();
        let selection = list.by_first_digits(
            &dialled,
            departures.invalid_row,
            departures.single_document_lists,
        );
        match selection {
            Selection::Row(row, rest) => {
                self.entry(row, Some(rest).filter(|rest| !rest.is_empty()), effects)
            }
            Selection::TooShort => Ok(self.bad_destination(Reason::TooShort, effects)),
            Selection::InvalidRow => Err(Death(Reason::InvalidRow)),
            Selection::NotFound if dialled.len() < list.document_length() => {
                Ok(self.bad_destination(Reason::TooShort, effects))
            }
            // KAZOO's process dies here, and its executor goes on with `_`: flows rely on it as
            // the way out for keys that are not in the list (D1).
            Selection::NotFound => Err(Death(Reason::NotInList)),
        }
    }

    fn entry(&mut self, row: &Row, rest: Option<String>, effects: &mut Vec<Effect>) -> Progression {
        self.selected = Some(Selected { key: row.key.clone() });
        self.reason = if row.number.is_some() { Reason::Entry } else { Reason::EntryIncomplete };
        let (name, number) = self.fill_in(row.name.clone(), row.number.clone(), effects);
        self.route(name, number, rest, effects)
    }

    fn bad_destination(&mut self, reason: Reason, effects: &mut Vec<Effect>) -> Next {
        self.play(self.prompts().account("fault-can_not_be_completed_as_dialed"), effects);
        Next::Done(Outcome::Stop(reason))
    }

    fn route(
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

    fn enforces_restrictions(&self) -> bool {
        json::is_true(&self.job.data, "enforce_call_restriction", true)
    }

    fn routed(
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
                let noop = self.play(self.prompts().account("disa-invalid_extension"), effects);
                self.state = State::InvalidExtension { noop };
                Ok(Next::Wait { wake_at: self.deadline })
            }
        }
    }

    fn is_restricted(&self, destination: &str, endpoint: &Endpoint) -> Result<bool, Death> {
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

    fn refuse_call(&mut self, effects: &mut Vec<Effect>) -> Next {
        effects.push(Effect::Command(Command::Answer));
        self.play(self.prompts().account("cf-unauthorized_call"), effects);
        effects.push(Effect::Command(Command::Hangup));
        Next::Done(Outcome::Refused)
    }

    // --- common -----------------------------------------------------------------------------

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
