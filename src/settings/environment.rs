//! What the settings read of the machine, behind a trait so that tests can play another one.

use std::path::PathBuf;

/// The process environment and the machine's names.
pub trait Environment {
    /// The value of an environment variable, `None` where it is not set.
    fn var(&self, name: &str) -> Option<String>;

    /// The machine's own host name, as `hostname` prints it.
    fn host_name(&self) -> String;

    /// The machine's *resolved* host name, which KAZOO compares with `host = …` in `config.ini`.
    /// May wait for name servers.
    fn resolved_host_name(&self) -> String {
        self.host_name()
    }

    /// Where `config.ini` is looked for when nobody names one, in this order
    /// (`kazoo_config_init.erl`, `ini_files/0`).
    fn config_files(&self) -> Vec<PathBuf> {
        vec!["/etc/kazoo/config.ini".into(), "/etc/kazoo/core/config.ini".into()]
    }
}

/// The machine this process runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process;

/// `AI_CANONNAME` of `getaddrinfo`, the same number on Linux, the BSDs and macOS.
const CANONICAL_NAME: i32 = 2;

impl Environment for Process {
    fn var(&self, name: &str) -> Option<String> {
        // Lossy, so that a value with stray bytes is reported instead of passed over.
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn host_name(&self) -> String {
        gethostname::gethostname().to_string_lossy().into_owned()
    }

    /// As `kz_network_utils:get_hostname/0`: the canonical name of the machine's own name. Where it
    /// has none, Erlang answers with the name itself, and so does this.
    fn resolved_host_name(&self) -> String {
        let name = self.host_name();
        let hints = dns_lookup::AddrInfoHints {
            flags: CANONICAL_NAME,
            address: dns_lookup::AddrFamily::Inet.into(),
            socktype: dns_lookup::SockType::Stream.into(),
            ..Default::default()
        };
        dns_lookup::getaddrinfo(Some(&name), None, Some(hints))
            .ok()
            .and_then(|mut found| found.find_map(|entry| entry.ok()?.canonname))
            .unwrap_or(name)
    }
}

#[cfg(test)]
pub(super) mod fake {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use super::Environment;

    /// A machine made up by a test.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Fake {
        pub(crate) variables: HashMap<String, String>,
        pub(crate) resolved: String,
        pub(crate) files: Vec<PathBuf>,
    }

    impl Fake {
        pub(crate) fn new() -> Self {
            Self { resolved: "apps1.east.example.com".to_owned(), ..Self::default() }
        }

        pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
            self.variables.insert(name.to_owned(), value.to_owned());
            self
        }
    }

    impl Environment for Fake {
        fn var(&self, name: &str) -> Option<String> {
            self.variables.get(name).cloned()
        }

        fn host_name(&self) -> String {
            "apps1".to_owned()
        }

        fn resolved_host_name(&self) -> String {
            self.resolved.clone()
        }

        fn config_files(&self) -> Vec<PathBuf> {
            self.files.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_and_a_resolved_name() {
        assert!(!Process.host_name().is_empty());
        assert!(!Process.resolved_host_name().is_empty());
    }

    #[test]
    fn kazoo_looks_for_its_file_in_two_places() {
        assert_eq!(
            Process.config_files(),
            ["/etc/kazoo/config.ini", "/etc/kazoo/core/config.ini"].map(PathBuf::from)
        );
    }

    #[test]
    fn a_variable_that_is_not_set_is_absent() {
        assert_eq!(Process.var("KAZOO_DYNAMIC_CID_NO_SUCH_VARIABLE"), None);
    }
}
