//! Many calls: the closed loop, which places a call when another is over, and the open loop, which
//! places them by the clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use super::call::{Answerer, Fate, Hold, Lane, Prepared};
use super::figures::Latencies;
use super::line::Line;
use super::mix::{Action, Mix};

/// After so many lost calls in a slice no more are placed: the rest would only take time.
const LOST: usize = 50;

/// The calls of a mix.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    /// What comes when.
    pub mix: Mix,
    /// The calls of each action, by its keys.
    pub prepared: BTreeMap<Action, Vec<Arc<Prepared>>>,
}

impl Calls {
    /// The call that comes at a turn.
    fn call(&self, turn: u64) -> Option<&Arc<Prepared>> {
        let of_action = self.prepared.get(&self.mix.action(turn))?;
        // Spread over the keys, whatever the weights are.
        let spread = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        of_action.get(usize::try_from(spread % of_action.len().max(1) as u64).unwrap_or_default())
    }
}

/// Where calls go.
#[derive(Clone)]
pub(super) struct Way {
    /// Over which connection.
    pub line: Arc<Line>,
    /// Numbers of its calls.
    pub numbers: Arc<AtomicU64>,
    /// Who answers.
    pub answerer: Answerer,
    /// How long an answer may take.
    pub patience: Duration,
}

/// When calls are placed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pacing {
    /// So many at once.
    Closed {
        /// How many.
        concurrency: usize,
    },
    /// So many a second.
    Open {
        /// How many.
        rate: f64,
    },
}

/// What came of a number of calls.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// Of the calls that were answered as they must be.
    pub latencies: Latencies,
    /// From the first call to the last answer.
    pub took: Duration,
    /// How many were placed.
    pub placed: u64,
    /// How many got no answer.
    pub lost: u64,
    /// How many got another answer.
    pub wrong: u64,
    /// The first trouble, in words.
    pub trouble: Option<String>,
    /// The most calls at once.
    pub peak: usize,
}

impl Slice {
    /// Adds what came of other calls, placed before or after.
    pub(super) fn merge(&mut self, other: Self) {
        self.latencies.merge(other.latencies);
        self.took += other.took;
        self.placed += other.placed;
        self.lost += other.lost;
        self.wrong += other.wrong;
        self.trouble = self.trouble.take().or(other.trouble);
        self.peak = self.peak.max(other.peak);
    }

    /// Whether so many calls were lost that no more were placed.
    pub(super) fn is_given_up(&self) -> bool {
        self.lost >= LOST as u64
    }

    /// Calls that were answered, a second.
    #[allow(clippy::cast_precision_loss)] // far below 2⁵²
    pub(super) fn throughput(&self) -> f64 {
        let seconds = self.took.as_secs_f64();
        if seconds > 0.0 { self.latencies.count() as f64 / seconds } else { 0.0 }
    }

    fn add(&mut self, fate: Fate) {
        self.placed += 1;
        let trouble = match fate {
            Fate::Right(latency) => return self.latencies.add(latency),
            Fate::Wrong(words) => {
                self.wrong += 1;
                words
            }
            Fate::Lost(words) => {
                self.lost += 1;
                words
            }
        };
        self.trouble.get_or_insert(trouble);
    }
}

impl Way {
    /// Places `count` calls and waits for all answers.
    pub(super) async fn place(&self, calls: &Calls, count: u64, pacing: Pacing) -> Slice {
        match pacing {
            Pacing::Closed { concurrency } => self.closed(calls, count, concurrency, None).await,
            Pacing::Open { rate } => self.open(calls, count, rate).await,
        }
    }

    /// A call at once for each of `concurrency` lanes, until `count` are placed.
    pub(super) async fn closed(
        &self,
        calls: &Calls,
        count: u64,
        concurrency: usize,
        hold: Option<Hold>,
    ) -> Slice {
        let calls = Arc::new(calls.clone());
        let (next, lost) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        let started = Instant::now();
        let mut lanes = JoinSet::new();
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        for _ in 0..concurrency.min(wanted) {
            let (way, calls, hold) = (self.clone(), Arc::clone(&calls), hold.clone());
            let (next, lost) = (Arc::clone(&next), Arc::clone(&lost));
            lanes.spawn(async move {
                let (mut lane, mut slice) = (Lane::default(), Slice::default());
                while lost.load(Ordering::Relaxed) < LOST {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let Some(call) = calls.call(turn).filter(|_| turn < count) else { break };
                    let fate = way.one(call, &mut lane, Instant::now(), hold.clone()).await;
                    if matches!(fate, Fate::Lost(_)) {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                    slice.add(fate);
                }
                slice
            });
        }
        let mut all = Slice::default();
        while let Some(lane) = lanes.join_next().await {
            // A lane that panicked is a defect; its calls are missing from those placed.
            all.merge(lane.unwrap_or_default());
        }
        Slice { took: started.elapsed(), peak: concurrency.min(wanted), ..all }
    }

    /// Calls at a fixed rate. A call's latency counts from when it was to begin, so that calls
    /// which had to wait for a busy machine are not left out.
    async fn open(&self, calls: &Calls, count: u64, rate: f64) -> Slice {
        let (sender, mut due) = unbounded_channel();
        let started = Instant::now();
        // Tokio's timers have a millisecond, a thread's sleep has far less.
        let clock = std::thread::Builder::new().name("bench-clock".to_owned()).spawn(move || {
            for turn in 0..count {
                let at = started + due_after(turn, rate);
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                if sender.send((turn, at)).is_err() {
                    return;
                }
            }
        });
        let mut all = Slice::default();
        if let Err(error) = clock {
            all.trouble = Some(format!("no clock: {error}"));
            return all;
        }
        let mut running = JoinSet::new();
        let mut idle: Vec<Lane> = Vec::new();
        loop {
            tokio::select! {
                next = due.recv() => {
                    let Some((turn, at)) = next else { break };
                    let Some(call) = calls.call(turn).cloned() else { break };
                    let (way, mut lane) = (self.clone(), idle.pop().unwrap_or_default());
                    running.spawn(async move {
                        let fate = way.one(&call, &mut lane, at, None).await;
                        (fate, lane)
                    });
                    all.peak = all.peak.max(running.len());
                }
                Some(done) = running.join_next() => {
                    let Ok((fate, lane)) = done else { continue };
                    all.add(fate);
                    idle.push(lane);
                    if all.is_given_up() {
                        break;
                    }
                }
            }
        }
        drop(due);
        while let Some(done) = running.join_next().await {
            if let Ok((fate, _)) = done {
                all.add(fate);
            }
        }
        Slice { took: started.elapsed(), ..all }
    }

    async fn one(&self, call: &Prepared, lane: &mut Lane, at: Instant, hold: Option<Hold>) -> Fate {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        call.place(&self.line, lane, number, self.answerer, (at, self.patience), hold).await
    }
}

/// When a call of the open loop is due, after the first.
#[allow(clippy::cast_precision_loss)] // far below 2⁵²
fn due_after(turn: u64, rate: f64) -> Duration {
    Duration::try_from_secs_f64(turn as f64 / rate).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_open_loop_are_due_at_the_rate() {
        let due = |turn, rate| due_after(turn, rate);
        assert_eq!(due(0, 2000.0), Duration::ZERO);
        assert_eq!(due(1, 2000.0), Duration::from_micros(500));
        assert_eq!(due(20_000, 2000.0), Duration::from_secs(10));
        assert_eq!(due(1, 0.0), Duration::MAX);
    }

    #[test]
    fn slices_add_up() {
        let slice = |fates: Vec<Fate>| {
            let mut slice = Slice { took: Duration::from_secs(1), peak: 3, ..Slice::default() };
            for fate in fates {
                slice.add(fate);
            }
            slice
        };
        let right = || Fate::Right(Duration::from_micros(7));
        let mut all = slice(vec![right(), right(), Fate::Lost("late".to_owned())]);
        all.merge(slice(vec![Fate::Wrong("bad".to_owned()), right(), right()]));
        assert_eq!((all.placed, all.lost, all.wrong), (6, 1, 1));
        assert_eq!(all.trouble.as_deref(), Some("late"));
        assert!((all.throughput() - 2.0).abs() < 1e-9);
        assert!(Slice::default().throughput().abs() < 1e-9);
    }
}
