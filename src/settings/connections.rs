//! The servers: brokers and CouchDB.

use super::config_ini::{ConfigIni, RemoteZone, Viewpoint};
use super::reference::{AMQP_URI, COUCHDB_PASSWORD, COUCHDB_URI, COUCHDB_USERNAME, SettingDoc};
use super::resolver::Resolver;
use super::uri::{ServerUri, UriError};
use super::{AmqpTls, Origin, Sourced, redacted};

/// Why an address was refused, with what would be accepted.
fn explained(setting: &SettingDoc, error: UriError) -> String {
    format!("{error}; allowed is {}", setting.allowed)
}

/// The local brokers and the other zones. `None` only beside a problem.
pub(super) fn brokers(
    resolver: &mut Resolver<'_>,
    config: &ConfigIni,
    from: &Viewpoint<'_>,
    zone: &str,
) -> (Option<Sourced<Vec<ServerUri>>>, Vec<RemoteZone<ServerUri>>) {
    let found = config.brokers(from, zone);
    let mut remote_zones = Vec::new();
    for RemoteZone { name, brokers } in found.remote {
        let (brokers, refused) = sorted_out(brokers);
        for (text, error) in refused {
            resolver
                .notices
                .push(format!("a broker of zone {name} is passed over: `{text}`: {error}"));
        }
        remote_zones.push(RemoteZone { name, brokers });
    }
    if let Some(given) = resolver.given(&AMQP_URI) {
        return (given_brokers(resolver, given), remote_zones);
    }
    if found.local_zone_missing {
        let names: Vec<_> = remote_zones.iter().map(|zone| zone.name.as_str()).collect();
        resolver.notices.push(format!(
            "config.ini has brokers for {} but none for this worker's zone, {zone}; used is what \
             KAZOO would use, `uri` of [amqp] or localhost; set the zone if that is wrong",
            names.join(", ")
        ));
    }
    let (origin, texts) = match found.section {
        Some(section) => (Origin::section(section), found.local),
        None => (Origin::Default, vec![AMQP_URI.default.to_owned()]),
    };
    let (usable, refused) = sorted_out(texts);
    // As KAZOO: a broker it cannot understand is logged, and the others are used.
    for (text, error) in refused {
        if usable.is_empty() {
            resolver.problem(&AMQP_URI, &origin, &text, explained(&AMQP_URI, error));
        } else {
            resolver.notices.push(format!("a broker ({origin}) is passed over: `{text}`: {error}"));
        }
    }
    ((!usable.is_empty()).then(|| Sourced::new(usable, origin)), remote_zones)
}

/// Usable brokers, and the others with their passwords hidden.
fn sorted_out(texts: Vec<String>) -> (Vec<ServerUri>, Vec<(String, UriError)>) {
    let (mut usable, mut refused) = (Vec::new(), Vec::new());
    for text in texts {
        match ServerUri::amqp(&text) {
            Ok(server) => usable.push(server),
            Err(error) => refused.push((redacted(&text), error)),
        }
    }
    (usable, refused)
}

/// Brokers given to this worker itself: in the order given, and all of them must be usable.
fn given_brokers(
    resolver: &mut Resolver<'_>,
    given: Sourced<Vec<String>>,
) -> Option<Sourced<Vec<ServerUri>>> {
    let Sourced { value: texts, origin } = given;
    let mut brokers: Vec<ServerUri> = Vec::new();
    let mut parts: Vec<_> = texts.iter().flat_map(|list| list.split(',')).map(str::trim).collect();
    if parts.iter().any(|part| !part.is_empty()) {
        parts.retain(|part| !part.is_empty());
    }
    for text in parts {
        match ServerUri::amqp(text) {
            Ok(server) if brokers.contains(&server) => {}
            Ok(server) => brokers.push(server),
            Err(error) => {
                let text = redacted(text);
                resolver.problem(&AMQP_URI, &origin, &text, explained(&AMQP_URI, error));
            }
        }
    }
    (!brokers.is_empty()).then(|| Sourced::new(brokers, origin))
}

/// RabbitMQ's own clients, and so KAZOO, take the files of TLS from a broker's address.
const IN_ADDRESS: [&str; 4] = ["cacertfile", "certfile", "keyfile", "verify"];

/// Says what of TLS has no effect, because an operator would rely on it.
pub(super) fn notice_tls(resolver: &mut Resolver<'_>, tls: &AmqpTls, brokers: &[&ServerUri]) {
    let secure = |server: &&&ServerUri| server.expose().scheme() == "amqps";
    if tls.is_given() && !brokers.iter().any(|server| secure(&server)) {
        resolver.notices.push(
            "amqp-ca, amqp-cert and amqp-key have no effect: no broker's address begins with amqps"
                .to_owned(),
        );
    }
    for server in brokers.iter().filter(secure) {
        let given = server.expose().query_pairs();
        let unused: Vec<_> =
            given.filter(|(key, _)| IN_ADDRESS.contains(&&**key)).map(|(key, _)| key).collect();
        if !unused.is_empty() {
            resolver.notices.push(format!(
                "{} in the broker's address {server} has no effect here; use amqp-ca, amqp-cert and \
                 amqp-key. The broker's certificate and name are always verified",
                unused.join(", ")
            ));
        }
    }
}

/// CouchDB with its user, and where the user comes from. `None` only beside a problem.
pub(super) fn couchdb(
    resolver: &mut Resolver<'_>,
    config: &ConfigIni,
    from: &Viewpoint<'_>,
    zone: &str,
) -> Option<(Sourced<ServerUri>, Sourced<Option<String>>)> {
    let given = resolver.text(&COUCHDB_URI);
    let user = resolver.text(&COUCHDB_USERNAME);
    let password = resolver.text(&COUCHDB_PASSWORD);
    let ours = given.is_some();
    let server = match given {
        Some(Sourced { value: text, origin }) => match ServerUri::couchdb(&text) {
            Ok(server) => Some(Sourced::new(server, origin)),
            Err(error) => {
                let text = redacted(&text);
                resolver.problem(&COUCHDB_URI, &origin, &text, explained(&COUCHDB_URI, error));
                None
            }
        },
        None => kazoo_couchdb(resolver, config, from, zone),
    }?;
    let own_user = server.user();
    let (user, origin) = match (own_user, user, &password) {
        // An address given to this worker keeps the user it has.
        (Some(own), given, _) if ours => {
            if given.is_some() || password.is_some() {
                resolver.notices.push(format!(
                    "the CouchDB address ({}) has a user name; the separate user name or password \
                     is not used",
                    server.origin
                ));
            }
            let user = Sourced::new(Some(own), server.origin.clone());
            return Some((server, user));
        }
        (_, Some(Sourced { value, origin }), _) => (value, origin),
        (Some(own), None, Some(password)) => (own, password.origin.clone()),
        (None, None, Some(password)) => {
            let allowed = format!("a password needs a user name; set {}", COUCHDB_USERNAME.name);
            let origin = password.origin.clone();
            resolver.problem(&COUCHDB_PASSWORD, &origin, "…", allowed);
            return None;
        }
        (own, None, None) => {
            let origin = if own.is_some() { server.origin.clone() } else { Origin::Default };
            return Some((server, Sourced::new(own, origin)));
        }
    };
    let password = password.map(|password| password.value).unwrap_or_default();
    let server = server.map(|server| server.with_credentials(&user, &password));
    Some((server, Sourced::new(Some(user), origin)))
}

fn kazoo_couchdb(
    resolver: &mut Resolver<'_>,
    config: &ConfigIni,
    from: &Viewpoint<'_>,
    zone: &str,
) -> Option<Sourced<ServerUri>> {
    match config.couchdb(from, zone) {
        Ok(found) => {
            resolver.notices.extend(found.notice);
            let origin = found.section.map_or(Origin::Default, Origin::Section);
            Some(Sourced::new(found.server, origin))
        }
        Err(error) => {
            let origin = Origin::section(&error.section);
            let value = format!("{} = {}", error.key, error.value);
            resolver.problem(&COUCHDB_URI, &origin, &value, error.allowed.to_owned());
            None
        }
    }
}
