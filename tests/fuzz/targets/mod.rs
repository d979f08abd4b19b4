//! What is fuzzed, and what must hold.
//!
//! Each module has one `run`, which takes any bytes and panics where a property does not hold.
//! libFuzzer feeds it by a file of `fuzz_targets/`; `tests/corpora.rs` feeds it the committed
//! corpora on each `cargo test`. `docs/testing.md` says how to run them.

pub mod address;
pub mod call;
pub mod config_ini;
pub mod decision;
pub mod documents;
pub mod message;
pub mod pattern;
mod source;

/// A target: its name, which is that of its corpus, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 7] = [
    ("address", address::run),
    ("call", call::run),
    ("config_ini", config_ini::run),
    ("decision", decision::run),
    ("documents", documents::run),
    ("message", message::run),
    ("pattern", pattern::run),
];
