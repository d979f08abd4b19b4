//! Pages of others must not use a visitor's browser to ask us.
//!
//! A page at another address can make a browser send a request to ours, under our own name. It
//! cannot read the answer, but it could start things. Browsers say with such a request where it
//! comes from.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::hosts::Hosts;
use super::refusal;

const FOREIGN: &str = "this request comes from a page of somebody else";

/// The layer around everything that is not open to all.
pub(super) async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    if is_ours(request.headers(), &hosts) {
        next.run(request).await
    } else {
        refusal(StatusCode::FORBIDDEN, FOREIGN)
    }
}

/// Programs send no `Origin`, and browsers none with a request that a page makes of its own server,
/// unless it changes something.
fn is_ours(headers: &HeaderMap, hosts: &Hosts) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).into_iter();
    let (Some(origin), further) = (origins.next(), origins.next()) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let (Ok(origin), Some(host), None) = (origin.to_str(), host, further) else { return false };
    let origin = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    // A proxy may have put another name into `Host` than the page has.
    origin.is_some_and(|name| name.eq_ignore_ascii_case(host) || hosts.is_further(name))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_our_own_pages_may_ask() {
        let hosts = Hosts::new("127.0.0.1:8090".parse().unwrap(), &["cid.example.com".to_owned()]);
        for (host, origins, ours) in [
            ("localhost:8090", &[][..], true),
            ("localhost:8090", &["http://localhost:8090"], true),
            ("LOCALHOST:8090", &["http://localhost:8090"], true),
            ("cid.example.com", &["https://cid.example.com"], true),
            // Behind a proxy that asks under an address of ours.
            ("127.0.0.1:8090", &["https://cid.example.com"], true),
            ("127.0.0.1:8090", &["https://cid.example.com:8443"], true),
            ("localhost:8090", &["http://localhost:3000"], false),
            ("localhost:8090", &["http://localhost"], false),
            ("localhost:8090", &["http://127.0.0.1:8090"], false),
            ("localhost:8090", &["https://evil.example"], false),
            ("localhost:8090", &["https://cid.example.com.evil.example"], false),
            ("localhost:8090", &["null"], false),
            ("localhost:8090", &[""], false),
            ("localhost:8090", &["file://localhost:8090"], false),
            ("localhost:8090", &["http://localhost:8090", "https://evil.example"], false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            for origin in origins {
                headers.append(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_ours(&headers, &hosts), ours, "{host} {origins:?}");
        }
    }
}
