//! Collecting digits, event by event.
//!
//! Source: `kapps_call_command.erl` (`collect_digits/5`, `do_collect_digits/1`,
//! `handle_collect_digit_event/3`), `kz_time.erl` (`decr_timeout`).

use super::{Event, Millis, NoopId, TimerArithmetic};

/// KAZOO waits a day for the prompt to end or a key to be pressed.
const FIRST_WAIT_MS: i64 = 86_400_000;
/// The key that ends the collection and is not collected.
const TERMINATOR: &str = "#";

/// A collection in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collection {
    digits: String,
    limits: Limits,
    /// The running timer, milliseconds.
    timer: i64,
    /// When it was started.
    since: Millis,
}

/// What a collection is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes at which it ends.
    pub max_digits: i64,
    /// Milliseconds until the first digit once the prompt has ended.
    pub collect_timeout: i64,
    /// Milliseconds between digits.
    pub interdigit_timeout: i64,
    /// The noop behind the prompt.
    pub prompt: NoopId,
    /// D12.
    pub arithmetic: TimerArithmetic,
}

/// How an event changes a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on.
    Waiting,
    /// The digits are complete: the last one, the terminator, or the timer.
    Complete,
    /// The switch reported an error.
    Failed,
    /// The channel is gone.
    HungUp,
}

impl Collection {
    pub(super) fn start(limits: Limits, now: Millis) -> Self {
        Self { digits: String::new(), limits, timer: FIRST_WAIT_MS, since: now }
    }

    /// The digits so far.
    pub(super) fn digits(&self) -> &str {
        &self.digits
    }

    /// When the running timer expires.
    pub(super) fn wake_at(&self) -> Millis {
        self.since.saturating_add(u64::try_from(self.timer).unwrap_or(0))
    }

    /// Whether the event is a key that must stop the prompt: any key while nothing is collected,
    /// the terminator included.
    pub(super) fn wants_flush(&self, event: &Event) -> bool {
        matches!(event, Event::Dtmf(_)) && self.digits.is_empty()
    }

    pub(super) fn on(&mut self, now: Millis, event: &Event) -> Progress {
        match event {
            Event::Hangup => return Progress::HungUp,
            Event::NoopFailed(noop) if noop.is_none_or(|noop| noop == self.limits.prompt) => {
                return Progress::Failed;
            }
            Event::Timer if now >= self.wake_at() => return Progress::Complete,
            Event::Timer | Event::Routed(_) => return Progress::Waiting,
            Event::Dtmf(digit) if digit == TERMINATOR => return Progress::Complete,
            Event::Dtmf(digit) => {
                self.digits.push_str(digit);
                let collected = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
                if collected >= self.limits.max_digits {
                    return Progress::Complete;
                }
                self.timer = self.limits.interdigit_timeout;
            }
            Event::NoopComplete(Some(noop)) if *noop == self.limits.prompt => {
                if self.digits.is_empty() {
                    self.timer = self.limits.collect_timeout;
                }
            }
            Event::NoopComplete(_) => {}
            Event::NoopFailed(_) | Event::Other => self.take_off(now.saturating_sub(self.since)),
        }
        self.since = now;
        Progress::Waiting
    }

    /// Takes the elapsed time off the timer before it is restarted.
    fn take_off(&mut self, elapsed: Millis) {
        let elapsed = match self.limits.arithmetic {
            TimerArithmetic::SecondsAsMilliseconds => elapsed / 1000,
            TimerArithmetic::Milliseconds => elapsed,
        };
        self.timer = self.timer.saturating_sub(i64::try_from(elapsed).unwrap_or(i64::MAX)).max(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: NoopId = NoopId(2);

    fn collection(arithmetic: TimerArithmetic) -> Collection {
        let limits = Limits {
            max_digits: 3,
            collect_timeout: 5000,
            interdigit_timeout: 2000,
            prompt: PROMPT,
            arithmetic,
        };
        Collection::start(limits, 0)
    }

    fn run(events: &[(Millis, Event)]) -> (Progress, String, Millis) {
        let mut collection = collection(TimerArithmetic::SecondsAsMilliseconds);
        let mut progress = Progress::Waiting;
        for (at, event) in events {
            progress = collection.on(*at, event);
        }
        (progress, collection.digits.clone(), collection.wake_at())
    }

    fn key(key: &str) -> Event {
        Event::Dtmf(key.to_owned())
    }

    #[test]
    fn timers_follow_the_prompt_and_the_keys() {
        let ended = Event::NoopComplete(Some(PROMPT));
        for (events, expected) in [
            (vec![], (Progress::Waiting, "", 86_400_000)),
            (vec![(1500, ended.clone())], (Progress::Waiting, "", 6500)),
            (vec![(1500, ended.clone()), (1600, key("1"))], (Progress::Waiting, "1", 3600)),
            (vec![(500, key("1")), (510, ended.clone())], (Progress::Waiting, "1", 2510)),
            (
                vec![(500, key("1")), (520, Event::NoopComplete(None))],
                (Progress::Waiting, "1", 2520),
            ),
            (
                vec![(1500, Event::NoopComplete(Some(NoopId(9))))],
                (Progress::Waiting, "", 86_401_500),
            ),
            (vec![(1000, ended.clone()), (6000, Event::Timer)], (Progress::Complete, "", 6000)),
            (vec![(1000, ended), (5999, Event::Timer)], (Progress::Waiting, "", 6000)),
            (vec![(1, key("1")), (2, key("#"))], (Progress::Complete, "1", 2001)),
            (vec![(1, key("#"))], (Progress::Complete, "", 86_400_000)),
            (vec![(1, key("1")), (2, key("*")), (3, key("A"))], (Progress::Complete, "1*A", 2002)),
            (vec![(1, Event::Hangup)], (Progress::HungUp, "", 86_400_000)),
            (vec![(1, Event::NoopFailed(None))], (Progress::Failed, "", 86_400_000)),
            (vec![(1, Event::NoopFailed(Some(PROMPT)))], (Progress::Failed, "", 86_400_000)),
            (vec![(1, Event::NoopFailed(Some(NoopId(9))))], (Progress::Waiting, "", 86_400_001)),
        ] {
            let (progress, digits, wake_at) = run(&events);
            assert_eq!((progress, digits.as_str(), wake_at), expected, "{events:?}");
        }
    }

    #[test]
    fn other_events_all_but_restart_the_timer_as_in_kazoo() {
        for (arithmetic, wake_at) in [
            (TimerArithmetic::SecondsAsMilliseconds, 1000 + 3000 + 4997),
            (TimerArithmetic::Milliseconds, 1000 + 5000),
        ] {
            let mut collection = collection(arithmetic);
            collection.on(1000, &Event::NoopComplete(Some(PROMPT)));
            collection.on(4000, &Event::Other);
            assert_eq!(collection.wake_at(), wake_at);
        }
    }
    #[test]
    fn the_first_key_stops_the_prompt() {
        let mut collection = collection(TimerArithmetic::SecondsAsMilliseconds);
        for event in [Event::Other, Event::Timer, Event::NoopComplete(Some(PROMPT))] {
            assert!(!collection.wants_flush(&event), "{event:?}");
        }
        assert!(collection.wants_flush(&key("1")) && collection.wants_flush(&key("#")));
        collection.on(1, &key("1"));
        assert_eq!(collection.digits(), "1");
        assert!(!collection.wants_flush(&key("2")));
    }
}
