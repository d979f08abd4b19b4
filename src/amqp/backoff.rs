//! When to try which broker again.
//!
//! KAZOO waits 0.5 s, doubling to 5 s, for the brokers of its own zone and never gives up
//! (`kz_amqp.hrl`, `kz_amqp_connection.erl`). The same bounds here, with full jitter, so that the
//! workers of a cluster do not come back in step after a broker's restart.

use std::time::Duration;

/// Bounds of the wait between two rounds over the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The most that is waited after the first failed round.
    pub first: Duration,
    /// The most that is ever waited.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(5) }
    }
}

impl Backoff {
    /// The most that is waited after `round` failed rounds before this one.
    pub fn ceiling(&self, round: u32) -> Duration {
        let factor = 2_u32.checked_pow(round).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// The wait itself: the part `jitter` (0 to 1) of the ceiling.
    pub fn wait(&self, round: u32, jitter: f64) -> Duration {
        self.ceiling(round).mul_f64(jitter.clamp(0.0, 1.0))
    }
}

/// What comes after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next broker of the list, at once.
    AtOnce,
    /// The whole list has failed: wait, then begin again.
    AfterRound {
        /// Failed rounds before this one.
        round: u32,
        /// Every broker of the round refused us for a reason that only an operator can mend.
        refused: bool,
    },
}

/// Which broker is tried next: down the list in its order; after a success the same one first.
#[derive(Debug)]
pub(super) struct Rotation {
    brokers: usize,
    current: usize,
    tried: usize,
    round: u32,
    refusals: usize,
}

impl Rotation {
    pub(super) fn new(brokers: usize) -> Self {
        Self { brokers, current: 0, tried: 0, round: 0, refusals: 0 }
    }

    /// Position in the list of the broker to try.
    pub(super) fn current(&self) -> usize {
        self.current
    }

    /// Attempts since the last success, this one included.
    pub(super) fn attempt(&self) -> u32 {
        let tried = u32::try_from(self.tried).unwrap_or(u32::MAX);
        let brokers = u32::try_from(self.brokers).unwrap_or(u32::MAX);
        self.round.saturating_mul(brokers).saturating_add(tried).saturating_add(1)
    }

    /// The attempt failed, or its session ended before it was of use.
    pub(super) fn failed(&mut self, refused: bool) -> Next {
        self.tried += 1;
        self.refusals += usize::from(refused);
        self.current = (self.current + 1) % self.brokers.max(1);
        if self.tried < self.brokers {
            return Next::AtOnce;
        }
        let next = Next::AfterRound { round: self.round, refused: self.refusals == self.tried };
        self.round = self.round.saturating_add(1);
        self.tried = 0;
        self.refusals = 0;
        next
    }

    /// The current broker has served for a while: it is tried first again, without history.
    pub(super) fn served(&mut self) {
        self.tried = 0;
        self.round = 0;
        self.refusals = 0;
    }

    /// Begin again with the first broker of the list.
    pub(super) fn restart(&mut self) {
        self.current = 0;
        self.served();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_from_half_a_second_to_five() {
        let backoff = Backoff::default();
        for (round, millis) in
            [(0, 500), (1, 1000), (2, 2000), (3, 4000), (4, 5000), (31, 5000), (u32::MAX, 5000)]
        {
            assert_eq!(backoff.ceiling(round), Duration::from_millis(millis), "round {round}");
        }
    }

    #[test]
    fn the_wait_is_any_part_of_the_ceiling() {
        let backoff = Backoff::default();
        for (round, jitter, millis) in
            [(0, 0.0, 0), (0, 1.0, 500), (2, 0.5, 1000), (9, 0.25, 1250), (0, 7.0, 500)]
        {
            assert_eq!(backoff.wait(round, jitter), Duration::from_millis(millis));
        }
    }

    #[test]
    fn every_broker_is_tried_before_anyone_waits() {
        let mut rotation = Rotation::new(3);
        let mut seen = Vec::new();
        for _ in 0..7 {
            seen.push((rotation.current(), rotation.attempt(), rotation.failed(false)));
        }
        let after = |round| Next::AfterRound { round, refused: false };
        assert_eq!(
            seen,
            [
                (0, 1, Next::AtOnce),
                (1, 2, Next::AtOnce),
                (2, 3, after(0)),
                (0, 4, Next::AtOnce),
                (1, 5, Next::AtOnce),
                (2, 6, after(1)),
                (0, 7, Next::AtOnce),
            ]
        );
    }

    #[test]
    fn a_broker_that_served_is_tried_first_again() {
        let mut rotation = Rotation::new(2);
        rotation.failed(false);
        rotation.served();
        assert_eq!((rotation.current(), rotation.attempt()), (1, 1));
        rotation.failed(false);
        assert_eq!(rotation.current(), 0);
        rotation.failed(false);
        rotation.restart();
        assert_eq!(rotation.current(), 0);
    }

    #[test]
    fn only_a_round_of_refusals_counts_as_refused() {
        for (refusals, refused) in [([true, true], true), ([true, false], false)] {
            let mut rotation = Rotation::new(2);
            rotation.failed(refusals[0]);
            assert_eq!(rotation.failed(refusals[1]), Next::AfterRound { round: 0, refused });
        }
    }
}
