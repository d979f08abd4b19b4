//! What an operator sees of the worker: metrics, health and logs.

pub mod advertisement;
pub mod ends;
pub mod health;
pub mod http;
pub mod inspection;
pub mod limits;
pub mod log_level;
pub mod logs;
mod metrics;
mod process;
pub mod records;
mod selections;
pub mod service;
mod syslog;

pub use metrics::Metrics;
