//! A switch and its call control, as far as the action notices them.
//!
//! Source: `ecallmgr_call_control.erl` (the queue, `flush`), and the switch emulation that the
//! recorded cases were made with: prompts last 1.5 s, tones 250 ms, `silence_stream://N` N ms.

use std::collections::VecDeque;

use super::{Act, Script, ScriptStep, Trigger};
use crate::dynamic_cid::{Command, Event, Millis, NoopId};

const PROMPT_MS: Millis = 1_500;
const TONE_MS: Millis = 250;
/// The keys that end a play; A to D do not.
const TERMINATORS: &str = "0123456789*#";

#[derive(Debug)]
enum Queued {
    Play(String),
    Noop(NoopId),
    Answer,
    Hangup,
}

pub(super) struct Switch {
    queue: VecDeque<Queued>,
    /// When the media that plays ends.
    playing_until: Option<Millis>,
    plays: usize,
    destroyed: bool,
    script: VecDeque<ScriptStep>,
    /// When the script's first step is done, once its trigger came.
    step_at: Option<Millis>,
    /// What was reported and not yet put on record.
    reports: Vec<(Millis, Event)>,
    /// What was reported and not yet heard by the action.
    unheard: VecDeque<Event>,
}

impl Switch {
    pub(super) fn new(script: Script) -> Self {
        Self {
            queue: VecDeque::new(),
            playing_until: None,
            plays: 0,
            destroyed: false,
            script: script.0.into(),
            step_at: None,
            reports: Vec::new(),
            unheard: VecDeque::new(),
        }
    }

    pub(super) fn is_destroyed(&self) -> bool {
        self.destroyed
    }

    pub(super) fn take_reports(&mut self) -> Vec<(Millis, Event)> {
        std::mem::take(&mut self.reports)
    }

    pub(super) fn hear(&mut self) -> Option<Event> {
        self.unheard.pop_front()
    }

    /// When something happens next by itself.
    pub(super) fn next_at(&self) -> Option<Millis> {
        [self.playing_until, self.step_at].into_iter().flatten().min()
    }

    pub(super) fn command(&mut self, now: Millis, command: &Command) {
        match command {
            Command::Play { media, noop } => {
                self.queue.push_back(Queued::Play(media.clone()));
                self.queue.push_back(Queued::Noop(*noop));
            }
            Command::Flush { noop } => {
                self.queue.clear();
                self.queue.push_back(Queued::Noop(*noop));
                if self.playing_until.is_some() {
                    self.end_play(now);
                }
            }
            Command::Answer => self.queue.push_back(Queued::Answer),
            Command::Hangup => self.queue.push_back(Queued::Hangup),
        }
        self.work(now);
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, now: Millis) {
        if self.playing_until.is_some_and(|until| until <= now) {
            self.end_play(now);
            self.work(now);
        } else if self.step_at.is_some_and(|at| at <= now) {
            self.step_at = None;
            if let Some(step) = self.script.pop_front() {
                self.act(now, step.act);
                self.trigger(now, Trigger::Previous);
            }
        }
    }

    fn act(&mut self, now: Millis, act: Act) {
        match act {
            Act::Digit(digit) => {
                let terminates = TERMINATORS.contains(digit.as_str()) && !digit.is_empty();
                self.report(now, Event::Dtmf(digit));
                if terminates && self.playing_until.is_some() {
                    self.end_play(now);
                    self.work(now);
                }
            }
            Act::Hangup => self.destroy(now),
            Act::NoopError => self.report(now, Event::NoopFailed(None)),
            Act::OtherEvent => self.report(now, Event::Other),
        }
    }

    /// Executes the queue until something plays.
    fn work(&mut self, now: Millis) {
        while self.playing_until.is_none() {
            let Some(queued) = self.queue.pop_front() else {
                return;
            };
            match queued {
                Queued::Noop(_) if self.destroyed => self.report(now, Event::NoopFailed(None)),
                _ if self.destroyed => self.report(now, Event::Other),
                Queued::Noop(noop) => self.report(now, Event::NoopComplete(Some(noop))),
                Queued::Play(media) => {
                    self.plays += 1;
                    self.playing_until = Some(now + duration(&media));
                    match self.plays {
                        1 => self.trigger(now, Trigger::SilenceStarted),
                        2 => self.trigger(now, Trigger::PromptStarted),
                        _ => {}
                    }
                }
                Queued::Answer => {}
                Queued::Hangup => self.destroy(now),
            }
        }
    }

    fn end_play(&mut self, now: Millis) {
        self.playing_until = None;
        if self.plays == 2 {
            self.trigger(now, Trigger::PromptFinished);
        }
    }

    fn destroy(&mut self, now: Millis) {
        self.destroyed = true;
        self.playing_until = None;
        self.report(now, Event::Hangup);
        self.work(now);
    }

    fn trigger(&mut self, now: Millis, trigger: Trigger) {
        if let Some(step) = self.script.front().filter(|step| step.trigger == trigger) {
            self.step_at.get_or_insert(now + step.after_ms);
        }
    }

    fn report(&mut self, now: Millis, event: Event) {
        self.reports.push((now, event.clone()));
        self.unheard.push_back(event);
    }
}

fn duration(media: &str) -> Millis {
    if let Some(length) = media.strip_prefix("silence_stream://") {
        return length.parse().unwrap_or(PROMPT_MS);
    }
    if media.starts_with("tone_stream://") { TONE_MS } else { PROMPT_MS }
}
