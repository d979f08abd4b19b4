//! The brokers.
//!
//! Source: `kz_amqp_bootstrap.erl` (`get_config/0`, `import_zone/3`), `kz_amqp_connections.erl`
//! (`primary_broker/0`).

use std::collections::BTreeMap;

use super::{ConfigIni, DEFAULT_ZONE, Viewpoint};

/// The brokers of another zone, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteZone<U> {
    /// The zone.
    pub name: String,
    /// Its brokers.
    pub brokers: Vec<U>,
}

/// Broker addresses as written, each list in KAZOO's order: byte order, in which the first that
/// can be reached is the primary one. Not the order of the file.
#[derive(Clone, Default, PartialEq, Eq)]
pub(in crate::settings) struct Brokers {
    /// The section that names the local brokers; `None` where the file names none.
    pub(in crate::settings) section: Option<&'static str>,
    /// The local zone's brokers.
    pub(in crate::settings) local: Vec<String>,
    /// The other zones, by name.
    pub(in crate::settings) remote: Vec<RemoteZone<String>>,
    /// Zones are configured, but none of them is the local one.
    pub(in crate::settings) local_zone_missing: bool,
}

impl ConfigIni {
    /// The brokers of a zone and of all others.
    pub(in crate::settings) fn brokers(&self, from: &Viewpoint<'_>, zone: &str) -> Brokers {
        let zones = self.select_any_zone("zone", from).sections;
        let (section, taken) = if zones.is_empty() {
            ("amqp", self.select_any_zone("amqp", from).sections)
        } else {
            ("zone", zones)
        };
        let mut by_zone: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for broker_section in taken {
            let name = broker_section.first("name").or_else(|| broker_section.first("zone"));
            // KAZOO calls the local zone `local` here, so that a zone of this name joins it.
            let Some(name) = name.map(|name| if name == zone { DEFAULT_ZONE } else { name }) else {
                continue;
            };
            let addresses = ["amqp_uri", "uri"].into_iter().flat_map(|key| broker_section.all(key));
            by_zone.entry(name).or_default().extend(addresses.map(str::to_owned));
        }
        let local = by_zone.remove(DEFAULT_ZONE).filter(|found| !found.is_empty());
        let remote: Vec<_> = by_zone
            .into_iter()
            .map(|(name, brokers)| RemoteZone { name: name.to_owned(), brokers: ordered(brokers) })
            .collect();
        match local {
            Some(local) => {
                let (section, local) = (Some(section), ordered(local));
                Brokers { section, local, remote, local_zone_missing: false }
            }
            None => self.brokers_without_zone(from, zone, remote),
        }
    }

    fn brokers_without_zone(
        &self,
        from: &Viewpoint<'_>,
        zone: &str,
        remote: Vec<RemoteZone<String>>,
    ) -> Brokers {
        let uris = self.select("amqp", from, zone).values("uri");
        Brokers {
            section: (!uris.is_empty()).then_some("amqp"),
            local: ordered(uris.into_iter().map(str::to_owned).collect()),
            local_zone_missing: !remote.is_empty(),
            remote,
        }
    }
}

/// Byte order, each address once: KAZOO opens a second connection for a repeated address, which
/// this worker has no use for.
fn ordered(mut brokers: Vec<String>) -> Vec<String> {
    brokers.sort();
    brokers.dedup();
    brokers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::environment::fake::Fake;

    fn brokers(text: &str, zone: &str) -> Brokers {
        let fake = Fake::new();
        ConfigIni::parse(text).unwrap().brokers(&Viewpoint::new(&fake), zone)
    }

    #[test]
    fn the_local_zone_s_brokers_are_in_byte_order() {
        let text = include_str!("../../../tests/fixtures/config/zones.ini");
        let found = brokers(text, "east");
        assert_eq!(found.section, Some("zone"));
        assert_eq!(
            found.local,
            [
                "amqp://kazoo:pa;ss=word@rabbit0.east.example.com:5672",
                "amqp://kazoo:pa;ss=word@rabbit1.east.example.com:5672",
                "amqp://kazoo:pa;ss=word@rabbit2.east.example.com:5672",
            ]
        );
        let west = ["amqp://guest:guest@rabbit1.west.example.com:5672"].map(str::to_owned).to_vec();
        assert_eq!(found.remote, [RemoteZone { name: "west".to_owned(), brokers: west }]);
    }

    #[test]
    fn the_local_brokers_come_from_zone_or_amqp_sections() {
        type Case =
            (&'static str, &'static str, Option<&'static str>, &'static [&'static str], bool);
        let cases: [Case; 9] = [
            ("", "local", None, &[], false),
            ("[amqp]\nuri = b\nuri = a\nuri = b", "local", Some("amqp"), &["a", "b"], false),
            ("[amqp]\namqp_uri = a", "local", None, &[], false),
            ("[amqp]\nzone = east\nuri = a\n[amqp]\nuri = b", "east", Some("amqp"), &["a"], false),
            ("[amqp]\nzone = west\nuri = a\n[amqp]\nuri = b", "east", Some("amqp"), &["b"], true),
            ("[zone]\nname = east\nuri = a\n[amqp]\nuri = b", "west", Some("amqp"), &["b"], true),
            (
                "[zone]\nname = east\nuri = a\n[zone]\nname = local\nuri = b",
                "east",
                Some("zone"),
                &["a", "b"],
                false,
            ),
            ("[zone]\nuri = a\n[amqp]\nuri = b", "local", Some("amqp"), &["b"], false),
            (
                "[zone]\nhost = elsewhere\nname = east\nuri = a\n[amqp]\nuri = b",
                "east",
                Some("amqp"),
                &["b"],
                false,
            ),
        ];
        for (text, zone, section, local, missing) in cases {
            let found = brokers(text, zone);
            assert_eq!(found.section, section, "{text}");
            assert_eq!(found.local, local, "{text}");
            assert_eq!(found.local_zone_missing, missing, "{text}");
        }
    }
}
