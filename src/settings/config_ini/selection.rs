//! Which sections hold for this machine.
//!
//! Source: `kz_config.erl` (`format_sections`, `local_sections`, `get_values`, `zone/0`).

use std::cell::OnceCell;

use super::{ConfigIni, Section};
use crate::settings::environment::Environment;

/// The zone of a machine for which nobody named one.
pub const DEFAULT_ZONE: &str = "local";

/// The section whose `zone` tells a machine's zone. KAZOO takes the section named like the node
/// (the part before `@`); KAZOO's own applications run as `kazoo_apps`.
const NODE_SECTION: &str = "kazoo_apps";

/// Who asks: the machine's resolved name, found out only when a section wants it.
pub(in crate::settings) struct Viewpoint<'a> {
    environment: &'a dyn Environment,
    host: OnceCell<String>,
}

impl<'a> Viewpoint<'a> {
    /// The machine behind an environment.
    pub(in crate::settings) fn new(environment: &'a dyn Environment) -> Self {
        Self { environment, host: OnceCell::new() }
    }

    /// The name that `host = …` is compared with.
    pub(in crate::settings) fn host(&self) -> &str {
        self.host.get_or_init(|| self.environment.resolved_host_name())
    }
}

/// Why sections were selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::settings) enum Kind {
    /// One section for this host.
    Host,
    /// The sections for this zone.
    Zone,
    /// The sections for everyone.
    Generic,
}

/// The sections of one name that hold here, in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::settings) struct Selected<'a> {
    /// Why these.
    pub(in crate::settings) kind: Kind,
    /// The sections; empty where none holds.
    pub(in crate::settings) sections: Vec<&'a Section>,
}

impl<'a> Selected<'a> {
    /// All values of a key over the selected sections, in file order.
    pub(in crate::settings) fn values(&self, key: &'a str) -> Vec<&'a str> {
        self.sections.iter().flat_map(|section| section.all(key)).collect()
    }
}

impl ConfigIni {
    /// The sections of a name for a machine in a zone: one with this `host` alone; else those with
    /// this `zone`; else those with neither key.
    pub(in crate::settings) fn select<'a>(
        &'a self,
        name: &'a str,
        from: &Viewpoint<'_>,
        zone: &str,
    ) -> Selected<'a> {
        let whose = |section: &Section| section.first("zone").map(|name| name == zone);
        self.select_by(name, from, whose)
    }

    /// [`select`](Self::select) without regard to zones (`get_section/1`).
    pub(super) fn select_any_zone<'a>(
        &'a self,
        name: &'a str,
        from: &Viewpoint<'_>,
    ) -> Selected<'a> {
        self.select_by(name, from, |_| None)
    }

    /// `in_zone`: whether a section is for this zone, `None` where it is for all.
    fn select_by<'a>(
        &'a self,
        name: &'a str,
        from: &Viewpoint<'_>,
        in_zone: impl Fn(&Section) -> Option<bool>,
    ) -> Selected<'a> {
        let (mut zoned, mut generic) = (Vec::new(), Vec::new());
        for section in self.sections(name) {
            match (section.first("host"), in_zone(section)) {
                (Some(host), _) if host == from.host() => {
                    return Selected { kind: Kind::Host, sections: vec![section] };
                }
                (Some(_), _) | (None, Some(false)) => {}
                (None, Some(true)) => zoned.push(section),
                (None, None) => generic.push(section),
            }
        }
        if zoned.is_empty() {
            Selected { kind: Kind::Generic, sections: generic }
        } else {
            Selected { kind: Kind::Zone, sections: zoned }
        }
    }

    /// Whether KAZOO writes nothing into `system_config` (`kapps_config:is_locked/0`). It takes the
    /// word `true` alone for that, and dies at each write where the key stands twice.
    pub(in crate::settings) fn locks_system_config(
        &self,
        from: &Viewpoint<'_>,
        zone: &str,
    ) -> bool {
        self.select("kazoo_apps", from, zone).values("lock_system_config").contains(&"true")
    }

    /// The zone this file gives the machine, and what to tell an operator whose intention KAZOO
    /// passes over.
    pub(in crate::settings) fn zone(&self, from: &Viewpoint<'_>) -> (Option<&str>, Option<String>) {
        // While KAZOO works out its zone, that zone reads as `local`: a node section with `zone`
        // but without this machine's `host` is for another zone then, and dropped.
        let selected = self.select(NODE_SECTION, from, DEFAULT_ZONE);
        let zone = selected.sections.iter().find_map(|section| section.first("zone"));
        let passed_over = self
            .sections(NODE_SECTION)
            .find(|section| section.first("host").is_none() && section.first("zone").is_some());
        let notice = match (zone, passed_over.and_then(|section| section.first("zone"))) {
            (None, Some(unused)) => Some(format!(
                "[{NODE_SECTION}] has zone {unused} without this machine's host, and so KAZOO \
                 passes over it; add `host = {}` or set the zone for this worker",
                from.host()
            )),
            _ => None,
        };
        (zone, notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::environment::fake::Fake;

    /// `host`, `zone` and value of each `[s]`, `-` for absent.
    fn file(sections: &[(&str, &str, &str)]) -> ConfigIni {
        let mut text = String::new();
        for (host, zone, value) in sections {
            text.push_str("[other]\nx = 1\n[s]\n");
            for (key, value) in [("host", host), ("zone", zone), ("v", value)] {
                if *value != "-" {
                    text.extend([key, " = \"", value, "\"\n"]);
                }
            }
        }
        ConfigIni::parse(&text).unwrap()
    }

    #[test]
    fn sections_are_chosen_by_host_then_zone_then_neither() {
        const HERE: &str = "apps1.east.example.com";
        type Rows = &'static [(&'static str, &'static str, &'static str)];
        let cases: [(Rows, Kind, &[&str]); 8] = [
            (&[("-", "-", "a"), ("-", "-", "b")], Kind::Generic, &["a", "b"]),
            (&[("-", "-", "a"), ("-", "east", "b"), ("-", "east", "c")], Kind::Zone, &["b", "c"]),
            (&[("-", "east", "a"), (HERE, "-", "b"), (HERE, "-", "c")], Kind::Host, &["b"]),
            (&[(HERE, "west", "a"), ("-", "-", "b")], Kind::Host, &["a"]),
            (&[("elsewhere", "east", "a"), ("-", "-", "b")], Kind::Generic, &["b"]),
            (&[("-", "west", "a"), ("-", "-", "b")], Kind::Generic, &["b"]),
            (&[("apps1", "-", "a")], Kind::Generic, &[]),
            (&[], Kind::Generic, &[]),
        ];
        for (sections, kind, values) in cases {
            let config = file(sections);
            let fake = Fake::new();
            let selected = config.select("s", &Viewpoint::new(&fake), "east");
            assert_eq!(
                (selected.kind, selected.values("v").as_slice()),
                (kind, values),
                "{sections:?}"
            );
        }
    }

    #[test]
    fn the_name_is_resolved_only_where_a_section_asks() {
        struct Unresolvable;
        impl Environment for Unresolvable {
            fn var(&self, _: &str) -> Option<String> {
                None
            }
            fn host_name(&self) -> String {
                panic!("nobody asked")
            }
        }
        let config = ConfigIni::parse("[s]\nzone = east\n[s]\nv = 1").unwrap();
        assert_eq!(config.select("s", &Viewpoint::new(&Unresolvable), "east").kind, Kind::Zone);
    }

    #[test]
    fn the_lock_of_settings_is_read_where_kazoo_reads_it() {
        const HERE: &str = "apps1.east.example.com";
        for (text, locked) in [
            ("[kazoo_apps]\nlock_system_config = true", true),
            ("[kazoo_apps]\nlock_system_config = \"true\"", true),
            ("[kazoo_apps]\nlock_system_config = false", false),
            ("[kazoo_apps]\nlock_system_config = True", false),
            ("[kazoo_apps]\nlock_system_config = false\nlock_system_config = true", true),
            ("[kazoo_apps]\ncookie = x", false),
            ("[dynamic_cid]\nlock_system_config = true", false),
            ("[kazoo_apps]\nzone = east\nlock_system_config = true", true),
            ("[kazoo_apps]\nzone = west\nlock_system_config = true", false),
            (
                &format!(
                    "[kazoo_apps]\nlock_system_config = true\n[kazoo_apps]\nhost = {HERE}\nzone = east"
                ),
                false,
            ),
        ] {
            let config = ConfigIni::parse(text).unwrap();
            let fake = Fake::new();
            assert_eq!(
                config.locks_system_config(&Viewpoint::new(&fake), "east"),
                locked,
                "{text}"
            );
        }
    }

    #[test]
    fn the_zone_counts_only_beside_this_host() {
        for (text, zone, noticed) in [
            ("[kazoo_apps]\nzone = east\nhost = apps1.east.example.com", Some("east"), false),
            ("[kazoo_apps]\nzone = east\nhost = apps1", None, false),
            ("[kazoo_apps]\nzone = east", None, true),
            ("[kazoo_apps]\nzone = local", Some("local"), false),
            (
                "[kazoo_apps]\nhost = b\nzone = west\n[kazoo_apps]\nhost = apps1.east.example.com\nzone = east",
                Some("east"),
                false,
            ),
            ("[ecallmgr]\nzone = east\nhost = apps1.east.example.com", None, false),
            ("", None, false),
        ] {
            let config = ConfigIni::parse(text).unwrap();
            let fake = Fake::new();
            let (found, notice) = config.zone(&Viewpoint::new(&fake));
            assert_eq!((found, notice.is_some()), (zone, noticed), "{text}");
        }
    }
}
