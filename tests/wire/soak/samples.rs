//! What the worker holds, every two seconds, and whether it grows.

use std::fmt;
use std::fs::File;
use std::io::{LineWriter, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;

use super::load::Load;
use crate::worker::Worker;

const BETWEEN_SAMPLES: Duration = Duration::from_secs(2);

/// A figure of the worker, and by how much it may grow over the measured time: a share of its median
/// and something in whole numbers, for what comes and goes with the calls in flight.
struct Figure {
    name: &'static str,
    unit: &'static str,
    share: f64,
    fixed: f64,
}

const fn figure(name: &'static str, unit: &'static str, share: f64, fixed: f64) -> Figure {
    Figure { name, unit, share, fixed }
}

/// In the order of the columns behind the time.
const FIGURES: [Figure; 11] = [
    figure("rss", "KiB", 0.05, 2048.0),
    figure("fds", "open", 0.0, 4.0),
    figure("threads", "threads", 0.0, 1.0),
    figure("tasks", "tasks", 0.25, 20.0),
    figure("in_flight", "calls", 0.25, 20.0),
    figure("kept_documents", "entries", 0.1, 4.0),
    figure("kept_config", "entries", 0.1, 4.0),
    figure("kept_lists", "entries", 0.1, 4.0),
    figure("kept_callflows", "entries", 0.1, 8.0),
    figure("kept_usernames", "entries", 0.1, 4.0),
    figure("kept_records", "records", 0.0, 1.0),
];

type Sample = (f64, [f64; FIGURES.len()]);

pub(super) struct Sampler {
    process: u32,
    metrics: String,
    began: Instant,
    csv: Mutex<LineWriter<File>>,
    samples: Mutex<Vec<Sample>>,
    /// What happened since the sample before.
    mark: Mutex<Option<&'static str>>,
}

/// What became of a figure.
pub(super) struct Growth {
    figure: &'static Figure,
    median: f64,
    grown: f64,
    allowed: f64,
}

impl Sampler {
    pub(super) fn new(worker: &Worker, csv: &Path, began: Instant) -> Result<Self> {
        let file = File::create(csv).with_context(|| csv.display().to_string())?;
        let mut csv = LineWriter::new(file);
        let names: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
        writeln!(csv, "seconds,{},placed,event", names.join(","))?;
        Ok(Self {
            process: worker.id(),
            metrics: format!("{}/metrics", worker.address()),
            began,
            csv: Mutex::new(csv),
            samples: Mutex::default(),
            mark: Mutex::default(),
        })
    }

    /// Names what happens now.
    pub(super) fn mark(&self, what: &'static str) {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// Samples until told to stop.
    pub(super) async fn sample(
        self: Arc<Self>,
        load: Arc<Load>,
        stop: CancellationToken,
    ) -> Result<()> {
        let mut clock = tokio::time::interval(BETWEEN_SAMPLES);
        while !stop.is_cancelled() {
            clock.tick().await;
            let figures = self.figures().await?;
            let seconds = self.began.elapsed().as_secs_f64();
            let event = self.mark.lock().unwrap_or_else(PoisonError::into_inner).take();
            let values: Vec<_> = figures.iter().map(f64::to_string).collect();
            let mut csv = self.csv.lock().unwrap_or_else(PoisonError::into_inner);
            let (values, placed) = (values.join(","), load.placed());
            writeln!(csv, "{seconds:.1},{values},{placed},{}", event.unwrap_or_default())?;
            let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
            samples.push((seconds, figures));
        }
        Ok(())
    }

    async fn figures(&self) -> Result<[f64; FIGURES.len()]> {
        let folder = format!("/proc/{}", self.process);
        let status = std::fs::read_to_string(format!("{folder}/status")).context("no worker")?;
        let of_status = |name: &str| -> Option<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let page = reqwest::get(&self.metrics).await?.text().await?;
        let metric = |name: String| -> Option<f64> {
            let line = page.lines().find_map(|line| line.strip_prefix(&name))?;
            line.trim().parse().ok()
        };
        let mut figures = [0.0; FIGURES.len()];
        for (value, Figure { name, .. }) in figures.iter_mut().zip(&FIGURES) {
            let read = match *name {
                "rss" => of_status("VmRSS:"),
                "threads" => of_status("Threads:"),
                "fds" => std::fs::read_dir(format!("{folder}/fd"))
                    .ok()
                    .and_then(|files| u32::try_from(files.count()).ok())
                    .map(f64::from),
                _ => match name.strip_prefix("kept_") {
                    Some(kind) => metric(format!("kazoo_dynamic_cid_kept{{what=\"{kind}\"}}")),
                    None => metric(format!("kazoo_dynamic_cid_{name} ")),
                },
            };
            *value = read.with_context(|| format!("the worker does not tell its {name}"))?;
        }
        Ok(figures)
    }

    /// By how much each figure grew from a time on, judged by the slope that half of all pairs of
    /// samples exceed (Theil and Sen), which a spike does not change.
    pub(super) fn growth(&self, from: Duration, to: Duration) -> Vec<Growth> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
        let measured: Vec<_> = samples.iter().filter(|(at, _)| (from..to).contains(at)).collect();
        let growth = FIGURES.iter().enumerate().map(|(column, figure)| {
            let points = measured.iter().map(|(at, values)| (*at, values[column]));
            let points: Vec<(f64, f64)> = points.collect();
            let median = median(points.iter().map(|(_, value)| *value).collect());
            let grown = slope(&points) * (to - from);
            Growth { figure, median, grown, allowed: figure.share * median + figure.fixed }
        });
        growth.collect()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Per second.
fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(position, (at, value))| {
        let later = points[position + 1..].iter();
        later.map(move |(then, value_then)| (value_then - value) / (then - at))
    });
    median(pairs.collect())
}

impl Growth {
    pub(super) fn is_flat(&self) -> bool {
        self.grown <= self.allowed
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure: Figure { name, unit, .. }, median, grown, allowed } = self;
        let verdict = if self.is_flat() { "flat" } else { "GROWS" };
        write!(
            formatter,
            "{verdict}: {name}, median {median:.0} {unit}, grown by {grown:.1} of {allowed:.0} allowed"
        )
    }
}
