//! Traces for OpenTelemetry, in binaries that were built with the feature `otel`.
//!
//! A trace is one call: the span `call` with the spans `gather` (settings and list), `read` (one
//! answer of CouchDB that was not in the cache), `action` (the caller hears and types) and `answer`
//! below it, and what was logged meanwhile as their events. Spans are handed to a thread of their
//! own, which sends them in batches; when its queue is full they are dropped: no call waits for the
//! collector.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};
use url::Url;

/// How long the collector may take for a batch.
const LIMIT: Duration = Duration::from_secs(5);
/// Where a collector takes traces, below its address.
const PATH: &str = "/v1/traces";

/// The traces of this process.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends traces by OTLP over HTTP to a collector; `endpoint` is its address without a path,
    /// such as `http://127.0.0.1:4318`. Nothing is sent yet.
    ///
    /// To be called outside of the async runtime: the client has one of its own.
    pub fn to(endpoint: &Url, node: &str, zone: &str) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}{PATH}", endpoint.as_str().trim_end_matches('/')))
            .with_timeout(LIMIT)
            .build()?;
        let resource = Resource::builder()
            .with_service_name(env!("CARGO_PKG_NAME"))
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", node.to_owned()),
                KeyValue::new("kazoo.zone", zone.to_owned()),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// What hears spans and events. Only our own: the exporter must not trace itself.
    pub fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let tracer = self.0.tracer(env!("CARGO_PKG_NAME"));
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_filter(filter_fn(|metadata| {
                let level = if metadata.is_span() { Level::DEBUG } else { Level::INFO };
                metadata.target().starts_with("kazoo_dynamic_cid") && *metadata.level() <= level
            }))
            .boxed()
    }

    /// Sends what is left, and says where that failed.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// As `main` does before anything speaks to anybody.
    fn traces(address: SocketAddr) -> Traces {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = Url::parse(&format!("http://{address}")).unwrap();
        Traces::to(&endpoint, "dcid@a.example.com", "west").unwrap()
    }

    /// Takes one request and answers it; its head and its body.
    fn one_request(listener: TcpListener) -> (String, Vec<u8>) {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = stream.read(&mut buffer).unwrap();
            bytes.extend_from_slice(&buffer[..read]);
            let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().trim().parse().unwrap();
            if bytes.len() >= end + 4 + length {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                return (head, bytes.split_off(end + 4));
            }
        }
    }

    fn has(body: &[u8], text: &str) -> bool {
        body.windows(text.len()).any(|it| it == text.as_bytes())
    }

    #[test]
    fn a_collector_gets_the_spans_of_a_call() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let collector = thread::spawn(move || one_request(listener));
        let traces = traces(address);
        let subscriber = tracing_subscriber::registry().with(traces.layer());
        tracing::subscriber::with_default(subscriber, || {
            let call = tracing::error_span!("call", call_id = "7c1e@10.0.0.5");
            let _in_call = call.enter();
            let _in_gather = tracing::debug_span!("gather").entered();
            tracing::info!(reason = "entry", "decided");
            let _foreign = tracing::error_span!(target: "hyper", "of no interest").entered();
        });
        traces.end();
        let (head, body) = collector.join().unwrap();
        assert!(head.starts_with("post /v1/traces "), "{head}");
        for text in ["call", "7c1e@10.0.0.5", "gather", "decided", "dcid@a.example.com", "west"] {
            assert!(has(&body, text), "no {text}");
        }
        assert!(!has(&body, "of no interest"));
    }

    #[test]
    fn a_collector_that_is_not_there_harms_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let traces = traces(address);
        let subscriber = tracing_subscriber::registry().with(traces.layer());
        tracing::subscriber::with_default(subscriber, || {
            let _call = tracing::error_span!("call").entered();
        });
        traces.end();
    }
}
