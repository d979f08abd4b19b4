//! The settings of what an operator and the cluster see of the worker.

use super::{SettingDoc, doc};

setting!(
    METRIC_SERIES,
    "metric-series",
    "metric_series",
    "METRIC_SERIES",
    doc(
        "1000",
        "a whole number from 0 to 100000",
        "How many lists and list entries are counted by name in the metrics; others as `other`",
        None,
    )
);
setting!(
    ADVERTISE,
    "advertise",
    "advertise",
    "ADVERTISE",
    doc(
        "off",
        "`on` or `off`",
        "Whether the worker tells KAZOO's nodes of itself, so that `sup kz_nodes status` shows it",
        None,
    )
);
setting!(
    OTEL_ENDPOINT,
    "otel-endpoint",
    "otel_endpoint",
    "OTEL_ENDPOINT",
    doc(
        "none",
        "`none`, or an address such as `http://127.0.0.1:4318`",
        "The OpenTelemetry collector that gets a trace of each call",
        Some("By OTLP over HTTP. Only in binaries that were built with the feature `otel`."),
    )
);
setting!(
    LOG_TO,
    "log-to",
    "log_to",
    "LOG_TO",
    doc("stdout", "`stdout`, `journald` or `syslog`", "Where the service's log lines go", None,)
);
