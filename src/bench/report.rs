//! What was measured, for programs and for people.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::Report;
use super::figures::Percentiles;
use super::load::{Pacing, Slice};
use super::mix::Mix;
use super::process::Usage;
use crate::peer::Seam;

/// One mix over one seam in one loop, beside the echo.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    seam: &'static str,
    action: String,
    mix: String,
    list_size: Option<usize>,
    rate: Option<f64>,
    calls: u64,
    concurrency: usize,
    /// Answered calls a second.
    pub throughput: f64,
    percentiles: Percentiles,
    cpu_us_per_call: Option<f64>,
    rss_kib: Option<u64>,
    echo_throughput: f64,
    echo: Percentiles,
    lost: u64,
    wrong: u64,
    trouble: Option<String>,
    /// Calls that each worker answered, by its node.
    nodes: BTreeMap<String, u64>,
}

/// Calls that wait at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// How many waited.
    pub calls: usize,
    /// How many should have.
    pub wanted: usize,
    /// How many got no answer in the end.
    pub lost: u64,
    /// How many got a wrong one.
    pub wrong: u64,
    /// The first trouble, in words.
    pub trouble: Option<String>,
    /// The worker's resident memory before; `None` where it is not ours.
    pub idle_rss_kib: Option<u64>,
    /// The same while they waited.
    pub rss_kib: Option<u64>,
}

impl Run {
    /// The figures of a run. `spoilt` are the calls before it, of which only trouble is told.
    pub(super) fn new(
        (seam, mix, pacing): (Seam, &Mix, Pacing),
        echo: &Slice,
        workers: &Slice,
        spoilt: &Slice,
        used: Option<Usage>,
        nodes: BTreeMap<String, u64>,
    ) -> Self {
        let answered = workers.latencies.count();
        #[allow(clippy::cast_precision_loss)] // far below 2⁵²
        let per_call = |used: Usage| used.cpu.as_secs_f64() * 1e6 / answered as f64;
        let all = [workers, echo, spoilt];
        Self {
            seam: match seam {
                Seam::Execute => "execute",
                Seam::Route => "route",
            },
            action: mix.name(),
            mix: mix.to_string(),
            list_size: mix.list_size(),
            rate: match pacing {
                Pacing::Open { rate } => Some(rate),
                Pacing::Closed { .. } => None,
            },
            calls: workers.placed,
            concurrency: workers.peak,
            throughput: workers.throughput(),
            percentiles: workers.latencies.percentiles(),
            cpu_us_per_call: used.filter(|_| answered > 0).map(per_call),
            rss_kib: used.map(|used| used.rss_kib),
            echo_throughput: echo.throughput(),
            echo: echo.latencies.percentiles(),
            lost: all.iter().map(|slice| slice.lost).sum(),
            wrong: all.iter().map(|slice| slice.wrong).sum(),
            trouble: all.iter().find_map(|slice| slice.trouble.clone()),
            nodes,
        }
    }

    /// How far the busiest and the idlest worker are from an even share, of one; `None` for a
    /// single one.
    #[allow(clippy::cast_precision_loss)] // far below 2⁵²
    fn unevenness(&self) -> Option<f64> {
        let all: u64 = self.nodes.values().sum();
        let even = all as f64 / self.nodes.len() as f64;
        let off = self.nodes.values().map(|share| (*share as f64 / even - 1.0).abs());
        (self.nodes.len() > 1).then(|| off.fold(0.0, f64::max))
    }

    fn json(&self) -> Value {
        let (own, echo) = (self.percentiles, self.echo);
        json!({
            "seam": self.seam,
            "action": self.action,
            "mix": self.mix,
            "list_size": self.list_size,
            "loop": if self.rate.is_some() { "open" } else { "closed" },
            "rate_per_s": self.rate,
            "calls": self.calls,
            "concurrency": self.concurrency,
            "throughput_per_s": rounded(self.throughput),
            "p50_us": rounded(own.p50_us),
            "p99_us": rounded(own.p99_us),
            "p999_us": rounded(own.p999_us),
            "cpu_us_per_call": self.cpu_us_per_call.map(rounded),
            "rss_kib": self.rss_kib,
            "echo": {
                "throughput_per_s": rounded(self.echo_throughput),
                "p50_us": rounded(echo.p50_us),
                "p99_us": rounded(echo.p99_us),
            },
            "ratio": {
                "throughput": ratio(self.throughput, self.echo_throughput),
                "p50": ratio(own.p50_us, echo.p50_us),
                "p99": ratio(own.p99_us, echo.p99_us),
            },
            "lost": self.lost,
            "wrong": self.wrong,
            "trouble": self.trouble,
            "workers": self.nodes,
            "unevenness": self.unevenness().map(rounded),
        })
    }
}

impl Waiting {
    /// Memory of one call, in KiB.
    #[allow(clippy::cast_precision_loss)] // far below 2⁵²
    fn kib_per_call(&self) -> Option<f64> {
        let more = self.rss_kib?.saturating_sub(self.idle_rss_kib?);
        (self.calls > 0).then(|| more as f64 / self.calls as f64)
    }

    fn json(&self) -> Value {
        json!({
            "calls": self.calls,
            "idle_rss_kib": self.idle_rss_kib,
            "rss_kib": self.rss_kib,
            "kib_per_call": self.kib_per_call().map(rounded),
            "lost": self.lost,
            "wrong": self.wrong,
            "trouble": self.trouble,
        })
    }

    fn is_clean(&self) -> bool {
        self.calls == self.wanted && self.lost == 0 && self.wrong == 0
    }
}

impl Report {
    /// Whether every call was answered as it must be.
    pub fn is_clean(&self) -> bool {
        self.runs.iter().all(|run| run.lost == 0 && run.wrong == 0)
            && self.waiting.as_ref().is_none_or(Waiting::is_clean)
    }

    /// The object of the contract, and what else is known.
    pub fn json(&self) -> Value {
        let mut object = json!({ "runs": self.runs.iter().map(Run::json).collect::<Vec<_>>() });
        if let Some(waiting) = &self.waiting {
            object["manual_waiting"] = waiting.json();
        }
        object
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.runs.is_empty() {
            writeln!(
                out,
                "{:<8} {:<14} {:<12} {:>8} {:>9} {:>9} {:>9} {:>7} {:>8} | {:>8} {:>9} {:>9} | {:>5}",
                "seam",
                "calls",
                "loop",
                "per s",
                "p50 µs",
                "p99 µs",
                "p99.9 µs",
                "CPU µs",
                "RSS MiB",
                "echo/s",
                "p50 µs",
                "p99 µs",
                "ratio",
            )?;
        }
        for run in &self.runs {
            run.row(out)?;
        }
        for run in &self.runs {
            run.notes(out)?;
        }
        self.waiting.as_ref().map_or(Ok(()), |waiting| waiting.fmt(out))
    }
}

impl Run {
    fn row(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pacing = match self.rate {
            Some(rate) => format!("{rate:.0}/s"),
            None => format!("{} at once", self.concurrency),
        };
        let or_dash = |figure: Option<String>| figure.unwrap_or_else(|| "–".to_owned());
        #[allow(clippy::cast_precision_loss)] // far below 2⁵²
        let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
        writeln!(
            out,
            "{:<8} {:<14} {:<12} {:>8.0} {:>9.0} {:>9.0} {:>9.0} {:>7} {:>8} | {:>8.0} {:>9.0} {:>9.0} | {:>5.2}",
            self.seam,
            self.mix,
            pacing,
            self.throughput,
            self.percentiles.p50_us,
            self.percentiles.p99_us,
            self.percentiles.p999_us,
            or_dash(self.cpu_us_per_call.map(|cpu| format!("{cpu:.0}"))),
            or_dash(self.rss_kib.map(mib)),
            self.echo_throughput,
            self.echo.p50_us,
            self.echo.p99_us,
            self.throughput / self.echo_throughput,
        )
    }

    fn notes(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lost + self.wrong > 0 {
            let (lost, wrong) = (self.lost, self.wrong);
            let trouble = self.trouble.as_deref().unwrap_or("no reason known");
            writeln!(out, "{}: {lost} lost, {wrong} wrong; the first: {trouble}", self.mix)?;
        }
        if let Some(unevenness) = self.unevenness() {
            let shares: Vec<String> =
                self.nodes.iter().map(|(node, calls)| format!("{node} {calls}")).collect();
            let percent = unevenness * 100.0;
            writeln!(out, "{}: shared as {} (±{percent:.1} %)", self.mix, shares.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "manual: {} of {} calls waited at once", self.calls, self.wanted)?;
        if let (Some(idle), Some(full), Some(each)) =
            (self.idle_rss_kib, self.rss_kib, self.kib_per_call())
        {
            write!(out, "; {each:.1} KiB each ({full} KiB over {idle} KiB idle)")?;
        }
        if self.lost + self.wrong > 0 {
            let trouble = self.trouble.as_deref().unwrap_or("no reason known");
            write!(out, "; {} lost, {} wrong; the first: {trouble}", self.lost, self.wrong)?;
        }
        writeln!(out)
    }
}

/// Three digits behind the point.
fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

/// `None` where there is nothing to divide by.
fn ratio(own: f64, echo: f64) -> Option<f64> {
    (echo > 0.0).then(|| rounded(own / echo))
}
