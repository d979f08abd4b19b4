//! The HTTP listener: `/healthz`, `/readyz`, `/metrics`, and `/calls`.
//!
//! Those three answer whoever reaches the listener and hold nothing of callers. Everything else is
//! only for requests to a name or address of ours (`hosts`).

mod calls;
mod hosts;
mod serve;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::hosts::{Hosts, guard};
use self::serve::{Bounds, serve};
use super::Metrics;
use super::records::Records;

/// Who knows whether the worker can serve calls.
#[async_trait]
pub trait Readiness: Send + Sync + 'static {
    /// What keeps the worker from serving; empty when it is ready.
    async fn obstacles(&self) -> Vec<String>;
}

/// The listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; choose another with --listen, or --listen off")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    readiness: Arc<dyn Readiness>,
    records: Arc<Records>,
}

/// Opens the listener, which `further_hosts` may ask for everything; the address it got (port 0
/// takes a free one) and the server to run.
pub async fn listen(
    address: SocketAddr,
    further_hosts: &[String],
    metrics: Arc<Metrics>,
    readiness: Arc<dyn Readiness>,
    records: Arc<Records>,
    stop: CancellationToken,
) -> Result<(SocketAddr, impl Future<Output = ()> + Send + use<>), ListenError> {
    let say = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(say)?;
    let bound = listener.local_addr().map_err(say)?;
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .route("/calls", get(calls::list))
        .route("/calls/{call_id}", get(calls::one))
        .with_state(Shared { metrics, readiness, records });
    let router = guarded(router, Hosts::new(bound, further_hosts));
    Ok((bound, serve(listener, router, Bounds::default(), stop)))
}

/// Puts the guard around every route and around the answer that there is none.
fn guarded(router: Router, hosts: Hosts) -> Router {
    router.layer(middleware::from_fn_with_state(hosts, guard))
}

async fn ready(State(shared): State<Shared>) -> Response {
    let obstacles = shared.readiness.obstacles().await;
    if obstacles.is_empty() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, obstacles.join("\n") + "\n").into_response()
    }
}

async fn render(State(shared): State<Shared>) -> Response {
    let kind =
        [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    (kind, shared.metrics.render()).into_response()
}

#[cfg(test)]
mod tests;
