//! The HTTP listener: `/healthz`, `/readyz`, `/metrics`, `/calls`, and the console.
//!
//! Those three answer whoever reaches the listener and hold nothing of callers. Everything else is
//! only for requests to a name or address of ours (`hosts`), and not for pages of others (`origin`).

mod calls;
pub mod console;
mod headers;
mod hosts;
mod origin;
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
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::console::Console;
use self::hosts::Hosts;
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
}

/// What is served.
pub struct Pages {
    /// For `/metrics`, and the console's charts.
    pub metrics: Arc<Metrics>,
    /// For `/readyz`.
    pub readiness: Arc<dyn Readiness>,
    /// For `/calls`, and the console.
    pub records: Arc<Records>,
    /// For `/`.
    pub console: Console,
}

/// Opens the listener, which `further_hosts` may ask for everything; the address it got (port 0
/// takes a free one) and the server to run.
pub async fn listen(
    address: SocketAddr,
    further_hosts: &[String],
    pages: Pages,
    stop: CancellationToken,
) -> Result<(SocketAddr, impl Future<Output = ()> + Send + use<>), ListenError> {
    let say = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(say)?;
    let bound = listener.local_addr().map_err(say)?;
    let Pages { metrics, readiness, records, console } = pages;
    let console = console::router(console, Arc::clone(&metrics), Arc::clone(&records));
    let router = Router::new()
        .route("/calls", get(calls::list))
        .route("/calls/{call_id}", get(calls::one))
        .with_state(records)
        .merge(console);
    let open = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(Shared { metrics, readiness });
    let router = guarded(router, open, &Hosts::new(bound, further_hosts));
    Ok((bound, serve(listener, router, Bounds::default(), stop)))
}

/// Puts the guards around every route that is not open, and around the answer that there is none.
fn guarded(router: Router, open: Router, hosts: &Hosts) -> Router {
    router
        .fallback(async || refusal(StatusCode::NOT_FOUND, "there is no such page"))
        .method_not_allowed_fallback(async || {
            let sentence = "this page cannot be asked for with this method";
            refusal(StatusCode::METHOD_NOT_ALLOWED, sentence)
        })
        .layer(middleware::from_fn_with_state(hosts.clone(), origin::guard))
        .layer(middleware::from_fn_with_state(hosts.clone(), hosts::guard))
        .merge(open)
        .layer(middleware::map_response(headers::protect))
}

/// JSON with a line's end, for people at a terminal.
fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

/// An answer that says in a sentence why it is none.
fn refusal(status: StatusCode, sentence: &str) -> Response {
    answer(status, &json!({ "error": sentence }))
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
mod rig;
#[cfg(test)]
mod tests;
