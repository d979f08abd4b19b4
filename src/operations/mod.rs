//! What an operator sees of the worker: metrics, health and logs.

pub mod ends;
pub mod health;
pub mod http;
pub mod inspection;
pub mod limits;
pub mod logs;
mod metrics;
pub mod records;
pub mod running;
pub mod service;
pub mod timeline;

pub use metrics::Metrics;
