//! Many synthetic calls at once, measured beside an echo.
//!
//! [`run()`] loads a test account, starts workers and an echo as processes of their own, and lets
//! the same calls go to one and the other in turn, over one broker: what the broker, the machine
//! and the generator cost is in both, so that their ratio is the worker's. Figures are told as
//! [`Report`].

mod account;
mod call;
mod echo;
mod figures;
mod line;
mod load;
mod mix;
mod names;
mod process;
mod report;
mod set_up;
mod template;
mod waiting;

use std::time::Duration;

pub use account::{AccountError, TestAccount};
pub use echo::{Echo, PREFIX, remove as remove_echo};
pub use line::LineError;
pub use mix::{Mix, MixError};
pub use process::ProcessError;
pub use report::{Run, Waiting};

use crate::peer::{EntryError, Seam};
use crate::settings::Settings;
use load::{Pacing, Slice, Way};
use process::Usage;
use set_up::Bench;

/// Calls of a run are placed in so many parts, echo and workers in turn.
const PARTS: u64 = 4;
/// Calls before a run that are not measured, at least.
const WARM_UP: u64 = 300;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// A run each.
    pub mixes: Vec<Mix>,
    /// How calls are handed over.
    pub seam: Seam,
    /// Whether calls are placed as others end.
    pub closed: bool,
    /// Whether calls are placed by the clock.
    pub open: bool,
    /// Calls of a run.
    pub calls: u64,
    /// Calls at once in the closed loop.
    pub concurrency: usize,
    /// Calls a second in the open loop; `None` for half of what the closed loop did.
    pub rate: Option<f64>,
    /// Workers to start; none where they run already.
    pub workers: usize,
    /// Calls waiting in `manual` at once, to measure the memory of one; 0 for no such run.
    pub manual_waiting: usize,
    /// How long an answer may take.
    pub patience: Duration,
    /// How long the echo computes before it answers, in microseconds.
    pub echo_work_us: u32,
}

/// All that was measured.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each mix and loop.
    pub runs: Vec<Run>,
    /// Calls waiting in `manual`, where that was asked for.
    pub waiting: Option<Waiting>,
}

/// Why nothing, or no more, was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The test account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A worker or the echo.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The connection.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The calls.
    #[error("a test call cannot be prepared: {0}")]
    Entry(#[from] EntryError),
}

/// Measures. `account` is created here, and to be removed by who made it; the same holds for what
/// the echo declares under `prefix`. `tell` is told what begins, a sentence each.
pub async fn run(
    options: &Options,
    settings: &Settings,
    account: &TestAccount,
    prefix: &str,
    mut tell: impl FnMut(String),
) -> Result<Report, BenchError> {
    let mut bench = Box::pin(Bench::set_up(options, settings, account, prefix, &mut tell)).await?;
    let mut report = Report::default();
    if options.manual_waiting > 0 {
        tell(format!("{} calls waiting in manual", options.manual_waiting));
        report.waiting = Some(waiting::measure(&mut bench, options).await?);
    }
    for mix in &options.mixes {
        let mut rate = options.rate;
        if options.closed {
            tell(format!("{mix}, {} at once", options.concurrency));
            let pacing = Pacing::Closed { concurrency: options.concurrency };
            let run = measure(&mut bench, options, mix, pacing).await?;
            rate = rate.or_else(|| Some(run.throughput / 2.0).filter(|rate| *rate >= 1.0));
            report.runs.push(run);
        }
        if let (true, Some(rate)) = (options.open, rate) {
            let rate = rate.round();
            tell(format!("{mix}, {rate} a second"));
            report.runs.push(measure(&mut bench, options, mix, Pacing::Open { rate }).await?);
        }
    }
    bench.close().await;
    Ok(report)
}

/// One run: the same calls to the echo and to the workers, part by part in turn.
async fn measure(
    bench: &mut Bench,
    options: &Options,
    mix: &Mix,
    pacing: Pacing,
) -> Result<Run, BenchError> {
    let calls = bench.calls(mix);
    let warm_up = WARM_UP.max(2 * options.concurrency as u64).min(options.calls);
    let warm = Pacing::Closed { concurrency: options.concurrency };
    let mut spoilt = bench.echo.place(&calls, warm_up, warm).await;
    spoilt.merge(bench.workers.place(&calls, warm_up, warm).await);
    bench.workers.line.take_nodes();

    let (mut echo, mut workers) = (Slice::default(), Slice::default());
    let mut used = Usage::default();
    let mut measured = true;
    for part in 0..PARTS {
        // Who answers no more has shown it.
        if echo.is_given_up() || workers.is_given_up() {
            break;
        }
        // What is left over goes into the last part.
        let each = options.calls / PARTS;
        let count = if part + 1 == PARTS { options.calls - each * part } else { each };
        // Neither is always the first.
        for turn in [part % 2, (part + 1) % 2] {
            if turn == 0 {
                echo.merge(bench.echo.place(&calls, count, pacing).await);
                continue;
            }
            let before = bench.usage();
            workers.merge(bench.workers.place(&calls, count, pacing).await);
            match (before, bench.usage()) {
                (Some(before), Some(after)) => {
                    used.cpu += after.cpu.saturating_sub(before.cpu);
                    used.rss_kib = after.rss_kib;
                }
                _ => measured = false,
            }
        }
    }
    bench.check()?;
    let nodes = bench.workers.line.take_nodes();
    let used = measured.then_some(used);
    Ok(Run::new((options.seam, mix, pacing), &echo, &workers, &spoilt, used, nodes))
}

impl Way {
    /// An error where its session has ended.
    fn check(&self) -> Result<(), BenchError> {
        Ok(self.line.check()?)
    }
}
