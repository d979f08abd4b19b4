//! The HTTP listener: `/healthz`, `/readyz`, `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Metrics;

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

/// Opens the listener; the address it got (port 0 takes a free one) and the server to run.
pub async fn listen(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    readiness: Arc<dyn Readiness>,
    stop: CancellationToken,
) -> Result<(SocketAddr, impl Future<Output = ()> + Send), ListenError> {
    let say = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(say)?;
    let bound = listener.local_addr().map_err(say)?;
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(Shared { metrics, readiness });
    let server = async move {
        let shutdown = stop.cancelled_owned();
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(shutdown).await {
            tracing::error!(%error, "the HTTP listener ended");
        }
    };
    Ok((bound, server))
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
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    struct Obstacles(Vec<String>);

    #[async_trait]
    impl Readiness for Obstacles {
        async fn obstacles(&self) -> Vec<String> {
            self.0.clone()
        }
    }

    async fn fetch(path: &str, obstacles: &[&str]) -> String {
        let obstacles = obstacles.iter().map(|obstacle| (*obstacle).to_owned()).collect();
        let stop = CancellationToken::new();
        let any = "127.0.0.1:0".parse().unwrap();
        let (address, server) =
            listen(any, Arc::default(), Arc::new(Obstacles(obstacles)), stop.clone())
                .await
                .unwrap();
        let server = tokio::spawn(server);
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        stop.cancel();
        server.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn readiness_names_what_is_in_the_way() {
        assert!(fetch("/healthz", &["CouchDB is down"]).await.starts_with("HTTP/1.1 200"));
        assert!(fetch("/readyz", &[]).await.starts_with("HTTP/1.1 200"));
        let answer = fetch("/readyz", &["CouchDB is down"]).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.ends_with("CouchDB is down\n"), "{answer}");
        assert!(fetch("/metrics", &[]).await.contains("kazoo_dynamic_cid_in_flight 0"));
        assert!(fetch("/other", &[]).await.starts_with("HTTP/1.1 404"));
    }
}
