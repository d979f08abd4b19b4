//! Addresses of servers, which carry passwords and must not show them.

use std::fmt;

use url::Url;

/// What stands where a password was.
const HIDDEN: &str = "…";

/// The address of a broker or of CouchDB, credentials inside. `Debug` and `Display` hide the
/// password; [`expose`](Self::expose) is for the client library alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUri(Url);

/// Why a text is not the address of a server. The text itself is not part of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Not a URI, or one without a host.
    #[error(
        "it is not a URI with a host (a password must have its `@`, `/`, `:`, `#`, `?` and `%` written as %40, %2F, %3A, %23, %3F and %25)"
    )]
    Malformed,
    /// A URI of something else.
    #[error("its scheme is another")]
    Scheme,
    /// The part behind the host cannot be used.
    #[error("what follows the host cannot be used")]
    Path,
}

impl ServerUri {
    /// A broker: `amqp://` or `amqps://`, with at most a virtual host as path.
    pub fn amqp(text: &str) -> Result<Self, UriError> {
        let url = Self::parse(text, ["amqp", "amqps"])?;
        let one_virtual_host = !url.path().trim_start_matches('/').contains('/');
        if one_virtual_host && url.fragment().is_none() {
            Ok(Self(url))
        } else {
            Err(UriError::Path)
        }
    }

    /// CouchDB: `http://` or `https://` without path, query or fragment. A path is refused because
    /// the client library replaces it with the database's name.
    pub fn couchdb(text: &str) -> Result<Self, UriError> {
        let url = Self::parse(text, ["http", "https"])?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if bare { Ok(Self(url)) } else { Err(UriError::Path) }
    }

    fn parse(text: &str, schemes: [&str; 2]) -> Result<Url, UriError> {
        let url = Url::parse(text.trim()).map_err(|_| UriError::Malformed)?;
        if !schemes.contains(&url.scheme()) {
            Err(UriError::Scheme)
        } else if url.host_str().is_none_or(str::is_empty) {
            Err(UriError::Malformed)
        } else {
            Ok(url)
        }
    }

    /// The whole address with its password, for the client library.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// The user's name as it is sent, if the address has one.
    pub fn user(&self) -> Option<String> {
        let user = percent_encoding::percent_decode_str(self.0.username()).decode_utf8_lossy();
        (!user.is_empty()).then(|| user.into_owned())
    }

    /// The same server for another user. Percent signs are taken literally.
    pub(super) fn with_credentials(&self, user: &str, password: &str) -> Self {
        self.with_encoded_credentials(&user.replace('%', "%25"), &password.replace('%', "%25"))
    }

    /// [`with_credentials`](Self::with_credentials) where `%40` stands for `@`.
    pub(super) fn with_encoded_credentials(&self, user: &str, password: &str) -> Self {
        let mut url = self.0.clone();
        // Both fail only for an address without host, which `parse` refuses.
        let _ = url.set_username(user);
        let _ = url.set_password((!password.is_empty()).then_some(password));
        Self(url)
    }
}

impl fmt::Display for ServerUri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&redacted(self.0.as_str()))
    }
}

impl fmt::Debug for ServerUri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A URI as it may be shown: `amqp://user:…@host/vhost`. Works on any text; the less a text looks
/// like a URI, the more of it is hidden, because a mistyped one may have its password anywhere.
pub fn redacted(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() && !after_host(&url).contains('@') => of_url(&url),
        _ => of_text(text),
    }
}

fn after_host(url: &Url) -> &str {
    &url[url::Position::BeforePath..]
}

fn of_url(url: &Url) -> String {
    let mut shown = format!("{}://", url.scheme());
    if !url.username().is_empty() || url.password().is_some() {
        shown.push_str(url.username());
        if url.password().is_some() {
            shown.push(':');
            shown.push_str(HIDDEN);
        }
        shown.push('@');
    }
    shown.push_str(&url[url::Position::BeforeHost..url::Position::AfterPort]);
    shown.push_str(url.path());
    if let Some(query) = url.query() {
        shown.push('?');
        shown.push_str(&query.split('&').map(parameter).collect::<Vec<_>>().join("&"));
    }
    shown
}

/// One `key=value` of a query; RabbitMQ's clients take the password of a key file this way.
fn parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((key, _)) if ["pass", "secret", "token"].iter().any(|word| key.contains(word)) => {
            format!("{key}={HIDDEN}")
        }
        _ => pair.to_owned(),
    }
}

fn of_text(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let shown = match (rest.rsplit_once('@'), scheme) {
        (Some((credentials, host)), Some(_)) => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{user}:{HIDDEN}@{host}")
        }
        // Without a scheme this may be the tail of a password that had a comma in it.
        (Some((_, host)), None) => format!("{HIDDEN}@{host}"),
        (None, _) => match rest.split_once(':') {
            Some((host, port)) if !port.starts_with(|first: char| first.is_ascii_digit()) => {
                format!("{host}:{HIDDEN}")
            }
            _ => rest.to_owned(),
        },
    };
    scheme.map_or_else(|| shown.clone(), |scheme| format!("{scheme}://{shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (uri, expected) in [
            ("amqp://guest:s3cret@host:5672/vhost", "amqp://guest:…@host:5672/vhost"),
            ("amqps://host", "amqps://host"),
            ("amqp://guest@host", "amqp://guest@host"),
            ("http://admin:s3cret@[::1]:5984/", "http://admin:…@[::1]:5984/"),
            (
                "amqps://u:s3cret@host?password=s3cret&heartbeat=5",
                "amqps://u:…@host?password=…&heartbeat=5",
            ),
            ("amqp://u:s3cret/x@host", "amqp://u:…@host"),
            ("amqp://u:12/s3cret@host", "amqp://u:…@host"),
            ("amqp://u:5#s3cret@host", "amqp://u:…@host"),
            ("amqp://u:s3c@ret@host", "amqp://u:…@host"),
            ("u:s3cret@host", "…@host"),
            ("s3cret@host:5672", "…@host:5672"),
            ("amqp://u:s3cret", "amqp://u:…"),
            ("not a uri", "not a uri"),
            ("", ""),
        ] {
            let shown = redacted(uri);
            assert_eq!(shown, expected);
            assert!(!shown.contains("s3c"), "{shown}");
        }
    }

    #[test]
    fn a_server_prints_without_its_password() {
        let server = ServerUri::amqp("amqp://guest:s3cret@host").unwrap();
        assert_eq!(format!("{server} {server:?}"), "amqp://guest:…@host amqp://guest:…@host");
        assert_eq!(server.expose().password(), Some("s3cret"));
    }

    #[test]
    fn only_addresses_a_client_can_use_are_taken() {
        for (text, expected) in [
            ("amqp://host", Ok(())),
            (" amqp://guest:guest@host:5672/%2Fkazoo ", Ok(())),
            ("amqps://[::1]:5671/kazoo", Ok(())),
            ("amqp://host/a/b", Err(UriError::Path)),
            ("http://host", Err(UriError::Scheme)),
            ("amqp://", Err(UriError::Malformed)),
            ("amqp:host", Err(UriError::Malformed)),
            ("host:5672", Err(UriError::Scheme)),
            ("amqp://u:p/w@host", Err(UriError::Malformed)),
            ("", Err(UriError::Malformed)),
        ] {
            assert_eq!(ServerUri::amqp(text).map(|_| ()), expected, "{text}");
        }
        for (text, expected) in [
            ("http://127.0.0.1:5984", Ok(())),
            ("https://admin:pw@couch/", Ok(())),
            ("http://host/couch", Err(UriError::Path)),
            ("http://host?x=1", Err(UriError::Path)),
            ("amqp://host", Err(UriError::Scheme)),
            ("http://", Err(UriError::Malformed)),
        ] {
            assert_eq!(ServerUri::couchdb(text).map(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn credentials_may_hold_any_character() {
        let server = ServerUri::couchdb("http://host").unwrap();
        let literal = server.with_credentials("us%er", "p@:/#%40");
        assert_eq!(literal.user().as_deref(), Some("us%er"));
        let password = percent_encoding::percent_decode_str(literal.expose().password().unwrap());
        assert_eq!(password.decode_utf8().unwrap(), "p@:/#%40");
        let escaped = server.with_encoded_credentials("user", "p%40");
        assert_eq!(escaped.expose().password(), Some("p%40"));
        assert_eq!(server.user(), None);
    }
}
