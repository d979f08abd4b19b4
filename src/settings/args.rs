//! The flags.

use std::fmt;

use clap::Args;

use super::reference as r;

/// A flag's value that may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(pub String);

impl From<String> for Sensitive {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&super::redacted(&self.0))
    }
}

/// The flags that every subcommand has, as text: they are understood together with the environment
/// and `config.ini`, so that all mistakes are reported at once.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct GlobalArgs {
    #[arg(long, global = true, value_name = "PATH", help = r::CONFIG.help(), long_help = r::CONFIG.long_help())]
    pub(super) config: Option<String>,

    #[arg(long, global = true, value_name = "URI", help = r::AMQP_URI.help(), long_help = r::AMQP_URI.long_help())]
    pub(super) amqp_uri: Vec<Sensitive>,

    #[arg(long, global = true, value_name = "URI", help = r::COUCHDB_URI.help(), long_help = r::COUCHDB_URI.long_help())]
    pub(super) couchdb_uri: Option<Sensitive>,

    #[arg(long, global = true, value_name = "TIME", help = r::COUCHDB_TIMEOUT.help(), long_help = r::COUCHDB_TIMEOUT.long_help())]
    pub(super) couchdb_timeout: Option<String>,

    #[arg(long, global = true, value_name = "NAME@HOST", help = r::NODE.help(), long_help = r::NODE.long_help())]
    pub(super) node: Option<String>,

    #[arg(long, global = true, value_name = "NAME@HOST", help = r::CONFIG_NODE.help(), long_help = r::CONFIG_NODE.long_help())]
    pub(super) config_node: Option<String>,

    #[arg(long, global = true, value_name = "ZONE", help = r::ZONE.help(), long_help = r::ZONE.long_help())]
    pub(super) zone: Option<String>,

    #[arg(long, global = true, value_name = "SEAMS", help = r::SEAMS.help(), long_help = r::SEAMS.long_help())]
    pub(super) seams: Option<String>,

    #[arg(long, global = true, value_name = "ADDRESS", help = r::LISTEN.help(), long_help = r::LISTEN.long_help())]
    pub(super) listen: Option<String>,

    #[arg(long, global = true, value_name = "TIME", help = r::GRACE.help(), long_help = r::GRACE.long_help())]
    pub(super) grace: Option<String>,

    #[arg(long, global = true, value_name = "TIME", help = r::CACHE_TTL.help(), long_help = r::CACHE_TTL.long_help())]
    pub(super) cache_ttl: Option<String>,

    #[arg(long, global = true, value_name = "NUMBER", help = r::CACHE_CAPACITY.help(), long_help = r::CACHE_CAPACITY.long_help())]
    pub(super) cache_capacity: Option<String>,

    #[arg(long, global = true, value_name = "NUMBER", help = r::RECORDS.help(), long_help = r::RECORDS.long_help())]
    pub(super) records: Option<String>,

    #[arg(long, global = true, value_name = "on|off", help = r::MASK_NUMBERS.help(), long_help = r::MASK_NUMBERS.long_help())]
    pub(super) mask_numbers: Option<String>,

    #[arg(long, global = true, value_name = "FORMAT", help = r::LOG_FORMAT.help(), long_help = r::LOG_FORMAT.long_help())]
    pub(super) log_format: Option<String>,

    #[command(flatten)]
    pub(super) limits: LimitArgs,

    #[command(flatten)]
    pub(super) security: SecurityArgs,

    #[command(flatten)]
    pub(super) operations: OperationArgs,
}

/// The flags of what an operator and the cluster see of the worker.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Operations")]
pub(super) struct OperationArgs {
    #[arg(long, global = true, value_name = "NUMBER", help = r::METRIC_SERIES.help(), long_help = r::METRIC_SERIES.long_help())]
    metric_series: Option<String>,

    #[arg(long, global = true, value_name = "on|off", help = r::ADVERTISE.help(), long_help = r::ADVERTISE.long_help())]
    advertise: Option<String>,

    #[arg(long, global = true, value_name = "URL", help = r::OTEL_ENDPOINT.help(), long_help = r::OTEL_ENDPOINT.long_help())]
    otel_endpoint: Option<String>,
    #[arg(long, global = true, value_name = "WHERE", help = r::LOG_TO.help(), long_help = r::LOG_TO.long_help())]
    log_to: Option<String>,
}

/// The flags of TLS and of the HTTP listener's guard. Paths and names, never a key or password.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Security")]
pub(super) struct SecurityArgs {
    #[arg(long, global = true, value_name = "FILE", help = r::AMQP_CA.help(), long_help = r::AMQP_CA.long_help())]
    amqp_ca: Option<String>,

    #[arg(long, global = true, value_name = "FILE", help = r::AMQP_CERT.help(), long_help = r::AMQP_CERT.long_help())]
    amqp_cert: Option<String>,

    #[arg(long, global = true, value_name = "FILE", help = r::AMQP_KEY.help(), long_help = r::AMQP_KEY.long_help())]
    amqp_key: Option<String>,

    #[arg(long, global = true, value_name = "NAMES", help = r::HTTP_HOSTS.help(), long_help = r::HTTP_HOSTS.long_help())]
    http_hosts: Option<String>,

    #[arg(long, global = true, value_name = "WHO", help = r::CONSOLE.help(), long_help = r::CONSOLE.long_help())]
    console: Option<String>,
}

/// The flags that bound what the worker takes on.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    #[arg(long, global = true, value_name = "NUMBER", help = r::PREFETCH.help(), long_help = r::PREFETCH.long_help())]
    prefetch: Option<String>,

    #[arg(long, global = true, value_name = "NUMBER", help = r::ACCOUNT_RATE.help(), long_help = r::ACCOUNT_RATE.long_help())]
    account_rate: Option<String>,

    #[arg(long, global = true, value_name = "TIME", help = r::CACHE_STALE.help(), long_help = r::CACHE_STALE.long_help())]
    cache_stale: Option<String>,

    #[arg(long, global = true, value_name = "TIME", help = r::READ_DEADLINE.help(), long_help = r::READ_DEADLINE.long_help())]
    read_deadline: Option<String>,

    #[arg(long, global = true, value_name = "SIZE", help = r::MAX_MESSAGE.help(), long_help = r::MAX_MESSAGE.long_help())]
    max_message: Option<String>,

    #[arg(long, global = true, value_name = "NUMBER", help = r::MAX_DEPTH.help(), long_help = r::MAX_DEPTH.long_help())]
    max_depth: Option<String>,

    #[arg(long, global = true, value_name = "NUMBER", help = r::MAX_LIST_ROWS.help(), long_help = r::MAX_LIST_ROWS.long_help())]
    max_list_rows: Option<String>,

    #[arg(long, global = true, value_name = "NUMBER", help = r::MAX_PATTERNS.help(), long_help = r::MAX_PATTERNS.long_help())]
    max_patterns: Option<String>,

    #[arg(long, global = true, value_name = "NUMBER", help = r::MATCH_LIMIT.help(), long_help = r::MATCH_LIMIT.long_help())]
    match_limit: Option<String>,
}

impl GlobalArgs {
    /// What the command line gives for a setting; several texts only where a flag may repeat.
    pub(super) fn values(&self, setting: &str) -> Vec<&str> {
        let one = match setting {
            "config" => &self.config,
            "amqp-uri" => return self.amqp_uri.iter().map(|uri| uri.0.as_str()).collect(),
            "couchdb-uri" => return self.couchdb_uri.iter().map(|uri| uri.0.as_str()).collect(),
            "couchdb-timeout" => &self.couchdb_timeout,
            "node" => &self.node,
            "config-node" => &self.config_node,
            "zone" => &self.zone,
            "seams" => &self.seams,
            "listen" => &self.listen,
            "grace" => &self.grace,
            "cache-ttl" => &self.cache_ttl,
            "cache-capacity" => &self.cache_capacity,
            "records" => &self.records,
            "mask-numbers" => &self.mask_numbers,
            "log-format" => &self.log_format,
            "amqp-ca" => &self.security.amqp_ca,
            "amqp-cert" => &self.security.amqp_cert,
            "amqp-key" => &self.security.amqp_key,
            "http-hosts" => &self.security.http_hosts,
            "console" => &self.security.console,
            "metric-series" => &self.operations.metric_series,
            "advertise" => &self.operations.advertise,
            "otel-endpoint" => &self.operations.otel_endpoint,
            "log-to" => &self.operations.log_to,
            other => return self.limits.value(other).into_iter().collect(),
        };
        one.iter().map(String::as_str).collect()
    }
}

impl LimitArgs {
    fn value(&self, setting: &str) -> Option<&str> {
        let value = match setting {
            "prefetch" => &self.prefetch,
            "account-rate" => &self.account_rate,
            "cache-stale" => &self.cache_stale,
            "read-deadline" => &self.read_deadline,
            "max-message" => &self.max_message,
            "max-depth" => &self.max_depth,
            "max-list-rows" => &self.max_list_rows,
            "max-patterns" => &self.max_patterns,
            "match-limit" => &self.match_limit,
            _ => &None,
        };
        value.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Example {
        #[command(flatten)]
        settings: GlobalArgs,
    }

    #[test]
    fn every_flag_of_the_reference_exists_and_is_read() {
        for setting in r::reference() {
            let Some(flag) = setting.flag else { continue };
            let example = Example::try_parse_from(["test", flag, "value"]).unwrap();
            assert_eq!(example.settings.values(setting.name), ["value"], "{flag}");
        }
    }

    #[test]
    fn every_flag_is_in_the_reference() {
        let documented: Vec<_> = r::reference().iter().filter_map(|setting| setting.flag).collect();
        for argument in Example::command().get_arguments() {
            let Some(long) = argument.get_long() else { continue };
            assert!(documented.contains(&format!("--{long}").as_str()), "{long}");
        }
    }

    #[test]
    fn the_help_names_the_variable_and_the_default() {
        let help = Example::command().render_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in r::reference().iter().filter(|setting| setting.flag.is_some()) {
            let variable = format!("[env: {}]", setting.variable.unwrap());
            assert!(help.contains(&variable), "{variable} in {help}");
            assert!(help.contains(&format!("[default: {}]", setting.default)), "{}", setting.name);
        }
    }

    #[test]
    fn passwords_of_flags_are_not_shown() {
        let example = Example::try_parse_from([
            "test",
            "--amqp-uri=amqp://guest:s3cret@host",
            "--couchdb-uri",
            "http://admin:s3cret@host",
        ]);
        let shown = format!("{:?}", example.unwrap());
        assert!(shown.contains("guest:…@host") && !shown.contains("s3cret"), "{shown}");
    }
}
