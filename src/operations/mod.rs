//! What an operator sees of the worker: metrics, health, logs, the console.

pub mod advertisement;
mod daemon;
pub mod ends;
pub mod health;
pub mod http;
pub mod inspection;
mod journal;
pub mod limits;
pub mod log_level;
pub mod logs;
mod metrics;
mod process;
pub(crate) mod rate;
pub mod records;
pub mod running;
mod selections;
pub mod service;
mod syslog;
pub mod timeline;
#[cfg(feature = "otel")]
pub mod traces;

pub use metrics::Metrics;
