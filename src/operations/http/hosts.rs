//! Who may ask for more than health and metrics.
//!
//! A page of the web can make its visitor's browser ask any address the browser reaches, under a
//! name of the page's own that it points there (DNS rebinding). Such a request carries that foreign
//! name as its `Host`, so a name that is not ours is refused.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const MISDIRECTED: &str = "This worker answers this page only under its own address or localhost; \
                           name further hosts with --http-hosts.\n";

/// The names and addresses under which everything may be asked for.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    /// The address listened on.
    bound: IpAddr,
    /// In lower case, addresses without brackets.
    further: Arc<[String]>,
}

/// Our end of the connection a request came over. On a listener for all addresses of the machine
/// it is the one that was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local(pub(super) Option<SocketAddr>);

impl Hosts {
    pub(super) fn new(bound: SocketAddr, further: &[String]) -> Self {
        let further = further.iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { bound: bound.ip(), further }
    }

    /// Whether an operator has named this host.
    pub(super) fn is_further(&self, host: &str) -> bool {
        let name = without_port(host).map(str::to_ascii_lowercase);
        name.is_some_and(|name| self.further.contains(&name))
    }

    /// `host` is a `Host` header's value or a URI's authority. A request cannot rebind an address,
    /// so each of ours is as good as a name.
    fn allow(&self, host: &str, local: Local) -> bool {
        let Some(name) = without_port(host) else { return false };
        let name = name.to_ascii_lowercase();
        if name == "localhost" || self.further.contains(&name) {
            return true;
        }
        let Ok(address) = name.parse::<IpAddr>() else { return false };
        let address = address.to_canonical();
        let ours = local.0.map(|local| local.ip().to_canonical());
        address.is_loopback()
            || (!address.is_unspecified() && address == self.bound.to_canonical())
            || Some(address) == ours
    }

    /// The one host that a request names, wherever it does; two are none.
    fn asked<'a>(headers: &'a HeaderMap, authority: Option<&'a str>) -> Option<&'a str> {
        let mut hosts = headers.get_all(header::HOST).into_iter();
        let (first, second) = (hosts.next(), hosts.next());
        let host = match (first, second) {
            (Some(host), None) => host.to_str().ok()?,
            _ => return None,
        };
        // A proxy's form of a request names the host a second time.
        match authority {
            Some(other) if other != host => None,
            _ => Some(host),
        }
    }
}

/// The name or address in `name`, `name:80`, `[::1]`, `[::1]:80`.
fn without_port(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.find(':').map_or((host, ""), |colon| host.split_at(colon)),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    (port && !name.is_empty()).then_some(name)
}

/// The layer around every route but those that are open to probes and scrapers, and around the
/// answer that there is none.
pub(super) async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let uri = request.uri();
    let local = request.extensions().get::<Local>().copied().unwrap_or(Local(None));
    let authority = uri.authority().map(axum::http::uri::Authority::as_str);
    let asked = Hosts::asked(request.headers(), authority);
    if asked.is_some_and(|host| hosts.allow(host, local)) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, MISDIRECTED).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_our_own_names_and_addresses_are_allowed() {
        let further = ["cid.example.com".to_owned(), "192.0.2.7".to_owned()];
        let hosts = Hosts::new("10.0.0.5:8090".parse().unwrap(), &further);
        for (host, allowed) in [
            ("10.0.0.5:8090", true),
            ("10.0.0.5", true),
            ("10.0.0.5:80", true),
            ("localhost", true),
            ("LocalHost:8090", true),
            ("127.0.0.1", true),
            ("127.8.9.1:1", true),
            ("[::1]:8090", true),
            ("[::ffff:127.0.0.1]", true),
            ("CID.example.com:443", true),
            ("192.0.2.7", true),
            ("10.0.0.6", false),
            ("0.0.0.0", false),
            ("[::]", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("evil.cid.example.com", false),
            ("localhost:evil", false),
            ("localhost:80:80", false),
            ("localhost@evil.example", false),
            ("::1", false),
            ("[::1", false),
            ("[::1]evil", false),
            ("2130706433", false),
            ("127.1", false),
            (":8090", false),
            ("", false),
        ] {
            assert_eq!(hosts.allow(host, Local(None)), allowed, "{host}");
        }
    }

    #[test]
    fn on_all_addresses_the_one_that_was_asked_is_ours() {
        let hosts = Hosts::new("0.0.0.0:8090".parse().unwrap(), &[]);
        let asked = Local(Some("192.0.2.9:8090".parse().unwrap()));
        assert!(hosts.allow("192.0.2.9:8090", asked));
        assert!(!hosts.allow("192.0.2.8:8090", asked));
        assert!(!hosts.allow("192.0.2.9:8090", Local(None)));
        assert!(!hosts.allow("0.0.0.0:8090", asked));
    }

    #[test]
    fn a_request_names_one_host() {
        for (hosts, authority, asked) in [
            (&["a"][..], None, Some("a")),
            (&["a"], Some("a"), Some("a")),
            (&["a"], Some("b"), None),
            (&["a", "a"], None, None),
            (&[], None, None),
            (&[], Some("a"), None),
        ] {
            let mut map = HeaderMap::new();
            for host in hosts {
                map.append(header::HOST, HeaderValue::from_static(host));
            }
            assert_eq!(Hosts::asked(&map, authority), asked, "{hosts:?} {authority:?}");
        }
    }
}
