//! Who may open the console.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::operations::http::hosts::Local;
use crate::operations::http::refusal;
use crate::settings::ConsoleAccess;

const OFF: &str = "the console is off; --console local or --console on opens it";
const NOT_FROM_HERE: &str = "the console answers connections from its own machine alone: come \
                             through ssh -L, or open it with --console on";

/// The other end of the connection a request came over.
#[derive(Debug, Clone, Copy)]
pub(in crate::operations::http) struct Peer(pub(in crate::operations::http) Option<SocketAddr>);

/// The layer around the console's routes.
pub(super) async fn guard(
    State(access): State<ConsoleAccess>,
    request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let peer = extensions.get::<Peer>().and_then(|peer| peer.0);
    let local = extensions.get::<Local>().and_then(|local| local.0);
    match access {
        ConsoleAccess::Off => refusal(StatusCode::NOT_FOUND, OFF),
        ConsoleAccess::Local if !is_near(peer, local) => {
            refusal(StatusCode::FORBIDDEN, NOT_FROM_HERE)
        }
        ConsoleAccess::Local | ConsoleAccess::On => next.run(request).await,
    }
}

/// Whether both ends are on this machine, which may ask itself under any of its addresses.
fn is_near(peer: Option<SocketAddr>, local: Option<SocketAddr>) -> bool {
    let address = |end: SocketAddr| -> IpAddr { end.ip().to_canonical() };
    let local = local.map(address);
    peer.map(address).is_some_and(|peer| peer.is_loopback() || Some(peer) == local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_what_comes_from_this_machine() {
        let end = |text: &str| -> Option<SocketAddr> { text.parse().ok() };
        for (peer, local, near) in [
            ("127.0.0.1:5000", "127.0.0.1:8090", true),
            ("[::1]:5000", "[::1]:8090", true),
            ("[::ffff:127.0.0.1]:5000", "[::ffff:127.0.0.1]:8090", true),
            ("10.0.0.5:5000", "10.0.0.5:8090", true),
            ("[::ffff:10.0.0.5]:5000", "10.0.0.5:8090", true),
            ("10.0.0.6:5000", "10.0.0.5:8090", false),
            ("[fe80::2]:5000", "[fe80::1]:8090", false),
            ("none", "10.0.0.5:8090", false),
            ("none", "none", false),
        ] {
            assert_eq!(is_near(end(peer), end(local)), near, "{peer} {local}");
        }
    }
}
