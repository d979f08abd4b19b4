//! All settings, read first and judged after.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config_ini::{ConfigIni, DEFAULT_ZONE, Viewpoint};
use super::reference as r;
use super::resolver::{OWN_SECTION, Resolver};
use super::{
    AmqpTls, Environment, GlobalArgs, Limits, Operations, Origin, Problems, Settings, Sourced,
    connections, values,
};

/// KAZOO's own variable for the zone.
const KAZOO_ZONE: &str = "KAZOO_ZONE";

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

impl Settings {
    /// Reads flags, environment and `config.ini`. Opens no connection; resolves the machine's name
    /// only where a section of `config.ini` has a `host`.
    pub fn load(args: &GlobalArgs, environment: &dyn Environment) -> Result<Self, Problems> {
        let mut resolver = Resolver::new(args, environment);
        let (config, config_file) = config_ini(&mut resolver, environment);
        let from = Viewpoint::new(environment);
        let zone = zone(&mut resolver, &config, &from);
        let zone_name = zone.as_ref().map_or(DEFAULT_ZONE, |zone| zone.value.as_str());
        own_sections(&mut resolver, &config, &from, zone_name);

        let r = &mut resolver;
        let (amqp, remote_zones) = connections::brokers(r, &config, &from, zone_name);
        let tls = AmqpTls::load(r);
        if let (Some(tls), Some(amqp)) = (&tls, &amqp) {
            let others = remote_zones.iter().flat_map(|zone| &zone.brokers);
            connections::notice_tls(r, tls, &amqp.iter().chain(others).collect::<Vec<_>>());
        }
        let couchdb = connections::couchdb(r, &config, &from, zone_name);
        let timeout = 100 * MILLISECOND..=60 * SECOND;
        let couchdb_timeout =
            r.one_or_default(&r::COUCHDB_TIMEOUT, |text| values::duration(text, timeout.clone()));
        let node = node(r, environment);
        let config_node = match r.given(&r::CONFIG_NODE) {
            Some(_) => r.one(&r::CONFIG_NODE, values::node).map(|node| node.map(Some)),
            None => Some(Sourced::new(None, Origin::Default)),
        };
        let seams = r.one_or_default(&r::SEAMS, values::seams);
        let listen = r.one_or_default(&r::LISTEN, values::listen);
        let http_hosts = match r.given(&r::HTTP_HOSTS) {
            Some(_) => r.one(&r::HTTP_HOSTS, values::hosts),
            None => Some(Sourced::new(Vec::new(), Origin::Default)),
        };
        let console = r.one_or_default(&r::CONSOLE, values::console);
        let grace = r.one_or_default(&r::GRACE, |text| {
            values::duration(text, Duration::ZERO..=3600 * SECOND)
        });
        let cache_ttl = r.one_or_default(&r::CACHE_TTL, |text| {
            values::duration(text, SECOND..=24 * 3600 * SECOND)
        });
        let cache_capacity = r.one_or_default(&r::CACHE_CAPACITY, |text| {
            values::whole_number(text, 100..=10_000_000)
        });
        let limits = Limits::load(r);
        let records = r.one_or_default(&r::RECORDS, |text| values::whole_number(text, 0..=100_000));
        let masking = r.one_or_default(&r::MASK_NUMBERS, values::masking);
        let operations = Operations::load(r);
        let log_format = r.one_or_default(&r::LOG_FORMAT, values::log_format);
        let log_filter = r.one_or_default(&r::LOG_FILTER, values::log_filter);
        let system_config_locked = config.locks_system_config(&from, zone_name);

        let Resolver { problems, notices, .. } = resolver;
        let settings = || {
            let (couchdb, couchdb_user) = couchdb?;
            Some(Self {
                config_file,
                amqp: amqp?,
                tls: tls?,
                remote_zones,
                couchdb,
                couchdb_user,
                couchdb_timeout: couchdb_timeout?,
                node: node?,
                config_node: config_node?,
                zone: zone?,
                seams: seams?,
                listen: listen?,
                http_hosts: http_hosts?,
                console: console?,
                grace: grace?,
                cache_ttl: cache_ttl?,
                cache_capacity: cache_capacity?,
                limits: limits?,
                records: records?,
                masking: masking?,
                operations: operations?,
                log_format: log_format?,
                log_filter: log_filter?,
                system_config_locked,
                notices,
            })
        };
        // A value is missing only beside a problem, but a value may be there beside one.
        match settings() {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(Problems(problems)),
        }
    }
}

/// The file in use. Unlike KAZOO, which goes on with its defaults, a file that somebody named must
/// be usable: a worker on the wrong cluster is worse than one that does not start.
fn config_ini(
    resolver: &mut Resolver<'_>,
    environment: &dyn Environment,
) -> (ConfigIni, Sourced<Option<PathBuf>>) {
    if let Some(Sourced { value: path, origin }) = resolver.text(&r::CONFIG) {
        let named = Sourced::new(Some(PathBuf::from(&path)), origin);
        return match ConfigIni::read(Path::new(&path)) {
            Ok(config) => (config, named),
            Err(error) => {
                resolver.problem(&r::CONFIG, &named.origin, &path, error.to_string());
                (ConfigIni::default(), named)
            }
        };
    }
    let (config, skipped) = ConfigIni::search(&environment.config_files());
    for error in skipped.iter().filter(|error| !error.is_absence()) {
        resolver.notices.push(format!("a config.ini is passed over, as KAZOO does: {error}"));
    }
    let path = config.path().map(Path::to_owned);
    (config, Sourced::new(path, Origin::Default))
}

/// The local zone. `None` only beside a problem.
fn zone(
    resolver: &mut Resolver<'_>,
    config: &ConfigIni,
    from: &Viewpoint<'_>,
) -> Option<Sourced<String>> {
    if resolver.given(&r::ZONE).is_some() {
        return resolver.one(&r::ZONE, values::zone);
    }
    if let Some(Sourced { value: text, origin }) = resolver.variable(KAZOO_ZONE) {
        return resolver.parsed(&r::ZONE, &text, origin, values::zone);
    }
    let (kazoo, notice) = config.zone(from);
    if let Some(own) = own_zone(config, from) {
        if let Some(kazoo) = kazoo.filter(|kazoo| *kazoo != own) {
            resolver.notices.push(format!(
                "[{OWN_SECTION}] of config.ini puts this worker into zone {own}, [kazoo_apps] puts \
                 this machine into zone {kazoo}; {own} is used"
            ));
        }
        return resolver.parsed(&r::ZONE, own, Origin::section(OWN_SECTION), values::zone);
    }
    resolver.notices.extend(notice);
    match kazoo {
        Some(zone) => resolver.parsed(&r::ZONE, zone, Origin::section("kazoo_apps"), values::zone),
        None => Some(Sourced::new(DEFAULT_ZONE.to_owned(), Origin::Default)),
    }
}

/// The zone that our own section sets. In KAZOO's file `zone` also says whom a section is for; of
/// sections for several zones none can decide which zone this is.
fn own_zone<'a>(config: &'a ConfigIni, from: &Viewpoint<'_>) -> Option<&'a str> {
    let here = config
        .sections(OWN_SECTION)
        .find(|section| section.first("host").is_some_and(|host| host == from.host()));
    if let Some(section) = here {
        return section.first("zone");
    }
    let mut zones: Vec<_> = config
        .sections(OWN_SECTION)
        .filter(|section| section.first("host").is_none())
        .filter_map(|section| section.first("zone"))
        .collect();
    zones.sort_unstable();
    zones.dedup();
    match zones.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

fn own_sections<'a>(
    resolver: &mut Resolver<'a>,
    config: &'a ConfigIni,
    from: &Viewpoint<'_>,
    zone: &str,
) {
    resolver.sections = config.select(OWN_SECTION, from, zone).sections;
    if resolver.sections.is_empty() && config.sections(OWN_SECTION).next().is_some() {
        resolver.notices.push(format!(
            "every [{OWN_SECTION}] of config.ini is for another host or zone; none has effect here \
             (zone {zone})"
        ));
    }
    resolver.notice_unknown_keys();
}

fn node(resolver: &mut Resolver<'_>, environment: &dyn Environment) -> Option<Sourced<String>> {
    if resolver.given(&r::NODE).is_some() {
        return resolver.one(&r::NODE, values::node);
    }
    let name = format!("kazoo_dynamic_cid@{}", environment.host_name());
    resolver.parsed(&r::NODE, &name, Origin::Default, values::node)
}

#[cfg(test)]
mod tests;
