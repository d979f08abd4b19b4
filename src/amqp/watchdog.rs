//! Notices a connection that is open but dead.
//!
//! A cut cable or a stuck broker leaves a connection that looks well for twice the heartbeat, and
//! a consumer that is silent for ever looks like one without work. So a probe goes through the
//! broker to our own queue: if none comes back for too long, the session is rebuilt.

use std::{sync::Mutex, time::Duration};

use tokio::time::Instant;

/// Message type of probes.
pub(super) const PROBE: &str = "kazoo_dynamic_cid.probe";

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Wait,
    Probe,
    Stalled,
}

/// When to probe, and when to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Time between two probes.
    pub(super) every: Duration,
    /// Longest silence.
    pub(super) silence: Duration,
}

impl Limits {
    /// Time between two looks at the clock.
    pub(super) fn tick(&self) -> Duration {
        (self.every / 5).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}

/// The watchdog's memory.
#[derive(Debug)]
pub(super) struct Watchdog {
    limits: Limits,
    heard: Instant,
    probed: Instant,
    looked: Instant,
}

impl Watchdog {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, heard: now, probed: now, looked: now }
    }

    /// Takes the time a probe last came back, and decides.
    pub(super) fn look(&mut self, now: Instant, heard: Instant, blocked: bool) -> Act {
        self.heard = self.heard.max(heard);
        // A broker that blocks us reads nothing, probes included; and while this process itself
        // did not run (stopped, or a suspended machine), silence says nothing about the broker.
        let slept = now.duration_since(self.looked) > self.limits.tick() * 3;
        self.looked = now;
        if blocked || slept {
            self.heard = now;
        }
        if now.duration_since(self.heard) >= self.limits.silence {
            Act::Stalled
        } else if now.duration_since(self.probed) >= self.limits.every && !blocked {
            self.probed = now;
            Act::Probe
        } else {
            Act::Wait
        }
    }
}

/// When a probe last came back; told by the consumer of the private queue.
#[derive(Debug)]
pub(super) struct Pulse {
    id: String,
    heard: Mutex<Instant>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { id: format!("{:016x}", rand::random::<u64>()), heard: Mutex::new(Instant::now()) }
    }

    /// What our own probes carry as message id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Takes note of a probe; `false` when the message is none of ours.
    pub(super) fn take(&self, kind: Option<&str>, id: Option<&str>) -> bool {
        let ours = kind == Some(PROBE) && id == Some(&self.id);
        if ours {
            *self.lock() = Instant::now();
        }
        ours
    }

    pub(super) fn heard(&self) -> Instant {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
        // An instant is written whole; a panic elsewhere cannot leave half of one.
        self.heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { every: Duration::from_secs(5), silence: Duration::from_secs(10) };

    /// Looks every second until `until`; probes come back at once until second `dies`.
    fn run(until: u64, dies: u64, blocked: impl Fn(u64) -> bool) -> Vec<(u64, Act)> {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(LIMITS, start);
        let mut heard = start;
        let mut seen = Vec::new();
        for second in 1..=until {
            let now = start + Duration::from_secs(second);
            let act = watchdog.look(now, heard, blocked(second));
            if act == Act::Probe && second < dies {
                heard = now;
            }
            if act != Act::Wait {
                seen.push((second, act));
            }
            if act == Act::Stalled {
                break;
            }
        }
        seen
    }

    #[test]
    fn a_living_connection_is_probed_every_five_seconds() {
        assert_eq!(
            run(17, u64::MAX, |_| false),
            [(5, Act::Probe), (10, Act::Probe), (15, Act::Probe)]
        );
    }

    #[test]
    fn a_dead_one_is_given_up_after_ten_seconds_of_silence() {
        assert_eq!(run(60, 6, |_| false), [(5, Act::Probe), (10, Act::Probe), (15, Act::Stalled)]);
    }

    #[test]
    fn a_blocked_connection_is_not_taken_for_dead() {
        assert_eq!(
            run(60, 6, |second| (7..40).contains(&second)),
            [(5, Act::Probe), (40, Act::Probe), (45, Act::Probe), (49, Act::Stalled)]
        );
    }

    #[test]
    fn time_in_which_we_did_not_run_ourselves_does_not_count() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(LIMITS, start);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(watchdog.look(after(1), start, false), Act::Wait);
        assert_eq!(watchdog.look(after(31), start, false), Act::Probe);
        assert_eq!(watchdog.look(after(32), start, false), Act::Wait);
    }

    #[test]
    fn only_our_own_probe_counts() {
        let pulse = Pulse::new();
        let id = pulse.id().to_owned();
        for (kind, of, ours) in [
            (Some(PROBE), Some(id.as_str()), true),
            (Some(PROBE), Some("another"), false),
            (Some(PROBE), None, false),
            (None, Some(id.as_str()), false),
        ] {
            assert_eq!(pulse.take(kind, of), ours);
        }
    }
}
