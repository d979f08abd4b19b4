//! Calls waiting in `manual` at once: how much memory one of them takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::call::Hold;
use super::load::{Pacing, Way};
use super::mix::Mix;
use super::report::Waiting;
use super::set_up::Bench;
use super::{BenchError, Options};

/// How long a worker may take to ask all callers.
const ASKING: Duration = Duration::from_secs(60);
/// How long memory is let settle.
const SETTLING: Duration = Duration::from_secs(1);
/// How many callers type at once in the end.
const TYPING: usize = 500;
const LOOK: Duration = Duration::from_millis(20);
/// Calls that are over before memory is called idle, one after another.
const BEFORE: u64 = 20;

/// Holds callers back once they are asked, looks at the worker, and lets them type.
pub(super) async fn measure(bench: &mut Bench, options: &Options) -> Result<Waiting, BenchError> {
    let mix = Mix::manual();
    let calls = bench.calls(&mix);
    let count = options.manual_waiting;
    let before = bench.workers.place(&calls, BEFORE, Pacing::Closed { concurrency: 1 }).await;
    tokio::time::sleep(SETTLING).await;
    let idle = bench.usage().map(|usage| usage.rss_kib);

    let asked = Arc::new(AtomicUsize::new(0));
    let typing = Arc::new(Semaphore::new(0));
    let hold = Hold { asked: Arc::clone(&asked), typing: Arc::clone(&typing) };
    let way = Way { patience: options.patience + ASKING, ..bench.workers.clone() };
    let (everybody, started) = (count as u64, Instant::now());
    let placing =
        tokio::spawn(async move { way.closed(&calls, everybody, count, Some(hold)).await });
    while asked.load(Ordering::Relaxed) < count && started.elapsed() < ASKING {
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::sleep(SETTLING).await;
    let waited = asked.load(Ordering::Relaxed);
    let full = bench.usage().map(|usage| usage.rss_kib);
    typing.add_permits(TYPING);
    let mut slice = placing.await.unwrap_or_default();
    slice.merge(before);
    bench.check()?;
    Ok(Waiting {
        calls: waited,
        wanted: count,
        lost: slice.lost,
        wrong: slice.wrong,
        trouble: slice.trouble,
        idle_rss_kib: idle,
        rss_kib: full,
    })
}
