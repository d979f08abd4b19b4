//! Every setting, described once. The help text, the problems and the documentation come from here.

use super::file_variable;

/// One setting as an operator sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingDoc {
    /// Its name, as problems and the console print it.
    pub name: &'static str,
    /// The command line flag.
    pub flag: Option<&'static str>,
    /// The environment variable.
    pub variable: Option<&'static str>,
    /// Whether the value may hold a password, and may therefore come from a file of its own.
    pub secret: bool,
    /// The key in the `[dynamic_cid]` section of `config.ini`.
    pub key: Option<&'static str>,
    /// What KAZOO's own sections and variables say where none of the above is given.
    pub kazoo: Option<&'static str>,
    /// The value where nobody gives one.
    pub default: &'static str,
    /// What can be given.
    pub allowed: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

impl SettingDoc {
    /// One line for `-h`.
    pub fn help(&self) -> String {
        let variable = self.variable.map_or_else(String::new, |name| format!(" [env: {name}]"));
        format!("{}{variable} [default: {}]", self.meaning, self.default)
    }

    /// All there is to say, for `--help`.
    pub fn long_help(&self) -> String {
        let mut text = format!("{}\n\nAllowed: {}.\n", self.meaning, self.allowed);
        for (title, value) in [
            ("Environment", self.variable.map(str::to_owned)),
            ("File", file_variable(self).map(|name| format!("its first line, named by {name}"))),
            ("config.ini", self.key.map(|key| format!("`{key}` in [dynamic_cid]"))),
            ("KAZOO", self.kazoo.map(str::to_owned)),
            ("Default", Some(self.default.to_owned())),
        ] {
            if let Some(value) = value {
                text.extend([title, ": ", &value, "\n"]);
            }
        }
        text
    }
}

macro_rules! setting {
    ($constant:ident, $name:literal, $key:literal, $suffix:literal, $rest:expr) => {
        pub(in crate::settings) const $constant: SettingDoc = SettingDoc {
            name: $name,
            flag: Some(concat!("--", $name)),
            variable: Some(concat!("KAZOO_DYNAMIC_CID_", $suffix)),
            key: Some($key),
            ..$rest
        };
    };
}

/// The parts every setting has to give itself.
const fn doc(
    default: &'static str,
    allowed: &'static str,
    meaning: &'static str,
    kazoo: Option<&'static str>,
) -> SettingDoc {
    SettingDoc {
        name: "",
        flag: None,
        variable: None,
        secret: false,
        key: None,
        kazoo,
        default,
        allowed,
        meaning,
    }
}

/// Marks what may hold a password.
const fn secret(setting: SettingDoc) -> SettingDoc {
    SettingDoc { secret: true, ..setting }
}

mod limits;
mod operations;
mod security;

pub(super) use limits::{
    ACCOUNT_RATE, CACHE_STALE, MATCH_LIMIT, MAX_DEPTH, MAX_LIST_ROWS, MAX_MESSAGE, MAX_PATTERNS,
    PREFETCH, READ_DEADLINE,
};
pub(super) use operations::{ADVERTISE, LOG_TO, METRIC_SERIES, OTEL_ENDPOINT};
pub(super) use security::{AMQP_CA, AMQP_CERT, AMQP_KEY, CONSOLE, HTTP_HOSTS};

const NODE_NAME: &str = "name@host of letters, digits and `_ - .`, at most 128 characters";

pub(super) const CONFIG: SettingDoc = SettingDoc {
    name: "config",
    flag: Some("--config"),
    variable: Some("KAZOO_CONFIG"),
    ..doc(
        "/etc/kazoo/config.ini, then /etc/kazoo/core/config.ini",
        "the path of a file in the form of KAZOO's config.ini",
        "KAZOO's config.ini, which tells where RabbitMQ and CouchDB are",
        None,
    )
};
setting!(
    AMQP_URI,
    "amqp-uri",
    "amqp_uri",
    "AMQP_URI",
    secret(doc(
        "amqp://guest:guest@localhost:5672",
        "amqp:// or amqps:// addresses with at most a virtual host behind the host, separated by \
     commas or given repeatedly; tried in the order given",
        "RabbitMQ, the brokers of this zone",
        Some(
            "`amqp_uri` and `uri` of the [zone] with this zone's name, else `uri` of [amqp]; in byte order"
        ),
    ))
);
setting!(
    COUCHDB_URI,
    "couchdb-uri",
    "couchdb_uri",
    "COUCHDB_URI",
    secret(doc(
        "http://localhost:5984",
        "an http:// or https:// address without a path; may hold user name and password",
        "CouchDB, where KAZOO's documents are",
        Some(
            "`ip`, `port`, `username`, `password`, `is_ssl` of [bigcouch] or the section that `config` of [data] names"
        ),
    ))
);
pub(super) const COUCHDB_USERNAME: SettingDoc = SettingDoc {
    name: "couchdb-username",
    variable: Some("KAZOO_DYNAMIC_CID_COUCHDB_USERNAME"),
    key: Some("couchdb_username"),
    secret: true,
    ..doc(
        "none",
        "any text",
        "User name for CouchDB where the address has none",
        Some("`username` of the section that has the address"),
    )
};
pub(super) const COUCHDB_PASSWORD: SettingDoc = SettingDoc {
    name: "couchdb-password",
    variable: Some("KAZOO_DYNAMIC_CID_COUCHDB_PASSWORD"),
    key: Some("couchdb_password"),
    secret: true,
    ..doc(
        "none",
        "any text, together with a user name",
        "Password for CouchDB where the address has none",
        Some("`password` of the section that has the address"),
    )
};
setting!(
    COUCHDB_TIMEOUT,
    "couchdb-timeout",
    "couchdb_timeout",
    "COUCHDB_TIMEOUT",
    doc("2s", "a time from 100ms to 60s", "How long one request to CouchDB may take", None,)
);
setting!(
    NODE,
    "node",
    "node",
    "NODE",
    doc(
        "kazoo_dynamic_cid@<host name>",
        NODE_NAME,
        "This worker's own name in the cluster; each worker needs another one",
        None,
    )
);
setting!(
    CONFIG_NODE,
    "config-node",
    "config_node",
    "CONFIG_NODE",
    doc(
        "none",
        NODE_NAME,
        "The KAZOO node whose sections of system_config documents hold for this worker",
        None,
    )
);
setting!(
    ZONE,
    "zone",
    "zone",
    "ZONE",
    doc(
        "local",
        "a name without blanks, at most 128 characters",
        "The KAZOO zone this worker serves",
        Some("variable KAZOO_ZONE, else `zone` of the [kazoo_apps] with this machine's `host`"),
    )
);
setting!(
    SEAMS,
    "seams",
    "seams",
    "SEAMS",
    doc(
        "execute",
        "execute (KAZOO master and 5), route (KAZOO 4.3), or both with a comma between",
        "How calls are taken over from KAZOO",
        None,
    )
);
setting!(
    LISTEN,
    "listen",
    "listen",
    "LISTEN",
    doc(
        "127.0.0.1:8090",
        "an IP address and a port such as 127.0.0.1:8090 or [::1]:8090, or `off`",
        "Where health, metrics and the console answer HTTP",
        None,
    )
);
setting!(
    GRACE,
    "grace",
    "grace",
    "GRACE",
    doc(
        "30s",
        "a time from 0s to 1h",
        "How long calls in flight may take to finish after SIGTERM",
        None,
    )
);
setting!(
    CACHE_TTL,
    "cache-ttl",
    "cache_ttl",
    "CACHE_TTL",
    doc(
        "60s",
        "a time from 1s to 24h",
        "How long a document is trusted when no change notice of KAZOO's comes",
        None,
    )
);
setting!(
    CACHE_CAPACITY,
    "cache-capacity",
    "cache_capacity",
    "CACHE_CAPACITY",
    doc(
        "20000",
        "a whole number from 100 to 10000000",
        "How many documents and lists are kept in memory",
        None,
    )
);
setting!(
    RECORDS,
    "records",
    "records",
    "RECORDS",
    doc(
        "1000",
        "a whole number from 0 to 100000",
        "How many finished calls are remembered for /calls and `explain`",
        None,
    )
);
setting!(
    MASK_NUMBERS,
    "mask-numbers",
    "mask_numbers",
    "MASK_NUMBERS",
    doc(
        "off",
        "`on` or `off`",
        "Whether logs and records show only the last three digits of numbers",
        None,
    )
);
setting!(
    LOG_FORMAT,
    "log-format",
    "log_format",
    "LOG_FORMAT",
    doc("text", "`text` or `json`", "Form of the log lines", None,)
);
pub(super) const LOG_FILTER: SettingDoc = SettingDoc {
    name: "log-filter",
    variable: Some("RUST_LOG"),
    ..doc(
        "info",
        "a level (error, warn, info, debug, trace) or a filter such as \
         `info,kazoo_dynamic_cid::amqp=debug`",
        "What is logged",
        None,
    )
};

/// All settings in the order in which an operator meets them.
pub fn reference() -> Vec<SettingDoc> {
    vec![
        CONFIG,
        AMQP_URI,
        AMQP_CA,
        AMQP_CERT,
        AMQP_KEY,
        COUCHDB_URI,
        COUCHDB_USERNAME,
        COUCHDB_PASSWORD,
        COUCHDB_TIMEOUT,
        NODE,
        CONFIG_NODE,
        ZONE,
        SEAMS,
        LISTEN,
        HTTP_HOSTS,
        CONSOLE,
        GRACE,
        PREFETCH,
        CACHE_TTL,
        CACHE_STALE,
        CACHE_CAPACITY,
        READ_DEADLINE,
        ACCOUNT_RATE,
        MAX_MESSAGE,
        MAX_DEPTH,
        MAX_LIST_ROWS,
        MAX_PATTERNS,
        MATCH_LIMIT,
        RECORDS,
        MASK_NUMBERS,
        METRIC_SERIES,
        ADVERTISE,
        OTEL_ENDPOINT,
        LOG_FORMAT,
        LOG_TO,
        LOG_FILTER,
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_settings_share_a_name_flag_variable_or_key() {
        let all = reference();
        let mut seen = HashSet::new();
        for setting in &all {
            for name in [Some(setting.name), setting.flag, setting.variable].into_iter().flatten() {
                assert!(seen.insert(name), "{name}");
            }
        }
        let keys: Vec<_> = all.iter().filter_map(|setting| setting.key).collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn every_setting_says_what_it_is() {
        for setting in reference() {
            for text in [setting.name, setting.default, setting.allowed, setting.meaning] {
                assert!(!text.is_empty(), "{setting:?}");
            }
            assert!(setting.variable.is_some(), "{}", setting.name);
        }
    }
}
