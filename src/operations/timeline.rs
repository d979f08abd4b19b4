//! How calls ended and how long they took, over the last ten minutes: what the console draws.
//!
//! The time is cut into slots of five seconds. A slot counts ends by their class, and times in
//! buckets that grow by a fifth each, so that a percentile is exact to a tenth. All of it takes at
//! most 60 KiB, however many calls there are.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::ends::{self, Class};

/// Length of a slot.
pub const SLOT: Duration = Duration::from_secs(5);
/// Slots that are kept, the one that still fills among them.
const SLOTS: usize = 121;
/// Complete slots that make a minute.
const MINUTE: usize = 12;
/// Buckets of an octave of time.
const PER_OCTAVE: f64 = 4.0;
/// Where the first bucket begins, in seconds.
const SHORTEST: f64 = 50e-6;
/// Up to about ten minutes.
const BUCKETS: u8 = 96;

/// How many times lie in each bucket.
type Counts<T> = [T; BUCKETS as usize];

const CLASSES: usize = Class::ALL.len();

/// The last ten minutes of a process.
#[derive(Debug)]
pub struct Timeline {
    began: Instant,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    slots: VecDeque<Slot>,
    /// The number of the last slot; the first of the process is 0.
    last: u64,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    ends: [u32; CLASSES],
    /// `None` where no time was measured.
    times: Option<Box<Times>>,
}

#[derive(Debug, Clone)]
struct Times(Counts<u32>);

/// A stretch of time as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stretch {
    /// Calls whose action decided.
    pub decided: u64,
    /// Calls that went on undecided.
    pub undecided: u64,
    /// Calls that the action ended.
    pub ended: u64,
    /// Calls that were over before.
    pub gone: u64,
    /// Calls with a fault.
    pub failed: u64,
    /// Half of the answers took at most so many microseconds; `null` without an answer.
    pub p50_us: Option<u64>,
    /// 99 of a hundred answers took at most so many.
    pub p99_us: Option<u64>,
}

/// A complete slot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Numbered {
    /// Its number since the process began; the next has the next.
    pub number: u64,
    /// What happened.
    #[serde(flatten)]
    pub stretch: Stretch,
}

impl Default for Timeline {
    fn default() -> Self {
        let ring = Ring { slots: VecDeque::from([Slot::default()]), last: 0 };
        Self { began: Instant::now(), ring: Mutex::new(ring) }
    }
}

impl Timeline {
    /// A call ended so, a word of [`ends::ENDS`]; `seconds` from its receipt to its answer, where
    /// that tells something of the worker.
    pub fn ended(&self, end: &str, seconds: Option<f64>) {
        self.ended_at(end, seconds, Instant::now());
    }

    fn ended_at(&self, end: &str, seconds: Option<f64>, now: Instant) {
        let Some(class) = ends::class(end) else { return };
        let mut ring = self.at(now);
        let Some(slot) = ring.slots.back_mut() else { return };
        slot.ends[class as usize] = slot.ends[class as usize].saturating_add(1);
        if let Some(seconds) = seconds {
            slot.times.get_or_insert_with(|| Box::new(Times([0; BUCKETS as usize]))).add(seconds);
        }
    }

    /// The complete slots from this number on, the oldest first.
    pub fn since(&self, number: u64) -> Vec<Numbered> {
        self.since_at(number, Instant::now())
    }

    fn since_at(&self, number: u64, now: Instant) -> Vec<Numbered> {
        let ring = self.at(now);
        let first = ring.last + 1 - ring.slots.len() as u64;
        (first..ring.last)
            .zip(&ring.slots)
            .filter(|(at, _)| *at >= number)
            .map(|(number, slot)| Numbered { number, stretch: stretch([slot]) })
            .collect()
    }

    /// The last complete minute in one.
    pub fn last_minute(&self) -> Stretch {
        let ring = self.at(Instant::now());
        stretch(ring.slots.iter().rev().skip(1).take(MINUTE))
    }

    /// The ring, brought up to date.
    fn at(&self, now: Instant) -> MutexGuard<'_, Ring> {
        let number = now.saturating_duration_since(self.began).as_secs() / SLOT.as_secs();
        // Every change of the ring is whole.
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        // After a long silence there is no slot in between that would be kept.
        ring.last = ring.last.max(number.saturating_sub(SLOTS as u64));
        while ring.last < number {
            ring.last += 1;
            ring.slots.push_back(Slot::default());
            if ring.slots.len() > SLOTS {
                ring.slots.pop_front();
            }
        }
        ring
    }
}

impl Times {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped before
    fn add(&mut self, seconds: f64) {
        let bucket = ((seconds / SHORTEST).log2() * PER_OCTAVE).clamp(0.0, f64::from(BUCKETS - 1));
        let count = &mut self.0[bucket as usize];
        *count = count.saturating_add(1);
    }
}

/// Several slots in one.
fn stretch<'a>(slots: impl IntoIterator<Item = &'a Slot>) -> Stretch {
    let (mut ends, mut times): (_, Counts<u64>) = ([0; CLASSES], [0; BUCKETS as usize]);
    let add = |sums: &mut [u64], counts: &[u32]| {
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += u64::from(*count);
        }
    };
    for slot in slots {
        add(&mut ends, &slot.ends);
        if let Some(Times(counts)) = slot.times.as_deref() {
            add(&mut times, counts);
        }
    }
    let [decided, undecided, ended, gone, failed] = ends;
    let (p50_us, p99_us) = (percentile(&times, 50), percentile(&times, 99));
    Stretch { decided, undecided, ended, gone, failed, p50_us, p99_us }
}

/// Microseconds in the middle of the bucket that the percentile lies in.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // positive, at most ten minutes
fn percentile(times: &Counts<u64>, percent: u64) -> Option<u64> {
    let all: u64 = times.iter().sum();
    let rank = (all * percent).div_ceil(100);
    let mut below = 0;
    let (bucket, _) = (0..BUCKETS).zip(times).find(|(_, count)| {
        below += *count;
        below >= rank && rank > 0
    })?;
    let octaves = (f64::from(bucket) + 0.5) / PER_OCTAVE;
    Some((SHORTEST * octaves.exp2() * 1e6).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(measured: Option<u64>, microseconds: f64) -> bool {
        let measured = measured.and_then(|measured| u32::try_from(measured).ok());
        measured.is_some_and(|measured| (f64::from(measured) / microseconds - 1.0).abs() < 0.1)
    }

    #[test]
    fn only_complete_slots_are_told() {
        let timeline = Timeline::default();
        let at = |seconds| timeline.began + Duration::from_secs(seconds);
        timeline.ended_at("static", Some(0.001), at(0));
        timeline.ended_at("stop", None, at(4));
        assert_eq!(timeline.since_at(0, at(4)), []);
        timeline.ended_at("destroyed", None, at(5));
        let told = timeline.since_at(0, at(10));
        assert_eq!(told.len(), 2);
        assert_eq!((told[0].number, told[0].stretch.decided, told[0].stretch.ended), (0, 1, 1));
        assert!(near(told[0].stretch.p50_us, 1000.0), "{told:?}");
        assert_eq!((told[1].number, told[1].stretch.gone, told[1].stretch.p50_us), (1, 1, None));
        assert_eq!(timeline.since_at(1, at(10)), told[1..]);
        assert_eq!(timeline.since_at(7, at(10)), []);
    }

    #[test]
    fn ten_minutes_are_kept_also_after_a_long_silence() {
        let timeline = Timeline::default();
        let at = |seconds| timeline.began + Duration::from_secs(seconds);
        for slot in 0..300 {
            timeline.ended_at("static", None, at(slot * 5));
        }
        let told = timeline.since_at(0, at(1500));
        assert_eq!((told.len(), told[0].number, told[119].number), (120, 180, 299));
        assert_eq!(told.iter().map(|slot| slot.stretch.decided).sum::<u64>(), 120);
        let told = timeline.since_at(0, at(1_000_000));
        assert_eq!((told.len(), told[119].number), (120, 199_999));
        assert!(told.iter().all(|slot| slot.stretch == Stretch::default()), "{told:?}");
    }

    #[test]
    fn percentiles_are_exact_to_a_tenth() {
        let timeline = Timeline::default();
        for microseconds in 1..=1000 {
            let seconds = f64::from(microseconds * 1000) / 1e6;
            timeline.ended_at("static", Some(seconds), timeline.began);
        }
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            timeline.ended_at("native", Some(odd), timeline.began);
        }
        let told = timeline.since_at(0, timeline.began + SLOT);
        assert_eq!(told[0].stretch.decided, 1004);
        assert!(near(told[0].stretch.p50_us, 500_000.0), "{told:?}");
        assert!(near(told[0].stretch.p99_us, 990_000.0), "{told:?}");
    }

    #[test]
    fn a_word_that_is_no_end_counts_nothing() {
        let timeline = Timeline::default();
        timeline.ended_at("nonsense", Some(1.0), timeline.began);
        let told = timeline.since_at(0, timeline.began + SLOT);
        assert_eq!(told[0].stretch, Stretch::default());
    }
}
