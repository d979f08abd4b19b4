//! What an operator sees of the worker: metrics and health.

pub mod http;
mod metrics;

pub use metrics::Metrics;
