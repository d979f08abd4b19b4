//! The database server.
//!
//! Source: `kz_dataconfig.erl` (`connection/0`), `kz_couch_util.erl` (`new_connection/1`).

use super::{ConfigIni, Kind, Section, Viewpoint};
use crate::settings::uri::ServerUri;

/// The only driver of KAZOO's that speaks to CouchDB.
const DRIVER: &str = "kazoo_couch";

/// KAZOO's address where the file gives none.
const DEFAULT_HOST: &str = "localhost";
const DEFAULT_PORT: &str = "5984";

/// Why the section of the database server cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key} = {value}` of [{section}]: {allowed}")]
pub(in crate::settings) struct CouchDbError {
    /// The section.
    pub(in crate::settings) section: String,
    /// The key.
    pub(in crate::settings) key: &'static str,
    /// Its value; never a password.
    pub(in crate::settings) value: String,
    /// What is allowed.
    pub(in crate::settings) allowed: &'static str,
}

/// The database server as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::settings) struct CouchDb {
    /// The section; `None` where KAZOO's defaults apply.
    pub(in crate::settings) section: Option<String>,
    /// The server, with credentials where the section has a user name.
    pub(in crate::settings) server: ServerUri,
    /// What an operator should know about the choice.
    pub(in crate::settings) notice: Option<String>,
}

impl ConfigIni {
    pub(in crate::settings) fn couchdb(
        &self,
        from: &Viewpoint<'_>,
        zone: &str,
    ) -> Result<CouchDb, CouchDbError> {
        let named = self.select("data", from, zone).values("config").first().copied();
        let name = named.unwrap_or("bigcouch").to_lowercase();
        let selected = self.select(&name, from, zone);
        // Of several sections for everyone KAZOO meets the last one first.
        match (selected.kind, selected.sections.last()) {
            (Kind::Generic, Some(section)) => {
                Ok(CouchDb { section: Some(name.clone()), server: server(section)?, notice: None })
            }
            _ => Ok(CouchDb {
                section: None,
                server: address(DEFAULT_HOST, DEFAULT_PORT, false, &name)?,
                notice: self.why_defaults(&name, named.is_some()),
            }),
        }
    }

    fn why_defaults(&self, name: &str, asked_for: bool) -> Option<String> {
        let default = format!("{DEFAULT_HOST}:{DEFAULT_PORT}");
        if self.sections(name).next().is_some() {
            Some(format!(
                "every [{name}] of config.ini has `host` or `zone`, which KAZOO takes for the \
                 machines it is meant for, and then looks for CouchDB at {default}; write `ip` for \
                 the server's address"
            ))
        } else if asked_for {
            Some(format!(
                "[data] of config.ini names [{name}], which is not there; KAZOO looks for CouchDB \
                 at {default} then"
            ))
        } else {
            None
        }
    }
}

fn server(section: &Section) -> Result<ServerUri, CouchDbError> {
    for key in ["driver", "module"] {
        if let Some(driver) = section.last(key).filter(|driver| *driver != DRIVER) {
            return Err(CouchDbError {
                section: section.name().to_owned(),
                key,
                value: driver.to_owned(),
                allowed: "only kazoo_couch is CouchDB; leave the key out or set a CouchDB address \
                          for this worker",
            });
        }
    }
    let secure = section.last("is_ssl") == Some("true");
    let host = section.last("ip").unwrap_or(DEFAULT_HOST);
    let port = section.last("port").unwrap_or(DEFAULT_PORT);
    let server = address(host, port, secure, section.name())?;
    Ok(match section.last("username") {
        // KAZOO pastes both into a URL, whose reader decodes percent signs.
        Some(user) => {
            server.with_encoded_credentials(user, section.last("password").unwrap_or_default())
        }
        None => server,
    })
}

fn address(host: &str, port: &str, secure: bool, name: &str) -> Result<ServerUri, CouchDbError> {
    let refuse = |key, value: &str, allowed| CouchDbError {
        section: name.to_owned(),
        key,
        value: value.to_owned(),
        allowed,
    };
    let number = port.parse::<u16>().ok().filter(|number| *number > 0);
    let number =
        number.ok_or_else(|| refuse("port", port, "allowed is a whole number from 1 to 65535"))?;
    let scheme = if secure || number == 443 { "https" } else { "http" };
    let host = if host.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let allowed = "allowed is a host name or an IP address";
    // Checked before the text becomes part of a URI: `user:password@host` must not get through.
    let plain = |c: char| c.is_alphanumeric() || "-_.:[]".contains(c);
    if !host.chars().all(plain) {
        return Err(refuse("ip", &crate::settings::redacted(&host), allowed));
    }
    ServerUri::couchdb(&format!("{scheme}://{host}:{number}"))
        .map_err(|_| refuse("ip", &host, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::environment::fake::Fake;

    fn couchdb(text: &str) -> Result<CouchDb, CouchDbError> {
        let fake = Fake::new();
        ConfigIni::parse(text).unwrap().couchdb(&Viewpoint::new(&fake), "east")
    }

    #[test]
    fn the_server_is_where_kazoo_looks_for_it() {
        for (text, expected) in [
            ("", "http://localhost:5984/"),
            ("[bigcouch]\nip = \"127.0.0.1\"\nport = 15984", "http://127.0.0.1:15984/"),
            ("[bigcouch]\nip = db\nip = db2", "http://db2:5984/"),
            ("[bigcouch]\nport = 443", "https://localhost/"),
            ("[bigcouch]\nis_ssl = true\nport = 6984", "https://localhost:6984/"),
            ("[bigcouch]\nip = ::1", "http://[::1]:5984/"),
            (
                "[bigcouch]\nusername = kazoo\npassword = s3cret",
                "http://kazoo:s3cret@localhost:5984/",
            ),
            ("[bigcouch]\nusername = kazoo", "http://kazoo@localhost:5984/"),
            ("[bigcouch]\nusername = \"\"\npassword = s3cret", "http://localhost:5984/"),
            (
                "[bigcouch]\nusername = k\npassword = \"p%40;@\"",
                "http://k:p%40%3B%40@localhost:5984/",
            ),
            ("[bigcouch]\nip = a\n[bigcouch]\nip = b", "http://b:5984/"),
            ("[data]\nconfig = CouchDB3\n[couchdb3]\nip = c\n[bigcouch]\nip = b", "http://c:5984/"),
            ("[bigcouch]\ndriver = kazoo_couch\nip = d", "http://d:5984/"),
        ] {
            let found = couchdb(text).unwrap();
            assert_eq!(found.server.expose().as_str(), expected, "{text}");
            assert_eq!(found.notice, None, "{text}");
        }
    }

    #[test]
    fn a_section_for_some_machines_leaves_the_defaults_and_says_so() {
        for text in [
            "[bigcouch]\nhost = db.example.com",
            "[bigcouch]\nhost = apps1.east.example.com\nip = db",
            "[bigcouch]\nzone = east\nip = db",
            "[bigcouch]\nip = db\n[bigcouch]\nzone = east\nip = db2",
            "[data]\nconfig = elsewhere",
        ] {
            let found = couchdb(text).unwrap();
            assert_eq!(found.server.expose().as_str(), "http://localhost:5984/", "{text}");
            assert!(found.section.is_none() && found.notice.is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_couchdb_is_refused() {
        for (text, key) in [
            ("[bigcouch]\ndriver = kazoo_fixturedb", "driver"),
            ("[bigcouch]\nmodule = kazoo_fixturedb", "module"),
            ("[bigcouch]\nport = 0", "port"),
            ("[bigcouch]\nport = 70000", "port"),
            ("[bigcouch]\nip = \"http://db\"", "ip"),
            ("[bigcouch]\nip = \"kazoo:s3cret@db\"", "ip"),
        ] {
            let error = couchdb(text).unwrap_err();
            assert_eq!(error.key, key, "{text}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
