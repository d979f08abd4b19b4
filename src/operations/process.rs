//! What the system says of this process, under the names every Prometheus client uses.

use procfs::process::{LimitValue, Process};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Resident memory; `None` where `/proc` cannot be read.
pub(super) fn resident_bytes() -> Option<u64> {
    let statm = Process::myself().ok()?.statm().ok()?;
    statm.resident.checked_mul(procfs::page_size())
}

/// Reads `/proc` whenever metrics are asked for.
#[derive(Debug)]
pub(super) struct ProcessMetrics;

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        // Where the system does not say, the metric is left out; the others are none the worse.
        let Ok(process) = Process::myself() else { return Ok(()) };
        let Ok(stat) = process.stat() else { return Ok(()) };
        let gauges = [
            (
                "process_resident_memory",
                "Resident memory",
                Some(Unit::Bytes),
                resident_bytes().map(precise),
            ),
            (
                "process_start_time",
                "When the process started, since 1970",
                Some(Unit::Seconds),
                procfs::boot_time_secs().ok().map(|boot| precise(boot) + seconds(stat.starttime)),
            ),
            (
                "process_open_fds",
                "Open file descriptors",
                None,
                process.fd_count().ok().map(|count| precise(count as u64)),
            ),
            (
                "process_max_fds",
                "File descriptors that may be open",
                None,
                process.limits().ok().and_then(|limits| match limits.max_open_files.soft_limit {
                    LimitValue::Value(most) => Some(precise(most)),
                    LimitValue::Unlimited => None,
                }),
            ),
        ];
        for (name, help, unit, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            let kind = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(name, help, unit.as_ref(), kind)?)?;
        }
        let cpu = ConstCounter::new(seconds(stat.utime.saturating_add(stat.stime)));
        let (name, help) = ("process_cpu", "Time on the CPU");
        let kind = cpu.metric_type();
        cpu.encode(encoder.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?)
    }
}

/// Clock ticks as seconds.
fn seconds(ticks: u64) -> f64 {
    precise(ticks) / precise(procfs::ticks_per_second())
}

/// Sizes and times of a process stay far below 2^53.
#[allow(clippy::cast_precision_loss)]
fn precise(number: u64) -> f64 {
    number as f64
}
