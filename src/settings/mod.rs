//! What the operator decides.
//!
//! Each setting comes from the first of: flag, environment, the `[dynamic_cid]` section of KAZOO's
//! `config.ini`, KAZOO's own sections there, default. [`reference()`] lists all of them.
//! [`Settings::load`] reads everything before it judges anything, so that one run names every
//! mistake; every value remembers its [`Origin`]; no password is ever shown.

mod args;
mod config_ini;
mod connections;
mod environment;
mod limits;
mod load;
mod operations;
mod origin;
mod problem;
mod reference;
mod resolver;
mod secrets;
mod tls;
mod uri;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use crate::operations::records::Masking;

pub use self::args::{GlobalArgs, Sensitive};
pub use self::config_ini::{ConfigIni, DEFAULT_ZONE, FileError, RemoteZone, Section, SyntaxError};
pub use self::environment::{Environment, Process};
pub use self::limits::Limits;
pub use self::operations::Operations;
pub use self::origin::{Origin, Sourced};
pub use self::problem::{EXIT_USAGE, Problem, Problems};
pub use self::reference::{SettingDoc, reference};
pub use self::secrets::file_variable;
pub use self::tls::{AmqpTls, Identity};
pub use self::uri::{ServerUri, UriError, redacted};
pub use self::values::{ConsoleAccess, Listen, LogFormat, LogTo, Seams};

/// All settings of a worker, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `config.ini` in use, `None` where there is none.
    pub config_file: Sourced<Option<PathBuf>>,
    /// The brokers of the local zone in the order in which they are tried; never empty.
    pub amqp: Sourced<Vec<ServerUri>>,
    /// What is needed for `amqps`.
    pub tls: AmqpTls,
    /// The brokers of the other zones.
    pub remote_zones: Vec<RemoteZone<ServerUri>>,
    /// CouchDB, credentials inside.
    pub couchdb: Sourced<ServerUri>,
    /// The user for CouchDB and where it comes from, which need not be where the address does.
    pub couchdb_user: Sourced<Option<String>>,
    /// How long one request to CouchDB may take.
    pub couchdb_timeout: Sourced<Duration>,
    /// Our own node name, `name@host`.
    pub node: Sourced<String>,
    /// The KAZOO node whose sections of `system_config` documents hold for us.
    pub config_node: Sourced<Option<String>>,
    /// Our zone.
    pub zone: Sourced<String>,
    /// The seams that are on.
    pub seams: Sourced<Seams>,
    /// Where HTTP is answered.
    pub listen: Sourced<Listen>,
    /// Further names under which the HTTP listener may be asked for everything.
    pub http_hosts: Sourced<Vec<String>>,
    /// Who may open the console.
    pub console: Sourced<ConsoleAccess>,
    /// How long calls in flight may take to finish when we are told to stop.
    pub grace: Sourced<Duration>,
    /// How long a document is trusted without news.
    pub cache_ttl: Sourced<Duration>,
    /// How many documents and lists are kept.
    pub cache_capacity: Sourced<u64>,
    /// What bounds the rest.
    pub limits: Limits,
    /// How many finished calls are remembered.
    pub records: Sourced<u64>,
    /// Whether numbers are shown in full.
    pub masking: Sourced<Masking>,
    /// What an operator and the cluster see.
    pub operations: Operations,
    /// Form of the log lines.
    pub log_format: Sourced<LogFormat>,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
    pub log_filter: Sourced<String>,
    /// Whether KAZOO's `config.ini` locks `system_config` (`lock_system_config`).
    pub system_config_locked: bool,
    /// What an operator should know about how these values came about; to be logged as warnings.
    pub notices: Vec<String>,
}

/// One line of the table of settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow {
    /// The setting's name.
    pub name: &'static str,
    /// Its value as it may be shown.
    pub value: String,
    /// Its origin, as an operator would say it.
    pub origin: String,
}

impl Settings {
    /// The settings in force, without passwords, in the order of [`reference()`].
    pub fn rows(&self) -> Vec<SettingRow> {
        let none = || "none".to_owned();
        let config = self.config_file.as_ref().map(|path| path.display().to_string());
        let brokers: Vec<_> = self.amqp.iter().map(ToString::to_string).collect();
        let password = if self.couchdb.expose().password().is_some() { "set" } else { "none" };
        let row = |setting: SettingDoc, value: String, origin: &Origin| SettingRow {
            name: setting.name,
            value,
            origin: origin.to_string(),
        };
        let time = |setting, time: &Sourced<Duration>| {
            row(setting, values::duration_text(time.value), &time.origin)
        };
        let number =
            |setting, number: &Sourced<u64>| row(setting, number.value.to_string(), &number.origin);
        let file = |setting, path: &Sourced<Option<PathBuf>>| {
            let shown = path.as_ref().map_or_else(none, |path| path.display().to_string());
            row(setting, shown, &path.origin)
        };
        let hosts = self.http_hosts.join(", ");
        let hosts = if hosts.is_empty() { none() } else { hosts };
        let (user, limits) = (&self.couchdb_user, &self.limits);
        let [series, advertise, traces, log_to] = self.operations.rows();
        let config_node = self.config_node.value.clone().unwrap_or_else(none);
        vec![
            row(reference::CONFIG, config.unwrap_or_else(none), &self.config_file.origin),
            row(reference::AMQP_URI, brokers.join(", "), &self.amqp.origin),
            file(reference::AMQP_CA, &self.tls.ca),
            file(reference::AMQP_CERT, &self.tls.cert),
            file(reference::AMQP_KEY, &self.tls.key),
            row(reference::COUCHDB_URI, self.couchdb.to_string(), &self.couchdb.origin),
            row(reference::COUCHDB_USERNAME, user.value.clone().unwrap_or_else(none), &user.origin),
            row(reference::COUCHDB_PASSWORD, password.to_owned(), &user.origin),
            time(reference::COUCHDB_TIMEOUT, &self.couchdb_timeout),
            row(reference::NODE, self.node.value.clone(), &self.node.origin),
            row(reference::CONFIG_NODE, config_node, &self.config_node.origin),
            row(reference::ZONE, self.zone.value.clone(), &self.zone.origin),
            row(reference::SEAMS, self.seams.value.to_string(), &self.seams.origin),
            row(reference::LISTEN, self.listen.value.to_string(), &self.listen.origin),
            row(reference::HTTP_HOSTS, hosts, &self.http_hosts.origin),
            row(reference::CONSOLE, self.console.value.to_string(), &self.console.origin),
            time(reference::GRACE, &self.grace),
            number(reference::PREFETCH, &limits.prefetch.clone().map(u64::from)),
            time(reference::CACHE_TTL, &self.cache_ttl),
            time(reference::CACHE_STALE, &limits.cache_stale),
            number(reference::CACHE_CAPACITY, &self.cache_capacity),
            time(reference::READ_DEADLINE, &limits.read_deadline),
            number(reference::ACCOUNT_RATE, &limits.account_rate),
            row(
                reference::MAX_MESSAGE,
                values::size_text(limits.max_message.value),
                &limits.max_message.origin,
            ),
            number(reference::MAX_DEPTH, &limits.max_depth),
            number(reference::MAX_LIST_ROWS, &limits.max_list_rows),
            number(reference::MAX_PATTERNS, &limits.max_patterns),
            number(reference::MATCH_LIMIT, &limits.match_limit),
            number(reference::RECORDS, &self.records),
            row(
                reference::MASK_NUMBERS,
                values::masking_text(self.masking.value).to_owned(),
                &self.masking.origin,
            ),
            series,
            advertise,
            traces,
            row(reference::LOG_FORMAT, self.log_format.value.to_string(), &self.log_format.origin),
            log_to,
            row(reference::LOG_FILTER, self.log_filter.value.clone(), &self.log_filter.origin),
        ]
    }
}
