//! What an operator and the cluster see of the worker.

use url::Url;

use super::reference as r;
use super::resolver::Resolver;
use super::values::{self, LogTo};
use super::{Origin, SettingRow, Sourced};

/// The settings of operations, checked.
#[derive(Debug, Clone)]
pub struct Operations {
    /// How many lists and entries the metrics tell apart.
    pub metric_series: Sourced<u64>,
    /// Whether KAZOO's nodes are told of this worker.
    pub advertise: Sourced<bool>,
    /// Who gets traces.
    pub otel_endpoint: Sourced<Option<Url>>,
    /// Where the service's log lines go.
    pub log_to: Sourced<LogTo>,
}

impl Operations {
    /// `None` only beside a problem. All are looked at before, so that all problems are told.
    pub(super) fn load(r: &mut Resolver<'_>) -> Option<Self> {
        let metric_series =
            r.one_or_default(&r::METRIC_SERIES, |text| values::whole_number(text, 0..=100_000));
        let advertise = r.one_or_default(&r::ADVERTISE, values::switch);
        let otel_endpoint = r.one_or_default(&r::OTEL_ENDPOINT, values::otel_endpoint);
        let log_to = r.one_or_default(&r::LOG_TO, values::log_to);
        Some(Self {
            metric_series: metric_series?,
            advertise: advertise?,
            otel_endpoint: otel_endpoint?,
            log_to: log_to?,
        })
    }

    /// Lines of the table of settings: series, advertisement, traces; log.
    pub(super) fn rows(&self) -> [SettingRow; 4] {
        let row = |name, value: String, origin: &Origin| SettingRow {
            name,
            value,
            origin: origin.to_string(),
        };
        let (series, advertise, log) = (&self.metric_series, &self.advertise, &self.log_to);
        let traces = self.otel_endpoint.value.as_ref();
        let traces = traces.map_or_else(|| "none".to_owned(), Url::to_string);
        [
            row(r::METRIC_SERIES.name, series.value.to_string(), &series.origin),
            row(
                r::ADVERTISE.name,
                if advertise.value { "on" } else { "off" }.to_owned(),
                &advertise.origin,
            ),
            row(r::OTEL_ENDPOINT.name, traces, &self.otel_endpoint.origin),
            row(r::LOG_TO.name, log.value.to_string(), &log.origin),
        ]
    }
}
