//! Connections, with limits: whoever reaches the listener must not be able to use the worker up.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::console::Peer;
use super::hosts::Local;

/// What one listener takes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Connections at once. Further ones wait in the system's queue.
    pub(super) connections: usize,
    /// For a request's head, and between two requests of a connection.
    pub(super) head: Duration,
    /// After which a connection takes no more requests.
    pub(super) lifetime: Duration,
    /// For the last answer to be taken.
    pub(super) farewell: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 128,
            head: Duration::from_secs(5),
            lifetime: Duration::from_secs(60),
            farewell: Duration::from_secs(10),
        }
    }
}

/// Ends when the connection that a request came over is to end; what is still being answered then has
/// `farewell` left.
#[derive(Debug, Clone)]
pub(super) struct Closing(pub(super) CancellationToken);

/// The largest head of a request; the least the library allows.
const LARGEST_HEAD: usize = 8 * 1024;
/// The most lines in it.
const MOST_HEADERS: usize = 64;
/// After an error of `accept`, such as no file handle being left, which passes.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop; what is being answered then may be finished.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let connections = TaskTracker::new();
    loop {
        let accepted = async {
            // It is never closed; without a place there would be no bound.
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let served = connection(stream, router.clone(), bounds, stop.clone());
                connections.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "the HTTP listener cannot take a connection");
                sleep(PAUSE).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, router: Router, bounds: Bounds, stop: CancellationToken) {
    let local = Local(stream.local_addr().ok());
    let peer = Peer(stream.peer_addr().ok());
    let closing = Closing(stop.child_token());
    let router = router
        .layer(axum::Extension(local))
        .layer(axum::Extension(peer))
        .layer(axum::Extension(closing.clone()));
    let service = TowerToHyperService::new(router);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        // How it ended is the client's matter.
        _ = served.as_mut() => return,
        () = stop.cancelled() => {}
        () = sleep(bounds.lifetime) => {}
    }
    closing.0.cancel();
    served.as_mut().graceful_shutdown();
    timeout(bounds.farewell, served).await.ok();
}
