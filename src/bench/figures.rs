//! Latencies and what is said of them.

use std::time::Duration;

/// Latencies of calls, all of them kept: percentiles are exact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Latencies {
    nanos: Vec<u64>,
}

impl Latencies {
    /// Adds one.
    pub(super) fn add(&mut self, latency: Duration) {
        self.nanos.push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds all of another's.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.nanos.append(&mut other.nanos);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.nanos.len()
    }

    /// The percentiles that are told.
    pub(super) fn percentiles(&self) -> Percentiles {
        let mut sorted = self.nanos.clone();
        sorted.sort_unstable();
        let at = |per_mille| micros(rank(&sorted, per_mille));
        Percentiles { p50_us: at(500), p99_us: at(990), p999_us: at(999) }
    }
}

/// Percentiles in microseconds; zero where no call was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[allow(clippy::struct_field_names)] // the unit belongs to the name
pub(super) struct Percentiles {
    /// Half of the calls took no longer.
    pub p50_us: f64,
    /// All but one of a hundred.
    pub p99_us: f64,
    /// All but one of a thousand.
    pub p999_us: f64,
}

/// The smallest value that at least `per_mille` of a thousand values do not exceed.
fn rank(sorted: &[u64], per_mille: usize) -> u64 {
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[allow(clippy::cast_precision_loss)] // 2⁵² nanoseconds are 52 days
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut latencies = Latencies::default();
        for millis in (1..=1000).rev() {
            latencies.add(Duration::from_millis(millis));
        }
        let told = latencies.percentiles();
        let expected = Percentiles { p50_us: 500e3, p99_us: 990e3, p999_us: 999e3 };
        assert_eq!(told, expected);
        assert_eq!(latencies.count(), 1000);
    }

    #[test]
    fn few_values_and_none_have_percentiles() {
        assert_eq!(Latencies::default().percentiles(), Percentiles::default());
        let mut one = Latencies::default();
        one.add(Duration::from_nanos(1500));
        let mut both = Latencies::default();
        both.add(Duration::from_micros(9));
        both.merge(one.clone());
        let alone = Percentiles { p50_us: 1.5, p99_us: 1.5, p999_us: 1.5 };
        assert_eq!(one.percentiles(), alone);
        let two = Percentiles { p50_us: 1.5, p99_us: 9.0, p999_us: 9.0 };
        assert_eq!(both.percentiles(), two);
    }
}
